"""The operator console: one FastAPI app of small routers, every route of it behind `access.admit`, except the links in
mails (`action_links`)."""

from __future__ import annotations

import logging

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from psycopg.errors import QueryCanceled
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from green_finance.console import (
    action_links,
    alerts,
    approvals,
    audit_trail,
    circular,
    coordination,
    deadlines,
    deliveries,
    delivery_list,
    differences,
    escalations,
    grants,
    health,
    holds,
    holds_together,
    need_list,
    needs,
    overview,
    quarters,
    register,
    reruns,
    roster,
    stalled,
    stops,
    terms,
    tickets,
    unreadable,
    validation_pages,
    withdrawals,
)
from green_finance.console.access import admit
from green_finance.console.doorway import login_address
from green_finance.console.headers import ClosedToTheBrowser
from green_finance.console.pages import show
from include.base.errors import ConfigurationError, NotFound, NotPermitted, UserFacingError

console = FastAPI(title="绿厂融通", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(admit)])
console.add_middleware(ClosedToTheBrowser)
for part in (
    overview,
    circular,
    health,
    quarters,
    need_list,
    needs,
    holds_together,
    holds,
    stops,
    approvals,
    alerts,
    withdrawals,
    stalled,
    escalations,
    tickets,
    coordination,
    deadlines,
    register,
    delivery_list,
    deliveries,
    reruns,
    unreadable,
    differences,
    roster,
    terms,
    validation_pages,
    audit_trail,
    grants,
):
    console.include_router(part.router)
# Beside the gate: a link in a mail is its own authority.
console.mount("/act", action_links.links)

log = logging.getLogger(__name__)

_REFUSALS = {
    401: ("请先登录", "尚未登录，或登录已过期。", "请登录，登录后回到本页。"),
    403: ("无权办理", "当前账号无权查看或办理。", "如需办理，请联系管理员开通相应角色。"),
    413: ("未能办理", "提交的内容过大。", "请减少勾选或填写的内容后重新提交。"),
    404: ("未找到该页面", "没有这个页面。", "请核对网址，或从“总览”进入。"),
}
_OTHERWISE = ("未能办理", "请求未能办理。", "请返回上一页重试；仍不成功的，请联系数据工程师。")
_STATUS = {NotPermitted: 403, NotFound: 404, ConfigurationError: 503}


@console.exception_handler(UserFacingError)
def problem(request: Request, error: UserFacingError) -> HTMLResponse:
    """The error in Chinese and what to do; 403: not permitted, 404: not found, 503: not set up, else 400."""
    status = _STATUS.get(type(error), 400)
    heading = {403: "无权办理", 404: "没有找到"}.get(status, "未能办理")
    return show(request, "problem.html", status, heading=heading, what=error.what, next_step=error.next_step)


@console.exception_handler(HTTPException)
def refused(request: Request, error: HTTPException) -> HTMLResponse:
    """No such page, or no login (any more), in words; the status is kept."""
    heading, what, next_step = _REFUSALS.get(error.status_code, _OTHERWISE)
    said = error.detail if error.status_code == 404 and error.detail != "Not Found" else what
    return show(
        request,
        "problem.html",
        error.status_code,
        heading=heading,
        what=said,
        next_step=next_step,
        login=login_address(request) if error.status_code == 401 else "",
    )


@console.exception_handler(RequestValidationError)
def misread(request: Request, error: RequestValidationError) -> HTMLResponse:
    """An address or a form that cannot be read."""
    return show(
        request,
        "problem.html",
        400,
        heading="未能办理",
        what="网址或表单中有无法识别的内容。",
        next_step="请返回上一页，按提示填写后重新提交。",
    )


@console.exception_handler(OperationalError)
def not_now(request: Request, error: OperationalError) -> HTMLResponse:
    """The database is unreachable, or a statement ran too long."""
    log.warning("%s: %s", request.url.path, type(error.orig).__name__)
    too_long = isinstance(error.orig, QueryCanceled)
    return show(
        request,
        "problem.html",
        503,
        what="内容过多，未能在规定时间内查出。" if too_long else "业务数据库暂时无法访问。",
        next_step="请缩小查询范围后重试。" if too_long else "请稍后重试；仍不成功的，请联系数据工程师。",
    )


@console.exception_handler(Exception)
def broken(request: Request, error: Exception) -> HTMLResponse:
    """A defect of the program: the reader learns what to do, the web server's log has the rest."""
    return show(
        request,
        "problem.html",
        500,
        heading="页面出错",
        what="页面出错，错误已写入 api-server 的日志；数据未受影响。",
        next_step="请稍后重试；仍然出错的，请把网址和时间告诉数据工程师。",
    )

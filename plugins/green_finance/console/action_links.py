"""The pages behind the links in mails (/act/…): the only ones of the console without a login (docs/adr/0014).

The token in the address is the whole authority. Looking (GET, HEAD) changes nothing, because mail scanners open every
link; an act is a POST. The token is taken out of the request before anything else sees it, so that no log line, no
traceback and no page holds it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from green_finance.connections import settings
from green_finance.console.headers import ClosedToTheBrowser
from green_finance.console.pages import CurrentDay, standalone, whole_engine
from green_finance.console.parameters import OptionalDays, Words
from green_finance.console.throttle import Throttle
from include import coordination
from include.action_links import tokens
from include.action_links.maker import LinkMaker
from include.action_links.tokens import LinkClaims, LinkRefused, Refusal
from include.base.errors import ConfigurationError, InvalidRequest, NotFound, NotPermitted, UserFacingError
from include.coordination import LinkTo, Outcome, Said
from include.coordination.acts import WITH_A_REMARK
from include.domain.states import CoordinatorAct, LinkKind
from include.words.names import post_label
from include.words.shown import MESSAGE
from include.words.states import word, words

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    # The address is the authority: it must not reach another site, nor a search engine.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
LARGEST_BODY = 16 * 1024
"""Bytes; several times the longest remark."""
_TOKEN = "green_finance.action_token"

log = logging.getLogger(__name__)

refusals = Throttle(most=30, seconds=60)
"""Links that are refused, by address of the visitor. A genuine link is never shut out by others' false ones."""
acts = Throttle(most=30, seconds=60)
"""Acts, by coordinator."""


class TokenTakenOut:
    """ASGI middleware: moves the token from the path to the scope, for good: access logs read the path afterwards."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            root = scope.get("root_path", "")
            scope[_TOKEN] = scope["path"].removeprefix(root).strip("/")
            scope["path"] = f"{root}/"
            scope["raw_path"] = scope["path"].encode()
            scope["path_params"] = {}
        await self._app(scope, receive, send)


links = FastAPI(title="绿厂融通", docs_url=None, redoc_url=None, openapi_url=None)
links.add_middleware(ClosedToTheBrowser, headers=HEADERS, largest_body=LARGEST_BODY)
links.add_middleware(TokenTakenOut)


@dataclass(frozen=True, slots=True)
class _Keys:
    accepted: tuple[bytes, ...]
    maker: LinkMaker


@cache
def keys() -> _Keys:
    """The keys of the settings, read once: a rotation needs a restart, as everywhere."""
    found = settings()
    return _Keys(found.action_link_keys, LinkMaker.of(found))


class TooOften(UserFacingError):
    """More than people do."""


def genuine(request: Request) -> LinkClaims:
    """What a signed link says. Raises LinkRefused; TooOften for many refused links from one address.

    Comes before all else, so that a made-up link costs no look at the database.
    """
    if not keys().accepted:
        raise ConfigurationError("系统未启用邮件办理链接。", "请登录控制台办理，或电话告知审核人员代为记录。")
    try:
        return tokens.genuine(keys().accepted, request.scope[_TOKEN])
    except LinkRefused:
        if not refusals.allows(request.client.host if request.client else ""):
            raise TooOften("打开失效链接的次数过多。", "请稍后使用邮件中的完整链接重试。") from None
        raise


def claims(signed: Annotated[LinkClaims, Depends(genuine)], day: CurrentDay) -> LinkClaims:
    """What a link says that is in force. Raises LinkRefused after its last day."""
    return tokens.unexpired(signed, day.today)


Claims = Annotated[LinkClaims, Depends(claims)]


@links.api_route("/", methods=["GET", "HEAD"], response_class=HTMLResponse)
def look(claims: Claims, day: CurrentDay) -> HTMLResponse:
    """The subject of the link as it stands, and what can be reported."""
    with whole_engine().connect() as connection:
        found = coordination.follow(connection, claims, day)
    return _page(found)


@links.post("/", response_class=HTMLResponse)
def act(
    claims: Claims,
    day: CurrentDay,
    what: Annotated[CoordinatorAct, Form()],
    remark: Annotated[str, Form()] = "",
    working_days: OptionalDays = None,
    handed_to: Annotated[Words, Form()] = "",
) -> HTMLResponse:
    """Report; the answer shows what came of it, and the subject as it stands then."""
    if not acts.allows(claims.coordinator_id):
        raise TooOften("短时间内办理的次数过多。", "请一分钟后重试；已记录的内容不受影响。")
    said = Said(act=what, remark=remark, working_days=working_days, handed_to=handed_to)
    problem: UserFacingError | None = None
    outcome: Outcome | None = None
    try:
        with whole_engine().begin() as connection:
            outcome = coordination.report_by_link(connection, claims, said, day=day, links=keys().maker)
    except NotFound:
        raise
    except InvalidRequest as error:
        problem = error
    with whole_engine().connect() as connection:
        found = coordination.follow(connection, claims, day)
    if problem is not None:
        return _page(found, problem=problem, said=said, status_code=409 if found.standing.over else 400)
    return _page(found, told=outcome.told if outcome else "")


def _page(
    to: LinkTo,
    *,
    told: str = "",
    problem: UserFacingError | None = None,
    said: Said | None = None,
    status_code: int = 200,
) -> HTMLResponse:
    others: list[dict[str, Any]] = [
        {"id": one.coordinator_id, "post": post_label(one.authority, one.level, one.region_code)} for one in to.others
    ]
    return standalone(
        "act.html",
        status_code,
        to=to,
        told=told,
        problem=problem,
        said=said,
        others=others,
        acts=[(act, word(CoordinatorAct, act)) for act in to.acts],
        with_a_remark=WITH_A_REMARK,
        kind=word(LinkKind, to.claims.subject.kind),
        words=words(CoordinatorAct),
        longest=MESSAGE,
    )


# --- Refusals --------------------------------------------------------------------------------------------------------

_STATUS: dict[type[UserFacingError], int] = {
    NotPermitted: 403,
    NotFound: 404,
    ConfigurationError: 503,
    TooOften: 429,
}


@links.exception_handler(UserFacingError)
def refused(request: Request, error: UserFacingError) -> HTMLResponse:
    """What is wrong with the link, and what to do instead."""
    status = _STATUS.get(type(error), 400)
    if isinstance(error, LinkRefused):
        status = 410 if error.refusal is Refusal.EXPIRED else 404
    log.info("An action link was refused with %s (%s)", status, type(error).__name__)
    return _problem(status, error.what, error.next_step)


@links.exception_handler(HTTPException)
def no_such_request(request: Request, error: HTTPException) -> HTMLResponse:
    """A method or a size that no browser sends from these pages."""
    what = "提交的内容过大。" if error.status_code == 413 else "请求未能办理。"
    return _problem(error.status_code, what, "请从邮件中重新打开链接后办理。")


@links.exception_handler(RequestValidationError)
def misread(request: Request, error: RequestValidationError) -> HTMLResponse:
    """A form that cannot be read."""
    return _problem(400, "表单中有无法识别的内容。", "请从邮件中重新打开链接，按提示填写后提交。")


@links.exception_handler(OperationalError)
def not_now(request: Request, error: OperationalError) -> HTMLResponse:
    """The database is unreachable."""
    log.warning("An action link could not be served: %s", type(error.orig).__name__)
    return _problem(503, "系统暂时无法办理，您的反馈没有记录。", "请稍后从邮件中重新打开链接。")


@links.exception_handler(Exception)
def broken(request: Request, error: Exception) -> HTMLResponse:
    """A defect of the program; its traceback, without the token, is in the web server's log."""
    return _problem(500, "页面出错，您的反馈没有记录。", "请稍后从邮件中重新打开链接；仍然出错的，请电话告知审核人员。")


def _problem(status: int, what: str, next_step: str) -> HTMLResponse:
    return standalone("act_refused.html", status, what=what, next_step=next_step)

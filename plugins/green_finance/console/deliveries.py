"""The outbox (发件箱): figures of each channel, what was given up on, each try, and closing for good."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import CurrentOperator, MayOperate
from green_finance.console.pages import business_now, done, engine, show
from include.delivery import closing
from include.delivery.channel import CHANNEL_NAMES
from include.delivery.overview import ERROR_CLASSES, attempts, channel_figures, held_deliveries
from include.errors import InvalidRequest
from include.store.tables import delivery

router = APIRouter(prefix="/deliveries")

ACTIONS = {
    "push": "推送",
    "withdrawal": "撤回",
    "return": "退回",
    "progress": "进展",
    "obstruction_update": "梗阻答复",
    "mail": "邮件",
}
STATES = {
    "pending": "待发送",
    "unknown": "结果未知，待查询",
    "delivered": "已送达",
    "superseded": "不再需要",
    "held": "待人工处理",
    "closed": "已关闭",
}
_BREAKERS = {"closed": "正常", "open": "暂停发送", "half_open": "正在试探"}
_KINDS = {"send": "发送", "look_up": "查询", "check": "发送前核对"}


@router.get("", response_class=HTMLResponse)
def deliveries(
    request: Request,
    user: GetUserDep,
    operator: MayOperate,
    channel: str = "",
    quarter: str = "",
    department: str = "",
    error_class: str = "",
) -> HTMLResponse:
    """What waits and what was given up on."""
    chosen = {"channel": channel, "quarter": quarter, "department": department, "error_class": error_class}
    with engine().connect() as connection:
        figures, everything = channel_figures(connection), held_deliveries(connection)
        held = held_deliveries(connection, **chosen) if any(chosen.values()) else everything
    return show(
        request,
        "deliveries.html",
        figures=figures,
        held=held,
        chosen=chosen,
        quarters=sorted({one.quarter for one in everything if one.quarter}, reverse=True),
        departments=sorted({one.department_code for one in everything if one.department_code}),
        classes=sorted({one.error_class for one in everything if one.error_class}),
        may_operate=operator,
        names=CHANNEL_NAMES,
        actions=ACTIONS,
        breakers=_BREAKERS,
        error_classes=ERROR_CLASSES,
    )


@router.get("/{delivery_id}", response_class=HTMLResponse)
def one_delivery(request: Request, delivery_id: int, user: GetUserDep, operator: MayOperate) -> HTMLResponse:
    """A delivery and every try of it."""
    with engine().connect() as connection:
        found = connection.execute(sa.select(delivery).where(delivery.c.delivery_id == delivery_id)).one_or_none()
        tries = attempts(connection, delivery_id)
    if found is None:
        raise InvalidRequest(f"没有编号为 {delivery_id} 的发送。", "请回到发件箱，重新选择。")
    return show(
        request,
        "delivery.html",
        delivery=found,
        tries=tries,
        may_operate=operator,
        names=CHANNEL_NAMES,
        actions=ACTIONS,
        states=STATES,
        kinds=_KINDS,
        error_classes=ERROR_CLASSES,
    )


@router.post("/close")
def close(
    operator: CurrentOperator,
    reason: Annotated[str, Form()] = "",
    delivery_id: Annotated[list[int], Form()] = [],  # noqa: B006
) -> RedirectResponse:
    """Close the chosen ones for good."""
    with engine().begin() as connection:
        closed = closing.close(
            connection, delivery_id, actor=operator.actor, role=operator.role, reason=reason, now=business_now()
        )
    return done("../deliveries", f"已关闭 {closed} 条。")

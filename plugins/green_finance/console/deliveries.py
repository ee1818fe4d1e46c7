"""The outbox (发件箱): figures of each channel, what was given up on, each try, and closing for good."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import CurrentOperator, MayOperate
from green_finance.console.pages import business_now, done, engine, show
from green_finance.console.parameters import AnyCode, AnyDepartment, AnyQuarter, Id, Ids, Reason
from green_finance.console.reading import ReadsAs
from include.base.errors import NotFound
from include.delivery import closing
from include.delivery.channel import CHANNEL_NAMES
from include.delivery.view import (
    ERROR_CLASSES,
    acts,
    attempts,
    channel_figures,
    held_choices,
    held_deliveries,
    stored_delivery,
)
from include.reference.form import field_name
from include.register.snapshots import FACTORY_REMOVED
from include.store import people
from include.store.needs import code_of
from include.words.shown import Reader, shown

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
_ACTS = {"rerun": "重新发送", "cancel": "取消重新发送", "close": "关闭"}
_OUTCOMES = {
    "accepted": "已接收",
    "duplicate": "已接收（重复）",
    "found": "查到，已在接收方",
    "not_found": "查无，可以发送",
    "stale": "接收方已有更高版本",
    "newer_revision": "已有更高版本，不再发送",
    "withdrawn": "需求已撤回，不再发送",
    "started": "开始发送",
    "sent": "已交给邮件服务器",
    "key_reused": "同一幂等键以不同内容再次入列，已拒绝",
    "factory_removed": "企业已不在名单内，暂缓推送",
}
_SHOWN = 300
# Classes whose note repeats their name: the receiver said nothing.
_IN_OUR_WORDS = ("contact_missing", "content_changed", "maybe_sent")
_KINDS = {"send": "发送", "look_up": "查询", "check": "发送前核对"}


@router.get("", response_class=HTMLResponse)
def deliveries(
    request: Request,
    operator: MayOperate,
    role: ReadsAs,
    channel: AnyCode = "",
    quarter: AnyQuarter = "",
    department: AnyDepartment = "",
    error_class: AnyCode = "",
) -> HTMLResponse:
    """What waits and what was given up on."""
    chosen = {"channel": channel, "quarter": quarter, "department": department, "error_class": error_class}
    now = business_now()
    with engine().connect() as connection:
        figures = channel_figures(connection, now)
        choices = held_choices(connection, **chosen)
        held = held_deliveries(connection, **chosen, at_most=_SHOWN)
    return show(
        request,
        "deliveries.html",
        figures=figures,
        held=held,
        chosen=chosen,
        choices=choices,
        waits={one.channel: _duration(now - one.oldest) for one in figures if one.oldest},
        may_operate=operator,
        names=CHANNEL_NAMES,
        actions=ACTIONS,
        breakers=_BREAKERS,
        error_classes=ERROR_CLASSES,
        in_our_words=_IN_OUR_WORDS,
        in_words=partial(in_words, role=role),
        shown=partial(shown, role=role),
    )


@router.get("/{delivery_id}", response_class=HTMLResponse)
def one_delivery(request: Request, delivery_id: Id, operator: MayOperate, role: ReadsAs) -> HTMLResponse:
    """A delivery and every try of it."""
    with engine().connect() as connection:
        found = stored_delivery(connection, delivery_id)
        tries, by_persons = attempts(connection, delivery_id), acts(connection, delivery_id)
        uscc = code_of(connection, found.need_id) if found else None
        known = people.names(connection)
    if found is None:
        raise NotFound(f"没有编号为 {delivery_id} 的发送。", "请回到发件箱，重新选择。")
    return show(
        request,
        "delivery.html",
        delivery=found,
        history=_history(tries, by_persons, uscc, role, known),
        shown=partial(shown, role=role),
        uscc=uscc,
        put_aside=found.state == "superseded" and found.outcome == FACTORY_REMOVED,
        may_operate=operator,
        names=CHANNEL_NAMES,
        actions=ACTIONS,
        states=STATES,
        error_classes=ERROR_CLASSES,
    )


@router.post("/close")
def close(
    operator: CurrentOperator,
    reason: Reason = "",
    delivery_id: Annotated[Ids, Form()] = [],  # noqa: B006
) -> RedirectResponse:
    """Close the chosen ones for good."""
    with engine().begin() as connection:
        closed = closing.close(
            connection, delivery_id, actor=operator.actor, role=operator.role, reason=reason, now=business_now()
        )
    return done("../deliveries", f"已关闭 {closed} 条。")


def in_words(detail: str | None, uscc: str | None, role: Reader) -> str:
    """A receiver's message, with Chinese names for fields of the form."""
    return _FIELD.sub(lambda found: field_name(found["path"]), shown("detail", detail, uscc, role))


_NAME = r"[a-z_]{1,40}+(?:\[[0-9]{1,4}\])?+"
_FIELD = re.compile(rf"payload\.(?P<path>{_NAME}(?:\.{_NAME}){{0,5}})(?=：)")


@dataclass(frozen=True, slots=True)
class _Event:
    """A line of a delivery's history."""

    at: datetime
    what: str
    result: str
    note: str


def _history(
    tries: Sequence[Any], by_persons: Sequence[Any], uscc: str | None, role: Reader, known: Mapping[str, str]
) -> list[_Event]:
    """Tries and acts of persons, in order of time."""
    events = [
        _Event(
            one.attempted_at,
            _KINDS[one.kind],
            _result(one),
            in_words(one.detail, uscc, role) or _receipt(one, uscc, role),
        )
        for one in tries
    ]
    for act in by_persons:
        job = f"第 {act.job_id} 号任务" if act.job_id else ""
        who = f"{people.called(known, act.actor)} {job}".strip()
        events.append(_Event(act.at, _ACTS[act.action], who, shown("reason", act.reason, uscc, role) or "—"))
    return sorted(events, key=lambda event: event.at)


def _result(one: Any) -> str:
    words = ERROR_CLASSES[one.error_class][0] if one.error_class in ERROR_CLASSES else one.error_class
    status = f"（HTTP {one.http_status}）" if one.http_status else ""
    return (words or _OUTCOMES.get(one.outcome, one.outcome)) + status


def _receipt(one: Any, uscc: str | None, role: Reader) -> str:
    return f"回执 {shown('receipt_no', one.receipt_no, uscc, role)}" if one.receipt_no else "—"


def _duration(waited: timedelta) -> str:
    minutes = max(0, int(waited.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} 分钟"
    return f"{minutes // 60} 小时" if minutes < 48 * 60 else f"{minutes // 1440} 天"

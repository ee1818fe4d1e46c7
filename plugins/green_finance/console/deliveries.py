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

from green_finance.console.access import Admitted, CurrentOperator, MayOperate
from green_finance.console.pages import business_now, done, engine, show
from green_finance.console.parameters import AnyCode, AnyDepartment, AnyQuarter, Id, Ids, Reason
from green_finance.console.reading import ReadsAs
from include.base.errors import NotFound
from include.delivery import closing
from include.delivery.listing import sent_mail
from include.delivery.view import (
    acts,
    attempts,
    channel_figures,
    held_choices,
    held_deliveries,
    stored_delivery,
)
from include.domain.states import AttemptKind, BreakerState, Channel, DeliveryAction, DeliveryState, ErrorClass, Outcome
from include.reference.form import field_name
from include.register.snapshots import FACTORY_REMOVED
from include.store import people
from include.store.needs import code_of
from include.words.acts import ACTS
from include.words.shown import INSIDERS, Reader, shown
from include.words.states import WHAT_TO_DO, word, words

router = APIRouter(prefix="/deliveries")

_SHOWN = 300
# Classes whose note repeats their name: the receiver said nothing.
_IN_OUR_WORDS = ("contact_missing", "content_changed", "maybe_sent")


@router.get("", response_class=HTMLResponse)
def deliveries(
    request: Request,
    access: Admitted,
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
        may_operate_all=operator and access.departments is None,
        may_know=role in INSIDERS,
        names=words(Channel),
        actions=words(DeliveryAction),
        breakers=words(BreakerState),
        error_classes=words(ErrorClass),
        what_to_do=WHAT_TO_DO,
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
        mail=sent_mail(found.body) if found.action == DeliveryAction.MAIL and role in INSIDERS else None,
        history=_history(tries, by_persons, uscc, role, known),
        shown=partial(shown, role=role),
        uscc=uscc,
        put_aside=found.state == "superseded" and found.outcome == FACTORY_REMOVED,
        may_operate=operator,
        names=words(Channel),
        actions=words(DeliveryAction),
        states=words(DeliveryState),
        error_classes=words(ErrorClass),
        what_to_do=WHAT_TO_DO,
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
            word(AttemptKind, one.kind),
            _result(one),
            in_words(one.detail, uscc, role) or _receipt(one, uscc, role),
        )
        for one in tries
    ]
    for act in by_persons:
        job = f"第 {act.job_id} 号任务" if act.job_id else ""
        who = f"{people.called(known, act.actor)} {job}".strip()
        events.append(_Event(act.at, ACTS[act.action], who, shown("reason", act.reason, uscc, role) or "—"))
    return sorted(events, key=lambda event: event.at)


def _result(one: Any) -> str:
    said = word(ErrorClass, one.error_class) if one.error_class else word(Outcome, one.outcome)
    status = f"（HTTP {one.http_status}）" if one.http_status else ""
    return said + status


def _receipt(one: Any, uscc: str | None, role: Reader) -> str:
    return f"回执 {shown('receipt_no', one.receipt_no, uscc, role)}" if one.receipt_no else "—"


def _duration(waited: timedelta) -> str:
    minutes = max(0, int(waited.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} 分钟"
    return f"{minutes // 60} 小时" if minutes < 48 * 60 else f"{minutes // 1440} 天"

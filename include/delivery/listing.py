"""Lists of the outbox (发件箱): any deliveries by filters, page by page, and a mail as it was sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.base import keyset
from include.base.keyset import Cursor
from include.domain.outbox_states import DeliveryAction, DeliveryState
from include.domain.states import Channel

PAGE = 50
"""Rows on a page of the console."""
COUNTED = 10_000
"""Deliveries counted exactly; beyond, a list says that there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries; an empty field asks for nothing. `words`: a part of a need's number, of an enterprise's name, or of
    a mail's subject, which names the post written to."""

    words: str = ""
    channel: str = ""
    action: str = ""
    state: str = ""
    quarter: str = ""
    department: str = ""
    error_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A delivery in a list; `subject` of a mail, `uscc` and `enterprise` of the need concerned."""

    delivery_id: int
    channel: Channel
    action: DeliveryAction
    state: DeliveryState
    need_id: str | None
    revision: int | None
    quarter: str | None
    department_code: str | None
    error_class: str | None
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    settled_at: datetime | None
    subject: str | None
    enterprise: str | None
    uscc: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPage:
    """A page: its rows, how many match (COUNTED + 1: more than can be counted), and the cursor of the next page."""

    rows: tuple[DeliveryRow, ...]
    total: int
    following: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMail:
    """A mail as it was sent: to how many addresses, its subject, its text, and the names of what is attached."""

    addresses: int
    subject: str
    text: str
    attachments: tuple[str, ...]


def deliveries_page(connection: sa.Connection, wanted: DeliveryFilter, *, after: str = "") -> DeliveryPage:
    """The deliveries that match, the newest first, from `after` on.

    A sole proprietor is found by its needs' numbers alone, and so is an enterprise whose name may be masked in part.
    Raises InvalidRequest if `after` is no cursor of such a list.
    """
    asked = [(name, value, text) for value_of, name, text in _CONDITIONS if (value := value_of(wanted))]
    conditions = [text for _, _, text in asked]
    parameters: dict[str, Any] = {name: value for name, value, _ in asked}
    total = connection.execute(_counted(conditions), parameters).scalar_one()
    cursor = keyset.decode(after)
    if cursor is not None:
        conditions.append("delivery.delivery_id < cast(:after as bigint)")
        parameters["after"] = keyset.read(cursor, int)
    rows = connection.execute(_listed(conditions), parameters).mappings().all()
    return DeliveryPage(
        rows=tuple(DeliveryRow(**row) for row in rows[:PAGE]),
        total=total,
        following=keyset.encode(_last(rows[PAGE - 1])) if len(rows) > PAGE else "",
    )


def sent_mail(body: str) -> SentMail | None:
    """The mail in a delivery's body; None once it is purged."""
    told = json.loads(body)
    if not told:
        return None
    return SentMail(
        addresses=len(told["to"]),
        subject=told["subject"],
        text=told["text"],
        attachments=tuple(one["filename"] for one in told.get("attachments", ())),
    )


def _last(row: sa.RowMapping) -> Cursor:
    return Cursor(str(row["delivery_id"]), "")


def _counted(conditions: list[str]) -> sa.TextClause:
    return sa.text(f"select count(*) from (select {_FROM} {_where(conditions)} limit {COUNTED + 1}) matching")


def _listed(conditions: list[str]) -> sa.TextClause:
    return sa.text(
        f"""
        select delivery.delivery_id, channel, action, state, delivery.need_id, delivery.revision, delivery.quarter,
               delivery.department_code, error_class, attempts, created_at, next_attempt_at, settled_at,
               case when action = 'mail' then body::json ->> 'subject' end as subject,
               need.enterprise_name as enterprise, need.uscc
        {_FROM} {_where(conditions)}
        order by delivery.delivery_id desc limit {PAGE + 1}
        """
    )


_FROM = "from delivery left join newest_need need on need.need_id = delivery.need_id"


def _where(conditions: list[str]) -> str:
    return f"where {' and '.join(conditions)}" if conditions else ""


_CONDITIONS: tuple[tuple[Callable[[DeliveryFilter], str], str, str], ...] = (
    (lambda wanted: wanted.channel, "channel", "channel = :channel"),
    (lambda wanted: wanted.action, "action", "action = :action"),
    (lambda wanted: wanted.state, "state", "state = :state"),
    (lambda wanted: wanted.quarter, "quarter", "delivery.quarter = :quarter"),
    (lambda wanted: wanted.department, "department", "delivery.department_code = :department"),
    (lambda wanted: wanted.error_class, "error_class", "error_class = :error_class"),
    (
        lambda wanted: wanted.words.strip(),
        "words",
        """(position(upper(:words) in coalesce(delivery.need_id, '')) > 0
            or (action = 'mail' and position(:words in body::json ->> 'subject') > 0)
            or (coalesce(left(need.uscc, 2), '') <> '92'
                and position('个体工商户' in coalesce(need.enterprise_name, '')) = 0
                and left(need.enterprise_name, 80) !~ '[@＠0-9０-９]'
                and position(:words in left(need.enterprise_name, 80)) > 0))""",
    ),
)

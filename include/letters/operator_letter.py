"""The notice to operators (运维提示): what is overdue, what is new, what is quiet, and how much waits in all, with links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from include import audit
from include.base.business_time import SHANGHAI
from include.letters import composing
from include.letters.operator_matters import Item, Matter, matters
from include.reference.day import Day
from include.store.last_runs import last_runs
from include.words.moments import moment

ITEMS_NAMED = 10
"""Of each kind; the others are counted, and their page shows them."""

_QUIET_AFTER = 2
_PARTS_IN_SUBJECT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """When something was last heard of; `quiet`: longer ago than usual."""

    what: str
    last: datetime | None
    age: int
    quiet: bool

    @property
    def told(self) -> str:
        """When it was, in words."""
        if self.last is None:
            return "尚无记录"
        return f"{moment(self.last)}" + (f"，{self.age} 个工作日前" if self.age else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """All that a notice tells; `since`: when the one before it was queued, None for the first."""

    matters: Sequence[Matter]
    silences: Sequence[Silence]
    since: datetime | None

    @property
    def has_news(self) -> bool:
        """Whether anything waits, or is quiet that should not be."""
        return bool(self.matters) or any(one.quiet for one in self.silences)


def look(connection: sa.Connection, day: Day, since: datetime | None) -> Notice:
    """What operators have to look at on `day`."""
    return Notice(matters=matters(connection, day), silences=_silences(connection, day), since=since)


def compose(
    notice: Notice, *, recipient: str, today: date, console_url: str, audit_head: audit.Head | None
) -> dict[str, Any]:
    """The body of the mail. Raises ValueError if the recipient is not a plain address."""
    named = [_Named.of(matter, notice.since) for matter in notice.matters]
    return composing.compose(
        "operator",
        to=[recipient],
        subject=subject(notice),
        list_id="operator",
        today=today,
        matters=notice.matters,
        named=named,
        new_total=sum(one.new_total for one in named),
        overdue_total=sum(matter.overdue for matter in notice.matters),
        silences=notice.silences,
        first=notice.since is None,
        link=lambda page: composing.console_link(console_url, page) if page else "",
        audit_head=audit_head,
    )


def subject(notice: Notice) -> str:
    """The gravest kinds that are overdue, else what is new, else how much waits."""
    late = [f"{one.overdue}{one.unit}{one.name}逾期" for one in notice.matters if one.overdue]
    new = sum(item.count for matter in notice.matters for item in matter.new_since(notice.since))
    quiet = [f"{one.what}静默" for one in notice.silences if one.quiet]
    told = late[:_PARTS_IN_SUBJECT]
    if len(late) > _PARTS_IN_SUBJECT:
        told[-1] += "等"
    told += quiet[:1]
    if new:
        told.append(f"新增{new}项")
    if not told and notice.matters:
        told = [f"{sum(one.total for one in notice.matters)}项待办，无逾期"]
    return f"运维提示：{'，'.join(told) or '无待处理事项，请留存审计首部'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """What is named of one kind: overdue items, and new ones that are not overdue."""

    matter: Matter
    overdue: tuple[Item, ...]
    overdue_left: int
    new: tuple[Item, ...]
    new_left: int
    new_total: int

    @classmethod
    def of(cls, matter: Matter, since: datetime | None) -> _Named:
        overdue = [item for item in matter.items if item.overdue]
        all_new = matter.new_since(since)
        new = [item for item in all_new if not item.overdue]
        return cls(
            matter=matter,
            overdue=tuple(overdue[:ITEMS_NAMED]),
            overdue_left=len(overdue[ITEMS_NAMED:]),
            new=tuple(new[:ITEMS_NAMED]),
            new_left=len(new[ITEMS_NAMED:]),
            new_total=sum(item.count for item in all_new),
        )


_LAST_HEARD = sa.text(
    """
    select (select max(received_at) from feedback_event) as feedback, exists (select from delivered_push) as pushed
    """
)


def _silences(connection: sa.Connection, day: Day) -> list[Silence]:
    """Sources from which something should come on each working day, once they have begun."""
    heard, runs = connection.execute(_LAST_HEARD).one(), last_runs(connection)
    return [
        _silence("银行反馈", heard.feedback, day, expected=heard.pushed),
        _silence("读取反馈", runs.get("bank_feedback.collect_feedback"), day, expected=False),
        _silence("读取需求", runs.get("daily_review.close_reviews"), day, expected=False),
        _silence("对账", runs.get("reconcile.compare"), day, expected=False),
    ]


def _silence(what: str, last: datetime | None, day: Day, *, expected: bool) -> Silence:
    """`expected`: never having heard is silence too."""
    if last is None:
        return Silence(what=what, last=None, age=0, quiet=expected)
    age = day.calendar.working_days_after(last.astimezone(SHANGHAI).date(), day.today)
    return Silence(what=what, last=last, age=age, quiet=age > _QUIET_AFTER)

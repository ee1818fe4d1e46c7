"""Lists of needs (需求列表): which needs match a filter, in which order, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from include.base import keyset
from include.base.keyset import Cursor
from include.domain.states import NeedStage
from include.reference import department_short_name
from include.reference.day import Day
from include.store import name_search
from include.words.names import institution
from include.words.shown import Reader, shown

PAGE = 50
"""Rows on a page of the console."""
COUNTED = 10_000
"""Needs counted exactly; beyond, a list says that there are more."""


class Sort(StrEnum):
    """Orders of a list."""

    NEWEST = "newest"
    AMOUNT = "amount"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedFilter:
    """Which needs; an empty field asks for nothing. `words`: all of them must occur in what the reader sees of numbers and
    names; `outcome`: what was decided of the newest revision, withdrawn needs left out; `reached`: how far the matching came,
    counted as the circular counts it (cases under an alert left out); amounts in 万元."""

    words: str = ""
    quarter: str = ""
    department: str = ""
    institution: str = ""
    category: str = ""
    stage: str = ""
    outcome: str = ""
    reached: str = ""
    rule: str = ""
    overdue: bool = False
    major: bool = False
    at_least: Decimal | None = None
    at_most: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedRow:
    """A need in a list; `due_on` is its oldest overdue limit, None without one; amounts in 万元."""

    need_id: str
    revision: int
    quarter: str
    department: str
    is_major: bool
    enterprise: str
    project: str
    financing_need: Decimal | None
    stage: NeedStage
    institutions: tuple[str, ...]
    due_on: date | None
    overdue_working_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedPage:
    """A page: its rows, how many match (COUNTED + 1: more than can be counted), and the cursor of the next page."""

    rows: tuple[NeedRow, ...]
    total: int
    following: str


def needs_page(
    connection: sa.Connection,
    wanted: NeedFilter,
    *,
    day: Day,
    role: Reader,
    sort: Sort = Sort.NEWEST,
    after: str = "",
) -> NeedPage:
    """The needs that match, from `after` on. Raises InvalidRequest if `after` is no cursor of such a list.

    A sole proprietor is found by number and code alone: whoever may not see a name must not be able to confirm it
    letter by letter.
    """
    query = _Query.of(connection, wanted, sort=sort, today=day.today, role=role)
    total = connection.execute(query.count(), query.parameters).scalar_one()
    rows = connection.execute(query.rows(keyset.decode(after), PAGE + 1), query.parameters).all()
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return NeedPage(
        rows=tuple(_row(row, day, role) for row in rows[:PAGE]),
        total=total,
        following="" if last is None else keyset.encode(query.cursor(last)),
    )


def all_needs(
    connection: sa.Connection, wanted: NeedFilter, *, day: Day, role: Reader, sort: Sort = Sort.NEWEST, most: int
) -> Iterator[NeedRow]:
    """The needs that match, for an export; at most so many."""
    query = _Query.of(connection, wanted, sort=sort, today=day.today, role=role)
    for row in connection.execute(query.rows(None, most), query.parameters):
        yield _row(row, day, role)


def _row(row: sa.Row[Any], day: Day, role: Reader) -> NeedRow:
    overdue = row.due_on is not None
    return NeedRow(
        need_id=row.need_id,
        revision=row.revision,
        quarter=row.quarter,
        department=department_short_name(row.department_code),
        is_major=row.is_major,
        enterprise=shown("enterprise.name", row.enterprise_name, row.uscc, role),
        project=shown("project.name", row.project_name, row.uscc, role),
        financing_need=row.financing_need,
        stage=NeedStage(row.stage),
        institutions=tuple(institution(code) for code in row.institutions),
        due_on=row.due_on,
        overdue_working_days=day.calendar.working_days_after(row.due_on, day.today) if overdue else 0,
    )


def _finite(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(text)
    return value


# --- The statement ---------------------------------------------------------------------------------------------------

_CATEGORY = "need.document::json #>> '{project,category}'"

_CONDITIONS: tuple[tuple[Callable[[NeedFilter], Any], str, str], ...] = (
    (lambda wanted: wanted.quarter, "quarter", "need.quarter = :quarter"),
    (lambda wanted: wanted.department, "department", "need.department_code = :department"),
    (
        lambda wanted: wanted.institution,
        "institution",
        "(:institution = any(need.intended_institutions) or exists (select from matching_case matched"
        " where matched.need_id = need.need_id and matched.institution_code = :institution))",
    ),
    (lambda wanted: wanted.category, "category", f"{_CATEGORY} = :category"),
    (lambda wanted: wanted.stage, "stage", "need.stage = :stage"),
    (lambda wanted: wanted.outcome, "outcome", "need.outcome = :outcome and need.stage <> 'withdrawn'"),
    (
        lambda wanted: wanted.reached,
        "reached",
        "exists (select from delivered_push push where push.need_id = need.need_id)"
        " and (:reached = 'pushed' or exists (select from sound_case matched where matched.need_id = need.need_id and"
        " case :reached when 'answered' then matched.answered when 'approved' then matched.approved > 0"
        " when 'contracted' then matched.contracted > 0 when 'drawn' then matched.drawn > 0 end))",
    ),
    (
        lambda wanted: wanted.rule,
        "rule",
        "(exists (select from judgement judged join finding using (judgement_id)"
        " where judged.need_id = need.need_id and judged.revision = need.revision and finding.rule_id = :rule)"
        " or exists (select from alert where alert.need_id = need.need_id and alert.rule_id = :rule))",
    ),
    (lambda wanted: wanted.overdue or None, "overdue", "late.due_on is not null"),
    (lambda wanted: wanted.major or None, "major", "need.is_major"),
    (lambda wanted: wanted.at_least, "at_least", "need.financing_need >= :at_least"),
    (lambda wanted: wanted.at_most, "at_most", "need.financing_need <= :at_most"),
)

_SORTED: Mapping[Sort, tuple[str, str, str]] = {
    Sort.NEWEST: ("need.received_at", "timestamptz", "desc"),
    Sort.AMOUNT: ("coalesce(need.financing_need, -1)", "numeric", "desc"),
    Sort.OVERDUE: ("coalesce(late.due_on, date '9999-12-31')", "date", "asc"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    conditions: tuple[str, ...]
    parameters: dict[str, Any]
    sort: Sort

    @classmethod
    def of(cls, connection: sa.Connection, wanted: NeedFilter, *, sort: Sort, today: date, role: Reader) -> _Query:
        asked = [(name, value, text) for value_of, name, text in _CONDITIONS if (value := value_of(wanted))]
        conditions = [text for _, _, text in asked]
        parameters: dict[str, Any] = {name: value for name, value, _ in asked} | {"today": today}
        words = name_search.search(connection, wanted.words, role)
        conditions += words.conditions
        parameters |= words.parameters
        return cls(conditions=tuple(conditions), parameters=parameters, sort=sort)

    def count(self) -> sa.TextClause:
        return sa.text(
            f"select count(*) from (select from {self._from()} {self._where()} limit {COUNTED + 1}) matching"
        )

    def rows(self, after: Cursor | None, most: int) -> sa.TextClause:
        """One page, newest facts joined to its rows only."""
        value, _, direction = _SORTED[self.sort]
        beyond = () if after is None else (self._beyond(after),)
        return sa.text(
            f"""
            select need.*, late.due_on, {value} as sorted_by, array(
                select institution_code from matching_case matched where matched.need_id = need.need_id
                union select unnest(need.intended_institutions) order by 1
            ) as institutions
            from {self._from()} {self._where(*beyond)}
            order by {value} {direction}, need.need_id {direction} limit {most}
            """
        )

    def cursor(self, row: sa.Row[Any]) -> Cursor:
        return Cursor(str(row.sorted_by), row.need_id)

    def _beyond(self, after: Cursor) -> str:
        value, kind, direction = _SORTED[self.sort]
        self.parameters.update(after_value=keyset.read(after, _READ[kind]), after_key=after.key)
        return (
            f"({value}, need.need_id) {'<' if direction == 'desc' else '>'} (cast(:after_value as {kind}), :after_key)"
        )

    def _from(self) -> str:
        return "need_stage need left join overdue_needs(:today) late using (need_id)"

    def _where(self, *more: str) -> str:
        conditions = (*self.conditions, *more)
        return f"where {' and '.join(conditions)}" if conditions else ""


_READ: Mapping[str, Callable[[str], object]] = {
    "timestamptz": datetime.fromisoformat,
    "numeric": _finite,
    "date": date.fromisoformat,
}

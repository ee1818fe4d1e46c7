"""Alerts (警示) as people see them: chosen by a filter, counted by rule, one with its history, and the money they withhold.

Read-only. Amounts in 万元.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.base.errors import NotFound
from include.reference.day import Day

SHOWN = 50
"""Alerts on one page."""
MOST_AT_ONCE = 500
"""Alerts decided by one act."""

Tab = Literal["open", "mine", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Filter of the alerts; None: no restriction.

    `tab`: open; mine: those on which another person agreed and `person` did not; done: settled, of one `state` if
    given. `opened_before`: raised before that moment. `least`, `most`: bounds of the financing need (万元).
    """

    tab: Tab = "open"
    person: str = ""
    rule_id: str | None = None
    department_code: str | None = None
    institution_code: str | None = None
    state: str | None = None
    opened_before: datetime | None = None
    least: Decimal | None = None
    most: Decimal | None = None

    def parameters(self) -> dict[str, object]:
        """Parameters of the statements."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCount:
    """How many chosen alerts a rule has, since when the oldest, on how many needs."""

    rule_id: str
    severity: str
    number: int
    needs: int
    oldest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What there is to filter by in a tab."""

    rules: Sequence[str]
    departments: Sequence[str]
    institutions: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tabs:
    """How many alerts stand under each tab."""

    open: int
    mine: int
    done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """What alerts that withhold money keep out of the circular, and what of it no other alert would.

    Cases, and their contracted and drawn sums.
    """

    cases: int
    contracted: Decimal
    drawn: Decimal
    freed_cases: int
    freed_contracted: Decimal
    freed_drawn: Decimal


# A person's agreement counts until a new ground comes (view alert_agreement).
_AGREED_BY_OTHERS = """
    alert.persons_required > 1
    and exists (
        select from alert_agreement agreed
        where agreed.alert_id = alert.alert_id and agreed.person <> person_key(:person)
    )
    and not exists (
        select from alert_agreement agreed
        where agreed.alert_id = alert.alert_id and agreed.person = person_key(:person)
    )
"""
_FROM = "from alert left join newest_need version using (need_id)"
_IN_TAB = f"""
    (alert.state = 'open') = (:tab ::text <> 'done') and (:tab ::text <> 'mine' or {_AGREED_BY_OTHERS})
"""
_CHOSEN = f"""
    {_IN_TAB}
    and (:rule_id ::text is null or alert.rule_id = :rule_id)
    and (:department_code ::text is null or version.department_code = :department_code)
    and (:institution_code ::text is null or alert.institution_code = :institution_code)
    and (:state ::text is null or alert.state = :state)
    and (:opened_before ::timestamptz is null or alert.opened_at < :opened_before)
    and (:least ::numeric is null or version.financing_need >= :least)
    and (:most ::numeric is null or version.financing_need <= :most)
"""
_ROW = f"""
    select alert.*, version.quarter, version.department_code, version.uscc, version.enterprise_name,
           version.project_name, version.financing_need, version.total_investment, version.is_major,
           exists (select from withdrawal_notice notice where notice.need_id = alert.need_id) as withdrawn,
           exists (select from waiting_withdrawal asked where asked.need_id = alert.need_id) as asked,
           array(select ground from alert_ground where alert_ground.alert_id = alert.alert_id order by ground) as grounds,
           array(
               select array[decision, actor, reason] from alert_agreement agreed
               where agreed.alert_id = alert.alert_id order by event_id
           ) as agreed,
           (
               select max(event_id) from alert_event told
               where told.alert_id = alert.alert_id and told.kind in ('opened', 'repeated')
           ) as newest_ground,
           settled.actor as settled_by, settled.role as settled_role, settled.reason as settled_because,
           coalesce(money.cases, 0) as cases, coalesce(money.approved, 0) as approved,
           coalesce(money.contracted, 0) as contracted, coalesce(money.drawn, 0) as drawn
    {_FROM}
    left join lateral (
        select actor, role, reason from alert_event told
        where told.alert_id = alert.alert_id and told.kind = alert.state
        order by event_id desc limit 1
    ) settled on true
    left join lateral (
        select count(*) as cases, sum(approved) as approved, sum(contracted) as contracted, sum(drawn) as drawn
        from matching_case matched
        where matched.need_id = alert.need_id and alert.institution_code in ('', matched.institution_code)
    ) money on true
"""
# One rule after the other, holds before notes, the oldest first.
_ORDER = "alert.severity, alert.rule_id, alert.opened_at, alert.alert_id"
_OPEN_PAGE = sa.text(
    f"""
    {_ROW} where {_CHOSEN} and (:after ::bigint is null or ({_ORDER}) > (
        select {_ORDER.replace("alert.", "last.")} from alert last where last.alert_id = :after
    ))
    order by {_ORDER} limit :at_most
    """
)
_DONE_PAGE = sa.text(
    f"""
    {_ROW} where {_CHOSEN} and (:after ::bigint is null or (alert.settled_at, alert.alert_id) < (
        select last.settled_at, last.alert_id from alert last where last.alert_id = :after
    ))
    order by alert.settled_at desc, alert.alert_id desc limit :at_most
    """
)
_THESE = sa.text(f"{_ROW} where alert.alert_id = any(:alert_ids) order by {_ORDER}")
_IDS = sa.text(f"select alert.alert_id {_FROM} where {_CHOSEN} order by {_ORDER} limit :at_most")
_BY_RULE = sa.text(
    f"""
    select alert.rule_id, alert.severity, count(*) as number, count(distinct alert.need_id) as needs,
           min(alert.opened_at) as oldest
    {_FROM} where {_CHOSEN} group by alert.severity, alert.rule_id order by alert.severity, alert.rule_id
    """
)
_CHOICES = sa.text(
    f"""
    select array(select distinct alert.rule_id from alert where {_IN_TAB} order by 1) as rules,
           array(
               select distinct version.department_code {_FROM}
               where {_IN_TAB} and version.department_code is not null order by 1
           ) as departments,
           array(
               select distinct alert.institution_code from alert where {_IN_TAB} and alert.institution_code <> '' order by 1
           ) as institutions
    """
)
_TABS = sa.text(
    f"""
    select count(*) filter (where state = 'open') as open,
           count(*) filter (where state = 'open' and {_AGREED_BY_OTHERS}) as mine,
           count(*) filter (where state <> 'open') as done
    from alert
    """
)
_HISTORY = sa.text("select * from alert_event where alert_id = :alert_id order by event_id")
_WITHHELD = sa.text(
    """
    with chosen as (
        select * from alert where alert_id = any(:alert_ids) and severity = 'hold'
    ), concerned as (
        select distinct matched.need_id, matched.institution_code, matched.contracted, matched.drawn, exists (
            select from holding_alert other
            where other.need_id = matched.need_id and other.institution_code in ('', matched.institution_code)
              and other.alert_id <> all(:alert_ids)
        ) as otherwise
        from chosen join matching_case matched
          on matched.need_id = chosen.need_id and chosen.institution_code in ('', matched.institution_code)
    )
    select count(*) as cases, coalesce(sum(contracted), 0) as contracted, coalesce(sum(drawn), 0) as drawn,
           count(*) filter (where not otherwise) as freed_cases,
           coalesce(sum(contracted) filter (where not otherwise), 0) as freed_contracted,
           coalesce(sum(drawn) filter (where not otherwise), 0) as freed_drawn
    from concerned
    """
)
_CONFIRMED = sa.text(
    """
    select count(*) from alert join newest_need version using (need_id)
    where alert.rule_id = :rule_id and alert.state = 'confirmed' and version.quarter = :quarter
    """
)


def opened_before(working_days: int, day: Day) -> datetime:
    """The moment before which an alert must have been raised to be so many working days old."""
    on = day.today
    while day.calendar.working_days_after(on, day.today) < working_days:
        on -= timedelta(days=1)
    return datetime.combine(on + timedelta(days=1), time(), SHANGHAI)


def alert_page(connection: sa.Connection, chosen: Chosen, *, after: int | None = None) -> Sequence[sa.Row[Any]]:
    """A page of the chosen alerts; `after`: the number of the last one on the page before.

    Open ones by rule, holds before notes, the oldest first; settled ones with the last settled first.
    """
    page = _DONE_PAGE if chosen.tab == "done" else _OPEN_PAGE
    return connection.execute(page, {**chosen.parameters(), "after": after, "at_most": SHOWN}).all()


def chosen_ids(connection: sa.Connection, chosen: Chosen) -> list[int]:
    """The numbers of the chosen alerts, at most MOST_AT_ONCE of them."""
    return list(connection.execute(_IDS, {**chosen.parameters(), "at_most": MOST_AT_ONCE}).scalars())


def these_alerts(connection: sa.Connection, alert_ids: Sequence[int]) -> Sequence[sa.Row[Any]]:
    """The alerts of these numbers, by rule."""
    return connection.execute(_THESE, {"alert_ids": list(alert_ids)}).all()


def one_alert(connection: sa.Connection, alert_id: int) -> tuple[sa.Row[Any], Sequence[sa.Row[Any]]]:
    """An alert, open or settled, and its history. Raises NotFound if there is none of this number."""
    found = these_alerts(connection, [alert_id])
    if not found:
        raise NotFound(f"没有编号为 {alert_id} 的警示。", "请回到警示列表，重新选择。")
    return found[0], connection.execute(_HISTORY, {"alert_id": alert_id}).all()


def count_by_rule(connection: sa.Connection, chosen: Chosen) -> list[RuleCount]:
    """The chosen alerts by rule, holds before notes."""
    return [RuleCount(**row) for row in connection.execute(_BY_RULE, chosen.parameters()).mappings()]


def choices(connection: sa.Connection, chosen: Chosen) -> Choices:
    """The values that the filters of a tab offer."""
    return Choices(**connection.execute(_CHOICES, {"tab": chosen.tab, "person": chosen.person}).one()._mapping)


def tabs(connection: sa.Connection, person: str) -> Tabs:
    """How many alerts stand under each tab for this person."""
    return Tabs(**connection.execute(_TABS, {"person": person}).one()._mapping)


def withheld(connection: sa.Connection, alert_ids: Sequence[int]) -> Withheld:
    """The money that these alerts keep out of the circular; notes keep none out."""
    return Withheld(**connection.execute(_WITHHELD, {"alert_ids": list(alert_ids)}).one()._mapping)


def confirmed_count(connection: sa.Connection, rule_id: str, quarter: str) -> int:
    """How many alerts of a rule are confirmed on needs of a quarter: the number in the circular's table."""
    found: int = connection.execute(_CONFIRMED, {"rule_id": rule_id, "quarter": quarter}).scalar_one()
    return found

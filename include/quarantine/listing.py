"""The holds as a worklist: filtered, counted, by tabs, page by page in the order in which they are worked off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.domain.states import HoldTab
from include.quarantine.view import HELD, HeldNeed, held_need, hold_findings, unknown_hold

MOST_CHOSEN = 500
"""Holds that are decided together at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Filter of the holds; None and empty: no restriction.

    `decide_by`: due by that day or before. `least_need`: financing need in 万元 of at least so much. `words`: each occurs
    in the number of the need, the credit code, or the name of enterprise or project; a sole proprietor is found by number
    and whole code alone. `actor`: whose second signatures the tab SECOND shows.
    """

    tab: HoldTab = HoldTab.OPEN
    quarter: str | None = None
    department_code: str | None = None
    rule_id: str | None = None
    decide_by: date | None = None
    least_need: Decimal | None = None
    words: tuple[str, ...] = ()
    actor: str = ""

    def parameters(self) -> dict[str, object]:
        """Parameters of the statements."""
        return {one.name: getattr(self, one.name) for one in fields(self)} | {"words": list(self.words)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How many holds match the filter in each tab, how many of the open ones are late, how many are open at all, and the
    values to filter by."""

    tabs: Mapping[HoldTab, int]
    late: int
    everything: int
    quarters: Sequence[str]
    departments: Sequence[str]
    rules: Sequence[str]


# The most urgent first; what is settled, the newest first. One key each, whose parts all ascend.
_ORDERS = {
    HoldTab.OPEN: "hold.decide_by, not coalesce(version.is_major, false), -coalesce(version.financing_need, -1),"
    " hold.quarantine_id",
    HoldTab.DECIDED: "-extract(epoch from hold.settled_at), -hold.quarantine_id",
}
_ORDERS[HoldTab.SECOND] = _ORDERS[HoldTab.OPEN]

# Numbers and addresses are masked on every page, so they cannot be searched for either.
_WORDS_OF = """
    upper(coalesce(hold.need_id, '') || ' ' || case
        when starts_with(version.uscc, '92') or version.enterprise_name like '%个体工商户%' then ''
        else coalesce(version.uscc, '') || ' ' || regexp_replace(
            coalesce(version.enterprise_name, '') || ' ' || coalesce(version.project_name, ''),
            '[[:alnum:]._-]+@[[:alnum:]._-]+|[0-9-]{7,}', '', 'g'
        )
    end)
"""
_SIGNED_ONCE = """
    exists (
        select from quarantine_finding found
        join lateral (
            select count(distinct approval.person) as persons,
                   bool_or(approval.person = person_key(:actor)) as mine
            from hold_approval approval
            where approval.quarantine_id = found.quarantine_id
              and approval.rule_id = found.rule_id and approval.field = found.field
        ) signed on true
        where found.quarantine_id = hold.quarantine_id
          and signed.persons > 0 and signed.persons < found.persons_required and not signed.mine
    )
"""
_TABS = {
    HoldTab.OPEN: "hold.state = 'open'",
    HoldTab.SECOND: f"hold.state = 'open' and {_SIGNED_ONCE}",
    HoldTab.DECIDED: "hold.state <> 'open'",
}
_CHOSEN = f"""
    hold.quarter = coalesce(:quarter, hold.quarter)
    and hold.department_code = coalesce(:department_code, hold.department_code)
    and hold.decide_by <= coalesce(:decide_by, hold.decide_by)
    and (:rule_id ::text is null or exists (
        select from quarantine_finding found
        where found.quarantine_id = hold.quarantine_id and found.rule_id = :rule_id
    ))
    and (:least_need ::numeric is null or version.financing_need >= :least_need)
    and not exists (
        select from unnest(cast(:words as text[])) word
        where strpos({_WORDS_OF}, upper(word)) = 0 and upper(word) is distinct from upper(version.uscc)
    )
"""


def _statement(tab: HoldTab, *, paged: str = "true", ending: str = "") -> sa.TextClause:
    return sa.text(f"{HELD} where {_TABS[tab]} and {_CHOSEN} and {paged} order by {_ORDERS[tab]} {ending}")


def _behind(tab: HoldTab) -> str:
    """SQL: whether a hold comes after the one with the id `after` in the order of the tab."""
    order = _ORDERS[tab]
    last = order.replace("hold.", "last.").replace("version.", "of_last.")
    return f"""(:after ::bigint is null or ({order}) > (
        select {last} from quarantine last left join need_version of_last using (need_id, revision)
        where last.quarantine_id = :after
    ))"""


_PAGES = {tab: _statement(tab, paged=_behind(tab), ending="limit :at_most") for tab in HoldTab}
_IDS = {tab: _statement(tab, ending="limit :at_most") for tab in HoldTab}
_COUNTED = sa.text(
    f"""
    select {", ".join(f"count(*) filter (where {_TABS[tab]}) as {tab.value}" for tab in HoldTab)},
           count(*) filter (where hold.state = 'open' and hold.decide_by < :today) as late,
           (select count(*) from quarantine where state = 'open') as everything
    from quarantine hold left join need_version version using (need_id, revision) where {_CHOSEN}
    """
)
_CHOICES = {
    opened: sa.text(
        f"""
        select array(select distinct quarter from quarantine where {where} order by quarter desc) as quarters,
               array(select distinct department_code from quarantine where {where} order by 1) as departments,
               array(
                   select distinct rule_id from quarantine_finding join quarantine using (quarantine_id)
                   where {where} order by rule_id
               ) as rules
        """
    )
    for opened, where in ((True, "state = 'open'"), (False, "state <> 'open'"))
}


def holds_of(
    connection: sa.Connection, chosen: Chosen = Chosen(), *, at_most: int | None = None, after: int | None = None
) -> list[HeldNeed]:
    """The matching holds in the order of their tab; `after`: the id of the last one on the page before.

    What waits comes by the day to decide by, then major ones, then by amount; what is settled, the newest first.
    """
    asked = {**chosen.parameters(), "at_most": at_most, "after": after}
    return _read(connection, _PAGES[chosen.tab], asked)


def these_holds(connection: sa.Connection, quarantine_ids: Sequence[int]) -> list[HeldNeed]:
    """The holds with these ids that exist, by id."""
    return _read(connection, _THESE, {"quarantine_ids": list(quarantine_ids)})


def hold_of(connection: sa.Connection, quarantine_id: int) -> HeldNeed:
    """The hold of this number. Raises NotFound if there is none."""
    found = these_holds(connection, [quarantine_id])
    if not found:
        raise unknown_hold(quarantine_id)
    return found[0]


def all_ids(connection: sa.Connection, chosen: Chosen) -> list[int]:
    """The ids of all matching holds, MOST_CHOSEN at most."""
    rows = connection.execute(_IDS[chosen.tab], {**chosen.parameters(), "at_most": MOST_CHOSEN}).mappings()
    return [row["quarantine_id"] for row in rows]


def next_hold(connection: sa.Connection, chosen: Chosen, quarantine_id: int) -> int | None:
    """The matching hold that follows this one, settled or not; behind the last one the first; None if there is no other."""
    for after in (quarantine_id, None):
        asked = {**chosen.parameters(), "at_most": 2, "after": after}
        found = [row["quarantine_id"] for row in connection.execute(_PAGES[chosen.tab], asked).mappings()]
        others = [one for one in found if one != quarantine_id]
        if others:
            return int(others[0])
    return None


def figures(connection: sa.Connection, chosen: Chosen, *, today: date) -> Figures:
    """Figures of all holds that match the filter, whatever tab and page is shown."""
    counted = connection.execute(_COUNTED, {**chosen.parameters(), "today": today}).mappings().one()
    choices = connection.execute(_CHOICES[chosen.tab is not HoldTab.DECIDED]).one()
    return Figures(
        tabs={tab: counted[tab.value] for tab in HoldTab},
        late=counted["late"],
        everything=counted["everything"],
        **choices._mapping,
    )


_THESE = sa.text(f"{HELD} where hold.quarantine_id = any(:quarantine_ids) order by hold.quarantine_id")


def _read(connection: sa.Connection, statement: sa.TextClause, asked: Mapping[str, Any]) -> list[HeldNeed]:
    rows = connection.execute(statement, asked).mappings().all()
    found = hold_findings(connection, [row["quarantine_id"] for row in rows])
    return [held_need(row, found[row["quarantine_id"]]) for row in rows]

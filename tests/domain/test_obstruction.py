"""Tickets for obstructions: clocks, levels, what may be done, for any order of acts and days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.obstruction import WORKED_ON, Ticket, acted, climbed, joined, lead, may, opened, reported
from include.domain.routing import LEVELS
from include.domain.states import TicketAct
from include.reference import policy
from include.reference.calendar import china_calendar

CALENDAR, POLICY = china_calendar(), policy()
DAY = date(2026, 10, 9)
CLOCKS = {"calendar": CALENDAR, "policy": POLICY}


def at(level: str, day: date = DAY) -> Ticket:
    return opened(level, day, CALENDAR, POLICY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("level", "acknowledge_by", "resolve_by"),
    [
        ("city", date(2026, 10, 12), date(2026, 10, 22)),
        ("province", date(2026, 10, 12), date(2026, 10, 22)),
        ("nation", date(2026, 10, 12), date(2026, 10, 29)),
    ],
)
def test_both_clocks_start_on_arrival_at_a_level(level: str, acknowledge_by: date, resolve_by: date) -> None:
    ticket = at(level)
    assert (ticket.acknowledge_by, ticket.resolve_by, ticket.provisional) == (acknowledge_by, resolve_by, False)


def test_a_ticket_that_nobody_acknowledges_climbs_and_its_clocks_start_anew() -> None:
    ticket = at("city")
    assert climbed(ticket, date(2026, 10, 12), **CLOCKS) == ticket
    up = climbed(ticket, date(2026, 10, 13), **CLOCKS)
    assert (up.state, up.level, up.level_since) == ("open", "province", date(2026, 10, 13))
    assert up.acknowledge_by == date(2026, 10, 15)


def test_an_acknowledged_ticket_climbs_only_when_it_is_not_resolved_in_time() -> None:
    ticket = acted(at("city"), "acknowledged", DAY, **CLOCKS)
    assert climbed(ticket, date(2026, 10, 22), **CLOCKS) == ticket
    assert climbed(ticket, date(2026, 10, 23), **CLOCKS).level == "province"


def test_at_the_top_it_stays_and_is_marked_overdue() -> None:
    ticket = climbed(at("nation"), date(2026, 11, 30), **CLOCKS)
    assert (ticket.level, ticket.overdue, ticket.state) == ("nation", True, "open")
    assert not acted(ticket, "resolved", date(2026, 12, 1), **CLOCKS).overdue


def test_only_the_nation_may_call_it_unresolvable() -> None:
    assert [level for level in LEVELS if may(at(level), "unresolvable")] == ["nation"]
    with pytest.raises(ValueError):
        acted(at("city"), "unresolvable", DAY, **CLOCKS)


def test_what_is_resolved_waits_for_the_bank_and_stands_again_at_the_same_level_if_it_is_not() -> None:
    resolved = acted(at("province"), "resolved", DAY, **CLOCKS)
    assert resolved.confirm_by == date(2026, 10, 15)
    assert climbed(resolved, date(2027, 1, 1), **CLOCKS) == resolved
    again = reported(resolved, date(2026, 10, 20), cleared=False, again=True, **CLOCKS)
    assert (again.state, again.level, again.level_since) == ("open", "province", date(2026, 10, 20))
    assert reported(resolved, date(2026, 10, 20), cleared=False, again=False, **CLOCKS) == resolved


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("act", [None, *TicketAct])
def test_the_bank_s_word_ends_it_from_any_state(level: str, act: TicketAct | None) -> None:
    ticket = at(level)
    if act is not None and may(ticket, act):
        ticket = acted(ticket, act, DAY, **CLOCKS)
    ended = reported(ticket, DAY, cleared=True, again=False, **CLOCKS)
    assert (ended.state, ended.acknowledge_by, ended.resolve_by, ended.confirm_by) == ("verified", None, None, None)


@pytest.mark.parametrize(
    ("owner", "expected"), [("MIIT", "MIIT"), ("PBOC", "PBOC"), ("ENTERPRISE", "MIIT"), ("NONE", "PBOC")]
)
def test_one_authority_leads(owner: str, expected: str) -> None:
    assert lead(owner) == expected


MOVES = st.one_of(
    st.sampled_from(list(TicketAct)),
    st.just("cleared"),
    st.just("again"),
    st.integers(min_value=1, max_value=20),
)


@given(st.lists(MOVES, max_size=40))
def test_whatever_happens_levels_only_rise_and_clocks_run_exactly_while_there_is_something_to_do(
    moves: list[object],
) -> None:
    ticket, today = at("city", date(2026, 3, 2)), date(2026, 3, 2)
    for move in moves:
        before = ticket
        if isinstance(move, int):
            today += timedelta(days=move)
            ticket = climbed(ticket, today, **CLOCKS)
            assert climbed(ticket, today, **CLOCKS) == ticket, "looking twice changes nothing"
        elif move == "cleared":
            ticket = reported(ticket, today, cleared=True, again=False, **CLOCKS)
        elif move == "again":
            ticket = reported(ticket, today, cleared=False, again=True, **CLOCKS)
        elif may(ticket, move):  # type: ignore[arg-type]
            ticket = acted(ticket, move, today, **CLOCKS)  # type: ignore[arg-type]
        assert LEVELS.index(ticket.level) in (LEVELS.index(before.level), LEVELS.index(before.level) + 1)
        assert (ticket.resolve_by is not None) == (ticket.state in WORKED_ON)
        assert (ticket.acknowledge_by is not None) == (ticket.state == "open")
        assert (ticket.confirm_by is not None) == (ticket.state == "resolved")


@given(st.sampled_from(LEVELS), st.sampled_from(LEVELS), st.sampled_from([None, *TicketAct]), st.integers(0, 30))
def test_only_an_open_ticket_joins_and_only_one_that_is_worked_on(
    level: str, other_level: str, act: TicketAct | None, later: int
) -> None:
    ticket, other = at(level), at(other_level, DAY + timedelta(days=later))
    if act is not None and may(other, act):
        other = acted(other, act, DAY + timedelta(days=later), **CLOCKS)
    after = joined(ticket, other)
    assert after == (other if other.state in WORKED_ON else ticket)
    ended = reported(ticket, DAY, cleared=True, again=False, **CLOCKS)
    assert joined(ended, other) == ended

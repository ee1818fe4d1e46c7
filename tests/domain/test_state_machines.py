"""Case, ladder and obstruction ticket over any course of events; `make nightly` takes many more and longer courses."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from include.domain.case import EVENT_TYPES, TERMINAL, FeedbackEvent, Folding, fold
from include.domain.ladder import due, ladder
from include.domain.obstruction import WORKED_ON, acted, climbed, may, opened, reported
from include.domain.routing import LEVELS
from include.domain.states import Authority, TicketAct
from include.reference import case_transitions, policy
from include.reference.calendar import china_calendar

START = datetime(2026, 10, 8, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
PUSHED = date(2026, 10, 8)


class CaseCourse(RuleBasedStateMachine):
    """Events of one case arrive in any order, late, repeated and contradictory."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived: list[FeedbackEvent] = []
        self.going = Folding.opened(START, transitions=case_transitions(), reopen_max=1)
        self.in_step = True

    @rule(
        type_=st.sampled_from(sorted(EVENT_TYPES)),
        sequence=st.integers(1, 60),
        days=st.integers(0, 90),
        amount=st.none() | st.integers(1, 900).map(Decimal),
        obstruction_id=st.sampled_from([None, "OB1", "OB2"]),
    )
    def arrives(self, type_: str, sequence: int, days: int, amount: Decimal | None, obstruction_id: str | None) -> None:
        event = FeedbackEvent(
            event_id=f"e{len(self.arrived)}",
            need_id="FN000000000001",
            revision=1,
            institution_code="ICBC",
            type=type_,
            occurred_at=START + timedelta(days=days),
            sequence=sequence,
            amount=amount,
            reason_code="R04" if type_ in TERMINAL | {"obstructed"} else None,
            obstruction_id=obstruction_id,
        )
        self.arrived.append(event)
        self.in_step = self.in_step and self.going.follows(event)
        if self.in_step:
            self.going.take(event)

    @precondition(lambda self: self.arrived)
    @rule(data=st.data())
    def arrives_again(self, data: st.DataObject) -> None:
        self.arrived.append(data.draw(st.sampled_from(self.arrived)))

    @precondition(lambda self: self.arrived)
    @rule(data=st.data())
    def any_order_ends_in_the_same_case(self, data: st.DataObject) -> None:
        shuffled = data.draw(st.permutations(self.arrived))
        assert self._folded(shuffled) == self._folded(self.arrived)

    @invariant()
    def what_was_taken_one_by_one_is_what_is_folded_at_once(self) -> None:
        if self.in_step:
            assert self.going.case() == self._folded(self.arrived)

    @invariant()
    def a_case_is_reopened_as_often_as_policy_allows_and_money_is_never_negative(self) -> None:
        case = self._folded(self.arrived)
        assert case.reopened <= 1
        assert min(case.approved, case.contracted, case.drawn) >= 0

    def _folded(self, events: list[FeedbackEvent]):  # type: ignore[no-untyped-def]
        return fold(START, events, transitions=case_transitions(), reopen_max=1)


class LadderCourse(RuleBasedStateMachine):
    """A need is looked at on some days, not on others, twice on a few; due days may move away again."""

    def __init__(self) -> None:
        super().__init__()
        self.overdue = 0
        self.rungs = ladder(policy(), is_major=True)
        self.recorded: dict[int, set[Authority]] = {}
        self.told: list[int] = []

    @rule(days=st.integers(-3, 12))
    def days_pass(self, days: int) -> None:
        self.overdue = max(0, self.overdue + days)

    @rule(absent=st.sampled_from([None, *Authority]))
    def it_is_looked_at(self, absent: Authority | None) -> None:
        found = due(self.overdue, self.recorded, self.rungs)
        if found is None:
            return
        told = [one for one in found.authorities if one != absent]
        if told:
            self.told.append(found.rung.step)
            for step, authority in (*found.superseded, *((found.rung.step, one) for one in told)):
                assert authority not in self.recorded.get(step, set()), "nobody twice"
                self.recorded.setdefault(step, set()).add(authority)

    @rule()
    def it_is_looked_at_twice(self) -> None:
        self.it_is_looked_at(None)
        assert due(self.overdue, self.recorded, self.rungs) is None

    @invariant()
    def no_step_comes_after_a_higher_one(self) -> None:
        assert self.told == sorted(self.told)


class TicketCourse(RuleBasedStateMachine):
    """Days pass, coordinators act or do not, the bank clears or reports again."""

    def __init__(self) -> None:
        super().__init__()
        self.today = PUSHED
        self.ticket = opened("city", PUSHED, china_calendar(), policy())
        self.highest = 0

    @rule(days=st.integers(0, 25))
    def days_pass(self, days: int) -> None:
        self.today += timedelta(days=days)
        before = self.ticket
        self.ticket = climbed(self.ticket, self.today, china_calendar(), policy())
        dues = (before.acknowledge_by, before.resolve_by)
        late = before.state in WORKED_ON and any(due is not None and due < self.today for due in dues)
        assert LEVELS.index(self.ticket.level) == min(LEVELS.index(before.level) + late, len(LEVELS) - 1)
        assert climbed(self.ticket, self.today, china_calendar(), policy()) == self.ticket

    @rule(act=st.sampled_from(list(TicketAct)))
    def coordinators_act(self, act: TicketAct) -> None:
        if may(self.ticket, act):
            level = self.ticket.level
            self.ticket = acted(self.ticket, act, self.today, china_calendar(), policy())
            assert (self.ticket.state, self.ticket.level) == (act, level)

    @rule(cleared=st.booleans(), again=st.booleans())
    def the_bank_speaks(self, cleared: bool, again: bool) -> None:
        clocks = {"calendar": china_calendar(), "policy": policy()}
        self.ticket = reported(self.ticket, self.today, cleared=cleared, again=again, **clocks)  # type: ignore[arg-type]
        assert not cleared or self.ticket.state == "verified"

    @invariant()
    def levels_only_rise(self) -> None:
        level = LEVELS.index(self.ticket.level)
        assert level >= self.highest
        self.highest = level

    @invariant()
    def a_clock_runs_exactly_while_there_is_something_to_do(self) -> None:
        assert (self.ticket.resolve_by is not None) == (self.ticket.state in WORKED_ON)
        assert (self.ticket.acknowledge_by is not None) == (self.ticket.state == "open")


TestCaseCourse = CaseCourse.TestCase
TestLadderCourse = LadderCourse.TestCase
TestTicketCourse = TicketCourse.TestCase

if os.environ.get("HYPOTHESIS_PROFILE") != "nightly":
    _short = settings(max_examples=25, stateful_step_count=25, deadline=None)
    TestCaseCourse.settings = TestLadderCourse.settings = TestTicketCourse.settings = _short

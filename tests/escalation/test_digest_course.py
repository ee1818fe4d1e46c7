"""Digests over any course of days: outages, days off, roster changes, two posts with one address, another holiday table.

What is told is what the handbook says (a second implementation), is named once in a mail to that address, and to nobody twice.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from include import escalation
from include.base.act import Act
from include.base.addresses import mailbox
from include.domain.calendar import DayException, WorkingCalendar
from include.escalation.digests import digest_key
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.store import tables
from tests.support.escalation import pushed_need, with_policy
from tests.support.rows import SHANGHAI, add_case, add_clock, add_event, let_history_be_changed, moment, need_id
from tests.support.slow_ladder import SlowLadder, SlowNeed, SlowTelling

LINES = 2
POLICY = with_policy(digest_lines=str(LINES))
NEEDS = {number: number > 5 for number in range(1, 8)}
BANKS = ("ICBC", "CCB")
POSTS = (
    *(("PBOC", "city", "330100"), ("PBOC", "province", "330000"), ("MIIT", "province", "330000")),
    *(("MIIT", "nation", "000000"), ("PBOC", "nation", "000000")),
)
BEGIN = date(2026, 9, 21)
LONG_AGO = moment("2026-09-20 10:00")
_profile = settings(max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))

numbers = st.sampled_from(sorted(NEEDS))
banks = st.sampled_from(BANKS)
places = st.integers(0, len(POSTS) - 1)


class DigestCourse(RuleBasedStateMachine):
    """Some weeks around the national holiday, with its worked days at weekends."""

    def __init__(self, database: sa.Engine) -> None:
        super().__init__()
        self.database = database
        self.today = BEGIN
        self.off: set[date] = set()
        self.clocks: dict[tuple[int, str], date] = {}
        self.post: dict[int, str] = {place: f"post{place}@example.test" for place in range(len(POSTS))}
        self.names = 0
        self.slow = SlowLadder({need_id(n): SlowNeed(need_id(n), major) for n, major in NEEDS.items()}, LINES)
        self.seen_step = self.seen_mail = 0
        with database.begin() as connection:
            let_history_be_changed(connection)
            connection.execute(_EMPTY)
        with database.begin() as connection:
            for number, is_major in NEEDS.items():
                pushed_need(connection, number, is_major=is_major)
                add_event(connection, number, "received", sequence=1)
                for bank in BANKS:
                    add_case(connection, number, bank, last_event_at=LONG_AGO)
            connection.execute(tables.matching_case.update().values(folded_at=LONG_AGO))
        self.roster_is_pulled()
        self.limits_begin(list(NEEDS), BANKS[0])

    @property
    def calendar(self) -> WorkingCalendar:
        known = china_calendar()
        news: dict[date, DayException] = dict.fromkeys(self.off, "off")
        return WorkingCalendar({**known.exceptions, **news}, known.published_until, known.statutory_off)

    # --- What happens ---

    @rule(days=st.integers(1, 9))
    def an_outage_lasts(self, days: int) -> None:
        self.today += timedelta(days=days)
        self.the_morning_comes()

    @rule(days=st.integers(1, 4))
    def days_pass_with_a_look_each_morning(self, days: int) -> None:
        for _ in range(days):
            self.today += timedelta(days=1)
            self.the_morning_comes()

    @rule(chosen=st.lists(numbers, min_size=1, max_size=4), bank=banks)
    def limits_begin(self, chosen: list[int], bank: str) -> None:
        for number in chosen:
            self.a_limit_begins(number, bank)

    def a_limit_begins(self, number: int, bank: str) -> None:
        if (number, bank) not in self.clocks:
            self.clocks[number, bank] = self.today
            with self.database.begin() as connection:
                clock = tables.case_clock.c
                which = (clock.need_id == need_id(number)) & (clock.institution_code == bank)
                connection.execute(tables.case_clock.delete().where(which))
                add_clock(connection, number, bank, day0=self.today, due_on=self._due(self.today))

    @rule(number=numbers, bank=banks)
    def a_limit_is_met(self, number: int, bank: str) -> None:
        if self.clocks.pop((number, bank), None) is not None:
            self._change_clock(number, bank, stopped_on=self.today)

    @rule(days=st.integers(1, 5))
    def a_holiday_table_is_loaded(self, days: int) -> None:
        self.off ^= {self.today + timedelta(days=days)}
        for (number, bank), began in self.clocks.items():
            self._change_clock(number, bank, due_on=self._due(began))

    @rule(place=places, other=places, what=st.sampled_from(["taken over", "vacant", "shared", "filled"]))
    def the_roster_changes(self, place: int, other: int, what: str) -> None:
        self.names += 1
        if what == "vacant":
            self.post.pop(place, None)
        elif what == "shared" and other in self.post:
            self.post[place] = self.post[other].upper()
        elif what == "taken over":
            self.post[place] = f"new{self.names}@example.test"
        else:
            self.post = {one: self.post.get(one, f"new{self.names}-{one}@example.test") for one in range(len(POSTS))}
        self.roster_is_pulled()

    @rule(number=numbers)
    def a_need_is_taken_on(self, number: int) -> None:
        need = self.slow.needs[need_id(number)]
        if "told" in need.recorded.values():
            with self.database.begin() as connection:
                act = Act(actor_id="li", role="operator", reason="已约机构上门", at=self._at(10))
                escalation.acknowledge(connection, need.need_id, act=act)
            self.slow.take_on(need.need_id, self.today)

    # --- Looking ---

    def the_morning_comes(self) -> None:
        self._look(self._at(8, 30), urgent_only=False)

    @rule()
    @precondition(lambda self: self.calendar.is_working_day(self.today))
    def the_ladder_is_looked_at_again_at_noon(self) -> None:
        self._look(self._at(12), urgent_only=False)

    @rule()
    def what_is_urgent_is_looked_at(self) -> None:
        self._look(self._at(15), urgent_only=True)

    def _look(self, now: datetime, *, urgent_only: bool) -> None:
        day = Day(now, self.calendar, POLICY)
        had = self._addresses_with_a_digest()
        tell = escalation.tell_urgent if urgent_only else escalation.escalate
        tell(self.database, day=day)
        told, mails = self._news()
        if not self.calendar.is_working_day(self.today):
            assert told == set() and mails == {}, "nothing on a day off"
            return
        posts = {POSTS[place][:2]: mailbox(address) for place, address in self.post.items()}
        due_days = {
            one: [self._due(began) for (number, _), began in self.clocks.items() if need_id(number) == one]
            for one in self.slow.needs
        }
        expected = self.slow.look(
            now, due_days, posts, self.calendar.is_working_day, had_digest=had, urgent_only=urgent_only
        )
        assert {one for one, _ in told} == expected
        for one, key in told:
            address, text = mails[key]
            assert address == one.address
            assert text.count(one.need_id) == 1, "named once"
        for _, text in mails.values():
            ordinary = [need_id(number) for number, major in NEEDS.items() if not major]
            assert sum(one in text for one in ordinary) <= LINES
        if not urgent_only:
            escalation.audit_steps(self.database, day=Day(now + timedelta(minutes=15), self.calendar, POLICY))

    def _news(self) -> tuple[set[tuple[SlowTelling, str]], dict[str, tuple[str, str]]]:
        """What was recorded as told since the last look, by which mail; and the mails: to whom, and what they say."""
        step, mail = tables.escalation_step.c, tables.delivery.c
        with self.database.begin() as connection:
            steps = connection.execute(sa.select(tables.escalation_step).where(step.step_id > self.seen_step)).all()
            queued = connection.execute(
                sa.select(tables.delivery).where(mail.delivery_id > self.seen_mail, mail.channel == "mail")
            ).all()
            connection.execute(tables.delivery.update().where(mail.channel == "mail").values(state="delivered"))
        self.seen_step = max([self.seen_step, *(row.step_id for row in steps)])
        self.seen_mail = max([self.seen_mail, *(row.delivery_id for row in queued)])
        bodies = {row.idempotency_key: json.loads(row.body) for row in queued}
        mails = {key: (mailbox(body["to"][0]), body["text"]) for key, body in bodies.items()}
        told = {
            (
                SlowTelling(row.need_id, row.round, row.step, row.authority, mails[row.idempotency_key][0]),
                row.idempotency_key,
            )
            for row in steps
            if row.state == "mailed"
        }
        return told, mails

    def _addresses_with_a_digest(self) -> set[str]:
        keys = {digest_key(mailbox(one), self.today): mailbox(one) for one in self.post.values()}
        with self.database.connect() as connection:
            sent = connection.execute(sa.select(tables.delivery.c.idempotency_key)).scalars().all()
        return {keys[key] for key in sent if key in keys}

    # --- Writing ---

    def roster_is_pulled(self) -> None:
        with self.database.begin() as connection:
            connection.execute(tables.coordinator.delete())
            for place, address in self.post.items():
                authority, level, region = POSTS[place]
                connection.execute(
                    tables.coordinator.insert().values(
                        coordinator_id=f"{place}-{address.lower()}",
                        position=place,
                        authority=authority,
                        level=level,
                        region_code=region,
                        role="融资协调岗",
                        email=address,
                        on_duty=True,
                    )
                )

    def _change_clock(self, number: int, bank: str, **values: date) -> None:
        clock = tables.case_clock.c
        which = (clock.need_id == need_id(number)) & (clock.institution_code == bank)
        with self.database.begin() as connection:
            connection.execute(tables.case_clock.update().where(which).values(**values))

    def _due(self, began: date) -> date:
        return self.calendar.add_working_days(began, 1).day

    def _at(self, hour: int, minute: int = 0) -> datetime:
        return datetime(self.today.year, self.today.month, self.today.day, hour, minute, tzinfo=SHANGHAI)


_EMPTY = sa.text(
    "truncate need_version, intake, intake_item, judgement, raw_payload, contact, delivery, feedback_event, matching_case,"
    " case_clock, coordinator, escalation_round, escalation_step, escalation_waiting, escalation_acknowledgement cascade"
)


@pytest.mark.slow
def test_whatever_happens_each_step_is_told_as_the_handbook_says_named_once_and_to_nobody_twice(
    database: sa.Engine,
) -> None:
    run_state_machine_as_test(lambda: DigestCourse(database), settings=_profile)

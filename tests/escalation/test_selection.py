"""The storm: every bank silent, thousands of needs overdue at once, and no mail that nobody could read."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from include.domain import escalation as stalls
from include.domain.routing import Network, Place
from include.domain.states import Level
from include.escalation.breaches import Need, OpenItem
from include.escalation.selection import Mail, key_of, select
from include.escalation.steps import due_steps
from include.reference.day import Day
from tests.support.coordinators import person
from tests.support.escalation import CALENDAR, POLICY
from tests.support.rows import SHANGHAI

DAY = Day(datetime(2026, 10, 20, 8, 30, tzinfo=SHANGHAI), CALENDAR, POLICY)
LINES = POLICY.integer("digest_lines")
PROVINCES = tuple(f"{code}0000" for code in (31, 32, 33, 34))
NETWORK = Network(
    [
        person(authority, level, region, email=f"{authority}.{region}@example.test")  # type: ignore[arg-type]
        for authority in ("MIIT", "PBOC")
        for level, region in (("nation", "000000"), *(("province", code) for code in PROVINCES))
    ]
)


def stalled(number: int, overdue: int, *, is_major: bool = False, obstructed: bool = False) -> OpenItem:
    need_id, province = f"FN{number:012d}", PROVINCES[number % len(PROVINCES)]
    due_on = CALENDAR.add_working_days(DAY.today, -overdue).day
    breach = stalls.limit_overdue(
        need_id, "ICBC", limit=("pushed", "received"), day0=date(2026, 9, 1), due_on=due_on, provisional=False
    )
    if obstructed:
        breach = stalls.obstruction(
            need_id,
            "ICBC",
            "OB1",
            level=Level.NATION,
            level_since=due_on,
            since=due_on,
            due_on=due_on,
            provisional=False,
        )
    return OpenItem(
        breach=breach,
        need=Need(
            need_id=need_id,
            company="某公司",
            project="某项目",
            amount=Decimal(100),
            is_major=is_major,
            place=Place(city_code=None, department_code=province, branch_region=province),
        ),
        state="pushed",
        overdue=overdue,
        reason_code="R04" if obstructed else None,
        level=Level.NATION if obstructed else None,
    )


def choose(items: list[OpenItem]) -> list[Mail]:
    due = due_steps(items, {}, NETWORK, DAY)
    return select(due, had_digest=(), waited_since={}, most_lines=LINES)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(2, 60), st.sampled_from(["ordinary"] * 20 + ["major", "obstructed"]), st.integers(1, 200)
        ),
        min_size=1,
        max_size=30,
    )
)
def test_in_a_storm_an_address_gets_one_mail_and_it_can_be_read(groups: list[tuple[int, str, int]]) -> None:
    items: list[OpenItem] = []
    for overdue, kind, count in groups:
        for _ in range(count):
            number = len(items) + 1
            items.append(stalled(number, overdue, is_major=kind == "major", obstructed=kind == "obstructed"))
    mails = choose(items)
    assert max(Counter(one.mailbox for one in mails).values(), default=1) == 1
    for mail in mails:
        in_full = {one.item.key for one in mail.told if one.in_full}
        named = {one.item.key for one in mail.told}
        assert len(named) <= LINES + len(in_full)
        assert not any(one.in_full for one in mail.waiting), "obstructions and major needs always have room"
        if mail.mailbox.endswith("000000@example.test"):
            assert named == in_full, "the nation reads of nothing else by name"
        assert not mail.waiting or len(named - in_full) == LINES
    told = [key_of(one) for mail in mails for one in (*mail.told, *mail.waiting)]
    assert len(told) == len(set(told)), "each telling is in one place"


def test_every_bank_silent_for_ten_thousand_needs() -> None:
    mails = choose([stalled(number, 12, is_major=number % 500 == 0) for number in range(1, 10_001)])
    assert len(mails) == 2 * len(PROVINCES) + 2
    assert max(len({one.item.key for one in mail.told}) for mail in mails) == LINES

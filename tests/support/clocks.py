"""A case's events and its clocks, and due days counted a day at a time."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import strategies as st

from include.domain.case import Case, FeedbackEvent, fold
from include.domain.clocks import Clock, clocks
from include.reference import CaseLimit, case_limits, case_transitions
from include.reference.calendar import china_calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
CALENDAR = china_calendar()
PUSHED = date(2026, 9, 24)


def event(sequence: int, type_: str, day: str, obstruction_id: str | None = None) -> FeedbackEvent:
    return FeedbackEvent(
        event_id=f"e{sequence}",
        need_id="FN000000000001",
        revision=1,
        institution_code="ICBC",
        type=type_,
        occurred_at=datetime.fromisoformat(f"{day}T10:00+08:00"),
        sequence=sequence,
        obstruction_id=obstruction_id,
    )


def folded(*events: FeedbackEvent, opened_on: date | None = PUSHED) -> Case:
    opened_at = opened_on and datetime.combine(opened_on, time(9), SHANGHAI)
    return fold(opened_at, events, transitions=case_transitions(), reopen_max=1)


def running(case: Case) -> dict[str, list[Clock]]:
    found: dict[str, list[Clock]] = {}
    for clock in clocks(case, case_limits(), CALENDAR):
        found.setdefault(f"{clock.from_type}-{clock.to_type}", []).append(clock)
    return found


CLOSING = time(17, 30)
ONE_DAY = CaseLimit("contacted", "visited", 1, "working_days")


def at(moment: str, limit: CaseLimit = ONE_DAY, closing: time | None = CLOSING) -> Clock:
    """The clock that a contact at a moment starts."""
    contacted = msgspec.structs.replace(
        event(1, "contacted", moment[:10]), occurred_at=datetime.fromisoformat(f"{moment}+08:00")
    )
    (clock,) = clocks(folded(contacted, opened_on=None), [limit], CALENDAR, office_hours_end=closing)
    return clock


moments = st.datetimes(datetime(2018, 1, 1), datetime(2027, 3, 31)).map(lambda moment: moment.isoformat(" "))
counted_limits = st.one_of(
    st.builds(CaseLimit, st.just("contacted"), st.just("visited"), st.integers(1, 30), st.just("working_days")),
    st.builds(CaseLimit, st.just("contacted"), st.just("visited"), st.integers(1, 60), st.just("calendar_days")),
)


DAY = timedelta(days=1)
_DATE = r"(?:\d{4}年)?\d{1,2}月\d{1,2}日"


def recounted(said: str) -> date:
    """The due day, from what the sentence says alone, a day at a time."""
    day = date.fromisoformat(said[:10])
    first_year = day.year

    def read(text: str, year: int = first_year) -> date:
        found = re.fullmatch(r"(?:(\d{4})年)?(\d{1,2})月(\d{1,2})日", text)
        assert found, text
        return date(int(found[1] or year), int(found[2]), int(found[3]))

    off: set[date] = set()
    for start, end in re.findall(rf"({_DATE})(?:至({_DATE}|\d{{1,2}}日))?放假", said):
        first = read(start)
        last = first if not end else (read(end) if "月" in end else first.replace(day=int(end[:-1])))
        while first <= last:
            off.add(first)
            first += DAY
    worked = {read(one) for one in re.findall(rf"({_DATE})（周[六日]）调休上班", said)}

    if started := re.search(rf"按({_DATE})起算", said):
        while day < read(started[1]):
            day += DAY
            assert day == read(started[1]) or not (day in worked or (day.weekday() < 5 and day not in off)), said
    days = sum(int(number) for number in re.findall(r"(?:加|顺延)(\d+)个自然日", said))
    working_days = sum(int(number) for number in re.findall(r"(?:加|顺延|延长)(\d+)个工作日", said))
    day += timedelta(days=days)
    if rolled := re.search(rf"({_DATE})（周.）不上班，顺至({_DATE})", said):
        assert read(rolled[1]) == day
        day = read(rolled[2])
    if quarter := re.search(rf"季度末（({_DATE})）", said):
        day = read(quarter[1])
    while working_days:
        day += DAY
        working_days -= day in worked or (day.weekday() < 5 and day not in off)
    stated = re.search(rf"：({_DATE})到期", said)
    assert stated is not None
    assert read(stated[1]) == day, said
    return day

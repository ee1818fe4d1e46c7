"""Who gets which weekly summary when: at most one for each department and week, and none if nothing is left to do.

A week is Monday to Sunday, make-up work days included. The summary comes on the first working day of the week on which
its reader has no digest, at the latest on the last one: one mail a day and person, as far as that is possible. So this
runs after the digests. A week without a working day has no summary, and the next one covers the changes since the week
before. The MIIT coordinator of the department's region stands for its head, as in the reminders.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import sqlalchemy as sa

from include.base.addresses import mailbox
from include.base.business_time import SHANGHAI
from include.base.privacy import PersonalDataCipher
from include.domain.calendar import WorkingCalendar
from include.domain.quarter import Quarter
from include.domain.routing import Network, Place, Post
from include.domain.states import Authority, Channel, DeliveryAction, Level
from include.letters.weekly_summary.figures import DepartmentFigures, department_figures
from include.letters.weekly_summary.letter import Letter, Week, letter_body
from include.platforms.filed import Filed, Listing, filed
from include.reference import Policy, departments
from include.reference.day import Day
from include.store.coordinators import network
from include.store.outbox import NewDelivery, enqueue
from include.store.set_aside import keep
from include.store.tables import delivery, report

_WEEKS_LOOKED_BACK = 14


@dataclass(frozen=True, slots=True)
class SummaryRun:
    """Summaries queued now, and vacant posts that should have got one."""

    summaries: int
    vacancies: int


NOTHING_DUE = SummaryRun(0, 0)


def summarise(
    engine: sa.Engine,
    client: Listing,
    cipher: PersonalDataCipher,
    *,
    day: Day,
    console_url: str = "",
) -> SummaryRun:
    """Queue the summaries of this week that are due today, if today is a working day.

    The green platform is read for needs that departments have not reviewed; raises as its client does. If nobody is on
    duty in a department's region, the next level up gets its summary.
    """
    today, now = day.today, day.now
    if day.policy.flag("mail_on_working_days_only") and not day.calendar.is_working_day(today):
        return NOTHING_DUE
    with engine.connect() as connection:
        earlier = _earlier(connection, today)
    had_theirs = {one.department_code for one in earlier if one.week == _week(today)}
    running = Quarter.of(today)
    filings = {
        code: _Filings.read(client, str(running), code, day.policy) for code in departments() if code not in had_theirs
    }
    with engine.begin() as connection:
        for code, found in filings.items():
            for status, listed in (("submitted", found.unreviewed), ("recommended", found.recommended)):
                keep(connection, cipher, f"needs/{running}/{code}/{status}", listed.set_aside, now=now, whole=True)
        week = _this_week(connection, running, earlier, day, console_url)
        figures = department_figures(connection, [str(running), str(running.previous())], since=week.since, day=day)
        letters = [
            Letter(
                week=week,
                department=departments()[code],
                figures=figures.get(code, DepartmentFigures()),
                unreviewed=found.unreviewed,
                recommended=found.recommended,
            )
            for code, found in filings.items()
        ]
        taken = set() if _last_working_day_of_week(day) else _addresses_with_a_digest(connection, today)
        mails, vacant = _addressed([one for one in letters if one.todo], network(connection), earlier, taken)
        queued = enqueue(connection, mails, now)
    return SummaryRun(queued, len(vacant))


@dataclass(frozen=True, slots=True)
class _Filings:
    """A department's filings on the platform in the running quarter."""

    unreviewed: Filed
    recommended: Filed

    @classmethod
    def read(cls, client: Listing, quarter: str, code: str, policy: Policy) -> _Filings:
        return cls(
            filed(client, quarter, code, "submitted", policy), filed(client, quarter, code, "recommended", policy)
        )


# --- Which week ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sent:
    """A summary that was queued before."""

    key: str
    week: str
    department_code: str
    quarter: str
    at: datetime


def _week(day: date) -> str:
    """E.g. 2026-W42 (ISO 8601)."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def _key(week: str, department_code: str) -> str:
    return f"weekly:{week}:{department_code}"


def _earlier(connection: sa.Connection, today: date) -> list[_Sent]:
    """The summaries of this week and earlier ones, oldest first."""
    weeks = [_week(today - timedelta(weeks=back)) for back in range(_WEEKS_LOOKED_BACK)]
    week_of = {_key(week, code): week for week in weeks for code in departments()}
    rows = connection.execute(
        sa.select(delivery.c.idempotency_key, delivery.c.department_code, delivery.c.quarter, delivery.c.created_at)
        .where(delivery.c.idempotency_key == sa.any_(sa.literal(list(week_of), sa.ARRAY(sa.Text))))
        .order_by(delivery.c.created_at)
    )
    return [
        _Sent(row.idempotency_key, week_of[row.idempotency_key], row.department_code, row.quarter, row.created_at)
        for row in rows
    ]


def _this_week(
    connection: sa.Connection,
    running: Quarter,
    earlier: Sequence[_Sent],
    day: Day,
    console_url: str,
) -> Week:
    today, calendar = day.today, day.calendar
    last_day = calendar.last_working_day(running)
    return Week(
        number=today.isocalendar().week,
        today=today,
        since=_since(earlier, today) or _start_of_week_before(today, calendar),
        running=running,
        cut_off=last_day,
        working_days_left=calendar.working_days_after(today, last_day.day),
        circular_on=_circular_on(connection, running.previous(), calendar, day.policy),
        console_url=console_url,
    )


def _since(earlier: Sequence[_Sent], today: date) -> datetime | None:
    """When the first summary of the last week that had any was queued: a department's own came then or later that week."""
    before = [one for one in earlier if one.week != _week(today)]
    return min((one.at for one in before if one.week == before[-1].week), default=None)


def _last_working_day_of_week(day: Day) -> bool:
    return day.calendar.add_working_days(day.today, 1).day.isocalendar()[:2] != day.today.isocalendar()[:2]


def _start_of_week_before(today: date, calendar: WorkingCalendar) -> datetime:
    """The first moment of the first working day of the last week before today's that had one."""
    monday = today - timedelta(days=today.weekday())
    last = calendar.add_working_days(monday, -1).day
    first = calendar.roll_forward(last - timedelta(days=last.weekday())).day
    return datetime.combine(first, time(), SHANGHAI)


def _circular_on(connection: sa.Connection, quarter: Quarter, calendar: WorkingCalendar, policy: Policy) -> date | None:
    """When the circular of a quarter is due (ours); None once it is published."""
    published = sa.select(report.c.report_id).where((report.c.kind == "circular") & (report.c.quarter == str(quarter)))
    if connection.execute(published.limit(1)).first() is not None:
        return None
    return calendar.add_working_days(quarter.last_day, policy.integer("circular_working_days")).day


# --- To whom ---------------------------------------------------------------------------------------------------------


def _addresses_with_a_digest(connection: sa.Connection, today: date) -> set[str]:
    """Whoever has a digest of today, by normalised address."""
    found = connection.execute(_DIGESTS, {"ends": f":{today}", "start": datetime.combine(today, time(), SHANGHAI)})
    return {mailbox(address) for address in found.scalars()}


_DIGESTS = sa.text(
    """
    select json_array_elements_text(body::json -> 'to') from delivery
    where channel = 'mail' and starts_with(idempotency_key, 'digest:') and created_at >= :start
      and right(idempotency_key, length(:ends)) = :ends
    """
)


def _addressed(
    letters: Sequence[Letter], coordinators: Network, earlier: Sequence[_Sent], taken: Set[str]
) -> tuple[list[NewDelivery], set[Post]]:
    """The mails, and the vacant posts; without anybody on duty up to the nation a letter has no mail.

    `taken`: addresses that have a digest today; their letters wait for another day.
    """
    mails: list[NewDelivery] = []
    vacant: set[Post] = set()
    for letter in letters:
        code = letter.department.code
        place = Place(city_code=None, department_code=code, branch_region=None)
        assignment = coordinators.accountable(Authority.MIIT, Level.PROVINCE, place)
        if assignment.coordinator is not None and mailbox(assignment.coordinator.email) in taken:
            continue
        vacant |= set(assignment.vacant)
        if assignment.coordinator is None:
            continue
        thread = [one.key for one in earlier if (one.department_code, one.quarter) == (code, str(letter.week.running))]
        mails.append(
            NewDelivery(
                channel=Channel.MAIL,
                action=DeliveryAction.MAIL,
                idempotency_key=_key(_week(letter.week.today), code),
                body=letter_body(
                    letter, to=assignment.coordinator.email, thread=thread, passed_on=bool(assignment.vacant)
                ),
                quarter=str(letter.week.running),
                department_code=code,
            )
        )
    return mails, vacant

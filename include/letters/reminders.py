"""Reminders (报送提醒): T-10, T-5 and T-1 working days before the cut-off, each department gets the state of its filing.

That is: what it has recommended, what it has not reviewed yet, and what was sent back and has not come again. A
department with nothing left to do gets one line: before the cut-off it can still notice that a need which it
recommended is missing. The cut-off is the notice's (工信厅联函〔2025〕490号, last working day of the quarter); the three days
are the project's own (policy reminder_working_days). The MIIT coordinator of the department's region stands for the
department's mailbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.base.privacy import PersonalDataCipher
from include.domain.calendar import DueDate
from include.domain.quarter import Quarter
from include.domain.routing import Network, Place
from include.domain.states import Authority, Channel, DeliveryAction, Level
from include.letters import composing
from include.letters.open_returns import OpenReturn, open_returns
from include.letters.review_so_far import ReviewSoFar, review_so_far
from include.platforms.filed import Filed, Listing, filed
from include.reference import Department, Policy, departments
from include.reference.day import Day
from include.store.coordinators import network
from include.store.outbox import NewDelivery, enqueue
from include.store.set_aside import keep
from include.words.amounts import amount
from include.words.moments import day_label, time_of_day
from include.words.quarters import quarter_label
from include.words.shown import shown

if TYPE_CHECKING:
    from include.platforms.green_platform import Manifest, ManifestRow

RETURNS_LISTED = 10
"""Returned needs that a reminder names; the others are only counted."""

_COLLECT = "组织审核并推荐本地区符合条件的融资需求；本季度没有可推荐的，请办理零报送。"
_REPORT = "审核后办理报送；本季度没有可推荐的，请办理零报送。"
_REVIEW = "在截止前完成审核，符合条件的予以推荐，不符合的退回企业。"
_ZERO_RETURN = "核对零报送是否属实。"
_FOLLOW_RETURNS = "提醒企业按退回意见修改并重新报送，审核后重新推荐；不再申报的，请在平台撤回。"


def remind(
    engine: sa.Engine,
    client: Listing,
    cipher: PersonalDataCipher,
    quarter: str,
    *,
    day: Day,
    console_url: str = "",
) -> int:
    """Queue today's reminder to each of the 37 departments; returns how many are new, 0 on any other day.

    The green platform is read on the three days only; raises as its client does. A department whose region has no MIIT
    coordinator on duty is reminded through the next level up. Mails link to returned needs under `console_url`, if
    given. Unreadable pieces of the platform's listings are set aside.
    """
    round_ = _todays_round(Quarter.parse(quarter), day, console_url)
    if round_ is None:
        return 0
    manifest = client.manifest(quarter)
    standings = _standings(client, manifest, quarter, day.policy)
    with engine.begin() as connection:
        keep(connection, cipher, f"manifest/{quarter}", manifest.set_aside, now=day.now, whole=True)
        for code, standing in standings.items():
            for status, found in (("submitted", standing.unreviewed), ("returned", standing.returned)):
                keep(connection, cipher, f"needs/{quarter}/{code}/{status}", found.set_aside, now=day.now, whole=True)
        coordinators = network(connection)
        sent_back = {one.need_id: one for one in open_returns(connection, [quarter])}
        reviewed = review_so_far(connection, quarter)
        reminders = [
            reminder
            for code, standing in standings.items()
            if (
                reminder := _reminder(
                    round_, departments()[code], standing, sent_back, reviewed.get(code, ReviewSoFar()), coordinators
                )
            )
            is not None
        ]
        return enqueue(connection, reminders, day.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """The state of a department's filing on the platform; `reported`: None until it has reported the quarter."""

    reported: ManifestRow | None
    unreviewed: Filed
    returned: Filed

    @property
    def nothing_left(self) -> bool:
        return self.reported is not None and not self.unreviewed.number and not self.returned.number


def _standings(client: Listing, manifest: Manifest, quarter: str, policy: Policy) -> dict[str, _Standing]:
    reported = {row.department_code: row for row in manifest.departments}
    return {
        code: _Standing(
            reported=reported.get(code),
            unreviewed=filed(client, quarter, code, "submitted", policy),
            returned=filed(client, quarter, code, "returned", policy),
        )
        for code in departments()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One of the three days; `earlier` are the working days before the cut-off of the earlier ones."""

    quarter: Quarter
    today: date
    working_days_left: int
    earlier: tuple[int, ...]
    cut_off: DueDate
    inclusive: bool
    console_url: str

    def key(self, department: Department, working_days_left: int) -> str:
        return f"reminder:{self.quarter}:{department.code}:T-{working_days_left}"

    @property
    def cut_off_label(self) -> str:
        """The last moment to report: the end of the last working day, or its beginning (policy cutoff_inclusive)."""
        last = self.cut_off.day if self.inclusive else self.cut_off.day - timedelta(days=1)
        return day_label(last, self.cut_off.provisional) + "24:00"


def _todays_round(quarter: Quarter, day: Day, console_url: str) -> _Round | None:
    calendar, policy = day.calendar, day.policy
    rounds = sorted((int(days) for days in policy.listed("reminder_working_days")), reverse=True)
    for position, days in enumerate(rounds):
        if calendar.before_cutoff(quarter, days).day == day.today:
            return _Round(
                quarter=quarter,
                today=day.today,
                working_days_left=days,
                earlier=tuple(rounds[:position]),
                cut_off=calendar.last_working_day(quarter),
                inclusive=policy.flag("cutoff_inclusive"),
                console_url=console_url,
            )
    return None


def _reminder(
    round_: _Round,
    department: Department,
    standing: _Standing,
    sent_back: Mapping[str, OpenReturn],
    reviewed: ReviewSoFar,
    coordinators: Network,
) -> NewDelivery | None:
    """None if nobody is on duty up to the nation: there is no mailbox to write to."""
    place = Place(city_code=None, department_code=department.code, branch_region=None)
    recipient = coordinators.accountable(Authority.MIIT, Level.PROVINCE, place).coordinator
    if recipient is None:
        return None
    state = _state(standing.reported)
    returned = _returned(standing.returned, sent_back, round_)
    body = composing.compose(
        "reminder",
        to=[recipient.email],
        subject=_subject_line(round_, department, standing, state),
        list_id="reminder",
        today=round_.today,
        references=[round_.key(department, days) for days in round_.earlier],
        department=department.name,
        quarter_label=quarter_label(round_.quarter),
        working_days_left=round_.working_days_left,
        cut_off=round_.cut_off_label,
        provisional=round_.cut_off.provisional,
        state=state,
        filing=_filing(standing.reported),
        unreviewed=standing.unreviewed,
        returned=returned[:RETURNS_LISTED],
        returned_total=len(returned),
        nothing_left=standing.nothing_left,
        reviewed=reviewed,
        asked=_asked(standing),
    )
    return NewDelivery(
        channel=Channel.MAIL,
        action=DeliveryAction.MAIL,
        idempotency_key=round_.key(department, round_.working_days_left),
        body=body,
        quarter=str(round_.quarter),
        department_code=department.code,
    )


def _subject_line(round_: _Round, department: Department, standing: _Standing, state: str) -> str:
    """What is left to do comes before what is done."""
    left = [state] if standing.reported is None else []
    left += [f"{standing.unreviewed.number}项待审核"] if standing.unreviewed.number else []
    left += [f"{standing.returned.number}项待补正"] if standing.returned.number else []
    if not left:
        left = [state, "没有待办"]
    return f"{department.short_name}：还有{round_.working_days_left}个工作日截止，{'、'.join(left)}（{round_.quarter}融资需求报送）"


def _state(row: ManifestRow | None) -> str:
    if row is None:
        return "尚未报送"
    return "已零报送" if row.zero_return else "已报送"


def _asked(standing: _Standing) -> list[str]:
    """What the department is asked to do, one sentence each."""
    if standing.nothing_left:
        return []
    asked = [_REVIEW] if standing.unreviewed.number else []
    asked += [_FOLLOW_RETURNS] if standing.returned.number else []
    if standing.reported is None:
        asked.append(_REPORT if asked else _COLLECT)
    elif standing.reported.zero_return:
        asked.append(_ZERO_RETURN)
    return asked


def _filing(row: ManifestRow | None) -> composing.Filing | None:
    if row is None:
        return None
    reported_at = row.reported_at.astimezone(SHANGHAI)
    return composing.Filing(
        recommended=row.recommended,
        total=amount(row.financing_need),
        reported_at=f"{day_label(reported_at.date())}{time_of_day(reported_at)}",
    )


def _returned(returned: Filed, sent_back: Mapping[str, OpenReturn], round_: _Round) -> list[composing.ReturnedNeed]:
    """The first due first; those that the department itself sent back, without a due day, last."""
    found = [_returned_need(need_id, sent_back.get(need_id), round_) for need_id in returned.need_ids]
    return sorted(found, key=lambda one: (one.respond_by or date.max, one.need_id))


def _returned_need(need_id: str, by_us: OpenReturn | None, round_: _Round) -> composing.ReturnedNeed:
    if by_us is None:
        return composing.ReturnedNeed(need_id=need_id, company="", respond_by=None, overdue=False, link="")
    return composing.ReturnedNeed(
        need_id=need_id,
        company=shown("enterprise.name", by_us.enterprise_name, by_us.uscc, "mail"),
        respond_by=by_us.respond_by,
        overdue=by_us.respond_by < round_.today,
        link=composing.need_link(round_.console_url, need_id),
    )

"""What a digest (督办日报) of one e-mail address tells: chosen by the ladder, written by `letters.digest`.

Amounts are in 万元, days are local dates. Companies are masked as mails show them, before they get here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from include.domain.states import Authority, Level

ReaderPost = tuple[Authority, Level, str]
"""A post: authority, level, region code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One need at one institution, overdue or open; `institution_code` is empty for the need as a whole.

    `state`: of the case, empty for a need. `what`: which limit or rule, in words. `link`: the page in the console;
    `action_link`: a signed page without login; either may be empty.
    """

    need_id: str
    company: str
    project: str
    amount: Decimal | None
    department_code: str
    city_code: str
    institution_code: str
    state: str
    what: str
    since: date
    due_on: date
    provisional: bool
    overdue_working_days: int
    is_major: bool
    acknowledged_by: str
    """Who took it on, in words, or empty."""
    link: str
    action_link: str
    rule_id: str = ""
    """Which rule is broken: for a need as a whole it says what is asked (S06, S07, S08)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstruction:
    """A ticket at this reader's level. `asked`: what the reader should do; `unconfirmed`: resolved, and the institution
    has not cleared it."""

    line: Line
    obstruction_id: str
    reason_code: str
    level: Level
    answer_by: date | None
    asked: str
    unconfirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What ended since the last digest: who acted, and what came of it."""

    line: Line
    by: str
    what: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyCell:
    """The open needs of one department at one institution, and how many of them are overdue."""

    institution_code: str
    department_code: str
    open_needs: int
    overdue_needs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestContents:
    """All that one address is told on one day. Each section may be empty."""

    posts: tuple[ReaderPost, ...]
    today: date
    urgent: bool
    obstructions: tuple[Obstruction, ...] = ()
    majors: tuple[Line, ...] = ()
    newly_overdue: tuple[Line, ...] = ()
    """At most digest_lines, named in the mail."""
    still_open: tuple[Line, ...] = ()
    """All other open items of this reader: counts in the mail, by name in the attached table."""
    waiting: int = 0
    """Newly due, but did not fit: leads the next digest."""
    settled: tuple[Settled, ...] = ()
    alerts: tuple[Line, ...] = ()
    """Opened alerts told to this reader."""
    vacancies: tuple[ReaderPost, ...] = ()
    """Posts that the reader stands in for."""
    late_departments: tuple[tuple[str, str], ...] = ()
    """For the nation only: department code and its state in words."""
    weekly_table: tuple[WeeklyCell, ...] | None = None
    """For the nation only, once a week: institutions × departments; None on the other days."""

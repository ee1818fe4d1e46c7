"""The digest (督办日报): one mail for one address and day, read from top to bottom in the order of what cannot wait.

Order (handbook, section 8): obstructions, major needs, alerts, newly overdue items in one block for each institution,
still open ones as counts, what was settled. Every subject of the first four is named in the text and in the HTML: the
auditor reads the stored mail for it. What a reader cannot act on is counted, and listed in the attached table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from include.domain.states import Level
from include.letters.composing import compose, console_link
from include.letters.digest_contents import DigestContents, Line, Obstruction, ReaderPost, Settled
from include.letters.digest_subject import open_lines, subject_line
from include.letters.national_figures import national_figures
from include.letters.open_items_table import open_items_attachment
from include.reference import departments
from include.words.amounts import NOTHING, amount
from include.words.instructions import CONFIRM, VERIFY, instruction, matter
from include.words.moments import table_day
from include.words.names import case_state, institution, office, region_name
from include.words.names import reason as reason_name
from include.words.states import word
from include.words.support import support_lines

ATTACHED_FROM = 10
"""With more open items than this, a table of all of them is attached."""
SETTLED_LISTED = 20
INSTITUTIONS_LISTED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An item as printed; `detail`: its state and what is overdue, `late`: how long, empty if it is not."""

    need_id: str
    company: str
    project: str
    amount: str
    detail: str
    due: str
    late: str
    overdue_working_days: int
    is_major: bool
    taken_on: str
    link: str
    action_link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The items at one institution, and the one thing asked about them."""

    title: str
    count: int
    total: str
    rows: tuple[Row, ...]
    asked: tuple[tuple[str, str], ...]
    """For each cause in the block: which items it is about, and the step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The tickets of one need with the same cause."""

    row: Row
    cause: str
    institutions: str
    level: str
    numbers: str
    asked: str
    answer_by: str
    action_links: tuple[tuple[str, str], ...]
    """Institution and link of each ticket: each is answered under its own number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Open items at one institution that the mail does not name."""

    title: str
    number: int
    total: str
    longest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What ended: who acted, and what came of it."""

    row: Row
    institution: str
    by: str
    what: str
    on: str


def compose_digest(contents: DigestContents, *, to: str, console_url: str) -> dict[str, Any]:
    """The mail's body (see store/outbox.py). `console_url`: empty if mails carry no links.

    Raises ValueError if `to` is not a plain address, or if there is nothing to tell.
    """
    if not _anything(contents):
        raise ValueError("a digest without contents")
    lines = open_lines(contents)
    national = national_figures(contents.weekly_table) if contents.weekly_table is not None else None
    listed = len(lines) > ATTACHED_FROM
    counts = _counts(contents.still_open)
    body = compose(
        "digest",
        to=[to],
        subject=subject_line(contents),
        list_id="escalation",
        today=contents.today,
        urgent=contents.urgent,
        readers=_offices(contents.posts),
        standing_in=_offices(contents.vacancies),
        cards=_cards(contents.obstructions, contents.today),
        support=_support(contents.obstructions, contents.today),
        majors=_blocks(contents.majors),
        majors_total=len(contents.majors),
        alerts=[_row(line) for line in contents.alerts],
        verify=VERIFY,
        blocks=_blocks(contents.newly_overdue),
        newly_total=len(contents.newly_overdue),
        waiting=contents.waiting,
        still_open_total=len(contents.still_open),
        still_open_longest=max((line.overdue_working_days for line in contents.still_open), default=0),
        counts=counts[:INSTITUTIONS_LISTED],
        counts_left=sum(one.number for one in counts[INSTITUTIONS_LISTED:]),
        settled=[_done(one) for one in contents.settled[:SETTLED_LISTED]],
        settled_total=len(contents.settled),
        late_departments=_late(contents.late_departments),
        national=national,
        listed=listed,
        open_total=len(lines),
        list_link=console_link(console_url, "escalations"),
        any_provisional=any(line.provisional for line in lines),
    )
    if listed or national is not None:
        body["attachments"] = [open_items_attachment(contents, national)]
    return body


def _anything(contents: DigestContents) -> bool:
    return bool(
        open_lines(contents)
        or contents.settled
        or contents.late_departments
        or contents.vacancies
        or contents.weekly_table
    )


def _offices(posts: Iterable[ReaderPost]) -> str:
    return "、".join(dict.fromkeys(office(*post) for post in posts))


# --- Obstructions ----------------------------------------------------------------------------------------------------


def _cards(found: Sequence[Obstruction], today: date) -> list[Card]:
    """One card for a need and cause, in the order in which they come."""
    causes: defaultdict[tuple[str, str, bool], list[Obstruction]] = defaultdict(list)
    for one in found:
        causes[one.line.need_id, one.reason_code, one.unconfirmed].append(one)
    return [_card(tickets, today) for tickets in causes.values()]


def _card(tickets: Sequence[Obstruction], today: date) -> Card:
    first = max(tickets, key=lambda one: one.line.overdue_working_days)
    days = [one.answer_by for one in tickets if one.answer_by is not None and one.answer_by >= today]
    links = ((institution(one.line.institution_code), one.line.action_link) for one in tickets)
    return Card(
        row=_row(first.line),
        cause=reason_name(first.reason_code),
        institutions="、".join(dict.fromkeys(institution(one.line.institution_code) for one in tickets)),
        level=word(Level, first.level),
        numbers="、".join(one.obstruction_id for one in tickets),
        asked=CONFIRM if first.unconfirmed else _left_to_do(first),
        answer_by=table_day(min(days)) if days else "",
        action_links=tuple((name, link) for name, link in links if link),
    )


def _left_to_do(one: Obstruction) -> str:
    """Nobody is asked to take on what somebody took on."""
    asked = one.asked.rstrip("。")
    return asked.removeprefix("受理并") if one.line.acknowledged_by else asked


def _support(found: Sequence[Obstruction], today: date) -> list[tuple[str, list[str]]]:
    """Each cause with the support tools in force, once, however many tickets have it."""
    causes = dict.fromkeys(one.reason_code for one in found if not one.unconfirmed)
    return [(reason_name(code), tools) for code in causes if (tools := support_lines(code, today))]


# --- Blocks ----------------------------------------------------------------------------------------------------------


def _blocks(lines: Sequence[Line]) -> list[Block]:
    """One block for an institution, the one with the item that waits longest first; needs as a whole last, by rule."""
    ordered = sorted(_together(lines), key=lambda found: (not found[0].institution_code, -_longest(found)))
    return [_block(found) for found in ordered]


def _together(lines: Iterable[Line]) -> list[list[Line]]:
    """The lines of each institution, and of each rule that needs as a whole break; in the order in which they come."""
    found: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in lines:
        found[line.institution_code, "" if line.institution_code else matter(line.rule_id)].append(line)
    return list(found.values())


def _title(line: Line) -> str:
    return institution(line.institution_code) if line.institution_code else matter(line.rule_id)


def _block(lines: Sequence[Line]) -> Block:
    ordered = sorted(lines, key=lambda line: (-line.overdue_working_days, line.need_id))
    return Block(
        title=_title(ordered[0]),
        count=len(ordered),
        total=_total(ordered),
        rows=tuple(map(_row, ordered)),
        asked=tuple(dict.fromkeys(instruction(line.state, line.rule_id) for line in ordered)),
    )


def _row(line: Line) -> Row:
    state = case_state(line.state) if line.state else ""
    return Row(
        need_id=line.need_id,
        company=line.company,
        project=line.project,
        amount=amount(line.amount),
        detail="，".join(part for part in (state, line.what) if part),
        due=table_day(line.due_on, line.provisional),
        late=f"逾期 {line.overdue_working_days} 个工作日" if line.overdue_working_days else "",
        overdue_working_days=line.overdue_working_days,
        is_major=line.is_major,
        taken_on=line.acknowledged_by,
        link=line.link,
        action_link=line.action_link,
    )


def _counts(lines: Sequence[Line]) -> list[Count]:
    """The most items first."""
    counted = [
        Count(title=_title(found[0]), number=len(found), total=_total(found), longest=_longest(found))
        for found in _together(lines)
    ]
    return sorted(counted, key=lambda one: (-one.number, -one.longest, one.title))


def _longest(lines: Iterable[Line]) -> int:
    return max(line.overdue_working_days for line in lines)


def _total(lines: Iterable[Line]) -> str:
    """Of the needs, each once; — if no amount is known."""
    amounts = {line.need_id: line.amount for line in lines if line.amount is not None}
    return amount(sum(amounts.values(), Decimal(0))) if amounts else NOTHING


# --- What ended, and the departments ---------------------------------------------------------------------------------


def _done(one: Settled) -> Done:
    code = one.line.institution_code
    return Done(
        row=_row(one.line),
        institution=institution(code) if code else "",
        by=one.by,
        what=one.what,
        on=table_day(one.on),
    )


def _late(found: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """State → the departments in it, in the order in which the states come."""
    by_state: defaultdict[str, list[str]] = defaultdict(list)
    for code, state in found:
        by_state[state].append(departments()[code].short_name if code in departments() else region_name(code))
    return [(state, "、".join(names)) for state, names in by_state.items()]

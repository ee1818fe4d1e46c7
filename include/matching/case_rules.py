"""Rules about institutions' reports of one case (G03a, G03b, G03c, G04, G08b, G09a, G09b, G17), by suite `case_events`.

Each rule looks at the events that the fold applied, with the case's money after each of them, so that the findings
depend on the set of events alone. Findings become the grounds of an alert, one for each rule and case.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from include.alerts.stage import Grounds, sync_alerts
from include.base.act import Act
from include.domain.case import Taken
from include.domain.identifiers import normalise_text
from include.matching.folds import FoldedCase
from include.matching.frames import SCALE, Cells, Kind
from include.matching.stored_clocks import Pair
from include.reference.day import Day
from include.register.snapshots import snapshot_in_use
from include.rule_book.suites import RuleBook, suites
from include.store.database import array_of
from include.words.alerts import EVENT

SUITE = "case_events"
_ACTOR = "matching"
_MONEY = frozenset({"credit_approved", "contracted", "drawn"})
_SPENT = frozenset({"contracted", "drawn"})
_PURPOSED = _SPENT | {"post_loan"}
_CATALOGUE_CODE = 12
"""The longest code of the catalogue."""


def judge_cases(
    connection: sa.Connection,
    folded: Mapping[Pair, FoldedCase],
    revisions: Mapping[str, int],
    day: Day,
) -> None:
    """Open alerts of these cases, add to them, and close them; `revisions`: the newest pushed revision of each need."""
    looked_at = [(pair, taken) for pair, one in folded.items() for taken in one.taken if _is_looked_at(taken)]
    found: dict[tuple[str, Pair], set[str]] = defaultdict(set)
    severities: dict[str, str] = {}
    if looked_at:
        frame = _frame(looked_at, _Surroundings(connection, looked_at, revisions, day.today))
        for breach in RuleBook(day.policy).breaches(SUITE, frame):
            severities[breach.rule.rule_id] = breach.rule.severity
            for at in breach.rows:
                pair, taken = looked_at[at]
                found[breach.rule.rule_id, pair].add(f"{EVENT}{taken.event.event_id}")
    sync_alerts(
        connection,
        [
            Grounds(rule_id, *pair, severity=severities[rule_id], grounds=frozenset(grounds))
            for (rule_id, pair), grounds in found.items()
        ],
        rule_ids=sorted(one["meta"]["rule"] for one in suites()[SUITE]["expectations"]),
        complete_cases=[pair for pair, one in folded.items() if one.whole],
        act=Act.by_stage(_ACTOR, day.now),
        policy=day.policy,
    )


def _is_looked_at(taken: Taken) -> bool:
    event = taken.event
    if taken.refusal is not None:
        return taken.refusal == "G03c"
    return (
        event.type in _MONEY or event.type in _PURPOSED or event.catalogue_code is not None or event.green_label is True
    )


class _Surroundings:
    """Facts about the needs: the catalogue entry as filed, and the days on which the factory was on the register."""

    def __init__(
        self,
        connection: sa.Connection,
        looked_at: Sequence[tuple[Pair, Taken]],
        revisions: Mapping[str, int],
        today: date,
    ) -> None:
        named = {
            pair[0] for pair, taken in looked_at if taken.event.catalogue_code is not None or taken.event.green_label
        }
        self._catalogue = _catalogue_codes(connection, _pushed(named, revisions))
        snapshot = snapshot_in_use(connection, today)
        paid = {pair[0] for pair, taken in looked_at if taken.event.type in _MONEY}
        self._listed = (
            None if snapshot is None else _memberships(connection, _pushed(paid, revisions), snapshot.content_sha256)
        )

    def catalogue_code(self, need_id: str) -> str:
        """As filed in the newest pushed revision; empty if not usable."""
        return self._catalogue.get(need_id, "")

    def listed(self, need_id: str, day: date) -> bool | None:
        """Whether the factory was on the register on `day`; None without a register in use, or without a credit code."""
        if self._listed is None or need_id not in self._listed:
            return None
        return any(start <= day and (end is None or day < end) for start, end in self._listed[need_id])


_COLUMNS: Mapping[str, Kind] = {
    "approved": "number",
    "contracted": "number",
    "drawn": "number",
    "committed": "number",
    "catalogue_code": "text",
    "need_catalogue_code": "text",
    "use_of_funds": "text",
    "contract_known": "answer",
    "listed_then": "answer",
    "use_given": "answer",
    "label_grounded": "answer",
}


def _frame(looked_at: Sequence[tuple[Pair, Taken]], surroundings: _Surroundings) -> Any:
    cells = Cells(_COLUMNS)
    for row, ((need_id, _), taken) in enumerate(looked_at):
        if taken.refusal is not None:
            cells.put(row, "contract_known", False)
        else:
            _fill(cells, row, need_id, taken, surroundings)
    return cells.frame(len(looked_at))


def _fill(cells: Cells, row: int, need_id: str, taken: Taken, surroundings: _Surroundings) -> None:
    """Fill the columns of an applied event."""
    event = taken.event
    if event.type in _MONEY:
        cells.put(row, "listed_then", surroundings.listed(need_id, event.local_date))
    if event.type in _SPENT:
        approved, contracted, drawn = (
            int(amount * SCALE) for amount in (taken.approved, taken.contracted, taken.drawn)
        )
        cells.put(row, "approved", approved)
        cells.put(row, "contracted", contracted)
        cells.put(row, "drawn", drawn)
        cells.put(row, "committed", max(contracted, drawn))
    if event.type in _PURPOSED and event.use_of_funds is not None:
        cells.put(row, "use_of_funds", normalise_text(event.use_of_funds))
    if event.type == "drawn":
        cells.put(row, "contract_known", True)
        cells.put(row, "use_given", event.use_of_funds is not None)
    if event.catalogue_code is not None:
        cells.put(row, "catalogue_code", event.catalogue_code)
        cells.put(row, "need_catalogue_code", surroundings.catalogue_code(need_id))
    if event.green_label:
        has_code = event.catalogue_code is not None or surroundings.catalogue_code(need_id) != ""
        cells.put(row, "label_grounded", event.type != "declined" and has_code)


def _pushed(need_ids: Collection[str], revisions: Mapping[str, int]) -> dict[str, str]:
    """The newest pushed revisions of these needs, as the queries take them."""
    return {"need_ids": array_of(need_ids), "revisions": array_of(revisions[need_id] for need_id in need_ids)}


def _catalogue_codes(connection: sa.Connection, pushed: Mapping[str, str]) -> dict[str, str]:
    """Usable catalogue codes of the newest pushed revisions; usable by its format rule (DQ08)."""
    found = {}
    for row in connection.execute(_DOCUMENTS, pushed).all():
        project = json.loads(row.document).get("project")
        code = project.get("catalogue_code") if isinstance(project, dict) else None
        if isinstance(code, str) and _usable(code):
            found[row.need_id] = code
    return found


def _usable(code: str) -> bool:
    levels = code.split(".")
    return (
        len(code) <= _CATALOGUE_CODE
        and len(levels) == 3
        and len(levels[0]) == 1
        and all(
            level.isascii() and level.isdigit() and len(level) <= 2 and not level.startswith("0") for level in levels
        )
    )


def _memberships(
    connection: sa.Connection, pushed: Mapping[str, str], content: str
) -> dict[str, list[tuple[date, date | None]]]:
    """The spans [listed, removed) of the factory of each need with a credit code; an empty list: never listed."""
    found: dict[str, list[tuple[date, date | None]]] = {}
    for row in connection.execute(_MEMBERSHIPS, {**pushed, "content": content}).all():
        spans = found.setdefault(row.need_id, [])
        if row.listed_on is not None:
            spans.append((row.listed_on, row.removed_on))
    return found


_NEWEST_PUSHED = """
    from unnest(cast(:need_ids as text[]), cast(:revisions as int[])) pushed (need_id, revision)
    join need_version version using (need_id, revision)
"""

_DOCUMENTS = sa.text(f"select version.need_id, version.document {_NEWEST_PUSHED}")

_MEMBERSHIPS = sa.text(
    f"""
    select version.need_id, factory.listed_on, factory.removed_on {_NEWEST_PUSHED}
    left join listed_factory factory on factory.content_sha256 = :content and factory.uscc = version.uscc
    where version.uscc is not null
    """
)

"""Batch rules (B01-B10, G15): findings about a department's quarter as a whole, by the suite `batch`.

One row for each department, one for the manifest as a whole; a value is missing if its rule is not evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.domain.quarter import Quarter
from include.domain.states import IntakeKind
from include.gate.department_stop import judged_and_returned
from include.intake.conservation import DepartmentAccount, accounts, agrees_with_manifest, stated_and_read
from include.reference import departments
from include.reference.day import Day
from include.rule_book.batch import SUITE, batch_frame
from include.rule_book.suites import RuleBook
from include.store.tables import batch_finding

if TYPE_CHECKING:
    from include.platforms.green_platform import Manifest

WHOLE_BATCH = ""
"""Instead of a department's code: the batch as a whole."""

_ROUND = 1000 * 10_000
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class BatchFinding:
    """A rule that a department's quarter breaks; `department_code` is empty for the batch as a whole."""

    department_code: str
    rule_id: str
    field: str
    severity: str


def judge_batch(connection: sa.Connection, intake_id: int, day: Day) -> list[BatchFinding]:
    """Judge the departments of an intake and store the findings; repeated, it stores each finding once."""
    header = connection.execute(
        sa.text("select quarter, departments, kind from intake where intake_id = :intake_id"), {"intake_id": intake_id}
    ).one()
    if not IntakeKind(header.kind).reads_whole:
        return []
    found: list[BatchFinding] = []
    measured = _measured(connection, intake_id, header.quarter, day)
    for rules_in_force, codes in day.policy.by_department(header.departments):
        found += _broken(RuleBook(rules_in_force), {code: measured[code] for code in codes})
    _store(connection, intake_id, found, day.now)
    return found


def judge_manifest(
    connection: sa.Connection, intake_id: int, manifest: Manifest, quarter: str, day: Day
) -> list[BatchFinding]:
    """Judge the structure of a manifest (B09) and store the findings, those of an unusable row under its department."""
    codes = [row.department_code for row in manifest.departments]
    faults = (manifest.quarter != quarter) + len(set(codes) - set(departments())) + len(codes) - len(set(codes))
    named = {piece.known_as for piece in manifest.set_aside} & set(departments())
    faults += sum(piece.known_as not in named for piece in manifest.set_aside)
    rows = {WHOLE_BATCH: {"manifest_faults": faults}} | {code: {"manifest_faults": 1} for code in sorted(named)}
    found = _broken(RuleBook(day.policy), rows)
    _store(connection, intake_id, found, day.now)
    return found


def _broken(book: RuleBook, rows: Mapping[str, Mapping[str, int | None]]) -> list[BatchFinding]:
    codes = list(rows)
    return [
        BatchFinding(codes[at], breach.rule.rule_id, breach.rule.field, breach.rule.severity)
        for breach in book.breaches(SUITE, batch_frame(list(rows.values())))
        for at in breach.rows
    ]


def _store(connection: sa.Connection, intake_id: int, found: Sequence[BatchFinding], now: datetime) -> None:
    if found:
        rows = [
            {
                "intake_id": intake_id,
                "department_code": one.department_code,
                "rule_id": one.rule_id,
                "field": one.field,
                "severity": one.severity,
                "found_at": now,
            }
            for one in found
        ]
        connection.execute(insert(batch_finding).on_conflict_do_nothing(), rows)


# --- What is measured -------------------------------------------------------------------------------------------------

# The newest revision of each need that this intake listed.
_LISTED_NEEDS = sa.text(
    """
    with listed as (
        select item.department_code, item.need_id, max(item.revision) as revision
        from intake_item item where item.intake_id = :intake_id and item.need_id is not null and item.revision is not null
        group by item.department_code, item.need_id
    )
    select listed.department_code, count(*) as versions,
           count(*) filter (where version.financing_need > 0) as usable_needs,
           coalesce(sum(version.financing_need), 0) as financing_need,
           count(*) filter (where coalesce(known.saving, known.carbon) is not null) as benefits,
           count(*) filter (
               where coalesce(known.saving, known.carbon) is not null
                 and coalesce(known.saving, 0) % :round = 0 and coalesce(known.carbon, 0) % :round = 0
           ) as round_benefits
    from listed
    join need_version version using (need_id, revision)
    left join need_fingerprint known using (need_id, revision)
    group by listed.department_code
    """
)

_MANIFEST = sa.text("select * from manifest_entry where intake_id = :intake_id")
_UNUSABLE_ROWS = sa.text("select known_as from set_aside where source = :source and resolved_at is null")
_INTAKES_BEFORE = sa.text(
    "select intake_id from intake where quarter = :quarter and kind in ('quarterly', 'late') and not dry_run order by intake_id"
)


def _measured(connection: sa.Connection, intake_id: int, quarter: str, day: Day) -> dict[str, dict[str, int | None]]:
    asked = {"intake_id": intake_id, "round": _ROUND}
    parsed = Quarter.parse(quarter)
    deadline = day.calendar.deadline(parsed, day.policy.flag("cutoff_inclusive"))
    manifest = {row.department_code: row for row in connection.execute(_MANIFEST, asked)}
    listed = {row.department_code: row for row in connection.execute(_LISTED_NEEDS, asked)}
    totals = stated_and_read(connection, intake_id)
    accounted = {account.department_code: account for account in accounts(connection, intake_id)}
    before = _needs_before(connection, parsed)
    # What was returned early in the quarter is no longer listed at its end.
    judged = judged_and_returned(connection, quarter, list(totals))
    unusable = set(connection.execute(_UNUSABLE_ROWS, {"source": f"manifest/{quarter}"}).scalars())
    rows: dict[str, dict[str, int | None]] = {}
    for code in {**departments(), **dict.fromkeys(totals)}:
        row: dict[str, int | None] = {"needs_before": before.get(code)}
        # A department with an unusable row (B09) has reported.
        if day.now >= deadline and code not in unusable:
            row["manifest_rows"] = int(code in manifest)
        if code in totals:
            stated, read = totals[code]
            row["unread"] = stated - read
        if code in accounted:
            row |= _of_account(accounted[code], manifest.get(code), listed.get(code))
            row["judged"], row["returned"] = judged.get(code, (0, 0))
        if code in manifest:
            row["reported_seconds_late"] = (manifest[code].reported_at - deadline) // timedelta(seconds=1)
        rows[code] = row
    return rows


def _of_account(
    account: DepartmentAccount, manifest: sa.Row[Any] | None, listed: sa.Row[Any] | None
) -> dict[str, int | None]:
    needs = account.listed - account.superseded - account.unreadable
    row: dict[str, int | None] = {
        "needs": needs,
        "unaccounted": account.unaccounted,
        "benefits": listed.benefits if listed else 0,
        "round_benefits": listed.round_benefits if listed else 0,
    }
    if manifest is None:
        return row
    agrees = agrees_with_manifest((needs, account.unreadable), manifest.recommended)
    row["count_difference"] = 0 if agrees else max(1, abs(needs - manifest.recommended))
    if agrees and (listed.usable_needs if listed else 0) == needs and not account.unreadable:
        total = listed.financing_need if listed else Decimal(0)
        row["need_difference"] = int((total - manifest.financing_need) / _CENT)
    says_nothing = manifest.recommended == 0
    contradicts = (
        not says_nothing or manifest.financing_need != 0 or needs > 0 if manifest.zero_return else says_nothing
    )
    row["zero_return_contradictions"] = int(contradicts)
    return row


def _needs_before(connection: sa.Connection, quarter: Quarter) -> dict[str, int]:
    """Needs of each department in the quarter before, as counted by the newest intake that read the department."""
    intakes = connection.execute(_INTAKES_BEFORE, {"quarter": str(quarter.previous())}).scalars().all()
    return {
        account.department_code: account.listed - account.superseded - account.unreadable
        for intake_id in intakes
        for account in accounts(connection, intake_id)
    }

"""Dry runs (试运行): their verdicts, stored apart from real ones; the newest run of each department's quarter, for its page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from include.gate.engine.judge import Finding
from include.gate.records import JudgedRecord
from include.gate.results import DepartmentCounts, DepartmentResults, ReviewedNeed, rule_counts, to_look_at
from include.store.database import copy_rows
from include.store.tables import dry_run_judgement
from include.words.shown import shown

_encode = msgspec.json.encode
_read_findings = msgspec.json.Decoder(list[Finding]).decode


def forget(connection: sa.Connection, quarter: str, department_codes: Sequence[str]) -> None:
    """Delete the verdicts of these departments' earlier dry run."""
    connection.execute(
        sa.delete(dry_run_judgement).where(
            (dry_run_judgement.c.quarter == quarter) & dry_run_judgement.c.department_code.in_(department_codes)
        )
    )


def store(
    connection: sa.Connection, quarter: str, judged: Sequence[JudgedRecord], *, version: str, now: datetime
) -> None:
    """Store the verdicts of a dry run."""
    copy_rows(
        connection,
        "dry_run_judgement",
        (
            *("quarter", "department_code", "ordinal", "need_id", "revision"),
            *("verdict", "findings", "ruleset_version", "judged_at"),
        ),
        (
            (
                *(quarter, one.department_code, one.ordinal, one.need_id, one.revision),
                *(one.verdict.verdict, _encode(one.verdict.findings).decode(), version, now),
            )
            for one in judged
        ),
    )


def dry_run_results(connection: sa.Connection, quarter: str, department_code: str) -> DepartmentResults | None:
    """The results of the newest dry run of a department's quarter; None if there was none."""
    judged = _newest(connection, quarter, department_code)
    if not judged:
        return None
    needs = [
        ReviewedNeed(
            need_id=row.need_id,
            revision=row.revision,
            position=position,
            enterprise=shown("enterprise.name", row.enterprise_name, row.uscc, "public"),
            project=shown("project.name", row.project_name, row.uscc, "public"),
            verdict=row.verdict,
            outcome=row.verdict,
            hold=None,
            findings=findings,
        )
        for position, (row, findings) in enumerate(judged, start=1)
    ]
    newest, _ = judged[0]
    return DepartmentResults(
        quarter=quarter,
        department_code=department_code,
        counts=Counter(need.outcome for need in needs),
        judged_at=newest.judged_at,
        ruleset_version=newest.ruleset_version,
        needs=to_look_at(needs),
        rules=rule_counts(needs),
    )


def dry_run_counts(connection: sa.Connection, quarter: str) -> Sequence[DepartmentCounts]:
    """The counts of each department that has a dry run of the quarter."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    decided: dict[str, datetime] = {}
    for row in connection.execute(_COUNTS, {"quarter": quarter}):
        counts[row.department_code][row.verdict] = row.records
        decided[row.department_code] = row.judged_at
    return [
        DepartmentCounts(department_code=code, counts=counts[code], decided_at=decided[code], batch=())
        for code in counts
    ]


_NEWEST = sa.text(
    """
    select judged.*, version.enterprise_name, version.project_name, version.uscc
    from dry_run_judgement judged left join need_version version using (need_id, revision)
    where judged.quarter = :quarter and judged.department_code = :department_code
    order by judged.ordinal
    """
)


def _newest(connection: sa.Connection, quarter: str, department_code: str) -> list[tuple[sa.Row[Any], list[Finding]]]:
    """Its verdicts, with the names of enterprise and project, and the findings."""
    rows = connection.execute(_NEWEST, {"quarter": quarter, "department_code": department_code})
    return [(row, _read_findings(row.findings)) for row in rows]


_COUNTS = sa.text(
    """
    select department_code, verdict, count(*) as records, max(judged_at) as judged_at
    from dry_run_judgement where quarter = :quarter group by department_code, verdict order by department_code, verdict
    """
)

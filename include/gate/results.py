"""The gate's results of a quarter, read from the database for people: counts, rules that fired, needs to look at.

Of all fields only the names of enterprise and project are read, masked as for the public.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.gate.engine.judge import Finding
from include.words.shown import shown

OUTCOMES = ("passed", "returned", "held", "superseded", "unreadable", "unjudged")
_ORDER = {"block": 0, "hold": 1, "warn": 2}
_STEP = re.compile(r"[.\[]")


@dataclass(frozen=True, slots=True)
class Amended:
    """A field that a revision changed: 新增, 删除, 修改, or 变更 if its values are not shown."""

    field: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedNeed:
    """A judged record. `verdict` is the gate's, `outcome` includes a person's decision on a hold.

    `need_id` and `revision` are None if unusable (DQ01); `position` is the record's place in the listing.
    """

    need_id: str | None
    revision: int | None
    position: int
    enterprise: str
    project: str
    verdict: str
    outcome: str
    hold: str | None
    findings: Sequence[Finding]
    amended_since: int | None = None
    amendments: Sequence[Amended] = ()


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How often a rule fired: needs and findings."""

    rule_id: str
    severity: str
    needs: int
    findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentResults:
    """The results of a department's quarter. `counts`: outcome → records; `listed` is their sum.

    `needs`: those that did not pass without any finding. `batch`: findings of the department's batch, worst first.
    `judged_at` and `ruleset_version`: of the newest verdict, None if there is none.
    """

    quarter: str
    department_code: str
    counts: Mapping[str, int]
    judged_at: datetime | None
    ruleset_version: str | None
    needs: Sequence[ReviewedNeed]
    rules: Sequence[RuleCount]
    batch: Sequence[Finding] = field(default=())

    @property
    def listed(self) -> int:
        """All records."""
        return sum(self.counts.values())

    @property
    def judged(self) -> int:
        """Records with a verdict in force."""
        return sum(self.counts[name] for name in ("passed", "returned", "held"))


# Every record listed for the quarter, once however often it was listed; dry runs do not count.
_RECORDS = """
    with listed as (
        select intake_item.*,
               case when readable then 1
                    else row_number() over (partition by intake_id, department_code, raw_sha256) end as copy
        from intake_item join intake using (intake_id)
        where intake.quarter = :quarter and not intake.dry_run
          and (:department_code = '' or intake_item.department_code = :department_code)
    ), record as (
        select distinct on (department_code, coalesce(item_hash, raw_sha256), copy) *
        from listed order by department_code, coalesce(item_hash, raw_sha256), copy, intake_id desc, ordinal
    ), outcome as (
        select record.department_code, record.need_id, record.revision, record.item_hash, record.ordinal,
               decided.decided_at,
               case when not record.readable then 'unreadable'
                    when record.revision < newest.revision then 'superseded'
                    else coalesce(decided.verdict, 'unjudged') end as outcome,
               first.item_hash is not null as other_content
        from record
        left join newest_need newest using (need_id)
        left join need_version stored on stored.need_id = record.need_id and stored.revision = record.revision
        left join record first on first.department_code = record.department_code
            and first.item_hash = stored.item_hash and record.item_hash <> stored.item_hash
        left join effective_outcome decided on decided.payload_sha256 = record.item_hash
    )
"""

# A revision listed with two contents (DQ43) is one record, with the outcome of the content stored first.
_COUNTS = sa.text(
    f"""
    {_RECORDS}
    select department_code, outcome, count(*) as records, max(decided_at) as decided_at
    from outcome where not other_content group by department_code, outcome
    """
)

_JUDGED = sa.text(
    f"""
    {_RECORDS}, judged as (
        select distinct on (payload_sha256) payload_sha256, judgement_id, verdict, judged_at, ruleset_version
        from judgement where payload_sha256 in (select item_hash from outcome)
        order by payload_sha256, judgement_id desc
    ), hold as (
        select distinct on (own.payload_sha256) own.payload_sha256, quarantine_id, state
        from quarantine join judgement own using (judgement_id)
        where own.payload_sha256 in (select item_hash from outcome)
        order by own.payload_sha256, quarantine_id desc
    )
    select outcome.*, judged.judgement_id, judged.verdict, judged.judged_at, judged.ruleset_version,
           hold.quarantine_id, hold.state as hold,
           version.enterprise_name, version.project_name, version.uscc
    from outcome
    join judged on judged.payload_sha256 = outcome.item_hash
    left join hold on hold.payload_sha256 = outcome.item_hash
    left join need_version version using (need_id, revision)
    where outcome.outcome in ('passed', 'returned', 'held')
    order by outcome.need_id nulls last, outcome.revision, outcome.ordinal
    """
)

# A department read with no needs is listed; one never read is not.
_READ = sa.text(
    """
    select distinct department_code from listing join intake using (intake_id)
    where intake.quarter = :quarter and not intake.dry_run
      and (:department_code = '' or listing.department_code = :department_code)
    """
)

_FINDINGS = sa.text(
    """
    select judgement_id, rule_id, field, severity from finding where judgement_id = any(:judgement_ids)
    """
)

# A hold opened by late history has findings that the verdict did not have.
_HOLD_FINDINGS = sa.text(
    """
    select quarantine_id, rule_id, field from quarantine_finding where quarantine_id = any(:quarantine_ids)
    """
)

_AMENDMENTS = sa.text(
    """
    select amendment.need_id, amendment.revision, previous_revision, field, personal,
           case when personal then '变更' when before is null then '新增' when after is null then '删除' else '修改' end
               as change
    from unnest(cast(:need_ids as text[]), cast(:revisions as int[])) wanted (need_id, revision)
    join amendment using (need_id, revision)
    order by amendment.need_id, amendment.revision, field
    """
)

_BATCH = sa.text(
    """
    select department_code, rule_id, field, severity from newest_batch_finding where quarter = :quarter
    """
)

NAMES = sa.text(
    """
    select need_id, revision, enterprise_name, project_name, uscc
    from unnest(cast(:need_ids as text[]), cast(:revisions as int[])) wanted (need_id, revision)
    join need_version using (need_id, revision)
    """
)


def department_results(connection: sa.Connection, quarter: str, department_code: str) -> DepartmentResults:
    """The present results of one department's quarter."""
    where = {"quarter": quarter, "department_code": department_code}
    rows = connection.execute(_JUDGED, where).fetchall()
    findings = _findings(connection, rows)
    counts = _counts(connection, where).get(department_code, Counter())
    amendments = _amendments(connection, rows)
    needs = [
        ReviewedNeed(
            need_id=row.need_id,
            revision=row.revision,
            position=row.ordinal + 1,
            enterprise=shown("enterprise.name", row.enterprise_name, row.uscc, "public"),
            project=shown("project.name", row.project_name, row.uscc, "public"),
            verdict=row.verdict,
            outcome=row.outcome,
            hold=row.hold,
            findings=findings[row.judgement_id],
            **amendments.get((row.need_id, row.revision), {}),
        )
        for row in rows
    ]
    newest = max(rows, key=lambda row: row.judgement_id, default=None)
    return DepartmentResults(
        **where,
        counts=counts,
        judged_at=newest.judged_at if newest else None,
        ruleset_version=newest.ruleset_version if newest else None,
        needs=to_look_at(needs),
        rules=rule_counts(needs),
        batch=_batch(connection, quarter).get(department_code, []),
    )


def without_hold_reasons(results: DepartmentResults) -> DepartmentResults:
    """The same results for readers who may know that a need is held, but not why (handbook, section 4)."""
    needs = [
        replace(need, findings=tuple(finding for finding in need.findings if finding.severity != "hold"))
        for need in results.needs
    ]
    return replace(
        results,
        needs=to_look_at(needs),
        rules=[rule for rule in results.rules if rule.severity != "hold"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentCounts:
    """A line of the overview: outcome → records of a department, the newest verdict's moment, findings of its batch."""

    department_code: str
    counts: Mapping[str, int]
    decided_at: datetime | None
    batch: Sequence[Finding]


def quarter_results(connection: sa.Connection, quarter: str) -> tuple[Sequence[DepartmentCounts], Sequence[Finding]]:
    """The counts of each department listed in the quarter, and the findings of the batch as a whole."""
    batch = _batch(connection, quarter)
    rows = connection.execute(_COUNTS, {"quarter": quarter, "department_code": ""}).fetchall()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    decided: dict[str, datetime] = {}
    for row in rows:
        counts[row.department_code][row.outcome] = row.records
        if row.decided_at is not None:
            decided[row.department_code] = max(row.decided_at, decided.get(row.department_code, row.decided_at))
    read = connection.execute(_READ, {"quarter": quarter, "department_code": ""}).scalars().all()
    found = [
        DepartmentCounts(
            department_code=code,
            counts=counts.get(code, Counter()),
            decided_at=decided.get(code),
            batch=batch.get(code, []),
        )
        for code in sorted({*counts, *batch, *read} - {""})
    ]
    return found, batch.get("", [])


def was_read(connection: sa.Connection, quarter: str, department_code: str) -> bool:
    """Whether an intake read the department's listing of the quarter, even an empty one."""
    return connection.execute(_READ, {"quarter": quarter, "department_code": department_code}).first() is not None


def quarter_counts(connection: sa.Connection, quarter: str) -> Counter[str]:
    """The records of a quarter by outcome, over all departments."""
    counts = _counts(connection, {"quarter": quarter, "department_code": ""})
    return sum(counts.values(), Counter())


def rule_counts(needs: Sequence[ReviewedNeed]) -> list[RuleCount]:
    """How often each rule fired on these needs: by severity, then by number of needs, most first."""
    needs_with: Counter[tuple[str, str]] = Counter()
    findings: Counter[tuple[str, str]] = Counter()
    for need in needs:
        fired = [(finding.rule_id, finding.severity) for finding in need.findings]
        needs_with.update(set(fired))
        findings.update(fired)
    found = [RuleCount(*key, needs=needs_with[key], findings=findings[key]) for key in findings]
    return sorted(found, key=lambda one: (_ORDER[one.severity], -one.needs, one.rule_id))


def _counts(connection: sa.Connection, where: Mapping[str, str]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in connection.execute(_COUNTS, where):
        found[row.department_code][row.outcome] = row.records
    return found


def _findings(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> Mapping[int, Sequence[Finding]]:
    """Findings by judgement, its hold's included; in the order of a verdict."""
    found: dict[int, set[Finding]] = defaultdict(set)
    for row in connection.execute(_FINDINGS, {"judgement_ids": [row.judgement_id for row in rows]}):
        found[row.judgement_id].add(Finding(row.rule_id, row.field, row.severity))
    holds = {row.quarantine_id: row.judgement_id for row in rows if row.quarantine_id is not None}
    for row in connection.execute(_HOLD_FINDINGS, {"quarantine_ids": list(holds)}):
        found[holds[row.quarantine_id]].add(Finding(row.rule_id, row.field, "hold"))
    return defaultdict(tuple, {judgement_id: in_order(findings) for judgement_id, findings in found.items()})


def _amendments(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> dict[tuple[str, int], dict[str, Any]]:
    again = [row for row in rows if row.revision is not None and row.revision > 1]
    asked = {"need_ids": [row.need_id for row in again], "revisions": [row.revision for row in again]}
    found: dict[tuple[str, int], dict[str, Any]] = {}
    told: set[tuple[str, int, str]] = set()
    for row in connection.execute(_AMENDMENTS, asked):
        of_need = found.setdefault(
            (row.need_id, row.revision), {"amended_since": row.previous_revision, "amendments": []}
        )
        # Show only the outermost addition.
        if not any((row.need_id, row.revision, holder) in told for holder in _holders(row.field)):
            told.add((row.need_id, row.revision, row.field))
            of_need["amendments"].append(Amended(row.field, row.change))
    return found


def _holders(field: str) -> Iterator[str]:
    """The objects and lists that contain a field, by path: `a` and `a[0]` of `a[0].b`."""
    return (field[: at.start()] for at in _STEP.finditer(field))


def _batch(connection: sa.Connection, quarter: str) -> dict[str, Sequence[Finding]]:
    found: dict[str, list[Finding]] = defaultdict(list)
    for row in connection.execute(_BATCH, {"quarter": quarter}):
        found[row.department_code].append(Finding(row.rule_id, row.field, row.severity))
    return {department_code: in_order(findings) for department_code, findings in found.items()}


def to_look_at(needs: Sequence[ReviewedNeed]) -> list[ReviewedNeed]:
    """Needs that did not pass without any finding: returned ones, then held ones."""
    order = {"returned": 0, "held": 1, "passed": 2}
    found = [need for need in needs if need.findings or need.outcome != "passed"]
    return sorted(
        found, key=lambda need: (order[need.outcome], need.need_id is None, need.need_id or "", need.position)
    )


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in the order of a verdict: blocks, then holds, then warnings, each by rule and field."""
    return tuple(sorted(findings, key=lambda one: (_ORDER[one.severity], one.rule_id, one.field)))

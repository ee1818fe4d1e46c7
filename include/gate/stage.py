"""The gate as a stage: what an intake brought is judged, and each verdict leaves with its consequence.

Passed needs are queued for the credit-market platform, returned ones go back with every reason at once, held ones wait for
a person. Verdict, findings and outbox rows are one transaction; a need judged before is not judged again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.domain.calendar import SHANGHAI, WorkingCalendar
from include.gate import breaker, late_history, pages
from include.gate.consequences import (
    Return,
    Revision,
    hold_decide_by,
    queue_pushes,
    queue_returns,
    return_respond_by,
)
from include.gate.history import load_history
from include.gate.judge import Surroundings, Verdict, fingerprints, judge, ruleset_version
from include.gate.opening import open_holds
from include.gate.records import stored_record
from include.gate.register import codes_of, load_register
from include.privacy import PersonalDataCipher
from include.reference import Policy
from include.store.database import copy_rows
from include.store.tables import intake


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSummary:
    """How many records of a department were judged now, by verdict; `stopped`: what passed waits for a person (B08)."""

    department_code: str
    judged: int
    passed: int
    held: int
    returned: int
    queued: int
    stopped: bool


@dataclass(frozen=True, slots=True)
class _Candidate:
    item_hash: str
    need_id: str | None
    revision: int | None
    record: dict[str, Any]


# Only the newest revision of a need is judged, once for ever under whatever rule set; withdrawn needs no longer matter.
_CANDIDATES = sa.text(
    """
    select distinct on (item.item_hash) item.item_hash, item.need_id, item.revision, raw.ciphertext
    from intake_item item
    join raw_payload raw using (raw_sha256)
    left join lateral (
        select max(revision) as newest from need_version where need_version.need_id = item.need_id
    ) version on true
    where item.intake_id = :intake_id and item.department_code = :department_code and item.readable
      and (item.revision is null or version.newest is null or item.revision >= version.newest)
      and not exists (select from judgement where judgement.payload_sha256 = item.item_hash)
    order by item.item_hash, item.ordinal
    """
)


_WITHOUT_FINGERPRINT = sa.text(
    """
    select version.need_id, version.revision, version.intake_id, raw.ciphertext
    from need_version version
    join raw_payload raw using (raw_sha256)
    where not exists (
        select from need_fingerprint known
        where known.need_id = version.need_id and known.revision = version.revision
    ) and octet_length(raw.ciphertext) > 0
    order by version.need_id, version.revision
    """
)
_CHUNK = 5_000

# A task that was cleared and run by itself may have read what the step between reading and judging did not see.
_LACKS_FINGERPRINTS = sa.text(
    """
    select exists (
        select from intake_item item join need_version version using (need_id, revision)
        where item.intake_id = :intake_id and item.department_code = :department_code and not exists (
            select from need_fingerprint known
            where known.need_id = version.need_id and known.revision = version.revision
        )
    )
    """
)


def fingerprint_needs(engine: sa.Engine, cipher: PersonalDataCipher, *, now: datetime, policy: Policy) -> int:
    """Note what each stored need is compared by; before any is judged, so that all see all. Returns how many were new."""
    with engine.begin() as connection:
        connection.execute(sa.text("select pg_advisory_xact_lock(hashtext('fingerprints'))"))
        waiting = connection.execute(_WITHOUT_FINGERPRINT).fetchall()
        for start in range(0, len(waiting), _CHUNK):
            chunk = waiting[start : start + _CHUNK]
            records = [stored_record(cipher, row.ciphertext) for row in chunk]
            found = fingerprints(records, checked_at=now, policy=policy, keyed_hash=cipher.fingerprint)
            copy_rows(
                connection,
                "need_fingerprint",
                ("need_id", "revision", "intake_id", "quarter", *_COMPARED, "reports"),
                (
                    (
                        row.need_id,
                        row.revision,
                        row.intake_id,
                        one.quarter,
                        *(getattr(one, name) for name in _COMPARED),
                        list(one.reports),
                    )
                    for row, one in zip(chunk, found, strict=True)
                ),
            )
    return len(waiting)


_COMPARED = (
    "submitted",
    "uscc",
    "project_code",
    "project_name",
    "content",
    "benefit",
    "mobile",
    "saving",
    "carbon",
)


def judge_department(
    engine: sa.Engine,
    cipher: PersonalDataCipher,
    *,
    intake_id: int,
    department_code: str,
    now: datetime,
    policy: Policy,
    calendar: WorkingCalendar,
    reports_dir: Path | None = None,
) -> GateSummary:
    """Judge what this intake read for one department and queue the consequences.

    A dry run only counts and, where a folder for reports is given, writes its validation page there.
    """
    where = {"intake_id": intake_id, "department_code": department_code}
    policy_in_general, policy = policy, policy.of_department(department_code)
    respond_by = return_respond_by(now, policy, calendar)
    with engine.connect() as connection:
        lacks_fingerprints = connection.execute(_LACKS_FINGERPRINTS, where).scalar_one()
    if lacks_fingerprints:
        fingerprint_needs(engine, cipher, now=now, policy=policy_in_general)
    with engine.begin() as connection:
        connection.execute(
            sa.text("select pg_advisory_xact_lock(hashtext(:department))"), {"department": f"gate:{department_code}"}
        )
        header = connection.execute(sa.select(intake).where(intake.c.intake_id == intake_id)).one()
        candidates = [
            _Candidate(row.item_hash, row.need_id, row.revision, stored_record(cipher, row.ciphertext))
            for row in connection.execute(_CANDIDATES, where)
        ]
        surroundings = _surroundings(connection, cipher, candidates, header, now, policy)
        verdicts = judge(
            [candidate.record for candidate in candidates], checked_at=now, policy=policy, surroundings=surroundings
        )
        judged = list(zip(candidates, verdicts, strict=True))
        count = Counter(verdict.verdict for verdict in verdicts)
        queued = 0
        stopped = header.dry_run and breaker.too_many_returned(
            judged=len(judged), returned=count["returned"], policy=policy
        )
        version = ruleset_version(policy)
        if header.dry_run and reports_dir is not None:
            pages.preview(
                connection,
                quarter=header.quarter,
                department_code=department_code,
                judged=[(one.need_id, one.revision, verdict) for one, verdict in judged],
                ruleset_version=version,
                now=now,
                reports_dir=reports_dir,
            )
        if judged and not header.dry_run:
            _store(connection, judged, header, department_code, version, surroundings.register.content_sha256, now)
            stopped = breaker.check(
                connection,
                quarter=header.quarter,
                department_code=department_code,
                intake_id=intake_id,
                now=now,
                policy=policy,
            )
            queued = _queue_consequences(connection, judged, header.quarter, department_code, version, respond_by, now)
            open_holds(
                connection,
                quarter=header.quarter,
                department_code=department_code,
                now=now,
                decide_by=hold_decide_by(now, policy, calendar),
                policy=policy,
            )
            late_history.judge_again(
                connection,
                cipher,
                surroundings.register,
                _addressed(candidates),
                intake_id=intake_id,
                department_code=department_code,
                now=now,
                policy=policy_in_general,
                calendar=calendar,
            )
    return GateSummary(
        department_code=department_code,
        judged=len(judged),
        passed=count["passed"],
        held=count["held"],
        returned=count["returned"],
        queued=queued,
        stopped=stopped,
    )


def _addressed(candidates: Sequence[_Candidate]) -> list[Revision]:
    """The candidates that can be addressed."""
    return [(one.need_id, one.revision) for one in candidates if one.need_id is not None and one.revision is not None]


def _surroundings(
    connection: sa.Connection,
    cipher: PersonalDataCipher,
    candidates: Sequence[_Candidate],
    header: sa.Row[Any],
    now: datetime,
    policy: Policy,
) -> Surroundings:
    return Surroundings(
        register=load_register(
            connection,
            codes_of(candidate.record for candidate in candidates),
            today=now.astimezone(SHANGHAI).date(),
            policy=policy,
        ),
        history=load_history(
            connection, _addressed(candidates), intake_id=header.intake_id, started_at=header.started_at, policy=policy
        ),
        keyed_hash=cipher.fingerprint,
    )


def _store(
    connection: sa.Connection,
    judged: Sequence[tuple[_Candidate, Verdict]],
    header: sa.Row[Any],
    department_code: str,
    version: str,
    register_sha256: str,
    now: datetime,
) -> None:
    ids: dict[str, int] = dict(
        connection.execute(
            _STORE_VERDICTS,
            {
                "intake_id": header.intake_id,
                "need_ids": [candidate.need_id for candidate, _ in judged],
                "revisions": [candidate.revision for candidate, _ in judged],
                "quarter": header.quarter,
                "department_code": department_code,
                "verdicts": [verdict.verdict for _, verdict in judged],
                "version": version,
                "payloads": [candidate.item_hash for candidate, _ in judged],
                "register": register_sha256,
                "now": now,
            },
        )
        .tuples()
        .all()
    )
    copy_rows(
        connection,
        "finding",
        ("judgement_id", "rule_id", "field", "need_id", "revision", "severity"),
        (
            (
                ids[candidate.item_hash],
                finding.rule_id,
                finding.field,
                candidate.need_id,
                candidate.revision,
                finding.severity,
            )
            for candidate, verdict in judged
            for finding in verdict.findings
        ),
    )


_STORE_VERDICTS = sa.text(
    """
    insert into judgement (intake_id, need_id, revision, quarter, department_code, verdict, ruleset_version,
                           payload_sha256, register_sha256, judged_at)
    select :intake_id, need_id, revision, :quarter, :department_code, verdict, :version, payload, :register, :now
    from unnest(
        cast(:need_ids as text[]), cast(:revisions as integer[]), cast(:verdicts as text[]), cast(:payloads as text[])
    ) with ordinality as judged (need_id, revision, verdict, payload, place)
    order by place
    returning payload_sha256, judgement_id
    """
)


def _queue_consequences(
    connection: sa.Connection,
    judged: Sequence[tuple[_Candidate, Verdict]],
    quarter: str,
    department_code: str,
    version: str,
    respond_by: date,
    now: datetime,
) -> int:
    passed: list[Revision] = []
    returned: list[Return] = []
    for candidate, verdict in judged:
        if candidate.need_id is None or candidate.revision is None:
            continue
        if verdict.verdict == "passed":
            passed.append((candidate.need_id, candidate.revision))
        elif verdict.verdict == "returned":
            blocks = [finding for finding in verdict.findings if finding.severity == "block"]
            returned.append(Return(candidate.need_id, candidate.revision, quarter, department_code, blocks))
    return queue_pushes(connection, passed, now) + queue_returns(
        connection, returned, version=version, respond_by=respond_by, now=now
    )

"""The gate as a stage: what an intake brought is judged, and each verdict leaves with its consequence.

Passed needs are queued for the credit-market platform, returned ones go back with every reason at once, held ones wait for
a person. Verdict, findings and outbox rows are one transaction; a need judged before is not judged again.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.base.privacy import PersonalDataCipher
from include.domain.calendar import WorkingCalendar
from include.gate import department_stop, late_history
from include.gate import view as pages
from include.gate.consequences import (
    Return,
    Revision,
    hold_decide_by,
    queue_pushes,
    queue_returns,
    return_respond_by,
)
from include.gate.engine.gc_pause import collecting_by_hand
from include.gate.engine.history import load_history
from include.gate.engine.judge import Surroundings, Verdict, fingerprints, judge, ruleset_version
from include.gate.records import compared_parts, stored_record
from include.quarantine.opening import open_holds
from include.reference import Policy
from include.register.in_use import codes_of, load_register
from include.store.database import array_of, copy_rows, fetch_rows
from include.store.locks import Lock, hold
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
class _Judged:
    need_id: str | None
    revision: int | None
    verdict: Verdict


# Only the newest revision of a need is judged, once for ever under whatever rule set. Reading dropped equal items already.
_CANDIDATES = sa.text(
    """
    select item.ordinal, item.item_hash, item.need_id, item.revision, raw.raw_sha256, raw.ciphertext
    from intake_item item join raw_payload raw using (raw_sha256)
    where item.intake_id = :intake_id and item.department_code = :department_code and item.readable
      and not exists (
          select from need_version higher where higher.need_id = item.need_id and higher.revision > item.revision
      )
      and not exists (select from judgement where judgement.payload_sha256 = item.item_hash)
      and item.ordinal > :after
    order by item.ordinal limit :size
    """
)

_WITHOUT_FINGERPRINT = sa.text(
    """
    select version.need_id, version.revision, version.intake_id, raw.raw_sha256, raw.ciphertext
    from need_version version
    join raw_payload raw using (raw_sha256)
    where not exists (
        select from need_fingerprint known
        where known.need_id = version.need_id and known.revision = version.revision
    ) and octet_length(raw.ciphertext) > 0 and (version.need_id, version.revision) > (:need_id, :revision)
    order by version.need_id, version.revision limit :size
    """
)

# A task that was cleared and run by itself may have read what the step between reading and judging did not see.
_LACKS_FINGERPRINTS = sa.text(
    """
    select exists (
        select from intake_item item
        where item.intake_id = :intake_id and item.department_code = :department_code
          and item.need_id is not null and item.revision is not null and not exists (
              select from need_fingerprint known
              where known.need_id = item.need_id and known.revision = item.revision
          )
    )
    """
)

_CHUNK = 20_000
"""How many needs are in memory at once."""
_MANY = 1_000
"""From how many new needs on PostgreSQL must look at them before it plans how to compare them, and not only by and by."""


def fingerprint_needs(engine: sa.Engine, cipher: PersonalDataCipher, *, now: datetime, policy: Policy) -> int:
    """Note what each stored need is compared by; before any is judged, so that all see all. Returns how many were new.

    Each once for ever: a verdict rests on the fingerprints that it saw, and must come out the same when it is given again. A
    rule set with other format rules compares what is read under it by them; what was usable before stays so.
    """
    count = 0
    after: dict[str, Any] = {"need_id": "", "revision": 0, "size": _CHUNK}
    with collecting_by_hand(), engine.begin() as connection:
        hold(connection, Lock.FINGERPRINTS)
        while rows := fetch_rows(connection, _WITHOUT_FINGERPRINT, after):
            _fingerprint(connection, cipher, rows, now, policy)
            count += len(rows)
            after["need_id"], after["revision"] = rows[-1][:2]
            gc.collect()
        if count >= _MANY:
            connection.execute(sa.text("select analyze_fingerprints()"))
    return count


def _fingerprint(
    connection: sa.Connection,
    cipher: PersonalDataCipher,
    rows: Sequence[tuple[Any, ...]],
    now: datetime,
    policy: Policy,
) -> None:
    records = [compared_parts(cipher, raw_sha256, ciphertext) for *_, raw_sha256, ciphertext in rows]
    found = fingerprints(records, checked_at=now, policy=policy, keyed_hash=cipher.fingerprint)
    copy_rows(
        connection,
        "need_fingerprint",
        ("need_id", "revision", "intake_id", *_COMPARED, "reports"),
        (
            (need_id, revision, intake_id, *_compared(one), list(one.reports))
            for (need_id, revision, intake_id, *_), one in zip(rows, found, strict=True)
        ),
    )


_COMPARED = (
    "quarter",
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
_compared = attrgetter(*_COMPARED)


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
    with collecting_by_hand(), engine.begin() as connection:
        hold(connection, Lock.GATE, department_code)
        header = connection.execute(sa.select(intake).where(intake.c.intake_id == intake_id)).one()
        version = ruleset_version(policy)
        judged, related = _judge_and_store(connection, cipher, header, department_code, version, now, policy)
        addressed = [(one.need_id, one.revision) for one in judged if one.need_id and one.revision]
        count = Counter(one.verdict.verdict for one in judged)
        queued = 0
        stopped = header.dry_run and department_stop.too_many_returned(
            judged=len(judged), returned=count["returned"], policy=policy
        )
        if header.dry_run and reports_dir is not None:
            pages.preview(
                connection,
                quarter=header.quarter,
                department_code=department_code,
                judged=[(one.need_id, one.revision, one.verdict) for one in judged],
                ruleset_version=version,
                now=now,
                reports_dir=reports_dir,
            )
        if judged and not header.dry_run:
            stopped = department_stop.check(
                connection,
                quarter=header.quarter,
                department_code=department_code,
                intake_id=intake_id,
                now=now,
                policy=policy,
            )
            queued = _queue_consequences(
                connection, judged, header.quarter, department_code, version, respond_by, now, policy
            )
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
                addressed,
                related,
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


def _judge_and_store(
    connection: sa.Connection,
    cipher: PersonalDataCipher,
    header: sa.Row[Any],
    department_code: str,
    version: str,
    now: datetime,
    policy: Policy,
) -> tuple[list[_Judged], set[str]]:
    """Judge the candidates of a department chunk by chunk; verdicts and findings are stored unless it is a dry run.

    Returns what was judged, and the needs that have something in common with it.
    """
    judged: list[_Judged] = []
    related: set[str] = set()
    where = {"intake_id": header.intake_id, "department_code": department_code, "after": -1, "size": _CHUNK}
    while rows := fetch_rows(connection, _CANDIDATES, where):
        where["after"] = rows[-1][0]
        verdicts, surroundings = _verdicts(connection, cipher, rows, header, now, policy)
        chunk = [
            _Judged(need_id, revision, verdict)
            for (_, _, need_id, revision, *_), verdict in zip(rows, verdicts, strict=True)
        ]
        if not header.dry_run:
            payloads, register_sha256 = [item_hash for _, item_hash, *_ in rows], surroundings.register.content_sha256
            _store(connection, payloads, chunk, header, department_code, version, register_sha256, now)
        judged += chunk
        related |= surroundings.history.related
        gc.collect()
    return judged, related


def _verdicts(
    connection: sa.Connection,
    cipher: PersonalDataCipher,
    rows: Sequence[tuple[Any, ...]],
    header: sa.Row[Any],
    now: datetime,
    policy: Policy,
) -> tuple[list[Verdict], Surroundings]:
    """The verdicts on rows of _CANDIDATES, and what they rest on."""
    records = [stored_record(cipher, raw_sha256, ciphertext) for *_, raw_sha256, ciphertext in rows]
    needs = [(need_id, revision) for _, _, need_id, revision, *_ in rows if need_id and revision]
    today = now.astimezone(SHANGHAI).date()
    surroundings = Surroundings.of(
        load_register(connection, codes_of(records), today=today, policy=policy),
        load_history(connection, needs, intake_id=header.intake_id, started_at=header.started_at, policy=policy),
        cipher,
    )
    return judge(records, checked_at=now, policy=policy, surroundings=surroundings), surroundings


def _store(
    connection: sa.Connection,
    payloads: Sequence[str],
    judged: Sequence[_Judged],
    header: sa.Row[Any],
    department_code: str,
    version: str,
    register_sha256: str,
    now: datetime,
) -> None:
    copy_rows(
        connection,
        "judgement",
        (
            *("intake_id", "need_id", "revision", "quarter", "department_code"),
            *("verdict", "ruleset_version", "payload_sha256", "register_sha256", "judged_at"),
        ),
        (
            (
                *(header.intake_id, one.need_id, one.revision, header.quarter, department_code),
                *(one.verdict.verdict, version, payload, register_sha256, now),
            )
            for payload, one in zip(payloads, judged, strict=True)
        ),
    )
    found = {payload: one for payload, one in zip(payloads, judged, strict=True) if one.verdict.findings}
    stored = connection.execute(_STORED_VERDICTS, {"payloads": array_of(found), "version": version}).tuples()
    copy_rows(
        connection,
        "finding",
        ("judgement_id", "rule_id", "field", "need_id", "revision", "severity"),
        (
            (judgement_id, finding.rule_id, finding.field, one.need_id, one.revision, finding.severity)
            for payload, judgement_id in stored
            for one in (found[payload],)
            for finding in one.verdict.findings
        ),
    )


_STORED_VERDICTS = sa.text(
    """
    select payload_sha256, judgement_id
    from unnest(cast(:payloads as text[])) found (payload_sha256) join judgement using (payload_sha256)
    where ruleset_version = :version
    order by judgement_id
    """
)


def _queue_consequences(
    connection: sa.Connection,
    judged: Sequence[_Judged],
    quarter: str,
    department_code: str,
    version: str,
    respond_by: date,
    now: datetime,
    policy: Policy,
) -> int:
    passed: list[Revision] = []
    returned: list[Return] = []
    for one in judged:
        if one.need_id is None or one.revision is None:
            continue
        if one.verdict.verdict == "passed":
            passed.append((one.need_id, one.revision))
        elif one.verdict.verdict == "returned":
            blocks = [finding for finding in one.verdict.findings if finding.severity == "block"]
            returned.append(Return(one.need_id, one.revision, quarter, department_code, blocks))
    return queue_pushes(connection, passed, now, policy) + queue_returns(
        connection, returned, version=version, respond_by=respond_by, now=now
    )

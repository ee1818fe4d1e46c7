"""The gate as a stage: judges what an intake brought, and queues the consequence of each verdict.

Returned needs go back with every reason at once, held ones wait for a person. Passed needs are queued for the
credit-market platform: major ones at once, the others when the quarter of their department is closed, by the first
intake that reads it whole after the cut-off (policy ordinary_push). Verdict, findings, close and outbox rows are one
transaction; a need judged before is not judged again.

Departments are judged in sets: a pass of all rules costs as much for forty needs as for a thousand. While PostgreSQL
stores a chunk, the next one is judged.
"""

from __future__ import annotations

import gc
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.base.privacy import PersonalDataCipher
from include.domain.quarter import Quarter
from include.domain.states import IntakeKind
from include.gate import department_stop, dry_run, late_history
from include.gate.consequences import (
    Return,
    close_departments,
    hold_decide_by,
    queue_pushes,
    queue_returns,
    return_respond_by,
)
from include.gate.engine.gc_pause import gc_paused
from include.gate.engine.history import load_history
from include.gate.engine.judge import Surroundings, judge, ruleset_version
from include.gate.records import JudgedRecord, stored_record
from include.quarantine.late_needs import moved_until_now
from include.quarantine.opening import open_holds
from include.reference import Policy, department_short_name
from include.reference.day import Day
from include.register.in_use import codes_of, load_register
from include.store.database import array_of, copy_rows, fetch_rows
from include.store.locks import Lock, hold
from include.store.tables import intake
from include.words.department_failures import raise_failures

log = logging.getLogger(__name__)

CHUNK = 5_000
"""How many records are in memory at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSummary:
    """Records judged, by verdict; `queued`: pushes and returns; `stopped`: departments whose passed needs wait (B08)."""

    judged: int = 0
    passed: int = 0
    held: int = 0
    returned: int = 0
    queued: int = 0
    stopped: tuple[str, ...] = ()

    def __add__(self, other: GateSummary) -> GateSummary:
        return GateSummary(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judging:
    """Shared by the departments of a set. `day`: under their own policy; `common_policy`: without a department's own values."""

    engine: sa.Engine
    cipher: PersonalDataCipher
    header: sa.Row[Any]
    day: Day
    common_policy: Policy
    version: str

    @property
    def closes(self) -> bool:
        """Whether it closes the quarter of its departments: they were read whole, and the cut-off has passed."""
        header, day = self.header, self.day
        return IntakeKind(header.kind).reads_whole and not header.dry_run and day.now >= self._deadline

    @property
    def pushes_nothing(self) -> bool:
        """Whether all that passes waits for the close: it is no time yet to stop a department's pushes (B08)."""
        reviews_early = self.header.kind == IntakeKind.REVIEW and self.day.now < self._deadline
        return reviews_early and self.day.policy.text("ordinary_push") != "at_once"

    @property
    def _deadline(self) -> datetime:
        day = self.day
        return day.calendar.deadline(Quarter.parse(self.header.quarter), day.policy.flag("cutoff_inclusive"))


# Only the newest revision of a need is judged, and only once, under whatever rule set. Reading has dropped equal items.
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


def judge_departments(
    engine: sa.Engine, cipher: PersonalDataCipher, *, intake_id: int, department_codes: Sequence[str], day: Day
) -> GateSummary:
    """Judge what this intake read for these departments and queue the consequences; a dry run's verdicts are stored
    apart.

    The departments under one policy are one transaction. If it fails, each of them gets its own, so that one that
    cannot be judged does not affect the others. Raises DepartmentsFailed, which names those that could not be judged.
    """
    with engine.connect() as connection:
        header = connection.execute(sa.select(intake).where(intake.c.intake_id == intake_id)).one()
    summary = GateSummary()
    failures: dict[str, BaseException] = {}
    for own_policy, codes in day.policy.by_department(department_codes):
        judging = _Judging(
            engine=engine,
            cipher=cipher,
            header=header,
            day=replace(day, policy=own_policy),
            common_policy=day.policy,
            version=ruleset_version(own_policy),
        )
        sets = [codes]
        while sets:
            codes = sets.pop(0)
            done = _attempt(_judge_set, judging, codes)
            failure = done.exception()
            if failure is None:
                summary += done.result()
            elif len(codes) == 1:
                failures[codes[0]] = failure
            else:
                log.warning("%d 个地区一并审核失败，改为逐个审核。", len(codes), exc_info=failure)
                sets = [[code] for code in codes]
    raise_failures("审核", failures)
    return summary


def _attempt(
    work: Callable[[_Judging, Sequence[str]], GateSummary], judging: _Judging, codes: Sequence[str]
) -> Future[GateSummary]:
    """Call it, and return its failure as a value."""
    with ThreadPoolExecutor(1, thread_name_prefix="judge") as worker:
        return worker.submit(work, judging, codes)


def _judge_set(judging: _Judging, codes: Sequence[str]) -> GateSummary:
    related: set[str] = set()
    with (
        gc_paused(),
        judging.engine.connect() as reading,
        judging.engine.begin() as writing,
        ThreadPoolExecutor(1, thread_name_prefix="write") as writer,
    ):
        # In one order, so that two sets at once cannot deadlock.
        for code in sorted(codes):
            hold(writing, Lock.GATE, code)
        if judging.header.dry_run:
            dry_run.forget(writing, judging.header.quarter, codes)
        written = _Written(writing, judging)
        last: Future[None] | None = None
        for rows, ended in _chunks(reading, judging.header, codes):
            chunk, of_chunk, register_sha256 = _judge_chunk(reading, judging, rows)
            related |= of_chunk
            if last is not None:
                last.result()
            last = writer.submit(written.add, chunk, ended, register_sha256)
            gc.collect()
        if last is not None:
            last.result()
        return written.close(related)


_Row = tuple[str, int, str, str | None, int | None, str, bytes]


def _chunks(
    connection: sa.Connection, header: sa.Row[Any], codes: Sequence[str]
) -> Iterator[tuple[list[_Row], list[str]]]:
    """The candidates in chunks, each with its department; and the departments whose last candidates are in the chunk."""
    chunk: list[_Row] = []
    ended: list[str] = []
    judged_before: set[str] = set()
    for code in codes:
        where = {"intake_id": header.intake_id, "department_code": code, "after": -1}
        while rows := fetch_rows(connection, _CANDIDATES, {**where, "size": CHUNK - len(chunk)}):
            where["after"] = rows[-1][0]
            # A record listed by two departments is judged once, as the first one's. A dry run shows it to both.
            new = [(code, *row) for row in rows if header.dry_run or row[1] not in judged_before]
            judged_before.update(row[2] for row in new)
            chunk += new
            if len(chunk) >= CHUNK:
                yield chunk, ended
                chunk, ended = [], []
        ended.append(code)
    if chunk or ended:
        yield chunk, ended


def _judge_chunk(
    connection: sa.Connection, judging: _Judging, rows: Sequence[_Row]
) -> tuple[list[JudgedRecord], frozenset[str], str]:
    """The verdicts, the needs that share something with those of the chunk, and the content of the register."""
    records = [stored_record(judging.cipher, raw_sha256, ciphertext) for *_, raw_sha256, ciphertext in rows]
    needs = [(need_id, revision) for _, _, _, need_id, revision, *_ in rows if need_id and revision]
    header, day, policy = judging.header, judging.day, judging.day.policy
    register = load_register(connection, codes_of(records), today=day.today, policy=policy)
    history = load_history(connection, needs, intake_id=header.intake_id, started_at=header.started_at, policy=policy)
    verdicts = judge(
        records, checked_at=day.now, policy=policy, surroundings=Surroundings.of(register, history, judging.cipher)
    )
    chunk = [
        JudgedRecord(code, ordinal, payload, need_id, revision, verdict)
        for (code, ordinal, payload, need_id, revision, *_), verdict in zip(rows, verdicts, strict=True)
    ]
    return chunk, history.related, register.content_sha256


@dataclass(slots=True)
class _Written:
    """What a set's transaction has written so far; a department's consequences follow once all its needs are judged."""

    connection: sa.Connection
    judging: _Judging
    counts: Counter[str] = field(default_factory=Counter)
    waiting: defaultdict[str, list[JudgedRecord]] = field(default_factory=lambda: defaultdict(list))
    brought: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    queued: int = 0
    stopped: tuple[str, ...] = ()

    def add(self, chunk: Sequence[JudgedRecord], ended: Sequence[str], register_sha256: str) -> None:
        """Store the verdicts of a chunk, and queue the consequences of the departments that end with it."""
        judging = self.judging
        self.counts.update(one.verdict.verdict for one in chunk)
        if judging.header.dry_run:
            dry_run.store(self.connection, judging.header.quarter, chunk, version=judging.version, now=judging.day.now)
        else:
            _store(self.connection, judging, chunk, register_sha256)
        for one in chunk:
            self.waiting[one.department_code].append(one)
        judged = {code: self.waiting.pop(code, []) for code in ended if code in self.waiting or judging.closes}
        for code, records in judged.items():
            if records:
                count = Counter(one.verdict.verdict for one in records)
                log.info("%s：审核 %d 条，%s", department_short_name(code), len(records), dict(count))
        if judging.header.dry_run:
            self._preview_stops(judged)
        elif judged:
            self._queue(judged)

    def close(self, related: set[str]) -> GateSummary:
        """Open the holds, and judge again the earlier needs that share something with the new ones."""
        judging, day, codes = self.judging, self.judging.day, list(self.brought)
        if codes:
            open_holds(
                self.connection,
                quarter=judging.header.quarter,
                department_codes=codes,
                now=day.now,
                decide_by=hold_decide_by(day.now, day.policy, day.calendar),
                policy=day.policy,
            )
            late_history.judge_again(
                self.connection,
                judging.cipher,
                self.brought,
                related,
                intake_id=judging.header.intake_id,
                day=replace(day, policy=judging.common_policy),
            )
        return GateSummary(
            judged=self.counts.total(),
            passed=self.counts["passed"],
            held=self.counts["held"],
            returned=self.counts["returned"],
            queued=self.queued,
            stopped=self.stopped,
        )

    def _preview_stops(self, judged: dict[str, list[JudgedRecord]]) -> None:
        counts = {
            code: (len(records), sum(one.verdict.verdict == "returned" for one in records))
            for code, records in judged.items()
        }
        self.stopped += department_stop.too_many_returned(counts, self.judging.day.policy)

    def _queue(self, judged: dict[str, list[JudgedRecord]]) -> None:
        judging = self.judging
        quarter, now, policy = judging.header.quarter, judging.day.now, judging.day.policy
        codes = list(judged)
        if not judging.pushes_nothing:
            self.stopped += department_stop.check(
                self.connection,
                quarter=quarter,
                department_codes=codes,
                intake_id=judging.header.intake_id,
                now=now,
                policy=policy,
            )
        passed, returned = set(), []
        if judging.closes:
            close_departments(self.connection, quarter, codes, intake_id=judging.header.intake_id, now=now)
            passed.update(department_stop.passed_unpushed(self.connection, quarter, codes))
            passed.update(moved_until_now(self.connection, quarter, codes))
        for code, records in judged.items():
            if records:
                self.brought[code] = []
            for one in records:
                if one.need_id is None or one.revision is None:
                    continue
                self.brought[code].append((one.need_id, one.revision))
                if one.verdict.verdict == "passed":
                    passed.add((one.need_id, one.revision))
                elif one.verdict.verdict == "returned":
                    blocks = [finding for finding in one.verdict.findings if finding.severity == "block"]
                    returned.append(Return(one.need_id, one.revision, quarter, code, blocks))
        self.queued += queue_pushes(self.connection, list(passed), now, policy)
        respond_by = return_respond_by(now, policy, judging.day.calendar)
        self.queued += queue_returns(self.connection, returned, version=judging.version, respond_by=respond_by, now=now)


def _store(connection: sa.Connection, judging: _Judging, judged: Sequence[JudgedRecord], register_sha256: str) -> None:
    header = judging.header
    copy_rows(
        connection,
        "judgement",
        (
            *("intake_id", "need_id", "revision", "quarter", "department_code"),
            *("verdict", "ruleset_version", "payload_sha256", "register_sha256", "judged_at"),
        ),
        (
            (
                *(header.intake_id, one.need_id, one.revision, header.quarter, one.department_code),
                *(one.verdict.verdict, judging.version, one.payload_sha256, register_sha256, judging.day.now),
            )
            for one in judged
        ),
    )
    found = {one.payload_sha256: one for one in judged if one.verdict.findings}
    asked = {"payloads": array_of(found), "version": judging.version}
    stored = connection.execute(_STORED_VERDICTS, asked).tuples()
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

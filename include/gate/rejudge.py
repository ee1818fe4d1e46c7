"""Judging a past quarter again (重新审核): on the stored payloads, without sending or storing anything.

The inputs of each verdict are stored: the payload, the moment, the content of the register, the history as of its
intake, the department's policy. Under the same rule set the verdict must be reproduced, finding by finding; under
another one, changes are listed.
"""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, cast

import sqlalchemy as sa

from include.base.errors import UserFacingError
from include.base.privacy import PersonalDataCipher
from include.gate.engine.gc_pause import gc_paused
from include.gate.engine.history import load_history
from include.gate.engine.judge import Finding, Severity, Surroundings, Verdict, VerdictName, judge, ruleset_version
from include.gate.records import payloads_of, stored_record
from include.gate.results import NAMES, in_order
from include.reference import Policy
from include.register.in_use import Register, RegisterUnusable, codes_of, register_of
from include.store.database import array_of
from include.words.shown import shown

KIND = "rejudgement"
_NAMED = 20
_CHUNK = 5_000


class VerdictNotReproduced(UserFacingError):
    """A verdict was not reproduced under its own rule set: a defect of the program or of the stored data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedVerdict:
    """A record whose verdict the rule set in force changes. `need_id`, `revision`: None if unusable (DQ01)."""

    need_id: str | None
    revision: int | None
    department_code: str
    enterprise: str
    project: str
    before: VerdictName
    after: VerdictName
    added: Sequence[Finding]
    gone: Sequence[Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudgement:
    """A quarter judged again. `reproduced`: records under an unchanged rule set; `emptied`: payloads purged meanwhile.

    `verdicts`: (before, after) → records. `versions`: the rule sets of the verdicts, and those in force now.
    """

    quarter: str
    departments: Sequence[str]
    judged: int
    reproduced: int
    emptied: int
    verdicts: Mapping[tuple[str, str], int]
    versions: tuple[Sequence[str], Sequence[str]]
    changed: Sequence[ChangedVerdict]


@dataclass(frozen=True, slots=True)
class _Again:
    stored: sa.Row[Any]
    before: Verdict
    after: Verdict


# The newest verdict on each content. Needs judged together have one moment, one intake and one register.
_JUDGED = sa.text(
    """
    with judged as (
        select distinct on (payload_sha256) * from judgement
        where quarter = :quarter and department_code = any(:departments)
        order by payload_sha256, judgement_id desc
    ), item as (
        select distinct on (item_hash) item_hash, raw_sha256 from intake_item
        where item_hash in (select payload_sha256 from judged)
        order by item_hash, intake_id, department_code, ordinal
    )
    select judged.*, intake.started_at, item.raw_sha256, octet_length(raw.ciphertext) > 0 as kept
    from judged
    join intake using (intake_id)
    join item on item.item_hash = judged.payload_sha256
    join raw_payload raw using (raw_sha256)
    order by judged.department_code, judged.intake_id, judged.judged_at, judged.register_sha256, judged.judgement_id
    """
)

_FINDINGS = sa.text(
    "select judgement_id, rule_id, field, severity from finding where judgement_id = any(cast(:judgement_ids as bigint[]))"
)


def rejudge(
    engine: sa.Engine, cipher: PersonalDataCipher, *, quarter: str, departments: Sequence[str], policy: Policy
) -> Rejudgement:
    """Judge the stored needs of a quarter again for these departments, each with its own policy.

    Raises VerdictNotReproduced, naming the needs, if a verdict or finding differs under an unchanged rule set;
    RegisterUnusable if a register is no longer stored.
    """
    with gc_paused(), engine.connect() as connection:
        connection.execute(sa.text("set transaction isolation level repeatable read read only"))
        rows = connection.execute(_JUDGED, {"quarter": quarter, "departments": list(departments)}).fetchall()
        kept = [row for row in rows if row.kept]
        again = list(_judge_again(connection, cipher, kept, policy))
        in_force = {code: ruleset_version(policy.of_department(code)) for code in departments}
        unchanged = [one for one in again if one.stored.ruleset_version == in_force[one.stored.department_code]]
        _refuse_differences([one for one in unchanged if one.before != one.after], quarter)
        return Rejudgement(
            quarter=quarter,
            departments=tuple(departments),
            judged=len(again),
            reproduced=len(unchanged),
            emptied=len(rows) - len(kept),
            verdicts=Counter((one.before.verdict, one.after.verdict) for one in again),
            versions=(
                sorted({one.stored.ruleset_version for one in again}),
                sorted({in_force[one.stored.department_code] for one in again}),
            ),
            changed=_changed(connection, [one for one in again if one.before != one.after]),
        )


def _judge_again(
    connection: sa.Connection, cipher: PersonalDataCipher, rows: Sequence[sa.Row[Any]], policy: Policy
) -> Iterator[_Again]:
    for start in range(0, len(rows), _CHUNK):
        gc.collect()
        chunk = rows[start : start + _CHUNK]
        stored = _stored_verdicts(connection, chunk)
        for (code, intake_id, judged_at, register_sha256), together in groupby(chunk, key=_inputs):
            group = list(together)
            payloads = payloads_of(connection, [row.raw_sha256 for row in group])
            records = [stored_record(cipher, row.raw_sha256, payloads[row.raw_sha256]) for row in group]
            own_policy = policy.of_department(code)
            needs = [(row.need_id, row.revision) for row in group if None not in (row.need_id, row.revision)]
            history = load_history(
                connection, needs, intake_id=intake_id, started_at=group[0].started_at, policy=own_policy
            )
            verdicts = judge(
                records,
                checked_at=judged_at,
                policy=own_policy,
                surroundings=Surroundings.of(_register(connection, register_sha256, records), history, cipher),
            )
            for row, verdict in zip(group, verdicts, strict=True):
                yield _Again(row, stored[row.judgement_id], verdict)


def _inputs(row: sa.Row[Any]) -> tuple[str, int, datetime, str | None]:
    return row.department_code, row.intake_id, row.judged_at, row.register_sha256


def _register(connection: sa.Connection, content_sha256: str | None, records: Sequence[Mapping[str, Any]]) -> Register:
    try:
        return register_of(connection, content_sha256 or "", codes_of(records))
    except RegisterUnusable:
        raise RegisterUnusable(
            "审核当时所用的绿色工厂名单已不在库中，无法重新审核。",
            "请改选较近的季度；历史名单按保存期限清理后不再保留。",
        ) from None


def _stored_verdicts(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> dict[int, Verdict]:
    found: dict[int, list[Finding]] = defaultdict(list)
    for row in connection.execute(_FINDINGS, {"judgement_ids": array_of(row.judgement_id for row in rows)}):
        found[row.judgement_id].append(Finding(row.rule_id, row.field, cast(Severity, row.severity)))
    return {row.judgement_id: Verdict(row.verdict, in_order(found[row.judgement_id])) for row in rows}


def _refuse_differences(differing: Sequence[_Again], quarter: str) -> None:
    if not differing:
        return
    named = [
        f"{one.stored.need_id or '编号无法识别'}（修订 {one.stored.revision or '—'}，"
        f"{'、'.join(sorted({finding.rule_id for finding in _apart(one)})) or '结论'}）"
        for one in differing[:_NAMED]
    ]
    more = f"等共 {len(differing)} 项" if len(differing) > _NAMED else ""
    raise VerdictNotReproduced(
        f"{quarter} 有 {len(differing)} 项需求在规则集未变的情况下重新审核结果不一致：{'、'.join(named)}{more}。",
        "请保留现场并联系开发人员：同一规则集、同一数据必须得出同一结论。",
    )


def _apart(one: _Again) -> set[Finding]:
    return set(one.before.findings) ^ set(one.after.findings)


def _changed(connection: sa.Connection, differing: Sequence[_Again]) -> list[ChangedVerdict]:
    asked = {
        "need_ids": [one.stored.need_id for one in differing],
        "revisions": [one.stored.revision for one in differing],
    }
    names = {(row.need_id, row.revision): row for row in connection.execute(NAMES, asked)}
    found = []
    for one in differing:
        name = names.get((one.stored.need_id, one.stored.revision))
        found.append(
            ChangedVerdict(
                need_id=one.stored.need_id,
                revision=one.stored.revision,
                department_code=one.stored.department_code,
                enterprise=shown("enterprise.name", name.enterprise_name, name.uscc, "public") if name else "",
                project=shown("project.name", name.project_name, name.uscc, "public") if name else "",
                before=one.before.verdict,
                after=one.after.verdict,
                added=[finding for finding in one.after.findings if finding not in one.before.findings],
                gone=[finding for finding in one.before.findings if finding not in one.after.findings],
            )
        )
    return found

"""Late history: an intake may bring a need that was submitted earlier than one judged before (handbook, section 4).

The later need is judged again by the rules that look at all stored needs. Their findings wait for a person: an untried
push is held back and the need quarantined; for a need already pushed an alert is raised. Once for each finding.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.alerts.stage import raise_alerts
from include.base.act import Act
from include.base.privacy import PersonalDataCipher
from include.gate.consequences import hold_decide_by
from include.gate.engine.history import KEYS, Revision, holders, is_another, load_history
from include.gate.engine.judge import Finding, Surroundings, judge, ruleset_version
from include.gate.records import payloads_of, stored_record
from include.reference import Policy, departments
from include.reference.day import Day
from include.register.in_use import Register
from include.store.database import array_of
from include.store.tables import quarantine, quarantine_event, quarantine_finding

LATE_RULES = frozenset({"DQ42", "G01", "G13"})
"""Rules whose result can change when an earlier-submitted need arrives later. None reads the register."""

_REASON = "后到的较早需求使本需求命中规则"
CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class LateHits:
    """How many needs were held, and how many alerts were opened."""

    held: int
    alerts: int


@dataclass(frozen=True, slots=True)
class _Hit:
    need: sa.Row[Any]
    findings: Sequence[Finding]


# Needs judged before under the rules in force, neither returned nor withdrawn, that share something with what this
# intake brought for the department and were submitted later. Needs that the department itself brought now were judged
# together.
_JUDGED_BEFORE = sa.text(
    f"""
    with candidate as (
        select known.* from unnest(cast(:need_ids as text[]), cast(:revisions as int[])) brought (need_id, revision)
        join need_fingerprint known using (need_id, revision)
    ), related as (
        select known.* from unnest(cast(:related as text[])) related (need_id) join need_fingerprint known using (need_id)
    ), alike as (
        {
        " union ".join(
            f"select later.need_id, later.revision from ({holders(key)}) mine join related later "
            f"on later.{key} = mine.{key} and {is_another('later')} and later.submitted >= mine.submitted"
            for key in KEYS
        )
    }
    )
    select version.need_id, version.revision, version.raw_sha256, judged.judgement_id, judged.quarter, judged.department_code
    from alike
    join live_need version using (need_id, revision)
    join raw_payload raw using (raw_sha256)
    join unnest(cast(:codes as text[]), cast(:versions as text[])) in_force (department_code, ruleset_version)
        on in_force.department_code = version.department_code
    join judgement judged
        on judged.payload_sha256 = version.item_hash and judged.ruleset_version = in_force.ruleset_version
    where judged.verdict <> 'returned'
      and not (judged.intake_id = :intake_id and judged.department_code = any(:department_codes))
      and octet_length(raw.ciphertext) > 0
      and not exists (
          select from quarantine
          where quarantine.judgement_id = judged.judgement_id and quarantine.state in ('returned', 'expired')
      )
    order by version.department_code, version.need_id
    """
)

_KNOWN = sa.text(
    """
    select judgement_id, rule_id, field from finding where judgement_id = any(cast(:judgement_ids as bigint[]))
    union
    select judgement_id, rule_id, field from quarantine join quarantine_finding using (quarantine_id)
    where judgement_id = any(cast(:judgement_ids as bigint[]))
    """
)

# Locked, so that no worker starts one of them meanwhile (workers skip locked rows).
_PUSHES = sa.text(
    """
    select delivery.need_id, delivery.delivery_id,
           delivery.state = 'pending' and delivery.attempts = 0 and delivery.lease_owner is null as untried
    from unnest(cast(:need_ids as text[]), cast(:revisions as int[])) wanted (need_id, revision)
    join delivery using (need_id, revision)
    where delivery.action = 'push' and delivery.state <> 'superseded'
    order by delivery.delivery_id
    for update of delivery
    """
)
_HOLD_BACK = sa.text(
    """
    update delivery set state = 'superseded', outcome = 'late_history', settled_at = :now
    where delivery_id = any(:delivery_ids)
    """
)


def judge_again(
    connection: sa.Connection,
    cipher: PersonalDataCipher,
    brought: Mapping[str, Sequence[Revision]],
    related: Collection[str],
    *,
    intake_id: int,
    day: Day,
) -> LateHits:
    """Judge again the needs that `brought`, judged now for the first time, may affect.

    `brought`: by department. `day`: under the common policy. `related`: the needs that share something with any of them,
    by their histories. Part of the transaction that judges the department; run twice, it finds nothing new.
    """
    if not related:
        return LateHits(0, 0)
    now, policy = day.now, day.policy
    revisions = [one for of_department in brought.values() for one in of_department]
    versions = {code: ruleset_version(policy.of_department(code)) for code in departments()}
    needs = connection.execute(
        _JUDGED_BEFORE,
        {
            "related": array_of(related),
            "need_ids": array_of(need_id for need_id, _ in revisions),
            "revisions": array_of(revision for _, revision in revisions),
            "intake_id": intake_id,
            "department_codes": list(brought),
            "codes": list(versions),
            "versions": list(versions.values()),
        },
    ).fetchall()
    if not needs:
        return LateHits(0, 0)
    # A judgement has a high fixed cost, so all needs under one rule set are judged together.
    needs = sorted(needs, key=lambda need: versions[need.department_code])
    hits = _new_hits(connection, needs, _found_now(connection, cipher, needs, versions, now, policy))
    if not hits:
        return LateHits(0, 0)
    pushes = connection.execute(
        _PUSHES,
        {"need_ids": [hit.need.need_id for hit in hits], "revisions": [hit.need.revision for hit in hits]},
    ).fetchall()
    pushed = frozenset(push.need_id for push in pushes if not push.untried)
    decide_by = hold_decide_by(now, policy, day.calendar)
    held = _open_late(connection, [hit for hit in hits if hit.need.need_id not in pushed], decide_by, now, policy)
    held_needs = frozenset(hit.need.need_id for hit in hits if hit.need.judgement_id in held)
    connection.execute(
        _HOLD_BACK, {"delivery_ids": [push.delivery_id for push in pushes if push.need_id in held_needs], "now": now}
    )
    # The push cannot be held back if it was sent, or if a person has released the need.
    to_alert = [hit for hit in hits if hit.need.need_id not in held_needs]
    return LateHits(len(held), _raise_alerts(connection, to_alert, now, policy))


def _found_now(
    connection: sa.Connection,
    cipher: PersonalDataCipher,
    needs: Sequence[sa.Row[Any]],
    versions: Mapping[str, str],
    now: datetime,
    policy: Policy,
) -> Iterator[Sequence[Finding]]:
    """For each need, in order (by rule set): the findings of LATE_RULES in view of everything stored."""
    newest_intake: int = connection.execute(sa.text("select max(intake_id) from intake")).scalar_one()
    nothing_listed = Register.of(())
    for _, under_one in groupby(needs, key=lambda need: versions[need.department_code]):
        while group := list(islice(under_one, CHUNK)):
            own_policy = policy.of_department(group[0].department_code)
            payloads = payloads_of(connection, [need.raw_sha256 for need in group])
            history = load_history(
                connection,
                [(need.need_id, need.revision) for need in group],
                intake_id=newest_intake,
                started_at=now,
                policy=own_policy,
            )
            verdicts = judge(
                [stored_record(cipher, need.raw_sha256, payloads[need.raw_sha256]) for need in group],
                checked_at=now,
                policy=own_policy,
                surroundings=Surroundings.of(nothing_listed, history, cipher),
            )
            for verdict in verdicts:
                yield [finding for finding in verdict.findings if finding.rule_id in LATE_RULES]


def _new_hits(
    connection: sa.Connection, needs: Sequence[sa.Row[Any]], found: Iterator[Sequence[Finding]]
) -> list[_Hit]:
    known = {
        (row.judgement_id, row.rule_id, row.field)
        for row in connection.execute(_KNOWN, {"judgement_ids": array_of(need.judgement_id for need in needs)})
    }
    hits = []
    for need, findings in zip(needs, found, strict=True):
        fresh = [one for one in findings if (need.judgement_id, one.rule_id, one.field) not in known]
        if fresh:
            hits.append(_Hit(need, fresh))
    return hits


def _open_late(
    connection: sa.Connection, hits: Sequence[_Hit], decide_by: date, now: datetime, policy: Policy
) -> Mapping[int, int]:
    """Quarantine these needs, or add to their open holds; judgement_id → quarantine_id of those that wait."""
    if not hits:
        return {}
    judgement_ids = [hit.need.judgement_id for hit in hits]
    opened = (
        connection.execute(
            insert(quarantine).on_conflict_do_nothing().returning(quarantine.c.quarantine_id),
            [
                {
                    "judgement_id": hit.need.judgement_id,
                    "origin": "late_history",
                    "need_id": hit.need.need_id,
                    "revision": hit.need.revision,
                    "quarter": hit.need.quarter,
                    "department_code": hit.need.department_code,
                    "state": "open",
                    "opened_at": now,
                    "decide_by": decide_by,
                }
                for hit in hits
            ],
        )
        .scalars()
        .all()
    )
    if opened:
        connection.execute(
            sa.insert(quarantine_event),
            [
                {
                    "quarantine_id": one,
                    "kind": "opened",
                    "at": now,
                    "actor": "gate",
                    "role": "system",
                    "reason": _REASON,
                }
                for one in opened
            ],
        )
    waiting: dict[int, int] = dict(
        connection.execute(
            sa.select(quarantine.c.judgement_id, quarantine.c.quarantine_id).where(
                quarantine.c.judgement_id.in_(judgement_ids) & (quarantine.c.state == "open")
            )
        )
        .tuples()
        .all()
    )
    rows = [
        {
            "quarantine_id": waiting[hit.need.judgement_id],
            "rule_id": one.rule_id,
            "field": one.field,
            "persons_required": policy.of_department(hit.need.department_code).persons_to_release(one.rule_id),
        }
        for hit in hits
        if hit.need.judgement_id in waiting
        for one in hit.findings
    ]
    if rows:
        connection.execute(insert(quarantine_finding).on_conflict_do_nothing(), rows)
    return waiting


def _raise_alerts(connection: sa.Connection, hits: Sequence[_Hit], now: datetime, policy: Policy) -> int:
    broken: dict[str, set[str]] = {}
    for hit in hits:
        for one in hit.findings:
            broken.setdefault(one.rule_id, set()).add(hit.need.need_id)
    return sum(
        raise_alerts(
            connection,
            rule_id,
            sorted(need_ids),
            severity="hold",
            act=Act.by_stage("gate", now, _REASON),
            policy=policy,
        )
        for rule_id, need_ids in sorted(broken.items())
    )

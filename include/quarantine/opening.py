"""Opening holds (待核实): whatever the gate holds waits for a person, each record once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa

from include.base.act import Act
from include.quarantine.closing import close_overtaken
from include.quarantine.stage import locked, release_hold
from include.quarantine.view import hold_findings
from include.reference import Policy

# The newest verdict on each content. If the platform lists two contents of one revision (DQ43), they are decided one
# after the other: the second opens with the next intake of the department. Overtaken and withdrawn needs need no
# decision.
_OPEN = sa.text(
    """
    insert into quarantine
        (judgement_id, origin, need_id, revision, quarter, department_code, state, opened_at, decide_by)
    select judged.judgement_id, 'verdict', judged.need_id, judged.revision, judged.quarter, judged.department_code,
           'open', :now, :decide_by
    from judgement judged
    where judged.quarter = :quarter and judged.department_code = any(:department_codes) and judged.verdict = 'held'
      and not exists (
          select from judgement newer
          where newer.payload_sha256 = judged.payload_sha256 and newer.judgement_id > judged.judgement_id
      )
      and not exists (
          select from quarantine known
          where known.judgement_id = judged.judgement_id and known.origin = 'verdict'
      )
      and not exists (
          select from need_version higher
          where higher.need_id = judged.need_id and higher.revision > judged.revision
      )
      and not exists (select from withdrawal_notice notice where notice.need_id = judged.need_id)
    order by judged.judgement_id
    on conflict do nothing
    returning quarantine_id
    """
)
_NOTE_FINDINGS = sa.text(
    """
    insert into quarantine_finding (quarantine_id, rule_id, field, persons_required)
    select hold.quarantine_id, finding.rule_id, finding.field,
           case when exists (
               select from unnest(cast(:two_persons as text[])) prefix where starts_with(finding.rule_id, prefix)
           ) then 2 else 1 end
    from quarantine hold join finding using (judgement_id)
    where hold.quarantine_id = any(:opened) and finding.severity = 'hold'
    """
)
_NOTE_OPENED = sa.text(
    """
    insert into quarantine_event (quarantine_id, kind, actor, role, reason, at)
    select unnest(cast(:opened as bigint[])), 'opened', :actor, :role, :reason, :now
    """
)
_DECIDED_BEFORE = sa.text(
    """
    select hold.quarantine_id from quarantine hold
    where hold.quarantine_id = any(:opened) and exists (
        select from quarantine before join quarantine_event event using (quarantine_id)
        where before.need_id = hold.need_id and before.revision = hold.revision and event.kind = 'approved'
    )
    """
)


def open_holds(
    connection: sa.Connection,
    *,
    quarter: str,
    department_codes: Sequence[str],
    now: datetime,
    decide_by: date,
    policy: Policy,
) -> int:
    """Open a hold for each held record of the department's quarter that has none; returns how many.

    Call it in the transaction that stores the verdicts, after the department stop. Closes overtaken holds; a hold whose
    findings were all released before, under other rules, is released at once. A second run finds nothing new.
    """
    where = {"quarter": quarter, "department_codes": list(department_codes), "now": now, "decide_by": decide_by}
    gate = Act.by_stage("gate", now, "审核结论为待核实")
    close_overtaken(connection, act=gate)
    opened = connection.execute(_OPEN, where).scalars().all()
    if not opened:
        return 0
    two_persons = list(policy.listed("release_two_persons"))
    connection.execute(_NOTE_FINDINGS, {"opened": opened, "two_persons": two_persons})
    connection.execute(
        _NOTE_OPENED,
        {"opened": opened, "actor": gate.actor_id, "role": gate.role, "reason": gate.reason, "now": gate.at},
    )
    decided = connection.execute(_DECIDED_BEFORE, {"opened": opened}).scalars().all()
    found = hold_findings(connection, decided)
    for quarantine_id in decided:
        if not any(one.missing for one in found[quarantine_id]):
            release_hold(
                connection,
                locked(connection, quarantine_id),
                act=gate.because("此前的通过对本版本仍然有效"),
                policy=policy,
            )
    return len(opened)

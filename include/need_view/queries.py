"""The statements behind the life of a need, one for each kind of event."""

from __future__ import annotations

import sqlalchemy as sa

VERSIONS = sa.text("select * from need_version where need_id = :need_id order by revision")

AMENDMENTS = sa.text(
    """
    select * from amendment where need_id = :need_id order by revision, field
    """
)

VERDICTS = sa.text(
    """
    select judged.revision, judged.verdict, judged.judged_at, (
        select array_agg(array[rule_id, field] order by rule_id, field) from finding
        where finding.judgement_id = judged.judgement_id and severity in ('block', 'hold')
    ) as findings
    from judgement judged where need_id = :need_id order by judgement_id
    """
)

HOLDS = sa.text(
    """
    select hold.revision, hold.decide_by, event.* from quarantine hold join quarantine_event event using (quarantine_id)
    where hold.need_id = :need_id order by event.event_id
    """
)

MOVED = sa.text("select counted_quarter, at from deferred_need where need_id = :need_id")

DELIVERIES = sa.text(
    """
    select delivery.*, (
        select array_agg(array[attempted_at::text, outcome] order by attempt_id) from delivery_attempt attempt
        where attempt.delivery_id = delivery.delivery_id
    ) as tries
    from delivery where need_id = :need_id and action <> 'mail' order by delivery_id
    """
)

EVENTS = sa.text(
    """
    select event.*, (
        select array_agg(distinct rule_id order by rule_id) from event_finding found where found.event_id = event.event_id
    ) as findings, (
        select anomaly ->> 'reason'
        from matching_case matched, jsonb_array_elements(matched.anomalies) anomaly
        where matched.need_id = event.need_id and matched.institution_code = event.institution_code
          and anomaly ->> 'event_id' = event.event_id limit 1
    ) as anomaly,
    exists (select from waiting_feedback waiting where waiting.event_id = event.event_id) as waiting
    from counted_feedback event where need_id = :need_id order by counted_at, sequence
    """
)

# Limits met in time need no entry: the event that met them is shown.
CLOCKS = sa.text(
    """
    select * from case_clock
    where need_id = :need_id and not paused and due_on < :today and (stopped_on is null or stopped_on > due_on)
    order by due_on
    """
)

STEPS = sa.text(
    """
    select step.*, post.level, post.region_code, mail.state as mail_state
    from escalation_step step
    left join coordinator post using (coordinator_id)
    left join delivery mail on mail.idempotency_key = step.idempotency_key
    where step.need_id = :need_id
    order by step.rule_id, step.item, step.round, step.step, step.step_id
    """
)

TICKETS = sa.text(
    """
    select ticket.institution_code, ticket.reason_code, ticket.authority, event.*, event.note as reason
    from obstruction_ticket ticket join obstruction_event event using (ticket_id)
    where need_id = :need_id order by event.event_id
    """
)

# What changed a ticket stands in its history already.
COORDINATOR_ACTS = sa.text(
    """
    select act.*, act.remark as reason from coordinator_act act
    where act.need_id = :need_id and not exists (
        select from obstruction_ticket ticket join obstruction_event event using (ticket_id)
        where ticket.need_id = act.need_id and ticket.institution_code = act.institution_code
          and ticket.obstruction_id = act.obstruction_id and event.at = act.at and event.actor = act.actor
    )
    order by act.act_id
    """
)

ALERTS = sa.text(
    """
    select alert.rule_id, alert.institution_code, event.*
    from alert join alert_event event using (alert_id) where need_id = :need_id order by event.event_id
    """
)

SIGN_OFFS = sa.text(
    """
    select revision, since as at, persons_required, 0 as needs, null as actor, null as role, null as reason
    from push_wait where need_id = :need_id
    union all
    select revision, at, 0, needs, actor, role, reason
    from signed_push join push_signature using (signature_id) where need_id = :need_id
    order by 1, 2
    """
)

WITHDRAWALS_ASKED = sa.text(
    """
    select requested_at as at, reason_code, requested_by as actor, role, reason, null as decision
    from withdrawal_request where need_id = :need_id
    union all
    select decided_at, reason_code, decided_by, decided.role, decided.reason, decision
    from withdrawal_request join withdrawal_decision decided using (request_id) where need_id = :need_id
    order by 1
    """
)

WITHDRAWALS = sa.text("select * from withdrawal_notice where need_id = :need_id")

DIFFERENCES = sa.text("select * from reconciliation_finding where need_id = :need_id order by finding_id")

AUDIT = sa.text(
    """
    select * from audit_entry
    where position(:need_id in object) > 0 or position(:need_id in details) > 0 order by entry_id
    """
)

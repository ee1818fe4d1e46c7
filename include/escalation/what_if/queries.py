"""What is read of a past quarter, for the needs that were filed for it: facts with the moment at which they became known."""

from __future__ import annotations

import sqlalchemy as sa

_FILED = "select need_id from need_version where quarter = :quarter"

_VERSIONS = f"""
    select need_id, revision, quarter, is_major, city_code, department_code, branch_code, received_at
    from need_version where need_id in ({_FILED}) and received_at <= :now order by need_id, revision
"""
_PUSHES = f"""
    select push.need_id, push.revision, coalesce(push.settled_at, push.created_at) as pushed_at, version.intended_institutions
    from delivery push join need_version version using (need_id, revision)
    where push.need_id in ({_FILED}) and push.action = 'push' and push.state = 'delivered'
      and coalesce(push.settled_at, push.created_at) <= :now
    order by push.need_id, pushed_at, push.revision
"""
_WITHDRAWALS = f"select need_id, noticed_at from withdrawal_notice where need_id in ({_FILED})"
_EVENTS = f"""
    select event_id, need_id, revision, institution_code, type, occurred_at, sequence, amount, reason_code, obstruction_id, received_at,
           counted_at
    from counted_feedback where need_id in ({_FILED}) and received_at <= :now
"""
_EXTENSIONS = f"""
    select need_id, institution_code, from_type, to_type, day0, working_days, decision.decided_at
    from deadline_extension join deadline_extension_decision decision using (extension_id)
    where need_id in ({_FILED}) and decision.approved
"""
_ACTS = f"""
    select ticket.need_id, ticket.institution_code, ticket.obstruction_id, act.kind, act.at
    from obstruction_event act join obstruction_ticket ticket using (ticket_id)
    where ticket.need_id in ({_FILED}) and act.kind in ('acknowledged', 'in_progress', 'resolved', 'unresolvable')
    order by act.event_id
"""
_RETURNS = f"""
    select need_id, revision, created_at from delivery
    where need_id in ({_FILED}) and action = 'return' and state not in ('held', 'superseded', 'closed')
"""
_ALERTS = f"""
    select alert.need_id, alert.institution_code, alert.rule_id, told.kind, told.at,
           lead(told.at) over (partition by alert_id order by told.event_id) as ended_at
    from alert join alert_event told using (alert_id)
    where alert.need_id in ({_FILED}) and alert.severity = 'hold' and told.kind <> 'repeated'
"""
_ACKNOWLEDGEMENTS = f"""
    select need_id, institution_code, rule_id, breach, at from escalation_acknowledgement
    where need_id in ({_FILED}) order by at, acknowledgement_id
"""

OF_NEEDS = {
    "versions": sa.text(_VERSIONS),
    "pushes": sa.text(_PUSHES),
    "withdrawals": sa.text(_WITHDRAWALS),
    "events": sa.text(_EVENTS),
    "extensions": sa.text(_EXTENSIONS),
    "acts": sa.text(_ACTS),
    "returns": sa.text(_RETURNS),
    "alerts": sa.text(_ALERTS),
    "acknowledgements": sa.text(_ACKNOWLEDGEMENTS),
}
"""By what they tell; each with need_id."""

OPERATOR = sa.text(
    f"""
    select 'S04' as rule_id, need_id, revision, created_at as since, settled_at as until from delivery
    where need_id in ({_FILED}) and action = 'push' and created_at <= :now
    union all
    select 'S08', coalesce(hold.need_id, '挂起记录' || hold.quarantine_id), coalesce(hold.revision, 0), hold.opened_at, least(
        hold.settled_at,
        (select min(received_at) from need_version higher
         where higher.need_id = hold.need_id and higher.revision > hold.revision),
        (select noticed_at from withdrawal_notice notice where notice.need_id = hold.need_id)
    )
    from quarantine hold where hold.quarter = :quarter and hold.opened_at <= :now
    order by 1, 2, 3
    """
)

TOLD = sa.text(
    f"""
    select (step.raised_at at time zone 'Asia/Shanghai')::date as day, step.need_id, step.institution_code, step.rule_id,
           step.breach, step.step, step.coordinator_id, post.authority, post.level, post.region_code,
           step.idempotency_key like 'urgent:%' as urgent
    from escalation_step step left join coordinator post using (coordinator_id)
    where step.need_id in ({_FILED}) and step.state = 'mailed'
    order by step.step_id
    """
)
"""What the ladder really told."""

QUARTERS = sa.text("select distinct quarter from need_version order by quarter desc")

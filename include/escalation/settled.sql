-- Rounds of the ladder that are over, tickets that were resolved or cleared, and needs that we withdrew, with the coordinators who
-- had been told; of a withdrawal the provincial posts of the department and of the branch hear in any case.
with by_us as (
    select notice.need_id, notice.noticed_at, v.department_code, branch.region_code
    from withdrawal_notice notice join newest_need v using (need_id)
    left join unnest(cast(:branches as text[]), cast(:regions as text[])) branch (branch_code, region_code) using (branch_code)
    where notice.reason_code in ('duplicate_project', 'false_information') and notice.noticed_at > :since
), over as (
    select round.need_id, round.rule_id, round.began_at as began, round.ended_at as at, null::text as kind, null::text as actor,
           max(step.institution_code) as institution_code, min(step.due_on) as due_on,
           array_agg(distinct step.coordinator_id) as told_to
    from escalation_round round join escalation_step step using (need_id, rule_id, round)
    where round.ended_at > :since and step.item = '' and step.state = 'mailed'
      and not exists (select from by_us where by_us.need_id = round.need_id)
    group by 1, 2, 3, 4
    union all
    select by_us.need_id, '', by_us.noticed_at, by_us.noticed_at, null, null, '',
           (by_us.noticed_at at time zone 'Asia/Shanghai')::date, array(
               select step.coordinator_id from escalation_step step
               where step.need_id = by_us.need_id and step.state = 'mailed'
               union
               select post.coordinator_id from coordinator post
               where post.on_duty and post.level = 'province'
                 and post.region_code = case post.authority when 'MIIT' then by_us.department_code else by_us.region_code end
           )
    from by_us
    union all
    select ticket.need_id, 'OBSTRUCTION', min(ticket.opened_on)::timestamptz, max(done.at), (array_agg(done.kind order by done.event_id desc))[1],
           (array_agg(done.actor order by done.event_id desc))[1], ticket.institution_code, min(step.due_on),
           array_agg(distinct step.coordinator_id)
    from obstruction_event done
    join obstruction_ticket ticket using (ticket_id)
    join escalation_step step on step.need_id = ticket.need_id and step.rule_id = 'OBSTRUCTION' and step.state = 'mailed'
      and starts_with(step.item, 'obstruction@' || ticket.institution_code || '@' || ticket.obstruction_id || '@')
    where done.at > :since and done.kind in ('resolved', 'verified')
      and ticket.state in ('resolved', 'verified')
    group by ticket.ticket_id
)
select over.*, v.enterprise_name, v.uscc, v.project_name, v.financing_need, v.is_major, v.department_code, v.city_code,
       m.state, said.type as event_type, said.institution_code as event_by, acted.coordinator_id as acted_by,
       notice.reason_code as withdrawn_for
from over
join newest_need v using (need_id)
left join withdrawal_notice notice using (need_id)
left join matching_case m using (need_id, institution_code)
left join lateral (
    select e.type, e.institution_code from feedback_event e
    where e.need_id = over.need_id and (over.institution_code in ('', e.institution_code))
    order by e.received_at desc, e.event_id desc limit 1
) said on true
left join lateral (
    select act.coordinator_id from coordinator_act act
    where act.need_id = over.need_id and act.at between over.began and over.at
      and act.act in ('taken_on', 'contacted', 'settled') and (act.kind = 'obstruction') = (over.rule_id = 'OBSTRUCTION')
      and over.institution_code in ('', act.institution_code)
    order by act.act_id desc limit 1
) acted on true
order by over.at desc, over.need_id

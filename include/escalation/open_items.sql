-- Every open item of a need that is not withdrawn, as it was pushed (else newest): one row for the limits of a need, the
-- oldest overdue one; obstructions, returns, alerts and forgotten holds a row each.
with pushed as (
    select need_id, min(pushed_at) as pushed_at, max(revision) as revision from delivered_push group by need_id
), limit_overdue as (
    select distinct on (c.need_id) c.need_id, c.institution_code, m.state, c.from_type, c.to_type, c.day0, c.due_on,
           c.provisional, m.last_event_at
    from case_clock c join matching_case m using (need_id, institution_code)
    where c.stopped_on is null and not c.paused and c.due_on < :today
      and not m.paused and m.state not in ('declined', 'closed')
    order by c.need_id, c.due_on, c.institution_code, c.from_type, c.to_type
), item as (
    select 'limit' as kind, need_id, institution_code, state, day0 as since, due_on, provisional, last_event_at,
           from_type, to_type, null::text as rule_id, null::text as reason_code, null::text as level,
           null::date as level_since, null::text as obstruction_id, null::integer as revision
    from limit_overdue
    union all
    select 'unclaimed', need_id, '', '', (pushed_at at time zone 'Asia/Shanghai')::date, null, false, null,
           null, null, null, null, null, null, null, null
    from pushed
    where (pushed_at at time zone 'Asia/Shanghai')::date < :pushed_before
      and not exists (select from feedback_event e where e.need_id = pushed.need_id)
    union all
    select case when ticket.confirm_by is null then 'obstruction' else 'confirmation' end, ticket.need_id,
           ticket.institution_code, m.state, ticket.opened_on,
           coalesce(ticket.confirm_by, ticket.acknowledge_by, ticket.resolve_by), ticket.provisional, m.last_event_at,
           null, null, null, ticket.reason_code, ticket.level, ticket.level_since, ticket.obstruction_id, null
    from obstruction_ticket ticket join matching_case m using (need_id, institution_code)
    where ticket.state in ('open', 'acknowledged', 'in_progress') or ticket.confirm_by < :today
    union all
    select 'alert', a.need_id, a.institution_code, m.state, (a.opened_at at time zone 'Asia/Shanghai')::date, null, false,
           m.last_event_at, null, null, a.rule_id, null, null, null, null, null
    from alert a left join matching_case m using (need_id, institution_code)
    where a.state = 'open' and a.severity = 'hold'
    union all
    select 'return', need_id, '', '', returned_on, respond_by, false, null,
           null, null, null, null, null, null, null, revision
    from open_return
    where respond_by < :today
    union all
    select 'hold', hold.need_id, '', '', (hold.opened_at at time zone 'Asia/Shanghai')::date, null, false, null,
           null, null, null, null, null, null, null, hold.revision
    from quarantine hold
    where hold.state = 'open' and hold.opened_at < :held_before and hold.need_id is not null
      and not exists (
          select from need_version higher where higher.need_id = hold.need_id and higher.revision > hold.revision
      )
)
select item.*, v.quarter, v.is_major, v.enterprise_name, v.uscc, v.project_name, v.financing_need, v.city_code,
       v.department_code, v.branch_code
from item
left join pushed on pushed.need_id = item.need_id
cross join lateral (
    select * from need_version version where version.need_id = item.need_id
    order by (version.revision = pushed.revision) desc nulls last, version.revision desc limit 1
) v
where not exists (select from withdrawal_notice w where w.need_id = item.need_id)
  and (item.kind <> 'unclaimed' or v.intended_institutions = '{}')

-- The stalled needs, a row each: the oldest overdue limit (S01), nobody's answer (S06), or the quiet case (S02) if asked for.
-- Starts from what is overdue, which is little beside all that is stored.
with late as (
    select distinct on (c.need_id) c.need_id, 'S01' as rule_id, 'limit' as kind, c.institution_code, m.state,
           c.from_type || '-' || c.to_type as about, c.day0 as since, c.due_on, c.provisional, m.last_event_at
    from case_clock c join matching_case m using (need_id, institution_code)
    where :rule_id in ('', 'S01')
      and c.stopped_on is null and not c.paused and c.due_on < :today
      and not m.paused and m.state not in ('declined', 'closed')
    order by c.need_id, c.due_on, c.institution_code, c.from_type, c.to_type
), unclaimed as (
    select need_id, 'S06', 'unclaimed', '', '', '', (min(pushed_at) at time zone 'Asia/Shanghai')::date as since,
           (min(pushed_at) at time zone 'Asia/Shanghai')::date + 7, false, null::timestamptz
    from delivered_push push
    where :rule_id in ('', 'S06')
      and not exists (select from feedback_event e where e.need_id = push.need_id)
    group by need_id
    having (min(pushed_at) at time zone 'Asia/Shanghai')::date < :pushed_before
), quiet as (
    select distinct on (need_id) need_id, 'S02', 'idle', institution_code, state, '', spoke.on_day,
           spoke.on_day + 21, false, last_event_at
    from matching_case cross join lateral (
        select coalesce((last_event_at at time zone 'Asia/Shanghai')::date, opened_on) as on_day
    ) spoke
    where :rule_id = 'S02' and not paused and state not in ('declined', 'closed', 'drawn', 'post_loan')
      and spoke.on_day < :idle_before
    order by need_id, spoke.on_day, institution_code
), stalled as (
    select * from late union all select * from unclaimed union all select * from quiet
)
select stalled.*, v.quarter, v.is_major, v.enterprise_name, v.uscc, v.project_name, v.financing_need, v.city_code,
       v.department_code, v.branch_code, count(*) over () as total
from stalled
cross join lateral (
    select * from need_version version where version.need_id = stalled.need_id
    order by exists (
        select from delivery push
        where push.need_id = version.need_id and push.revision = version.revision and push.action = 'push'
          and push.state = 'delivered'
    ) desc, version.revision desc limit 1
) v
where (:department in ('', v.department_code))
  and not exists (select from withdrawal_notice w where w.need_id = stalled.need_id)
  and (valid_until(v.quarter, :valid_quarters) > :today or exists (
      select from matching_case m where m.need_id = stalled.need_id
        and m.furthest_state in ('credit_approved', 'contracted', 'drawn', 'post_loan')
  ))
  and (stalled.rule_id <> 'S06' or v.intended_institutions = '{}')
order by stalled.due_on, v.is_major desc, stalled.need_id
limit :rows offset :after

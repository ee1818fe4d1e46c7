-- The stalled needs, a row each: the oldest overdue limit (S01), nobody's answer (S06), or the quiet case (S02) if asked for;
-- a page of those that match, beside how many match at each level, in each city, of each light.
-- Starts from what is overdue, which is little beside all that is stored.
with overdue as (
    select c.*, m.state, m.last_event_at
    from case_clock c join matching_case m using (need_id, institution_code)
    where :rule_id in ('', 'S01') and (cast(:named as text[]) is null or c.need_id = any(cast(:named as text[])))
      and c.stopped_on is null and not c.paused and c.due_on < :today
      and not m.paused and m.state not in ('declined', 'closed')
), late as (
    select distinct on (need_id) need_id, 'S01' as rule_id, 'limit' as kind, institution_code, state,
           from_type || '-' || to_type as about, day0 as since, due_on, provisional, last_event_at,
           due_on < :red_before as red
    from overdue
    order by need_id, due_on, institution_code, from_type, to_type
), unclaimed as (
    select need_id, 'S06', 'unclaimed', '', '', '', (min(pushed_at) at time zone 'Asia/Shanghai')::date as since,
           (min(pushed_at) at time zone 'Asia/Shanghai')::date + 7, false, null::timestamptz,
           (min(pushed_at) at time zone 'Asia/Shanghai')::date < :unclaimed_red_before
    from delivered_push push
    where :rule_id in ('', 'S06') and :institution = ''
      and (cast(:named as text[]) is null or need_id = any(cast(:named as text[])))
      and not exists (select from feedback_event e where e.need_id = push.need_id)
    group by need_id
    having (min(pushed_at) at time zone 'Asia/Shanghai')::date < :pushed_before
), quiet as (
    select distinct on (need_id) need_id, 'S02', 'idle', institution_code, state, '', spoke.on_day,
           spoke.on_day + 21, false, last_event_at, spoke.on_day < :idle_red_before
    from matching_case cross join lateral (
        select coalesce((last_event_at at time zone 'Asia/Shanghai')::date, opened_on) as on_day
    ) spoke
    where :rule_id = 'S02' and not paused and state not in ('declined', 'closed', 'drawn', 'post_loan')
      and :institution in ('', institution_code)
      and (cast(:named as text[]) is null or need_id = any(cast(:named as text[])))
      and spoke.on_day < :idle_before
    order by need_id, spoke.on_day, institution_code
), stalled as (
    select * from late
    where :institution = '' or need_id in (select need_id from overdue where institution_code = :institution)
    union all select * from unclaimed union all select * from quiet
), told as (
    -- The highest level told in the round that runs. A post that is no longer in the roster counts as its step's.
    select step.need_id, step.rule_id, max(case post.level
               when 'city' then 1 when 'province' then 2 when 'nation' then 3
               else case step.step when 1 then 1 when 4 then 3 else 2 end
           end) as level
    from escalation_round running
    join escalation_step step using (need_id, rule_id, round)
    left join coordinator post using (coordinator_id)
    where running.ended_at is null and step.item = '' and step.state = 'mailed'
    group by step.need_id, step.rule_id
), matching as (
    select stalled.*, v.quarter, v.is_major, v.enterprise_name, v.uscc, v.financing_need, v.department_code,
           coalesce(v.city_code, '') as city_code,
           coalesce(told.level, 0) as level
    from stalled
    left join told using (need_id, rule_id)
    cross join lateral (
        select * from need_version version where version.need_id = stalled.need_id
        order by exists (
            select from delivery push
            where push.need_id = version.need_id and push.revision = version.revision and push.action = 'push'
              and push.state = 'delivered'
        ) desc, version.revision desc limit 1
    ) v
    where (:department in ('', v.department_code))
      and (cast(:at_least as numeric) is null or v.financing_need >= :at_least)
      and (cast(:at_most as numeric) is null or v.financing_need <= :at_most)
      and not exists (select from withdrawal_notice w where w.need_id = stalled.need_id)
      and (valid_until(v.quarter, :valid_quarters) > :today or exists (
          select from matching_case m where m.need_id = stalled.need_id
            and m.furthest_state in ('credit_approved', 'contracted', 'drawn', 'post_loan')
      ))
      and (stalled.rule_id <> 'S06' or v.intended_institutions = '{}')
), counted as (
    select coalesce(json_agg(one), '[]') as counts
    from (select level, red, city_code, count(*) as needs from matching group by level, red, city_code) one
)
select counted.counts, page.*, array(
    select c.institution_code from case_clock c join matching_case m using (need_id, institution_code)
    where c.need_id = page.need_id and c.stopped_on is null and not c.paused and c.due_on < :today
      and not m.paused and m.state not in ('declined', 'closed')
    group by 1 order by min(c.due_on), 1
) as institutions
from counted left join lateral (
    select * from matching
    where (cast(:level as integer) is null or level = :level)
      and (cast(:red as boolean) is null or red = :red)
      and (:city in ('', city_code))
    order by due_on, is_major desc, need_id
    limit :rows offset :after
) page on true
order by page.due_on, page.is_major desc, page.need_id

-- A limit becomes late on its due day, once for the need; silence counts from the push. A case folded, or an event received,
-- after the first digest of the day waits for the next working day.
with digests as (
    select least(min(created_at), :settled_by) as began from delivery
    where channel = 'mail' and created_at >= :day_starts and idempotency_key like :digest_of_today
), pushed as (
    select need_id, min(settled_at) as pushed_at, max(revision) as revision from delivery
    where action = 'push' and state = 'delivered' group by need_id
), alive as (
    select need_id, max(revision) as revision from need_version v
    where not exists (select from withdrawal_notice w where w.need_id = v.need_id)
    group by need_id
    having max(left(quarter, 4)::int * 4 + right(quarter, 1)::int - 1) >= :oldest_quarter
        or exists (
            select from matching_case m where m.need_id = v.need_id
              and m.furthest_state in ('credit_approved', 'contracted', 'drawn', 'post_loan')
        )
), counts as (
    select alive.need_id, alive.revision as newest, v.is_major, v.city_code, v.department_code, v.branch_code,
           v.intended_institutions
    from alive left join pushed using (need_id)
    join need_version v on v.need_id = alive.need_id and v.revision = coalesce(pushed.revision, alive.revision)
), settled as (
    select m.* from matching_case m, digests where not m.paused and m.folded_at < digests.began
), breach as (
    (select distinct on (c.need_id) c.need_id, 'S01' as rule_id, '' as item, c.due_on as starts_on, null as level,
            settled.last_event_at
     from case_clock c join settled using (need_id, institution_code)
     where c.stopped_on is null and not c.paused and c.due_on < :today and settled.state not in ('declined', 'closed')
     order by c.need_id, c.due_on, c.institution_code, c.from_type, c.to_type)
    union all
    select need_id, 'S06', '', (pushed_at at time zone 'Asia/Shanghai')::date, null, null
    from pushed join counts using (need_id)
    where counts.intended_institutions = '{}'
      and not exists (select from feedback_event e where e.need_id = pushed.need_id)
    union all
    select r.need_id, 'S07', 'return@@' || r.revision, (r.body::json ->> 'respond_by')::date, null, null
    from delivery r join counts on counts.need_id = r.need_id and counts.newest = r.revision
    where r.action = 'return' and r.state not in ('held', 'superseded', 'closed')
    union all
    select need_id, 'S08', 'hold@@' || revision, (opened_at at time zone 'Asia/Shanghai')::date, null, null
    from quarantine where state = 'open' and need_id is not null
      and not exists (
          select from need_version v where v.need_id = quarantine.need_id and v.revision > quarantine.revision
      )
    union all
    select need_id, 'OBSTRUCTION', case
               when confirm_by is not null then 'confirmation@' || institution_code || '@' || obstruction_id || '@' || confirm_by
               else 'obstruction@' || institution_code || '@' || obstruction_id || '@' || level || '@' || level_since
           end, coalesce(confirm_by, level_since), case when confirm_by is null then level else 'province' end, null
    from obstruction_ticket, digests
    where updated_at <= digests.began
      and (state in ('open', 'acknowledged', 'in_progress') or (state = 'resolved' and confirm_by < :today))
    union all
    select need_id, rule_id, 'alert@' || institution_code || '@' || opened.on_day, opened.on_day, 'province', null
    from alert cross join digests cross join lateral (
        select (opened_at at time zone 'Asia/Shanghai')::date as on_day
    ) opened
    where state = 'open' and severity = 'hold' and opened_at < digests.began
), full_mail as (
    select idempotency_key from escalation_step told join delivery using (idempotency_key)
    where delivery.created_at >= :day_starts
    group by idempotency_key having count(distinct (told.need_id, told.rule_id, told.item, told.round)) >= :digest_lines
), running as (
    select need_id, rule_id, round from escalation_round where ended_at is null
), told as (
    select need_id, rule_id, item, coalesce(running.round, 1) as round, array_agg(step || authority) as told
    from escalation_step left join running using (need_id, rule_id)
    where state = 'mailed' and escalation_step.round = coalesce(running.round, 1) and (item <> '' or running.round is not null)
    group by 1, 2, 3, 4
), excused as (
    select need_id, rule_id, item, array_agg(step || authority) as excused
    from escalation_waiting join full_mail using (idempotency_key) group by 1, 2, 3
), acknowledged as (
    select distinct on (need_id, rule_id, item) need_id, rule_id, item, step, at
    from escalation_acknowledgement join running using (need_id, rule_id, round)
    order by need_id, rule_id, item, at desc, acknowledgement_id desc
)
select breach.*, counts.is_major, counts.city_code, counts.department_code, counts.branch_code,
       coalesce(told.told, '{}') as told, coalesce(excused.excused, '{}') as excused,
       acknowledged.step as acknowledged_step,
       (greatest(acknowledged.at, breach.last_event_at) at time zone 'Asia/Shanghai')::date as quiet_since
from breach join counts using (need_id)
left join told using (need_id, rule_id, item)
left join excused using (need_id, rule_id, item)
left join acknowledged using (need_id, rule_id, item)

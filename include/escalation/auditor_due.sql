-- A limit becomes late on its due day; silence counts from the last event, or from the push. A case folded, or an event
-- received, after the first digest of the day waits for the next working day.
with digests as (
    select least(min(created_at), :settled_by) as began from delivery
    where channel = 'mail' and created_at >= :day_starts and idempotency_key like :digest_of_today
), pushed as (
    select need_id, min(settled_at) as pushed_at from delivery
    where action = 'push' and state = 'delivered' group by need_id
), alive as (
    select v.need_id, max(v.revision) as revision from need_version v
    where not exists (select from withdrawal_notice w where w.need_id = v.need_id)
    group by v.need_id
    having max(left(v.quarter, 4)::int * 4 + right(v.quarter, 1)::int - 1) >= :oldest_quarter
        or exists (
            select from matching_case m where m.need_id = v.need_id
              and m.furthest_state in ('credit_approved', 'contracted', 'drawn', 'post_loan')
        )
), settled as (
    select m.* from matching_case m, digests where not m.paused and m.folded_at < digests.began
), refused as (
    select need_id, sum(reopened) + 1 as round,
           array_agg(state_since order by state_since) filter (where state in ('declined', 'closed')) as refused_on,
           least(:declined_needed, coalesce(nullif(count(*) filter (where intended), 0), :declined_needed)) as needed
    from matching_case, digests
    group by need_id, digests.began
    having bool_and(folded_at < digests.began) and bool_or(state in ('declined', 'closed'))
       and not bool_or(drawn > 0 or state in ('credit_approved', 'contracted', 'drawn', 'post_loan'))
), unreached as (
    select distinct on (need_id) need_id, counted_at
    from (
        select need_id, counted_at, row_number() over (partition by need_id order by counted_at, event_id) as failures
        from counted_feedback, digests where reason_code = 'R17' and received_at < digests.began
    ) failed where failures >= :contact_failures order by need_id, failures
), breach as (
    select c.need_id, c.institution_code, 'S01' as rule_id, 'limit@' || c.from_type || '-' || c.to_type || '@' || c.day0 as breach,
           c.due_on as starts_on
    from case_clock c join settled using (need_id, institution_code)
    where c.stopped_on is null and not c.paused and c.due_on < :today and settled.state not in ('declined', 'closed')
    union all
    select need_id, institution_code, 'S02', 'idle@' || spoke.on_day, spoke.on_day
    from settled cross join lateral (
        select coalesce((last_event_at at time zone 'Asia/Shanghai')::date, opened_on) as on_day
    ) spoke
    where state not in ('declined', 'closed', 'drawn', 'post_loan')
    union all
    select need_id, '', 'S03', 'turned_down@' || round, refused_on[needed] from refused
    where cardinality(refused_on) >= needed
    union all
    select need_id, '', 'S05', 'no_contact@1', (counted_at at time zone 'Asia/Shanghai')::date from unreached
    where not exists (
        select from counted_feedback e
        where e.need_id = unreached.need_id and e.counted_at > unreached.counted_at and e.type in (
            'contacted', 'visited', 'accepted', 'credit_approved', 'contracted', 'drawn', 'post_loan'
        )
    )
    union all
    select need_id, '', 'S06', 'unclaimed@' || sent.on_day, sent.on_day
    from pushed cross join lateral (select (pushed_at at time zone 'Asia/Shanghai')::date as on_day) sent
    where not exists (select from feedback_event e where e.need_id = pushed.need_id)
    union all
    select r.need_id, '', 'S07', 'return@' || r.revision, (r.body::json ->> 'respond_by')::date
    from delivery r join alive using (need_id, revision)
    where r.action = 'return' and r.state not in ('held', 'superseded', 'closed')
    union all
    select need_id, institution_code, 'OBSTRUCTION', case
               when confirm_by is not null then 'confirmation@' || obstruction_id || '@' || confirm_by
               else 'obstruction@' || obstruction_id || '@' || level || '@' || level_since
           end, coalesce(confirm_by, level_since)
    from obstruction_ticket, digests
    where updated_at <= digests.began
      and (state in ('open', 'acknowledged', 'in_progress') or (state = 'resolved' and confirm_by < :today))
    union all
    select need_id, institution_code, rule_id, 'alert@' || opened.on_day, opened.on_day
    from alert cross join digests cross join lateral (
        select (opened_at at time zone 'Asia/Shanghai')::date as on_day
    ) opened
    where state = 'open' and severity = 'hold' and opened_at < digests.began
), taken as (
    select need_id, institution_code, rule_id, breach, max(step) as taken from escalation_step
    where state = 'mailed' group by 1, 2, 3, 4
), acknowledged as (
    select distinct on (need_id, institution_code, rule_id, breach) need_id, institution_code, rule_id, breach, step, at
    from escalation_acknowledgement
    order by need_id, institution_code, rule_id, breach, at desc, acknowledgement_id desc
)
select breach.*, coalesce(taken.taken, 0) as taken, acknowledged.step as acknowledged_step,
       (greatest(acknowledged.at, m.last_event_at) at time zone 'Asia/Shanghai')::date as quiet_since
from breach join alive using (need_id)
left join taken using (need_id, institution_code, rule_id, breach)
left join acknowledged using (need_id, institution_code, rule_id, breach)
left join matching_case m using (need_id, institution_code)

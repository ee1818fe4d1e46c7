-- How far the needs of each department and quarter have come, and what is new since a moment.
with need as materialized (
    select need_id, counted_quarter as quarter, department_code, coalesce(financing_need, 0) as amount, verdict, decided_at, pushed_at
    from need_state where counted_quarter = any(:quarters) and withdrawn_at is null
), sound as (
    select matched.* from sound_case matched join need using (need_id)
), matched as (
    select need_id, sum(approved) as approved, sum(drawn) as drawn,
           bool_or(array_position(cast(:path as text[]), furthest_state) - 1 >= :contacted_rank) as contacted,
           bool_and(state in ('declined', 'closed')) and sum(drawn) = 0 as unmet
    from sound group by need_id
), reported as (
    select event.need_id,
           min(event.received_at) filter (where event.type = any(:reached)) as contacted_at,
           min(event.received_at) filter (where event.type = any(:approved)) as approved_at,
           sum(event.amount) filter (where event.type = 'drawn' and event.received_at > :since) as drawn,
           bool_or(event.type = 'declined' and event.received_at > :since) as declined
    from feedback_event event join sound using (need_id, institution_code)
    where not sound.anomalies @> jsonb_build_array(jsonb_build_object('event_id', event.event_id))
    group by event.need_id
), one as (
    select need.*, need.decided_at > :since as lately,
           coalesce(matched.approved, 0) as approved, coalesce(matched.drawn, 0) as drawn,
           coalesce(matched.contacted, false) as contacted, coalesce(matched.unmet, false) as unmet,
           reported.contacted_at > :since as newly_contacted, reported.approved_at > :since as newly_approved,
           coalesce(reported.drawn, 0) as newly_drawn, coalesce(reported.declined, false) as newly_declined
    from need left join matched using (need_id) left join reported using (need_id)
)
select department_code, quarter, count(*) as recommended,
       coalesce(sum(amount) filter (where verdict is distinct from 'held'), 0) as recommended_amount,
       count(*) filter (where verdict = 'passed') as passed,
       coalesce(sum(amount) filter (where verdict = 'passed'), 0) as passed_amount,
       count(*) filter (where verdict = 'returned') as returned,
       coalesce(sum(amount) filter (where verdict = 'returned'), 0) as returned_amount,
       count(*) filter (where verdict = 'held') as held, null as held_amount,
       count(*) filter (where pushed_at is not null) as pushed,
       coalesce(sum(amount) filter (where pushed_at is not null), 0) as pushed_amount,
       count(*) filter (where contacted) as contacted,
       coalesce(sum(amount) filter (where contacted), 0) as contacted_amount,
       count(*) filter (where approved > 0) as approved, sum(approved) as approved_amount,
       count(*) filter (where drawn > 0) as drawn, sum(drawn) as drawn_amount,
       count(*) filter (where unmet) as unmet, coalesce(sum(amount) filter (where unmet), 0) as unmet_amount,
       count(*) filter (where verdict = 'passed' and lately) as new_passed,
       count(*) filter (where verdict = 'returned' and lately) as new_returned,
       count(*) filter (where pushed_at > :since) as new_pushed,
       count(*) filter (where newly_contacted) as new_contacted,
       count(*) filter (where newly_approved) as new_approved,
       coalesce(sum(approved) filter (where newly_approved), 0) as new_approved_amount,
       count(*) filter (where newly_drawn > 0) as new_drawn, sum(newly_drawn) as new_drawn_amount,
       count(*) filter (where newly_declined) as new_declined
from one group by department_code, quarter

-- Feedback, cases, and the register that they are checked against.

-- Each event with the moment at which it counts (E09).
create view counted_feedback with (security_invoker = true) as
select event.event_id, event.need_id, event.revision, event.institution_code, event.type, event.occurred_at, event.sequence,
       event.amount, event.rate, event.term_months, event.green_label, event.catalogue_code, event.use_of_funds,
       event.reason_code, event.obstruction_id, event.reapply_from, event.institution_ref, event.received_at,
       coalesce(moved.counted_at, event.occurred_at) as counted_at
from feedback_event event left join feedback_moment moved using (event_id);

-- The alerts (警示) that withheld money at a moment: open or confirmed, on the need as a whole or on one of its cases.
create function holding_alert_at(moment timestamptz) returns setof alert language sql stable as $$
    select alert.* from alert
    where severity = 'hold' and opened_at <= moment and (state in ('open', 'confirmed') or settled_at > moment)
$$;

create view holding_alert with (security_invoker = true) as select * from holding_alert_at('infinity');

-- The cases that no alert excludes from figures and re-offers.
create view sound_case with (security_invoker = true) as
select matched.* from matching_case matched
where not exists (
    select from holding_alert held
    where held.need_id = matched.need_id and held.institution_code in ('', matched.institution_code)
);

-- The usable rows of the register (绿色工厂名单), each with the days on which it is active.
create view listed_factory with (security_invoker = true) as
select factory.*, case when usable then daterange(listed_on, removed_on) end as listed
from register_factory factory
where usable;

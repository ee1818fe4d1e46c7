-- What several rooms ask of the tables, once. A view reads with its owner's eyes unless it says otherwise: each says otherwise,
-- so that the rows of a confined user (include/store/row_security.py) are confined here too.

-- Two persons -------------------------------------------------------------------------------------------------------------

-- An approval counts for every hold of the same revision, unless the finding was confirmed after it.
create view hold_approval with (security_invoker = true) as
select found.quarantine_id, found.rule_id, found.field, event.event_id, event.actor, person_key(event.actor) as person
from quarantine_finding found
join quarantine hold using (quarantine_id)
join quarantine same
    on same.quarantine_id = hold.quarantine_id or same.need_id = hold.need_id and same.revision = hold.revision
join quarantine_event event
    on event.quarantine_id = same.quarantine_id and event.kind = 'approved'
   and event.rule_id = found.rule_id and event.field = found.field
where not exists (
    select from quarantine other join quarantine_event later using (quarantine_id)
    where (other.quarantine_id = hold.quarantine_id or other.need_id = hold.need_id and other.revision = hold.revision)
      and later.kind = 'confirmed' and later.rule_id = found.rule_id and later.field = found.field
      and later.event_id > event.event_id
);

-- What a person agreed to before a new ground came up was said without knowing it; of what one person said, the last counts.
create view alert_agreement with (security_invoker = true) as
select distinct on (event.alert_id, person_key(event.actor))
       event.alert_id, event.event_id, event.actor, person_key(event.actor) as person, event.reason, event.at,
       case event.kind when 'clear_agreed' then 'cleared' else 'confirmed' end as decision
from alert_event event
where event.kind in ('clear_agreed', 'confirm_agreed') and event.event_id > coalesce((
    select max(ground.event_id) from alert_event ground
    where ground.alert_id = event.alert_id and ground.kind in ('opened', 'repeated')
), 0)
order by event.alert_id, person_key(event.actor), event.event_id desc;

-- Sign-off (签批) ----------------------------------------------------------------------------------------------------------

create view push_unsigned with (security_invoker = true) as
select waiting.*, (
           select count(*) from signed_push signed
           where signed.need_id = waiting.need_id and signed.revision = waiting.revision
       ) as signatures
from push_wait waiting
where waiting.persons_required > (
    select count(*) from signed_push signed
    where signed.need_id = waiting.need_id and signed.revision = waiting.revision
);

-- Pushes and feedback -----------------------------------------------------------------------------------------------------

-- Since when each delivered push is there. Of a lost answer it became known later that the push had arrived.
create view arrived_push with (security_invoker = true) as
select delivery.delivery_id, delivery.need_id, delivery.revision,
       coalesce(tried.arrived_at, delivery.settled_at, delivery.created_at) as arrived_at
from delivery
left join lateral (
    select min(attempted_at) as arrived_at from delivery_attempt attempt
    where attempt.delivery_id = delivery.delivery_id and attempt.kind = 'send'
      and attempt.outcome in ('accepted', 'duplicate', 'lost_answer')
) tried on true
where delivery.action = 'push' and delivery.state = 'delivered';

-- Each event with the moment as of which it counts (E09).
create view counted_feedback with (security_invoker = true) as
select event.event_id, event.need_id, event.revision, event.institution_code, event.type, event.occurred_at, event.sequence,
       event.amount, event.rate, event.term_months, event.green_label, event.catalogue_code, event.use_of_funds,
       event.reason_code, event.obstruction_id, event.reapply_from, event.institution_ref, event.received_at,
       coalesce(moved.counted_at, event.occurred_at) as counted_at
from feedback_event event left join feedback_moment moved using (event_id);

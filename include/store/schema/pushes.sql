-- Pushes: which arrived, which wait for approvers (签批), and the fate of each passed need.

-- Each push that the receiver holds, and since when we know it.
create view delivered_push with (security_invoker = true) as
select delivery_id, need_id, revision, quarter, department_code, idempotency_key, body_sha256, receipt_no, channel,
       payload_fields, payload_hash, settled_at, matched, coalesce(settled_at, created_at) as pushed_at
from delivery
where action = 'push' and state = 'delivered';

-- When it arrived, which is earlier if the answer was lost.
create view arrived_push with (security_invoker = true) as
select push.delivery_id, push.need_id, push.revision, coalesce(tried.arrived_at, push.pushed_at) as arrived_at
from delivered_push push
left join lateral (
    select min(attempted_at) as arrived_at from delivery_attempt attempt
    where attempt.delivery_id = push.delivery_id and attempt.kind = 'send'
      and attempt.outcome in ('accepted', 'duplicate', 'lost_answer')
) tried on true;

-- The returns (退回补正) that wait for an answer: sent back, no higher revision stored since, and the need is not withdrawn.
create view open_return with (security_invoker = true) as
select sent.delivery_id, sent.need_id, sent.revision, need.quarter, need.department_code, need.enterprise_name, need.uscc,
       need.is_major, (sent.created_at at time zone 'Asia/Shanghai')::date as returned_on,
       (sent.body::json ->> 'respond_by')::date as respond_by, array(
           select distinct told ->> 'rule_id' from json_array_elements(sent.body::json -> 'reasons') told order by 1
       ) as rule_ids
from delivery sent join live_need need using (need_id, revision)
where sent.action = 'return' and sent.state not in ('held', 'superseded', 'closed');

-- Departments whose pushes wait for a person, since too much was returned (B08).
create view stopped_department with (security_invoker = true) as
select quarter, department_code from department_stop where state <> 'continued';

-- Needs that wait for the close of their department's quarter, unless ordinary_push = at_once: those that are not major.
create view unclosed_need with (security_invoker = true) as
select need.need_id, need.revision from need_version need
where not need.is_major and not exists (
    select from department_close closed
    where closed.quarter = need.quarter and closed.department_code = need.department_code
);

-- Late needs that a person moved to a later quarter wait for its close.
create view moved_need with (security_invoker = true) as
select moved.need_id, moved.counted_quarter
from deferred_need moved join newest_need need using (need_id)
where not exists (
    select from department_close closed
    where closed.quarter = moved.counted_quarter and closed.department_code = need.department_code
);

-- Needs that may be pushed once they have passed and approvers have signed: not purged, not withdrawn, no higher revision, no open
-- hold, department not stopped, not waiting for a later quarter.
create view pushable_need with (security_invoker = true) as
select need.* from live_need need
where need.document <> '{}'
  and not exists (select from moved_need moved where moved.need_id = need.need_id)
  and not exists (
      select from quarantine hold join judgement judged using (judgement_id)
      where hold.need_id = need.need_id and hold.revision = need.revision and hold.state = 'open'
        and judged.payload_sha256 = need.item_hash
  )
  and not exists (
      select from stopped_department stopped
      where stopped.quarter = need.quarter and stopped.department_code = need.department_code
  );

-- Pushes that wait for the signatures of approvers.
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

-- Of these, the ones that may still be pushed.
create view signable_push with (security_invoker = true) as
select waiting.*, need.enterprise_name, need.project_name, need.uscc, need.financing_need
from push_unsigned waiting join pushable_need need using (need_id, revision);

-- The fate of each passed need of a quarter: pushed, queued, or waiting for a named reason. Passed is decided by the newest verdict
-- on a payload, or by a person's decision on its hold. Of a revision listed with two contents the one stored first counts. fate is
-- null if nothing explains that a need is nowhere: it would never be pushed.
create function passed_needs(wanted_quarter text)
returns table (
    need_id text, revision integer, department_code text, payload_sha256 text, delivery_id bigint, fate text
) language sql stable as $$
    with judged as (
        select distinct on (own.payload_sha256) own.* from judgement own where own.quarter = wanted_quarter
        order by own.payload_sha256, own.judgement_id desc
    ), hold as (
        select distinct on (own.payload_sha256) own.payload_sha256, held.state
        from judgement own join quarantine held using (judgement_id)
        where own.quarter = wanted_quarter
        order by own.payload_sha256, held.quarantine_id desc
    ), passed as (
        select judged.* from judged left join hold using (payload_sha256)
        where coalesce(hold.state = 'released', judged.verdict = 'passed')
          and not exists (
              select from need_version version
              where version.need_id = judged.need_id and version.revision = judged.revision
                and version.item_hash <> judged.payload_sha256
          )
    )
    select passed.need_id, passed.revision, passed.department_code, passed.payload_sha256, push.delivery_id,
           case
               when push.state = 'delivered' then 'delivered'
               when exists (select from withdrawal_notice notice where notice.need_id = passed.need_id) then 'withdrawn'
               when exists (
                   select from need_version higher
                   where higher.need_id = passed.need_id and higher.revision > passed.revision
               ) then 'newer_revision'
               when push.state in ('pending', 'unknown') then 'queued'
               when push.state in ('held', 'closed') then push.state
               when push.outcome = 'factory_removed' then 'factory_removed'
               when exists (
                   select from quarantine waiting
                   where waiting.need_id = passed.need_id and waiting.revision = passed.revision
                     and waiting.state = 'open'
               ) then 'open_hold'
               when exists (
                   select from need_version version join stopped_department using (quarter, department_code)
                   where version.need_id = passed.need_id and version.revision = passed.revision
               ) then 'stopped'
               when exists (select from moved_need moved where moved.need_id = passed.need_id) then 'moved'
               when exists (
                   select from push_unsigned waiting
                   where waiting.need_id = passed.need_id and waiting.revision = passed.revision
               ) then 'unsigned'
               when exists (
                   select from unclosed_need waiting
                   where waiting.need_id = passed.need_id and waiting.revision = passed.revision
               ) then 'until_close'
           end
    from passed
    left join lateral (
        select sent.delivery_id, sent.state, sent.outcome from delivery sent
        where sent.action = 'push' and sent.need_id = passed.need_id and sent.revision = passed.revision
        order by sent.state = 'superseded', sent.delivery_id desc limit 1
    ) push on true
$$;

-- How far each need came by a moment: its newest revision then, its outcome, when it was withdrawn and first pushed. quarter is the
-- one it was filed for, counted_quarter the one it counts in: a later one if a person moved a late need (DQ52).
create function need_state_at(moment timestamptz)
returns table (
    need_id text, revision integer, item_hash text, quarter text, counted_quarter text, department_code text, is_major boolean,
    received_at timestamptz, financing_need numeric, total_investment numeric, verdict text, decided_at timestamptz, withdrawn_at timestamptz,
    pushed_at timestamptz
) language sql stable as $$
    select version.need_id, version.revision, version.item_hash, version.quarter,
           greatest(version.quarter, deferred.counted_quarter), version.department_code, version.is_major, version.received_at,
           version.financing_need, version.total_investment, outcome.verdict, outcome.decided_at,
           notice.noticed_at, (
               select min(push.pushed_at) from delivered_push push
               where push.need_id = version.need_id and push.pushed_at <= moment
           )
    from need_version version
    left join effective_outcome_at(moment) outcome on outcome.payload_sha256 = version.item_hash
    left join withdrawal_notice notice on notice.need_id = version.need_id and notice.noticed_at <= moment
    left join deferred_need deferred on deferred.need_id = version.need_id and deferred.at <= moment
    where version.received_at <= moment and not exists (
        select from need_version higher
        where higher.need_id = version.need_id and higher.revision > version.revision and higher.received_at <= moment
    )
$$;

create view need_state with (security_invoker = true) as select * from need_state_at('infinity');

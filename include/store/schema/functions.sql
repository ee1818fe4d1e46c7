-- What became of each passed need of a quarter: pushed, queued, or waiting for a named reason. What passed is the newest verdict
-- on a payload, or what a person made of the hold on it. A revision listed with two contents is the content stored first. fate is
-- null where nothing explains that a need is nowhere: nobody would ever push it.
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
                   select from need_version version
                   join department_stop stop using (quarter, department_code)
                   where version.need_id = passed.need_id and version.revision = passed.revision
                     and stop.state <> 'continued'
               ) then 'stopped'
               when exists (
                   select from push_unsigned waiting
                   where waiting.need_id = passed.need_id and waiting.revision = passed.revision
               ) then 'unsigned'
           end
    from passed
    left join lateral (
        select sent.delivery_id, sent.state, sent.outcome from delivery sent
        where sent.action = 'push' and sent.need_id = passed.need_id and sent.revision = passed.revision
        order by sent.state = 'superseded', sent.delivery_id desc limit 1
    ) push on true
$$;

-- Whether the department is one of those that a confined user's session names (include/store/confinement.py).
create function within_departments(code text) returns boolean language sql stable parallel safe as $$
    select code = any (string_to_array(current_setting('gff.departments', true), ','))
$$;

-- ANALYZE is for the owner of a table; the pipeline may ask him for it.
create function analyze_fingerprints() returns void language sql security definer
set search_path = pg_catalog, public as 'analyze public.need_fingerprint';

-- What the triggers of include/store/history.py call.
create function refuse_change_of_history() returns trigger language plpgsql as $$
begin
    raise exception 'table % is only added to', tg_table_name using errcode = 'restrict_violation';
end
$$;

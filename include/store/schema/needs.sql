-- The newest revisions of needs, and their outcomes.
--
-- A view reads with its owner's eyes unless it says otherwise: each view of these files says otherwise, so that the rows of a
-- confined user (include/store/row_security.py) are confined here too.

-- The newest revision of each need. An anti-join, so that any condition on a column reaches need_version.
create view newest_need with (security_invoker = true) as
select version.* from need_version version
where not exists (
    select from need_version higher where higher.need_id = version.need_id and higher.revision > version.revision
);

-- The newest revision of each need that is not withdrawn.
create view live_need with (security_invoker = true) as
select need.* from newest_need need
where not exists (select from withdrawal_notice notice where notice.need_id = need.need_id);

-- The findings of batch rules in force: of the newest reading of each department's quarter, and of the newest whole quarter.
create view newest_batch_finding with (security_invoker = true) as
select reading.quarter, finding.* from batch_finding finding join intake reading using (intake_id)
where reading.kind in ('quarterly', 'late') and not reading.dry_run and not exists (
    select from intake later
    where later.quarter = reading.quarter and later.intake_id > reading.intake_id and not later.dry_run
      and (later.kind = 'quarterly' and finding.department_code = '' or later.kind in ('quarterly', 'late')
           and finding.department_code = any(later.departments))
);

-- The first day on which a need of a quarter is no longer valid, so many quarters after its own.
create function valid_until(quarter text, quarters integer) returns date language sql immutable parallel safe as $$
    select (make_date(substr(quarter, 1, 4)::integer, substr(quarter, 6, 1)::integer * 3 - 2, 1)
            + make_interval(months => 3 * (1 + quarters)))::date
$$;

-- The outcome by what the state of the newest hold says, else by the gate's verdict.
create function outcome_of(hold_state text, verdict text) returns text language sql immutable parallel safe as $$
    select case hold_state
        when 'released' then 'passed' when 'returned' then 'returned' when 'open' then 'held' when 'expired' then 'held'
        else verdict
    end
$$;

-- The outcome of each judged payload at a moment: the gate's verdict, or a person's decision on the hold (待核实). A
-- hold is decided by its newest quarantine row; one that expired without a decision stays held. Join it to need_version.item_hash:
-- the outcome of a revision is that of the content stored first, whatever was listed under the same number later (DQ43).
create function effective_outcome_at(moment timestamptz)
returns table (payload_sha256 text, verdict text, decided_at timestamptz) language sql stable as $$
    select judged.payload_sha256, outcome_of(hold.state, judged.verdict), coalesce(hold.settled_at, judged.judged_at)
    from (
        select distinct on (payload_sha256) payload_sha256, verdict, judged_at from judgement
        where judged_at <= moment
        order by payload_sha256, judgement_id desc
    ) judged
    left join (
        select distinct on (own.payload_sha256) own.payload_sha256,
               case when settled_at <= moment then state else 'open' end as state,
               case when settled_at <= moment then settled_at end as settled_at
        from quarantine join judgement own using (judgement_id)
        where opened_at <= moment
        order by own.payload_sha256, quarantine_id desc
    ) hold using (payload_sha256)
$$;

create view effective_outcome with (security_invoker = true) as select * from effective_outcome_at('infinity');

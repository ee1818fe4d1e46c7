-- Where two persons are demanded the database counts them: holds, alerts, more time, withdrawals by us. (Grants of the console: a check of
-- the table.)

-- Holds -------------------------------------------------------------------------------------------------------------------

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

create function refuse_release_without_approvals() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.state = 'released' then
        return new;
    end if;
    if not exists (select from quarantine_finding where quarantine_id = new.quarantine_id) or exists (
        select from quarantine_finding found
        where found.quarantine_id = new.quarantine_id and found.persons_required > (
            select count(distinct approval.person) from hold_approval approval
            where approval.quarantine_id = found.quarantine_id
              and approval.rule_id = found.rule_id and approval.field = found.field
        )
    ) then
        raise exception 'hold % lacks approvals for its release', new.quarantine_id using errcode = 'restrict_violation';
    end if;
    return new;
end
$$;

create trigger released_by_enough before insert or update of state on quarantine
for each row when (new.state = 'released') execute function refuse_release_without_approvals();

-- Alerts ------------------------------------------------------------------------------------------------------------------

-- Agreements older than the newest ground do not count: the person did not know it. A person's last agreement counts.
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

create function refuse_settling_without_agreement() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        if old.state = 'open' and new.persons_required < old.persons_required then
            raise exception 'alert % needs % persons', new.alert_id, old.persons_required
                using errcode = 'restrict_violation';
        end if;
        if old.state = new.state then
            return new;
        end if;
    end if;
    if new.state in ('cleared', 'confirmed') and new.persons_required > 1 and new.persons_required > (
        select count(*) from alert_agreement agreed where agreed.alert_id = new.alert_id and agreed.decision = new.state
    ) then
        raise exception 'alert % is not agreed on by % persons', new.alert_id, new.persons_required
            using errcode = 'restrict_violation';
    end if;
    return new;
end
$$;

create trigger settled_by_enough before insert or update on alert
for each row execute function refuse_settling_without_agreement();

create function refuse_agreeing_twice() returns trigger language plpgsql as $$
begin
    perform from alert where alert_id = new.alert_id for update;
    if exists (
        select from alert_agreement agreed
        where agreed.alert_id = new.alert_id and agreed.person = person_key(new.actor)
          and agreed.decision = case new.kind when 'clear_agreed' then 'cleared' else 'confirmed' end
    ) then
        raise exception 'one person agrees once on alert %', new.alert_id using errcode = 'unique_violation';
    end if;
    return new;
end
$$;

create trigger agreed_once before insert on alert_event
for each row when (new.kind in ('clear_agreed', 'confirm_agreed')) execute function refuse_agreeing_twice();

-- More time ---------------------------------------------------------------------------------------------------------------

create function refuse_deciding_own_request() returns trigger language plpgsql as $$
begin
    if exists (
        select from deadline_extension asked
        where asked.extension_id = new.extension_id and person_key(asked.requested_by) = person_key(new.decided_by)
    ) then
        raise exception 'request % is decided by another person than asked', new.extension_id
            using errcode = 'restrict_violation';
    end if;
    return new;
end
$$;

create trigger decided_by_another before insert on deadline_extension_decision
for each row execute function refuse_deciding_own_request();

-- Withdrawals by us -------------------------------------------------------------------------------------------------------

-- Requests on which nobody decided; one whose need was withdrawn otherwise meanwhile waits for nobody.
create view waiting_withdrawal with (security_invoker = true) as
select asked.* from withdrawal_request asked
where not exists (select from withdrawal_decision decided where decided.request_id = asked.request_id)
  and not exists (select from withdrawal_notice notice where notice.need_id = asked.need_id);

create function refuse_deciding_own_withdrawal() returns trigger language plpgsql as $$
begin
    if exists (
        select from withdrawal_request asked
        where asked.request_id = new.request_id
          and (person_key(asked.requested_by) = person_key(new.decided_by)) <> (new.decision = 'taken_back')
    ) then
        raise exception 'request % to withdraw: another person decides, whoever asked may take it back', new.request_id
            using errcode = 'restrict_violation';
    end if;
    return new;
end
$$;

create trigger decided_by_another before insert on withdrawal_decision
for each row execute function refuse_deciding_own_withdrawal();

create function refuse_withdrawal_without_two_persons() returns trigger language plpgsql as $$
begin
    if not exists (
        select from withdrawal_request asked join withdrawal_decision decided using (request_id)
        where asked.need_id = new.need_id and asked.reason_code = new.reason_code and decided.decision = 'confirmed'
    ) then
        raise exception 'need % is withdrawn for % by two persons', new.need_id, new.reason_code
            using errcode = 'restrict_violation';
    end if;
    return new;
end
$$;

create trigger withdrawn_by_two before insert on withdrawal_notice
for each row when (new.reason_code in ('duplicate_project', 'false_information'))
execute function refuse_withdrawal_without_two_persons();

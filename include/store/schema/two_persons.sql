-- Where two persons are demanded the database counts them: holds, alerts, more time. (Grants of the console: a check of the table.)

-- Holds -------------------------------------------------------------------------------------------------------------------

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

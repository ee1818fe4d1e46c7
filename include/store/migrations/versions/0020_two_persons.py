"""Where two persons are demanded the database counts them: holds, alerts, more time, grants"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

# As include/domain/people.py has it; a test compares the two over all characters.
_INVISIBLE = (
    r"\u0001-\u0020\u007F-\u00A0\u00AD\u034F\u0600-\u0605\u061C\u06DD\u070F\u0890\u0891\u08E2\u115F\u1160\u1680\u17B4\u17B5"
    r"\u180B-\u180F\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB"
    r"\U000110BD\U000110CD\U00013430-\U0001343F\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF"
)

_PERSON_KEY = f"""
create function person_key(actor text) returns text language sql immutable strict parallel safe as $$
    select normalize(
        casefold(regexp_replace(normalize(actor, NFKC), '[{_INVISIBLE}]', '', 'g') collate "pg_unicode_fast"), NFKC
    )
$$
"""

# An approval counts for every hold of the same revision, unless the finding was confirmed after it.
_HOLD_APPROVAL = """
create view hold_approval as
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
)
"""

_REFUSE_RELEASE = """
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
$$
"""

# What a person agreed to before a new ground came up was said without knowing it; of what one person said, the last counts.
_ALERT_AGREEMENT = """
create view alert_agreement as
select distinct on (event.alert_id, person_key(event.actor))
       event.alert_id, event.event_id, event.actor, person_key(event.actor) as person, event.reason, event.at,
       case event.kind when 'clear_agreed' then 'cleared' else 'confirmed' end as decision
from alert_event event
where event.kind in ('clear_agreed', 'confirm_agreed') and event.event_id > coalesce((
    select max(ground.event_id) from alert_event ground
    where ground.alert_id = event.alert_id and ground.kind in ('opened', 'repeated')
), 0)
order by event.alert_id, person_key(event.actor), event.event_id desc
"""

_REFUSE_SETTLING = """
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
$$
"""

_REFUSE_AGREEING_TWICE = """
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
$$
"""

_REFUSE_OWN_REQUEST = """
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
$$
"""


def upgrade() -> None:
    op.execute(_PERSON_KEY)
    _holds()
    _alerts()
    op.execute(_REFUSE_OWN_REQUEST)
    op.execute(
        "create trigger decided_by_another before insert on deadline_extension_decision"
        " for each row execute function refuse_deciding_own_request()"
    )
    op.drop_constraint(op.f("ck_console_grant_by_another"), "console_grant")
    op.create_check_constraint(
        op.f("ck_console_grant_by_another"), "console_grant", "person_key(changed_by) <> person_key(actor_id)"
    )


def _holds() -> None:
    # Who adds a finding without saying how many persons must agree gets the stricter number.
    op.add_column(
        "quarantine_finding",
        sa.Column(
            "persons_required",
            sa.SmallInteger(),
            server_default="2",
            nullable=False,
            comment="release_two_persons when the hold was opened",
        ),
    )
    op.execute("update quarantine_finding set persons_required = case when rule_id like 'G%' then 2 else 1 end")
    op.create_check_constraint(
        op.f("ck_quarantine_finding_persons_required"), "quarantine_finding", "persons_required > 0"
    )
    op.create_index(
        "uq_quarantine_event_approved",
        "quarantine_event",
        ["quarantine_id", "rule_id", "field", sa.text("person_key(actor)")],
        unique=True,
        postgresql_where=sa.text("kind = 'approved'"),
    )
    op.execute(_HOLD_APPROVAL)
    op.execute(_REFUSE_RELEASE)
    op.execute(
        "create trigger released_by_enough before insert or update of state on quarantine"
        " for each row when (new.state = 'released') execute function refuse_release_without_approvals()"
    )
    op.execute(
        "create or replace trigger only_added_to before update or delete or truncate on quarantine_finding"
        " for each statement execute function refuse_change_of_history()"
    )


def _alerts() -> None:
    op.add_column(
        "alert",
        sa.Column(
            "persons_required",
            sa.SmallInteger(),
            server_default="2",
            nullable=False,
            comment="to clear or confirm it: release_two_persons when it was opened",
        ),
    )
    op.execute(
        "update alert set persons_required = case when severity = 'hold' and rule_id like 'G%' then 2 else 1 end"
    )
    op.create_check_constraint(op.f("ck_alert_persons_required"), "alert", "persons_required > 0")
    op.drop_constraint(op.f("ck_alert_event_kind"), "alert_event")
    op.create_check_constraint(
        op.f("ck_alert_event_kind"),
        "alert_event",
        "kind in ('opened', 'repeated', 'clear_agreed', 'confirm_agreed', 'cleared', 'confirmed', 'closed')",
    )
    op.execute(_ALERT_AGREEMENT)
    op.execute(_REFUSE_SETTLING)
    op.execute(
        "create trigger settled_by_enough before insert or update on alert"
        " for each row execute function refuse_settling_without_agreement()"
    )
    op.execute(_REFUSE_AGREEING_TWICE)
    op.execute(
        "create trigger agreed_once before insert on alert_event"
        " for each row when (new.kind in ('clear_agreed', 'confirm_agreed')) execute function refuse_agreeing_twice()"
    )

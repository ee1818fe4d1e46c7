"""Users who are confined to departments see and change only rows of those: row-level security"""

from __future__ import annotations

from alembic import op

from include.store.migrations.confined import BY_DEPARTMENT, BY_NEED, by_parent, confine

revision = "0023"
down_revision = "0022"

_BY_DEPARTMENT = (
    "batch_finding",
    "department_stop",
    "intake_item",
    "judgement",
    "listing",
    "manifest_entry",
    "need_version",
    "quarantine",
)
_BY_NEED = (
    "alert",
    "amendment",
    "case_clock",
    "case_policy",
    "contact",
    "deadline_extension",
    "due_date_change",
    "escalation_acknowledgement",
    "escalation_step",
    "feedback_event",
    "finding",
    "matching_case",
    "need_fingerprint",
    "obstruction_ticket",
    "reconciliation_finding",
    "waiting_feedback",
    "withdrawal_notice",
)
_BY_PARENT = {
    "alert_event": ("alert", "alert_id"),
    "alert_ground": ("alert", "alert_id"),
    "deadline_extension_decision": ("deadline_extension", "extension_id"),
    "delivery_attempt": ("delivery", "delivery_id"),
    "event_finding": ("feedback_event", "event_id"),
    "obstruction_event": ("obstruction_ticket", "ticket_id"),
    "quarantine_event": ("quarantine", "quarantine_id"),
    "quarantine_finding": ("quarantine", "quarantine_id"),
    "rerun_item": ("delivery", "delivery_id"),
}


def upgrade() -> None:
    # Roles belong to the server: another database of it may have made this one, at this very moment.
    op.execute(
        """
        do $$
        begin
            create role gff_within nologin;
        exception when duplicate_object or unique_violation then
            null;
        end
        $$
        """
    )
    op.execute(
        """
        do $$
        begin
            if not pg_has_role(current_user, 'gff_within', 'SET') then
                execute format('grant gff_within to %I', current_user);
            end if;
        end
        $$
        """
    )
    op.execute("grant usage on schema public to gff_within")
    op.execute("grant select, insert, update, delete on all tables in schema public to gff_within")
    op.execute("grant usage on all sequences in schema public to gff_within")
    op.execute("alter default privileges in schema public grant select, insert, update, delete on tables to gff_within")
    op.execute("revoke all on contact, raw_payload, console_grant, stored_secret from gff_within")
    # Whether a contact is there decides what can be sent again.
    op.execute("grant select (need_id, revision) on contact to gff_within")
    op.execute(
        """
        create function within_departments(code text) returns boolean language sql stable parallel safe as $$
            select code = any (string_to_array(current_setting('gff.departments', true), ','))
        $$
        """
    )
    # A view reads with its owner's eyes unless it says otherwise.
    for view in ("alert_agreement", "hold_approval"):
        op.execute(f"alter view {view} set (security_invoker = true)")
    for table in _BY_DEPARTMENT:
        confine(table, BY_DEPARTMENT)
    for table in _BY_NEED:
        confine(table, BY_NEED)
    for table, (parent, key) in _BY_PARENT.items():
        confine(table, by_parent(parent, key))
    # Answers about a need name no department; mails, which name neither, are of none.
    confine("delivery", f"{BY_DEPARTMENT} or department_code is null and {BY_NEED}")
    # A job is whose it is, and those may follow it whose deliveries are in it.
    confine(
        "rerun_job",
        "actor = current_setting('gff.actor', true)"
        " or exists (select from rerun_item of_job where of_job.job_id = {table}.job_id)",
    )
    confine("report", "kind = 'circular' or within_departments(split_part(kind, '/', 2))")
    confine("set_aside", "within_departments(split_part(source, '/', 3))")

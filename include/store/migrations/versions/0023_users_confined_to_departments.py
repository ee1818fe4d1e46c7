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

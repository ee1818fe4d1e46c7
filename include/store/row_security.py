"""Which rows a confined user sees: row-level security that binds the role `gff_within` alone.

A user of the console who is confined to departments acts as that role (include/store/confinement.py). Every other role,
the pipeline's included, is under the policy `everyone`, which PostgreSQL optimises away, so that plans and speed do not
change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from include.store.confinement import WITHIN

_BY_DEPARTMENT = "within_departments(department_code)"
# The policy of need_version applies inside: a need of another department does not exist.
_BY_NEED = "exists (select from need_version of_need where of_need.need_id = {table}.need_id)"


def _by(parent: str, key: str) -> str:
    """Rows that belong to a visible row of `parent`."""
    return f"exists (select from {parent} of_parent where of_parent.{key} = {{table}}.{key})"


_ROWS: Mapping[str, str] = {
    "batch_finding": _BY_DEPARTMENT,
    "department_close": _BY_DEPARTMENT,
    "department_stop": _BY_DEPARTMENT,
    "dry_run_judgement": _BY_DEPARTMENT,
    "intake_item": _BY_DEPARTMENT,
    "judgement": _BY_DEPARTMENT,
    "listing": _BY_DEPARTMENT,
    "manifest_entry": _BY_DEPARTMENT,
    "need_version": _BY_DEPARTMENT,
    "push_wait": _BY_DEPARTMENT,
    "quarantine": _BY_DEPARTMENT,
    "alert": _BY_NEED,
    "amendment": _BY_NEED,
    "case_clock": _BY_NEED,
    "case_policy": _BY_NEED,
    "contact": _BY_NEED,
    "coordinator_act": _BY_NEED,
    "deadline_extension": _BY_NEED,
    "deferred_need": _BY_NEED,
    "due_date_change": _BY_NEED,
    "escalation_acknowledgement": _BY_NEED,
    "escalation_round": _BY_NEED,
    "escalation_step": _BY_NEED,
    "escalation_waiting": _BY_NEED,
    "feedback_event": _BY_NEED,
    "finding": _BY_NEED,
    "matching_case": _BY_NEED,
    "need_fingerprint": _BY_NEED,
    "obstruction_ticket": _BY_NEED,
    "reconciliation_finding": _BY_NEED,
    "signed_push": _BY_NEED,
    "waiting_feedback": _BY_NEED,
    "withdrawal_notice": _BY_NEED,
    "withdrawal_request": _BY_NEED,
    "alert_event": _by("alert", "alert_id"),
    "alert_ground": _by("alert", "alert_id"),
    "deadline_extension_decision": _by("deadline_extension", "extension_id"),
    "delivery_attempt": _by("delivery", "delivery_id"),
    "event_finding": _by("feedback_event", "event_id"),
    "feedback_moment": _by("feedback_event", "event_id"),
    "obstruction_event": _by("obstruction_ticket", "ticket_id"),
    "quarantine_event": _by("quarantine", "quarantine_id"),
    "quarantine_finding": _by("quarantine", "quarantine_id"),
    "rerun_item": _by("delivery", "delivery_id"),
    "withdrawal_decision": _by("withdrawal_request", "request_id"),
    # Answers about a need name no department; mails name neither and belong to none.
    "delivery": f"{_BY_DEPARTMENT} or department_code is null and {_BY_NEED}",
    # A job is visible to its owner, and to those whose deliveries are in it.
    "rerun_job": "actor = current_setting('gff.actor', true)"
    " or exists (select from rerun_item of_job where of_job.job_id = {table}.job_id)",
    "report": "kind = 'circular' or within_departments(split_part(kind, '/', 2))",
    "set_aside": "within_departments(split_part(source, '/', 3))",
}
NATIONAL = frozenset(
    {
        "audit_entry",
        "channel_state",
        "console_grant",
        "coordinator",
        "feedback_cursor",
        "intake",
        "last_run",
        "listing_cursor",
        "person",
        "policy_snapshot",
        "push_signature",
        "raw_payload",
        "register_factory",
        "register_finding",
        "register_snapshot",
        "simulated_time",
        "stored_secret",
    }
)
"""Tables that belong to no department. Confined users cannot read `raw_payload`, `console_grant`, `stored_secret`, nor
the ciphertexts of `contact`."""


def policies() -> Iterator[str]:
    """The statements that confine each table. What a confined user inserts follows from what he sees, and is not checked."""
    for table, rows in _ROWS.items():
        yield f"alter table {table} enable row level security"
        yield f"create policy everyone on {table} using (true) with check (true)"
        yield (
            f"create policy within on {table} as restrictive to {WITHIN}"
            f" using ({rows.format(table=table)}) with check (true)"
        )

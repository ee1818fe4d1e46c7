"""The business database, as SQLAlchemy Core tables.

History is only added to: tables marked `only_added_to` refuse any update, deletion and truncation
(include/store/history.py), except for ciphertexts, which a purge empties and a new key re-encrypts, and for columns
that are filled in once, such as the end of a difference. Other tables are derived from history and can be rebuilt at
any time (matching_case, case_clock, waiting_feedback, alert_ground); or hold the state that attempts and events result
in (delivery, quarantine, alert, obstruction_ticket, department_stop, channel_state, listing_cursor, set_aside, rerun_job); or hold
current data (coordinator, person, console_grant, simulated_time), or data with a term (contact, need_fingerprint,
register_snapshot, register_factory). Only `contact` holds personal data, encrypted; `raw_payload` and `set_aside` are
encrypted whole, because a filer may write anything anywhere.

Money is in 万元. Times are stored with offset; local dates are Asia/Shanghai.
"""

from include.store.tables.alerts import alert, alert_event, alert_ground
from include.store.tables.base import metadata
from include.store.tables.cases import (
    case_clock,
    event_finding,
    feedback_cursor,
    feedback_event,
    feedback_moment,
    matching_case,
    waiting_feedback,
)
from include.store.tables.coordination import coordinator_act
from include.store.tables.deadlines import (
    case_policy,
    deadline_extension,
    deadline_extension_decision,
    due_date_change,
    policy_snapshot,
)
from include.store.tables.escalation import (
    escalation_acknowledgement,
    escalation_round,
    escalation_step,
    escalation_waiting,
)
from include.store.tables.gate import (
    batch_finding,
    deferred_need,
    department_close,
    department_stop,
    dry_run_judgement,
    finding,
    judgement,
    quarantine,
    quarantine_event,
    quarantine_finding,
)
from include.store.tables.intake import (
    amendment,
    contact,
    intake,
    intake_item,
    listing,
    listing_cursor,
    manifest_entry,
    need_fingerprint,
    need_version,
    raw_payload,
    withdrawal_notice,
)
from include.store.tables.keys import stored_secret
from include.store.tables.obstructions import obstruction_event, obstruction_ticket
from include.store.tables.outbox import channel_state, delivery, delivery_attempt
from include.store.tables.people import console_grant, person
from include.store.tables.records import audit_entry, last_run, reconciliation_finding, report, simulated_time
from include.store.tables.register import coordinator, register_factory, register_finding, register_snapshot
from include.store.tables.reruns import rerun_item, rerun_job
from include.store.tables.set_aside import set_aside
from include.store.tables.sign_off import push_signature, push_wait, signed_push
from include.store.tables.withdrawals import withdrawal_decision, withdrawal_request

__all__ = [
    "alert",
    "alert_event",
    "alert_ground",
    "amendment",
    "audit_entry",
    "batch_finding",
    "case_clock",
    "case_policy",
    "channel_state",
    "console_grant",
    "contact",
    "coordinator",
    "coordinator_act",
    "deadline_extension",
    "deadline_extension_decision",
    "deferred_need",
    "delivery",
    "delivery_attempt",
    "department_close",
    "department_stop",
    "dry_run_judgement",
    "due_date_change",
    "escalation_acknowledgement",
    "escalation_round",
    "escalation_step",
    "escalation_waiting",
    "event_finding",
    "feedback_cursor",
    "feedback_event",
    "feedback_moment",
    "finding",
    "intake",
    "intake_item",
    "judgement",
    "last_run",
    "listing",
    "listing_cursor",
    "manifest_entry",
    "matching_case",
    "metadata",
    "need_fingerprint",
    "need_version",
    "obstruction_event",
    "obstruction_ticket",
    "person",
    "policy_snapshot",
    "push_signature",
    "push_wait",
    "quarantine",
    "quarantine_event",
    "quarantine_finding",
    "raw_payload",
    "reconciliation_finding",
    "register_factory",
    "register_finding",
    "register_snapshot",
    "report",
    "rerun_item",
    "rerun_job",
    "set_aside",
    "signed_push",
    "simulated_time",
    "stored_secret",
    "waiting_feedback",
    "withdrawal_decision",
    "withdrawal_notice",
    "withdrawal_request",
]

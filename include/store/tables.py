"""The business database, as SQLAlchemy Core tables.

Append-only: intake, listing, intake_item, raw_payload, manifest_entry, need_version, amendment, withdrawal_notice, judgement,
finding, batch_finding, event_finding, register_finding, quarantine_event, alert_event, delivery_attempt, feedback_event,
feedback_cursor, escalation_step, register_snapshot, reconciliation_finding, audit_entry. Derived, and rebuilt from them at any
time: matching_case, case_clock. `delivery`, `quarantine` and `alert` carry the state that their attempts and events add up to.
`contact` alone holds personal data, encrypted; `raw_payload` is encrypted whole, since a filer may write anything anywhere.

Money is in 万元. Times are stored with offset; local dates are Asia/Shanghai.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _moment(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


# --- Intake: what the green platform listed -------------------------------------------------------------------------

intake = Table(
    "intake",
    metadata,
    Column("intake_id", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", Text, nullable=False, comment="the run that read it; a retry of its tasks finds the same intake"),
    Column("kind", Text, nullable=False),
    Column("quarter", Text, nullable=False),
    Column("departments", ARRAY(Text), nullable=False),
    Column("dry_run", Boolean, nullable=False),
    _moment("started_at"),
    UniqueConstraint("run_id"),
    CheckConstraint("kind in ('quarterly', 'major', 'corrections')", name="kind"),
    comment="One reading of the platform's listing for a quarter",
)

listing = Table(
    "listing",
    metadata,
    Column("intake_id", ForeignKey("intake.intake_id"), primary_key=True),
    Column("department_code", Text, primary_key=True),
    Column("stated_total", Integer, nullable=False, comment="total on the first page (B06)"),
    Column("read_items", Integer, nullable=False, comment="distinct items read"),
    _moment("read_at"),
    comment="One department's listing, read whole",
)

raw_payload = Table(
    "raw_payload",
    metadata,
    Column("raw_sha256", Text, primary_key=True, comment="of the item's bytes as received"),
    Column("ciphertext", LargeBinary, nullable=False, comment="the bytes as received, encrypted"),
    Column("size_bytes", Integer, nullable=False),
    _moment("received_at"),
)

intake_item = Table(
    "intake_item",
    metadata,
    Column("intake_id", ForeignKey("intake.intake_id"), primary_key=True),
    Column("department_code", Text, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("raw_sha256", ForeignKey("raw_payload.raw_sha256"), nullable=False),
    Column("readable", Boolean, nullable=False, comment="false: not a JSON object"),
    Column("need_id", Text, comment="null unless usable (DQ01)"),
    Column("revision", Integer, comment="null unless usable (DQ01)"),
    Column("item_hash", Text, comment="SHA-256 of the item without updated_at as canonical JSON (RFC 8785)"),
    Index(None, "need_id", "revision"),
    Index(None, "item_hash"),
    comment="What was listed, item by item, repeats of a page dropped",
)

manifest_entry = Table(
    "manifest_entry",
    metadata,
    Column("intake_id", ForeignKey("intake.intake_id"), primary_key=True),
    Column("department_code", Text, primary_key=True),
    Column("recommended", Integer, nullable=False),
    Column("financing_need", Numeric(14, 2), nullable=False),
    Column("zero_return", Boolean, nullable=False),
    _moment("reported_at"),
    comment="What each department says it recommended",
)

need_version = Table(
    "need_version",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("item_hash", Text, nullable=False),
    Column("raw_sha256", ForeignKey("raw_payload.raw_sha256"), nullable=False),
    Column("intake_id", ForeignKey("intake.intake_id"), nullable=False),
    Column("quarter", Text, nullable=False),
    Column("department_code", Text, nullable=False),
    Column("branch_code", Text, comment="of the department; null where the department is unknown"),
    Column("is_major", Boolean, nullable=False),
    Column("uscc", Text, comment="normalised; null unless a string"),
    Column("enterprise_name", Text),
    Column("city_code", Text),
    Column("project_name", Text),
    Column("intended_institutions", ARRAY(Text), nullable=False),
    Column("financing_need", Numeric(14, 2), comment="null unless usable"),
    Column("total_investment", Numeric(14, 2), comment="null unless usable"),
    Column("own_capital", Numeric(14, 2), comment="null unless usable"),
    Column("document", Text, nullable=False, comment="the item as JSON text without the contact"),
    _moment("received_at"),
    Index(None, "quarter", "department_code"),
    comment="Each revision of each need that can be addressed; the first stored wins (DQ43)",
)

contact = Table(
    "contact",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("ciphertext", LargeBinary, nullable=False, comment='{"name", "mobile", "email"} as JSON, encrypted'),
    comment="Personal information (个人信息), apart from everything else",
)

amendment = Table(
    "amendment",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("field", Text, primary_key=True, comment="concrete path, e.g. finance.methods[0].amount"),
    Column("previous_revision", Integer, nullable=False),
    Column("before", Text, comment="JSON text; null: not there, or personal"),
    Column("after", Text, comment="JSON text; null: not there, or personal"),
    Column("personal", Boolean, nullable=False, comment="a contact field: that it changed is said, never its values"),
    comment="What a revision changed, field by field (修订对照)",
)

need_fingerprint = Table(
    "need_fingerprint",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("intake_id", ForeignKey("intake.intake_id"), nullable=False),
    Column("quarter", Text, comment="null unless usable"),
    Column("submitted", Text(collation="C"), comment="the moment in sortable form; null unless usable"),
    Column("uscc", Text, comment="this and what follows: null unless usable"),
    Column("project_code", Text),
    Column("project_name", Text, comment="its skeleton"),
    Column("content", Text, comment="SHA-256 of its skeleton"),
    Column("benefit", Text, comment="saving, carbon and baseline, all above zero"),
    Column("mobile", Text, comment="keyed hash: cannot be turned back or guessed without the key"),
    Column("saving", BigInteger, comment="ten-thousandths of a tce"),
    Column("carbon", BigInteger, comment="ten-thousandths of a tCO2"),
    Column("reports", ARRAY(Text), nullable=False, comment="SHA-256 of the third-party reports attached"),
    Index(None, "uscc"),
    Index(None, "project_code"),
    Index(None, "content"),
    Index(None, "benefit"),
    Index(None, "mobile"),
    Index(None, "quarter"),
    comment="What other needs are compared with (DQ42, G01, G12, G13), so that no pairs need be compared",
)

withdrawal_notice = Table(
    "withdrawal_notice",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("reason_code", Text, nullable=False),
    _moment("noticed_at"),
    Column("intake_id", ForeignKey("intake.intake_id"), comment="which noticed it; null: withdrawn by decision"),
    comment="Needs withdrawn on the green platform or by decision",
)

register_snapshot = Table(
    "register_snapshot",
    metadata,
    Column("snapshot_id", BigInteger, Identity(always=True), primary_key=True),
    Column("as_of", Date, nullable=False),
    Column("content_sha256", Text, nullable=False),
    Column("row_count", Integer, nullable=False),
    _moment("taken_at"),
    Column(
        "in_use",
        Boolean,
        nullable=False,
        server_default="true",
        comment="false: shrunken (T05), waits for an operator to accept it",
    ),
    UniqueConstraint("as_of", "content_sha256"),
    comment="The register of green factories (绿色工厂名单) as it stood on a day",
)

register_factory = Table(
    "register_factory",
    metadata,
    Column("content_sha256", Text, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("uscc", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("aliases", ARRAY(Text), nullable=False),
    Column("level", Text, nullable=False),
    Column("batch", Text, nullable=False),
    Column("department_code", Text, nullable=False),
    Column("listed_on", Date, nullable=False),
    Column("removed_on", Date),
    Index(None, "content_sha256", "uscc"),
    Column(
        "usable",
        Boolean,
        nullable=False,
        server_default="true",
        comment="false: the row broke T01 or T02 and is not used",
    ),
    comment="The rows of a snapshot; equal snapshots share them",
)

register_finding = Table(
    "register_finding",
    metadata,
    Column("content_sha256", Text, primary_key=True),
    Column("ordinal", Integer, primary_key=True, comment="of the row; -1: the snapshot as a whole"),
    Column("rule_id", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("severity", Text, nullable=False),
    comment="Defects of the register itself (T01-T05)",
)

coordinator = Table(
    "coordinator",
    metadata,
    Column("coordinator_id", Text, primary_key=True),
    Column("position", Integer, nullable=False, comment="order of the listing; the first on duty is accountable"),
    Column("authority", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("region_code", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("on_duty", Boolean, nullable=False),
    comment="Who coordinates, as last listed by the green platform",
)

# --- Gate -----------------------------------------------------------------------------------------------------------

judgement = Table(
    "judgement",
    metadata,
    Column("judgement_id", BigInteger, Identity(always=True), primary_key=True),
    Column("intake_id", ForeignKey("intake.intake_id"), nullable=False),
    Column("need_id", Text, comment="null where DQ01 makes it unusable"),
    Column("revision", Integer, comment="null where DQ01 makes it unusable"),
    Column("quarter", Text, nullable=False),
    Column("department_code", Text, nullable=False, comment="whose listing it came in"),
    Column("verdict", Text, nullable=False),
    Column("ruleset_version", Text, nullable=False),
    Column("payload_sha256", Text, nullable=False, comment="the item_hash that was judged"),
    Column("register_sha256", Text, comment="content of the register that the verdict rests on"),
    _moment("judged_at"),
    UniqueConstraint("payload_sha256", "ruleset_version"),
    CheckConstraint("verdict in ('passed', 'held', 'returned')", name="verdict"),
    Index(None, "need_id", "revision"),
    Index(None, "quarter", "department_code"),
    comment="A verdict on one revision of one need under one rule set",
)

finding = Table(
    "finding",
    metadata,
    Column("judgement_id", ForeignKey("judgement.judgement_id"), primary_key=True),
    Column("rule_id", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("need_id", Text),
    Column("revision", Integer),
    Column("severity", Text, nullable=False),
    CheckConstraint("severity in ('block', 'hold', 'warn')", name="severity"),
    Index(None, "need_id", "revision"),
    comment="One defect of one field; the texts are in the rule book",
)

batch_finding = Table(
    "batch_finding",
    metadata,
    Column("intake_id", ForeignKey("intake.intake_id"), primary_key=True),
    Column("department_code", Text, primary_key=True, comment="empty: the batch as a whole"),
    Column("rule_id", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("severity", Text, nullable=False),
    _moment("found_at"),
    comment="What the batch rules say of a department's quarter (B01-B10, G15)",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", BigInteger, Identity(always=True), primary_key=True),
    Column("judgement_id", ForeignKey("judgement.judgement_id"), nullable=False),
    Column("origin", Text, nullable=False),
    Column("need_id", Text, comment="null where DQ01 makes it unusable"),
    Column("revision", Integer, comment="null where DQ01 makes it unusable"),
    Column("quarter", Text, nullable=False),
    Column("department_code", Text, nullable=False),
    Column("state", Text, nullable=False),
    _moment("opened_at"),
    Column("decide_by", Date, nullable=False, comment="hold_decision_working_days after the opening (S08)"),
    _moment("settled_at", nullable=True),
    UniqueConstraint("judgement_id", "origin"),
    CheckConstraint("origin in ('verdict', 'late_history')", name="origin"),
    CheckConstraint("state in ('open', 'released', 'returned', 'expired')", name="state"),
    Index("uq_quarantine_open", "need_id", "revision", unique=True, postgresql_where=text("state = 'open'")),
    Index(None, "need_id", "revision"),
    Index(None, "quarter", "department_code"),
    comment="Held needs (隔离区): what waits for a person, and how it ended",
)

quarantine_finding = Table(
    "quarantine_finding",
    metadata,
    Column("quarantine_id", ForeignKey("quarantine.quarantine_id"), primary_key=True),
    Column("rule_id", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    comment="The hold findings that a person must decide",
)

quarantine_event = Table(
    "quarantine_event",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("quarantine_id", ForeignKey("quarantine.quarantine_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("rule_id", Text, nullable=False, server_default="", comment="empty: all findings"),
    Column("field", Text, nullable=False, server_default=""),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("reason", Text, nullable=False),
    _moment("at"),
    CheckConstraint("kind in ('opened', 'approved', 'confirmed', 'released', 'returned', 'expired')", name="kind"),
    Index(None, "quarantine_id"),
    comment="Who did what to a held need, when, why; approved: one person agreed to release a finding",
)

department_stop = Table(
    "department_stop",
    metadata,
    Column("quarter", Text, primary_key=True),
    Column("department_code", Text, primary_key=True),
    Column("intake_id", ForeignKey("intake.intake_id"), nullable=False),
    Column("judged", Integer, nullable=False, comment="count(N(q,d)) when it was stopped"),
    Column("returned", Integer, nullable=False),
    _moment("opened_at"),
    Column("state", Text, nullable=False),
    Column("decided_by", Text),
    Column("reason", Text),
    _moment("decided_at", nullable=True),
    CheckConstraint("state in ('open', 'kept', 'continued')", name="state"),
    comment="Departments whose pushes wait because too much was returned (B08)",
)

alert = Table(
    "alert",
    metadata,
    Column("alert_id", BigInteger, Identity(always=True), primary_key=True),
    Column("rule_id", Text, nullable=False),
    Column("need_id", Text, nullable=False),
    Column("institution_code", Text, nullable=False, server_default="", comment="empty: the need as a whole"),
    Column("severity", Text, nullable=False),
    Column("state", Text, nullable=False),
    _moment("opened_at"),
    _moment("settled_at", nullable=True),
    UniqueConstraint("rule_id", "need_id", "institution_code"),
    CheckConstraint("severity in ('hold', 'warn')", name="severity"),
    CheckConstraint("state in ('open', 'cleared', 'confirmed', 'closed')", name="state"),
    Index(None, "need_id"),
    comment="A hold outside the gate (警示): a named person clears or confirms it; closed: no longer true",
)

alert_event = Table(
    "alert_event",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("alert_id", ForeignKey("alert.alert_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("reason", Text, nullable=False),
    _moment("at"),
    CheckConstraint("kind in ('opened', 'repeated', 'cleared', 'confirmed', 'closed')", name="kind"),
    Index(None, "alert_id"),
    comment="The history of an alert",
)

# --- Outbox ---------------------------------------------------------------------------------------------------------

delivery = Table(
    "delivery",
    metadata,
    Column("delivery_id", BigInteger, Identity(always=True), primary_key=True),
    Column("channel", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False, comment="never expires"),
    Column("order_key", Text, comment="deliveries of one order_key do not overtake each other; null: free"),
    Column("need_id", Text),
    Column("revision", Integer),
    Column("quarter", Text),
    Column("department_code", Text),
    Column("body", Text, nullable=False, comment="JSON as sent, frozen, without personal data"),
    Column("body_sha256", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("outcome", Text, comment="the receiver's word: accepted, duplicate, stale …"),
    Column("error_class", Text, comment="why it is not delivered"),
    Column("receipt_no", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    _moment("created_at"),
    _moment("next_attempt_at"),
    _moment("settled_at", nullable=True),
    Column("lease_owner", Text),
    Column(
        "lease_until",
        DateTime(timezone=True),
        comment="real clock: leased until; without an owner: until when it waits",
    ),
    UniqueConstraint("idempotency_key"),
    CheckConstraint("channel in ('market', 'green_platform', 'mail')", name="channel"),
    CheckConstraint(
        "action in ('push', 'withdrawal', 'return', 'progress', 'obstruction_update', 'mail')", name="action"
    ),
    CheckConstraint("state in ('pending', 'unknown', 'delivered', 'superseded', 'held')", name="state"),
    Index("ix_delivery_due", "channel", "next_attempt_at", postgresql_where=text("state in ('pending', 'unknown')")),
    Index(
        "ix_delivery_unsettled_order",
        "order_key",
        "delivery_id",
        postgresql_where=text("state in ('pending', 'unknown')"),
    ),
    Index("ix_delivery_held", "error_class", postgresql_where=text("state = 'held'")),
    Index(None, "need_id", "action"),
    comment="The outbox (发件箱): pending and unknown are open; held waits for a person",
)

delivery_attempt = Table(
    "delivery_attempt",
    metadata,
    Column("attempt_id", BigInteger, Identity(always=True), primary_key=True),
    Column("delivery_id", ForeignKey("delivery.delivery_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("worker", Text, nullable=False),
    _moment("attempted_at"),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now(), comment="real clock"),
    Column("outcome", Text, nullable=False),
    Column("error_class", Text),
    Column("http_status", Integer),
    Column("detail", Text, comment="what the receiver said, without values of the payload"),
    Column("receipt_no", Text),
    CheckConstraint("kind in ('send', 'look_up')", name="kind"),
    Index(None, "delivery_id"),
    comment="Every try, never changed",
)

# --- Feedback and cases ---------------------------------------------------------------------------------------------

feedback_event = Table(
    "feedback_event",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("need_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("institution_code", Text, nullable=False),
    Column("type", Text, nullable=False),
    _moment("occurred_at"),
    Column("sequence", BigInteger, nullable=False),
    Column("amount", Numeric(14, 2)),
    Column("rate", Numeric(8, 4)),
    Column("term_months", Integer),
    Column("green_label", Boolean),
    Column("catalogue_code", Text),
    Column("use_of_funds", Text),
    Column("reason_code", Text),
    Column("obstruction_id", Text),
    Column("document", Text, nullable=False, comment="the event as received, JSON text"),
    _moment("received_at"),
    Index(None, "need_id", "institution_code"),
    comment="What institutions report; first stored wins (E03)",
)

event_finding = Table(
    "event_finding",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("rule_id", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("severity", Text, nullable=False),
    _moment("found_at"),
    comment="Defects of what institutions report (E01-E11)",
)

unreadable_feedback = Table(
    "unreadable_feedback",
    metadata,
    Column("raw_sha256", Text, primary_key=True),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("problem", Text, nullable=False),
    _moment("received_at"),
    comment="Events that break the contract, kept whole",
)

feedback_cursor = Table(
    "feedback_cursor",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("cursor", Text, nullable=False),
    _moment("read_at"),
    comment="How far the feed has been read; the newest row counts",
)

matching_case = Table(
    "matching_case",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("institution_code", Text, primary_key=True),
    Column("intended", Boolean, nullable=False),
    Column("opened_on", Date, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_since", Date, nullable=False),
    Column("furthest_state", Text, nullable=False),
    Column("entered", JSONB, nullable=False, comment="state → first local date since the start or the re-open"),
    Column("answered", Boolean, nullable=False),
    _moment("last_event_at", nullable=True),
    Column("approved", Numeric(14, 2), nullable=False),
    Column("contracted", Numeric(14, 2), nullable=False),
    Column("drawn", Numeric(14, 2), nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("open_obstructions", JSONB, nullable=False, comment="[{obstruction_id, opened_on, reason_code}]"),
    Column("reason_code", Text, comment="of the last declined or closed"),
    Column("anomalies", JSONB, nullable=False, comment="[{event_id, reason}]"),
    Column("reopened", Integer, nullable=False),
    _moment("folded_at"),
    Index(None, "state"),
    comment="A need at an institution (对接案件): the fold of its events",
)

case_clock = Table(
    "case_clock",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("institution_code", Text, primary_key=True),
    Column("from_type", Text, primary_key=True),
    Column("to_type", Text, primary_key=True),
    Column("day0", Date, primary_key=True),
    Column("due_on", Date, nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("stopped_on", Date),
    Column("paused", Boolean, nullable=False),
    Index("ix_case_clock_due", "due_on", postgresql_where=text("stopped_on is null and not paused")),
    comment="A limit of the case path that runs or ran, with its stored due day",
)

# --- Escalation -----------------------------------------------------------------------------------------------------

escalation_step = Table(
    "escalation_step",
    metadata,
    Column("step_id", BigInteger, Identity(always=True), primary_key=True),
    Column("need_id", Text, nullable=False),
    Column(
        "institution_code", Text, nullable=False, server_default="", comment="empty where the need as a whole stalls"
    ),
    Column("rule_id", Text, nullable=False, comment="S01 … S08, or OBSTRUCTION"),
    Column("breach", Text, nullable=False, comment="which limit and when it began, e.g. received-contacted@2026-10-08"),
    Column("step", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("overdue_working_days", Integer, nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("coordinator_id", Text, nullable=False, server_default="", comment="who was told; empty if superseded"),
    Column("idempotency_key", Text, comment="of the mail that told it"),
    _moment("raised_at"),
    UniqueConstraint("need_id", "institution_code", "rule_id", "breach", "step", "coordinator_id"),
    CheckConstraint("state in ('mailed', 'superseded')", name="state"),
    comment="Each rung of the ladder, once for ever",
)

# --- Reports, reconciliation, audit ---------------------------------------------------------------------------------

report = Table(
    "report",
    metadata,
    Column("report_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("quarter", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("figures", JSONB, nullable=False),
    _moment("created_at"),
    Index(None, "kind", "quarter", "report_id"),
    comment="Published pages; the newest of a kind and quarter is in force",
)

reconciliation_finding = Table(
    "reconciliation_finding",
    metadata,
    Column("finding_id", BigInteger, Identity(always=True), primary_key=True),
    Column("quarter", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("need_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("explanation", Text, nullable=False),
    Column("suggestion", Text, nullable=False),
    _moment("found_at"),
    _moment("closed_at", nullable=True),
    Index(
        "uq_reconciliation_finding_open",
        "quarter",
        "kind",
        "need_id",
        "revision",
        unique=True,
        postgresql_where=text("closed_at is null"),
    ),
    comment="A difference between two ledgers that is not explained",
)

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("entry_id", BigInteger, primary_key=True, autoincrement=False),
    _moment("at"),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("details", Text, nullable=False, comment="canonical JSON"),
    Column("previous_hash", Text, nullable=False),
    Column("entry_hash", Text, nullable=False),
    comment="Who did what, when, why; each entry seals the one before",
)

"""Gate: verdicts, held needs (待核实), stopped departments."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from include.domain.identity import QUARTER
from include.store.tables.base import metadata, moment, only_added_to

judgement = Table(
    "judgement",
    metadata,
    Column("judgement_id", BigInteger, Identity(always=True), primary_key=True),
    Column("intake_id", ForeignKey("intake.intake_id"), nullable=False),
    Column("need_id", Text, comment="null if unusable (DQ01)"),
    Column("revision", Integer, comment="null if unusable (DQ01)"),
    Column("quarter", Text, nullable=False),
    Column("department_code", Text, nullable=False, comment="of the listing that contained it"),
    Column("verdict", Text, nullable=False),
    Column("ruleset_version", Text, nullable=False),
    Column("payload_sha256", Text, nullable=False, comment="keyed item_hash of the judged content"),
    Column("register_sha256", Text, comment="content of the register used for the verdict"),
    moment("judged_at"),
    UniqueConstraint("payload_sha256", "ruleset_version"),
    CheckConstraint("verdict in ('passed', 'held', 'returned')", name="verdict"),
    Index(None, "need_id", "revision"),
    Index(None, "quarter", "department_code"),
    comment="A verdict on one revision of one need under one rule set",
    info=only_added_to(),
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
    comment="One defect of one field; the texts are in the rule book",
    info=only_added_to(),
)

dry_run_judgement = Table(
    "dry_run_judgement",
    metadata,
    Column("quarter", Text, primary_key=True),
    Column("department_code", Text, primary_key=True),
    Column("ordinal", Integer, primary_key=True, comment="place in the listing"),
    Column("need_id", Text),
    Column("revision", Integer),
    Column("verdict", Text, nullable=False),
    Column("findings", Text, nullable=False, comment="[{rule_id, field, severity}] as JSON text"),
    Column("ruleset_version", Text, nullable=False),
    moment("judged_at"),
    CheckConstraint("verdict in ('passed', 'held', 'returned')", name="verdict"),
    comment="What the newest dry run of a department's quarter judged; no verdict, and nothing follows from it",
)

batch_finding = Table(
    "batch_finding",
    metadata,
    Column("intake_id", ForeignKey("intake.intake_id"), primary_key=True),
    Column("department_code", Text, primary_key=True, comment="empty: the batch as a whole"),
    Column("rule_id", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("severity", Text, nullable=False),
    moment("found_at"),
    comment="Findings about a department's quarter (B01-B10, G15)",
    info=only_added_to(),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", BigInteger, Identity(always=True), primary_key=True),
    Column("judgement_id", ForeignKey("judgement.judgement_id"), nullable=False),
    Column("origin", Text, nullable=False),
    Column("need_id", Text, comment="null if unusable (DQ01)"),
    Column("revision", Integer, comment="null if unusable (DQ01)"),
    Column("quarter", Text, nullable=False),
    Column("department_code", Text, nullable=False),
    Column("state", Text, nullable=False),
    moment("opened_at"),
    Column("decide_by", Date, nullable=False, comment="hold_decision_working_days after the opening (S08)"),
    moment("settled_at", nullable=True),
    UniqueConstraint("judgement_id", "origin"),
    CheckConstraint("origin in ('verdict', 'late_history')", name="origin"),
    CheckConstraint("state in ('open', 'released', 'returned', 'expired')", name="state"),
    Index("uq_quarantine_open", "need_id", "revision", unique=True, postgresql_where=text("state = 'open'")),
    Index(None, "need_id", "revision"),
    Index(None, "quarter", "department_code"),
    comment="Held needs (待核实): waiting for a person, and the decision",
)

department_close = Table(
    "department_close",
    metadata,
    Column("quarter", Text, primary_key=True),
    Column("department_code", Text, primary_key=True),
    Column("intake_id", ForeignKey("intake.intake_id"), nullable=False),
    moment("closed_at"),
    comment="A department's quarter was read whole and judged after the cut-off: from now on what passes is pushed",
    info=only_added_to(),
)

quarantine_finding = Table(
    "quarantine_finding",
    metadata,
    Column("quarantine_id", ForeignKey("quarantine.quarantine_id"), primary_key=True),
    Column("rule_id", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column(
        "persons_required",
        SmallInteger,
        nullable=False,
        server_default="2",
        comment="release_two_persons when the hold was opened",
    ),
    CheckConstraint("persons_required > 0", name="persons_required"),
    comment="The hold findings that a person must decide",
    info=only_added_to(),
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
    moment("at"),
    CheckConstraint("kind in ('opened', 'approved', 'confirmed', 'released', 'returned', 'expired')", name="kind"),
    Index(None, "quarantine_id"),
    Index(
        "uq_quarantine_event_approved",
        "quarantine_id",
        "rule_id",
        "field",
        text("person_key(actor)"),
        unique=True,
        postgresql_where=text("kind = 'approved'"),
    ),
    comment="Acts on a held need, with person, moment and reason; approved: one person agreed to release a finding",
    info=only_added_to(),
)

deferred_need = Table(
    "deferred_need",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("quarantine_id", ForeignKey("quarantine.quarantine_id"), nullable=False, comment="the hold decided on"),
    Column("filed_quarter", Text, nullable=False),
    Column("counted_quarter", Text, nullable=False, comment="with which it is counted and pushed"),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("reason", Text, nullable=False),
    moment("at"),
    CheckConstraint("counted_quarter > filed_quarter", name="later"),
    CheckConstraint(f"counted_quarter ~ '^{QUARTER}$'", name="quarter"),
    comment="Late needs (DQ52) that a person moved to a later quarter; what was filed does not change",
    info=only_added_to(),
)

department_stop = Table(
    "department_stop",
    metadata,
    Column("quarter", Text, primary_key=True),
    Column("department_code", Text, primary_key=True),
    Column("intake_id", ForeignKey("intake.intake_id"), nullable=False),
    Column("judged", Integer, nullable=False, comment="count(N(q,d)) when it was stopped"),
    Column("returned", Integer, nullable=False),
    moment("opened_at"),
    Column("state", Text, nullable=False),
    Column("decided_by", Text),
    Column("reason", Text),
    moment("decided_at", nullable=True),
    CheckConstraint("state in ('open', 'kept', 'continued')", name="state"),
    comment="Departments whose pushes wait because too much was returned (B08)",
)

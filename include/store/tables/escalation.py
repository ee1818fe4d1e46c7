"""Escalation (升级): each taken rung of the ladder."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from include.store.tables.base import metadata, moment, only_added_to

escalation_step = Table(
    "escalation_step",
    metadata,
    Column("step_id", BigInteger, Identity(always=True), primary_key=True),
    Column("need_id", Text, nullable=False),
    Column("institution_code", Text, nullable=False, server_default="", comment="empty if the need as a whole stalls"),
    Column("rule_id", Text, nullable=False, comment="S01 … S08, or OBSTRUCTION"),
    Column(
        "breach",
        Text,
        nullable=False,
        comment="which limit and when it began, e.g. limit@received-contacted@2026-10-08",
    ),
    Column("step", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("overdue_working_days", Integer, nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("coordinator_id", Text, nullable=False, server_default="", comment="who was notified; empty if superseded"),
    Column("idempotency_key", Text, comment="of the mail"),
    moment("raised_at"),
    UniqueConstraint("need_id", "institution_code", "rule_id", "breach", "step", "coordinator_id"),
    CheckConstraint("state in ('mailed', 'superseded')", name="state"),
    comment="Each rung of the ladder, once for ever",
    info=only_added_to(),
)

escalation_acknowledgement = Table(
    "escalation_acknowledgement",
    metadata,
    Column("acknowledgement_id", BigInteger, Identity(always=True), primary_key=True),
    Column("need_id", Text, nullable=False),
    Column("institution_code", Text, nullable=False, server_default=""),
    Column("rule_id", Text, nullable=False),
    Column("breach", Text, nullable=False),
    Column("step", Integer, nullable=False, comment="the highest step sent by then"),
    Column("actor", Text, nullable=False),
    Column("note", Text, nullable=False),
    moment("at"),
    Index(None, "need_id"),
    comment="Breaches acknowledged by the coordinators; the newest entry counts",
    info=only_added_to(purged=("note",)),
)

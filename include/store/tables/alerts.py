"""Alerts (警示): holds outside the gate."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from include.store.tables.base import metadata, moment, only_added_to

alert = Table(
    "alert",
    metadata,
    Column("alert_id", BigInteger, Identity(always=True), primary_key=True),
    Column("rule_id", Text, nullable=False),
    Column("need_id", Text, nullable=False),
    Column("institution_code", Text, nullable=False, server_default="", comment="empty: the need as a whole"),
    Column("severity", Text, nullable=False),
    Column("state", Text, nullable=False),
    moment("opened_at"),
    moment("settled_at", nullable=True),
    Column(
        "persons_required",
        SmallInteger,
        nullable=False,
        server_default="2",
        comment="to clear or confirm it: release_two_persons when it was opened",
    ),
    UniqueConstraint("rule_id", "need_id", "institution_code"),
    CheckConstraint("persons_required > 0", name="persons_required"),
    CheckConstraint("severity in ('hold', 'warn')", name="severity"),
    CheckConstraint("state in ('open', 'cleared', 'confirmed', 'closed')", name="state"),
    Index(None, "need_id"),
    comment="A hold outside the gate (警示): named persons clear or confirm it; closed: no longer true",
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
    moment("at"),
    CheckConstraint(
        "kind in ('opened', 'repeated', 'clear_agreed', 'confirm_agreed', 'cleared', 'confirmed', 'closed')",
        name="kind",
    ),
    Index(None, "alert_id"),
    comment="The history of an alert",
    info=only_added_to(),
)

alert_ground = Table(
    "alert_ground",
    metadata,
    Column("alert_id", ForeignKey("alert.alert_id"), primary_key=True),
    Column("ground", Text, primary_key=True, comment="a feedback event, a quarter without a report, or an amount"),
    comment="The present grounds of an alert",
)

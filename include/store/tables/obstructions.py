"""Tickets for obstructions (融资梗阻工单)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from include.store.tables.base import metadata, moment, only_added_to

obstruction_ticket = Table(
    "obstruction_ticket",
    metadata,
    Column("ticket_id", BigInteger, Identity(always=True), primary_key=True),
    Column("need_id", Text, nullable=False),
    Column("institution_code", Text, nullable=False),
    Column("obstruction_id", Text, nullable=False, comment="the institution's own; generated if it gave none (E07)"),
    Column(
        "answerable",
        Boolean,
        nullable=False,
        comment="whether the institution gave an id under which it can be answered",
    ),
    Column("reason_code", Text, nullable=False),
    Column("cause", Text, nullable=False, comment="need and reason: tickets of one cause are worked as one"),
    Column("authority", Text, nullable=False, comment="which authority leads"),
    Column("is_major", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("opened_on", Date, nullable=False),
    Column("level_since", Date, nullable=False),
    Column("acknowledge_by", Date),
    Column("resolve_by", Date),
    Column("confirm_by", Date),
    Column("provisional", Boolean, nullable=False),
    Column("overdue", Boolean, nullable=False),
    moment("resolved_at", nullable=True),
    moment("updated_at"),
    UniqueConstraint("need_id", "institution_code", "obstruction_id"),
    CheckConstraint(
        "state in ('open', 'acknowledged', 'in_progress', 'resolved', 'verified', 'unresolvable')", name="state"
    ),
    CheckConstraint("level in ('city', 'province', 'nation')", name="level"),
    CheckConstraint("authority in ('MIIT', 'PBOC')", name="authority"),
    Index(None, "cause"),
    Index(
        "ix_obstruction_ticket_worked_on",
        "resolve_by",
        postgresql_where=text("state in ('open', 'acknowledged', 'in_progress')"),
    ),
    comment="One for each obstruction that an institution reports; its history is in obstruction_event",
)

obstruction_event = Table(
    "obstruction_event",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("ticket_id", ForeignKey("obstruction_ticket.ticket_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("note", Text, nullable=False),
    moment("at"),
    CheckConstraint(
        "kind in ('opened', 'acknowledged', 'in_progress', 'resolved', 'unresolvable', 'climbed', 'overdue', 'verified',"
        " 'reopened')",
        name="kind",
    ),
    Index(None, "ticket_id"),
    comment="The history of a ticket",
    info=only_added_to(purged=("note",)),
)

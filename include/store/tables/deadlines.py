"""Deadlines (时限): the policy by which a case is counted, extensions, and how due days moved."""

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
    Integer,
    Table,
    Text,
)

from include.store.tables.base import metadata, moment, only_added_to

policy_snapshot = Table(
    "policy_snapshot",
    metadata,
    Column("policy_sha256", Text, primary_key=True),
    Column("content", Text, nullable=False, comment="canonical JSON: limits, those of single institutions, policy"),
    moment("first_used_at"),
    comment="The policy at the moment when cases opened",
    info=only_added_to(),
)

case_policy = Table(
    "case_policy",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("institution_code", Text, primary_key=True),
    Column("policy_sha256", ForeignKey("policy_snapshot.policy_sha256"), nullable=False),
    moment("pinned_at"),
    comment="The policy by which the clocks of a case are counted, from its opening on",
    info=only_added_to(),
)

due_date_change = Table(
    "due_date_change",
    metadata,
    Column("change_id", BigInteger, Identity(always=True), primary_key=True),
    Column("need_id", Text, nullable=False),
    Column("institution_code", Text, nullable=False),
    Column("from_type", Text, nullable=False),
    Column("to_type", Text, nullable=False),
    Column("day0", Date, nullable=False),
    Column("was", Date, nullable=False),
    Column("was_provisional", Boolean, nullable=False),
    Column("became", Date, nullable=False),
    Column("provisional", Boolean, nullable=False),
    moment("at"),
    Index(None, "need_id"),
    comment="Each time that a stored due day moved, or became certain",
    info=only_added_to(),
)

deadline_extension = Table(
    "deadline_extension",
    metadata,
    Column("extension_id", BigInteger, Identity(always=True), primary_key=True),
    Column("need_id", Text, nullable=False),
    Column("institution_code", Text, nullable=False),
    Column("from_type", Text, nullable=False),
    Column("to_type", Text, nullable=False),
    Column("day0", Date, nullable=False),
    Column("working_days", Integer, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    moment("requested_at"),
    CheckConstraint("working_days > 0", name="working_days"),
    Index(None, "need_id"),
    comment="A request for more time on one clock of a case",
    info=only_added_to(),
)

deadline_extension_decision = Table(
    "deadline_extension_decision",
    metadata,
    Column("extension_id", ForeignKey("deadline_extension.extension_id"), primary_key=True),
    Column("approved", Boolean, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    moment("decided_at"),
    comment="What a second person decided on a request for more time",
    info=only_added_to(),
)

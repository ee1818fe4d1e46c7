"""Sign-off (签批): pushes that wait for approvers, and what each of them signed."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from include.store.tables.base import metadata, moment, only_added_to

push_wait = Table(
    "push_wait",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("quarter", Text, nullable=False),
    Column("department_code", Text, nullable=False),
    Column("is_major", Boolean, nullable=False),
    Column("persons_required", SmallInteger, nullable=False, comment="push_approval when it began to wait"),
    moment("since"),
    CheckConstraint("persons_required in (1, 2)", name="persons_required"),
    Index(None, "quarter"),
    info=only_added_to(),
    comment="Passed needs that wait because approvers sign pushes off (签批)",
)

push_signature = Table(
    "push_signature",
    metadata,
    Column("signature_id", BigInteger, Identity(always=True), primary_key=True),
    Column("quarter", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("person", Text, Computed("person_key(actor)", persisted=True), nullable=False),
    Column("role", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column(
        "digest",
        Text,
        nullable=False,
        comment="SHA-256 of the list that was signed: need_id:revision, a line each",
    ),
    Column("needs", Integer, nullable=False),
    Column("total", Numeric, nullable=False, comment="their financing needs, 万元"),
    moment("at"),
    UniqueConstraint("signature_id", "person"),
    info=only_added_to(),
    comment="Who signed a list of pushes off, when and why",
)

signed_push = Table(
    "signed_push",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("signature_id", BigInteger, nullable=False),
    ForeignKeyConstraint(["need_id", "revision"], ["push_wait.need_id", "push_wait.revision"]),
    ForeignKeyConstraint(["signature_id", "person"], ["push_signature.signature_id", "push_signature.person"]),
    Index(None, "signature_id"),
    info=only_added_to(),
    comment="What each signature covers; one person signs a revision once",
)

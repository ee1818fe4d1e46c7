"""Published pages, findings of reconciliation, the audit trail, simulated time."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Identity, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from include.store.tables.base import metadata, moment, only_added_to

report = Table(
    "report",
    metadata,
    Column("report_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("quarter", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("figures", JSONB, nullable=False),
    moment("created_at"),
    Index(None, "kind", "quarter", "report_id"),
    comment="Published pages; the newest of a kind and quarter is in force",
    info=only_added_to(),
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
    moment("found_at"),
    moment("closed_at", nullable=True),
    Index(
        "uq_reconciliation_finding_open",
        "quarter",
        "kind",
        "need_id",
        "revision",
        unique=True,
        postgresql_where=text("closed_at is null"),
    ),
    comment="An unexplained difference between two ledgers",
    info=only_added_to(once=("closed_at",)),
)

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("entry_id", BigInteger, primary_key=True, autoincrement=False),
    moment("at"),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("details", Text, nullable=False, comment="canonical JSON"),
    Column("previous_hash", Text, nullable=False),
    Column("key_id", Text, comment="of the key of entry_hash; null: older than keys, a plain SHA-256"),
    Column("entry_hash", Text, nullable=False),
    Index(None, "action", "entry_id"),
    comment="Who did what, when, why; each entry seals the one before",
    info=only_added_to(),
)

last_run = Table(
    "last_run",
    metadata,
    Column("task", Text, primary_key=True, comment='DAG and task, e.g. "deliver.deliver_mail"'),
    moment("at"),
    comment="When each task last did its work, by business time",
)

simulated_time = Table(
    "simulated_time",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    moment("moment"),
    CheckConstraint("single", name="single"),
    comment="How far runs of the sandbox have moved business time; empty outside it",
)

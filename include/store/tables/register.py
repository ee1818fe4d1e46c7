"""The register of green factories (绿色工厂名单), and the coordinators."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, Identity, Index, Integer, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY

from include.store.tables.base import metadata, moment, only_added_to

register_snapshot = Table(
    "register_snapshot",
    metadata,
    Column("snapshot_id", BigInteger, Identity(always=True), primary_key=True),
    Column("as_of", Date, nullable=False),
    Column("content_sha256", Text, nullable=False),
    Column("row_count", Integer, nullable=False),
    moment("taken_at"),
    Column(
        "in_use",
        Boolean,
        nullable=False,
        server_default="true",
        comment="false: it shrank (T05) and waits for an operator's acceptance",
    ),
    UniqueConstraint("as_of", "content_sha256"),
    comment="The register of green factories (绿色工厂名单) on a day",
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
    info=only_added_to(),
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
    comment="The coordinators, as last listed by the green platform",
)

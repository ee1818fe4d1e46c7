"""Unusable pieces from outside."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from include.store.tables.base import metadata, moment

set_aside = Table(
    "set_aside",
    metadata,
    Column("set_aside_id", BigInteger, Identity(always=True), primary_key=True),
    Column("source", Text, nullable=False, comment="the listing that held it, e.g. needs/2026Q3/330000/recommended"),
    Column("raw_hash", Text, nullable=False, comment="keyed hash of the bytes: the same piece is kept once"),
    Column("ciphertext", LargeBinary, nullable=False, comment="the bytes as received, encrypted; empty once purged"),
    Column("size_bytes", Integer, nullable=False),
    Column("problem", Text, nullable=False, comment="what is wrong, in Chinese, without values"),
    Column("known_as", Text, nullable=False, comment="the identifier in it; empty if there is none"),
    moment("first_seen_at"),
    moment("last_seen_at"),
    Column("times_seen", Integer, nullable=False, comment="readings that met it"),
    moment("resolved_at", nullable=True),
    Column("purged", Boolean, Computed("ciphertext = ''", persisted=True)),
    UniqueConstraint("source", "raw_hash"),
    Index(None, "source", "known_as"),
    Index("ix_set_aside_open", "last_seen_at", postgresql_where=text("resolved_at is null")),
    comment="Unusable pieces of foreign listings, stored whole; resolved_at: a later reading had it whole",
)

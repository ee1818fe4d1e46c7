"""Withdrawals by us (撤回): what one person asked for, and what was decided on it."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Identity, Index, Integer, Table, Text

from include.store.tables.base import metadata, moment, only_added_to

withdrawal_request = Table(
    "withdrawal_request",
    metadata,
    Column("request_id", BigInteger, Identity(always=True), primary_key=True),
    Column("need_id", Text, nullable=False),
    Column("revision", Integer, nullable=False, comment="the newest that the person saw"),
    Column("reason_code", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("reason", Text, nullable=False),
    moment("requested_at"),
    CheckConstraint("reason_code in ('duplicate_project', 'false_information')", name="reason_code"),
    Index(None, "need_id"),
    comment="A request to withdraw a need of ours; another person confirms or rejects it",
    info=only_added_to(),
)

withdrawal_decision = Table(
    "withdrawal_decision",
    metadata,
    Column("request_id", ForeignKey("withdrawal_request.request_id"), primary_key=True),
    Column("decision", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("reason", Text, nullable=False),
    moment("decided_at"),
    CheckConstraint("decision in ('confirmed', 'rejected', 'taken_back')", name="decision"),
    comment="How a request to withdraw a need ended",
    info=only_added_to(),
)

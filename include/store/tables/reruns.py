"""Re-runs (重新发送): what a person sent again, and the result."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, Integer, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from include.store.tables.base import metadata, moment, only_added_to

rerun_job = Table(
    "rerun_job",
    metadata,
    Column("job_id", BigInteger, Identity(always=True), primary_key=True),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("selection", JSONB, nullable=False, comment="the criteria of the request"),
    moment("started_at"),
    moment("cancelled_at", nullable=True),
    Column("cancelled_by", Text),
    Column("request_key", Text, comment="of one request to start: repeated, it starts nothing new"),
    UniqueConstraint("request_key"),
    comment="A re-run of deliveries; its progress follows from its items",
)

rerun_item = Table(
    "rerun_item",
    metadata,
    Column("job_id", ForeignKey("rerun_job.job_id"), primary_key=True),
    Column("delivery_id", ForeignKey("delivery.delivery_id"), primary_key=True),
    Column("state_before", Text, nullable=False),
    Column("error_class_before", Text),
    moment("settled_before", nullable=True),
    moment("next_attempt_before", nullable=True),
    Column("lease_until_before", DateTime(timezone=True), comment="real clock"),
    Column("attempts_before", Integer, nullable=False, comment="a larger number now: it was tried"),
    comment="A delivery that a re-run made due, as it was before",
    info=only_added_to(),
)

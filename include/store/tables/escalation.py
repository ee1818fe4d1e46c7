"""Escalation (升级): the rounds of a need's ladder, who was told of which step, what waits for room in a mail, what was taken on."""

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
    text,
)

from include.store.tables.base import metadata, moment, only_added_to

_ITEM = "which ticket, alert, return or hold, e.g. alert@ICBC@2026-10-08; empty for what the need climbs the ladder for"

escalation_round = Table(
    "escalation_round",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("rule_id", Text, primary_key=True),
    Column("round", Integer, primary_key=True),
    moment("began_at"),
    moment("ended_at", nullable=True),
    Index(
        "ix_escalation_round_open",
        "need_id",
        "rule_id",
        unique=True,
        postgresql_where=text("ended_at is null"),
    ),
    comment="From the first step told of a need until no limit of it is overdue any more; then it may climb anew",
    info=only_added_to(once=("ended_at",)),
)

escalation_step = Table(
    "escalation_step",
    metadata,
    Column("step_id", BigInteger, Identity(always=True), primary_key=True),
    Column("need_id", Text, nullable=False),
    Column("rule_id", Text, nullable=False, comment="S01, S06, S07, S08, OBSTRUCTION, or the rule of an alert"),
    Column("item", Text, nullable=False, server_default="", comment=_ITEM),
    Column("round", Integer, nullable=False, server_default="1"),
    Column("step", Integer, nullable=False),
    Column("authority", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("institution_code", Text, nullable=False, server_default="", comment="where it is overdue longest"),
    Column("cause", Text, nullable=False, comment="what is overdue longest, e.g. limit@received-contacted@2026-10-08"),
    Column("due_on", Date, nullable=False),
    Column("overdue_working_days", Integer, nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("coordinator_id", Text, nullable=False, server_default="", comment="who was told; empty if superseded"),
    Column("idempotency_key", Text, comment="of the mail that names it"),
    moment("raised_at"),
    UniqueConstraint("need_id", "rule_id", "item", "round", "step", "authority"),
    CheckConstraint("state in ('mailed', 'superseded')", name="state"),
    CheckConstraint("authority in ('MIIT', 'PBOC')", name="authority"),
    Index("ix_escalation_step_mail", "idempotency_key"),
    comment="Each step of each round, told once to each authority",
    info=only_added_to(),
)

escalation_waiting = Table(
    "escalation_waiting",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("rule_id", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("authority", Text, primary_key=True),
    moment("since"),
    Column("idempotency_key", Text, nullable=False, comment="of the last mail in which it had no room"),
    CheckConstraint("authority in ('MIIT', 'PBOC')", name="authority"),
    comment="Due, but without room in a digest: leads the next one",
)

escalation_acknowledgement = Table(
    "escalation_acknowledgement",
    metadata,
    Column("acknowledgement_id", BigInteger, Identity(always=True), primary_key=True),
    Column("need_id", Text, nullable=False),
    Column("rule_id", Text, nullable=False),
    Column("item", Text, nullable=False, server_default="", comment=_ITEM),
    Column("round", Integer, nullable=False),
    Column("step", Integer, nullable=False, comment="the highest step told by then"),
    Column("actor", Text, nullable=False),
    Column("note", Text, nullable=False),
    moment("at"),
    Index(None, "need_id"),
    comment="What coordinators took on; the newest entry counts",
    info=only_added_to(purged=("note",)),
)

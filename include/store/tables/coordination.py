"""What coordinators (协调人) reported of needs, by a link in a mail or in the console."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Integer, Table, Text, UniqueConstraint

from include.store.tables.base import metadata, moment, only_added_to

coordinator_act = Table(
    "coordinator_act",
    metadata,
    Column("act_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False, comment="what it is about"),
    Column("need_id", Text, nullable=False),
    Column("institution_code", Text, nullable=False, server_default="", comment="empty: the need as a whole"),
    Column("obstruction_id", Text, nullable=False, server_default="", comment="of a ticket; empty for other kinds"),
    Column("act", Text, nullable=False),
    Column("coordinator_id", Text, nullable=False, comment="whose act it is"),
    Column(
        "actor", Text, nullable=False, comment="who recorded it: the coordinator, his account, or an operator for him"
    ),
    Column("role", Text, nullable=False),
    Column("remark", Text, nullable=False, comment="without telephone numbers and addresses"),
    Column("working_days", Integer, comment="of more time asked for"),
    Column("handed_to", Text, nullable=False, server_default="", comment="coordinator id"),
    Column(
        "idempotency_key", Text, nullable=False, server_default="", comment="of the mail with the link; empty: console"
    ),
    Column("once", Text, nullable=False, comment="hash of all that makes two reports one and the same"),
    moment("at"),
    UniqueConstraint("once"),
    CheckConstraint("kind in ('case', 'need', 'obstruction', 'alert')", name="kind"),
    CheckConstraint(
        "act in ('taken_on', 'contacted', 'settled', 'needs_time', 'handed_over', 'unresolvable')", name="act"
    ),
    CheckConstraint("(act = 'handed_over') = (handed_to <> '')", name="handed_to"),
    Index(None, "need_id"),
    Index(None, "at"),
    comment="Each report of a coordinator, once",
    info=only_added_to(purged=("remark",)),
)

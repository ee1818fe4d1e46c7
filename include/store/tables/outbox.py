"""The outbox (发件箱), its attempts, and its channels."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from include.store.tables.base import metadata, moment, only_added_to, store_uncompressed

delivery = Table(
    "delivery",
    metadata,
    Column("delivery_id", BigInteger, Identity(always=True), primary_key=True),
    Column("channel", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False, comment="never expires"),
    Column("order_key", Text, comment="deliveries of one order_key do not overtake each other; null: free"),
    Column("need_id", Text),
    Column("revision", Integer),
    Column("quarter", Text),
    Column("department_code", Text),
    Column(
        "body",
        Text,
        comment="JSON as sent, never changed; {} once purged; null: a push, built from need_version when it is sent",
    ),
    Column("body_sha256", Text, nullable=False, comment="of a push: without the contact; empty once purged"),
    Column("state", Text, nullable=False),
    Column("outcome", Text, comment="the receiver's answer: accepted, duplicate, stale …"),
    Column("error_class", Text, comment="why it is not delivered"),
    Column("receipt_no", Text),
    Column("payload_fields", ARRAY(Text), comment="a push whose need is purged: the fields that were passed on"),
    Column("payload_hash", Text, comment="likewise: keyed hash of the payload, the contact included"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    moment("created_at"),
    moment("next_attempt_at"),
    moment("settled_at", nullable=True),
    Column("lease_owner", Text),
    Column(
        "lease_until",
        DateTime(timezone=True),
        comment="real clock: leased until; without an owner: until when it waits",
    ),
    Column("matched", Boolean, nullable=False, server_default="false", comment="a push: its cases are open"),
    UniqueConstraint("idempotency_key"),
    CheckConstraint("channel in ('market', 'green_platform', 'mail')", name="channel"),
    CheckConstraint(
        "action in ('push', 'withdrawal', 'return', 'progress', 'obstruction_update', 'mail')", name="action"
    ),
    CheckConstraint("state in ('pending', 'unknown', 'delivered', 'superseded', 'held', 'closed')", name="state"),
    CheckConstraint("(action = 'push') = (body is null)", name="push_is_built_when_sent"),
    CheckConstraint("channel <> 'mail' or state <> 'unknown'", name="mail_is_not_looked_up"),
    Index("ix_delivery_due", "channel", "next_attempt_at", postgresql_where=text("state in ('pending', 'unknown')")),
    Index(
        "ix_delivery_unsettled_order",
        "order_key",
        "delivery_id",
        postgresql_where=text("state in ('pending', 'unknown')"),
    ),
    Index(
        "ix_delivery_waits_until",
        "channel",
        text("coalesce(lease_until, '-infinity'::timestamptz)"),
        postgresql_where=text("state in ('pending', 'unknown') and lease_owner is null"),
    ),
    Index(
        "ix_delivery_leased",
        "channel",
        "lease_owner",
        postgresql_where=text("state in ('pending', 'unknown') and lease_owner is not null"),
    ),
    Index(
        "ix_delivery_later",
        "need_id",
        postgresql_where=text(
            "channel = 'market' and state in ('pending', 'unknown') and (action = 'withdrawal' or revision > 1)"
        ),
    ),
    Index(
        "ix_delivery_unmatched",
        "need_id",
        postgresql_where=text("action = 'push' and state = 'delivered' and not matched"),
    ),
    Index("ix_delivery_held", "error_class", postgresql_where=text("state = 'held'")),
    Index(None, "need_id", "action"),
    comment="The outbox (发件箱): pending and unknown are open; held waits for a person; closed by a person",
)
store_uncompressed(delivery, "body")

delivery_attempt = Table(
    "delivery_attempt",
    metadata,
    Column("attempt_id", BigInteger, Identity(always=True), primary_key=True),
    Column("delivery_id", ForeignKey("delivery.delivery_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("worker", Text, nullable=False),
    moment("attempted_at"),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now(), comment="real clock"),
    Column("outcome", Text, nullable=False),
    Column("error_class", Text),
    Column("http_status", Integer),
    Column("detail", Text, comment="the receiver's message, without values of the payload"),
    Column("receipt_no", Text),
    CheckConstraint("kind in ('send', 'look_up', 'check')", name="kind"),
    Index(None, "delivery_id"),
    comment="Every try, never changed",
    info=only_added_to(purged=("detail",)),
)

channel_state = Table(
    "channel_state",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("breaker", Text, nullable=False),
    Column("failures", Integer, nullable=False, comment="in a row"),
    Column("openings", Integer, nullable=False, comment="of the breaker, without a success between them"),
    moment("opened_at", nullable=True),
    Column(
        "probe_at", DateTime(timezone=True), nullable=False, comment="business time from which one request may probe"
    ),
    Column(
        "probe_after", DateTime(timezone=True), nullable=False, comment="the same by the real clock; the first counts"
    ),
    Column("next_request_at", DateTime(timezone=True), nullable=False, comment="real clock: the rate's next free slot"),
    moment("resume_at", nullable=True),
    Column(
        "resume_after",
        DateTime(timezone=True),
        comment="real clock; the receiver asked for a pause until the first of both",
    ),
    Column("last_failure", Text, comment="in words, without values of a payload"),
    Column("stopped_by", Text, comment="who stopped the channel until a person lets it go on; null: nobody"),
    moment("stopped_at", nullable=True),
    Column("stop_reason", Text),
    moment("changed_at"),
    CheckConstraint("breaker in ('closed', 'open', 'half_open')", name="breaker"),
    comment="State of a receiver shared by all workers: its circuit breaker (熔断) and its rate",
)

"""Feedback (对接反馈) and the cases (对接案件) folded from it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    Time,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from include.store.tables.base import metadata, moment, only_added_to

feedback_event = Table(
    "feedback_event",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("need_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("institution_code", Text, nullable=False),
    Column("type", Text, nullable=False),
    moment("occurred_at"),
    Column("sequence", BigInteger, nullable=False),
    Column("amount", Numeric(14, 2)),
    Column("rate", Numeric(8, 4)),
    Column("term_months", Integer),
    Column("green_label", Boolean),
    Column("catalogue_code", Text),
    Column("use_of_funds", Text),
    Column("reason_code", Text),
    Column("obstruction_id", Text),
    Column(
        "document",
        Text,
        nullable=False,
        comment="the fields of the contract as received, JSON text, without the remark",
    ),
    Column("sealed", LargeBinary, comment="the remark and members that the contract does not know, as JSON, encrypted"),
    moment("received_at"),
    Column("reapply_from", Date),
    Column("institution_ref", Text, comment="the institution's own number; may point to a person, internal"),
    Index(None, "need_id", "institution_code", "sequence"),
    comment="What institutions report; first stored wins (E03)",
    info=only_added_to(sealed=("sealed",), purged=("document", "use_of_funds", "institution_ref")),
)

feedback_moment = Table(
    "feedback_moment",
    metadata,
    Column("event_id", Text, primary_key=True),
    moment("counted_at"),
    moment("noted_at"),
    info=only_added_to(),
    comment="Events whose stated moment is implausible, with the moment at which they count (E09)",
)

waiting_feedback = Table(
    "waiting_feedback",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("need_id", Text, nullable=False),
    Index(None, "need_id"),
    comment="Events that cannot be folded yet: type, need, revision or institution is unknown (E01, E02)",
)

event_finding = Table(
    "event_finding",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("rule_id", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("severity", Text, nullable=False),
    moment("found_at"),
    comment="Defects of institutions' reports (E01-E11)",
    info=only_added_to(),
)

feedback_cursor = Table(
    "feedback_cursor",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("cursor", Text, nullable=False),
    Column("reread_from", Text, comment="the cursor before the last page; null: that page was the first"),
    moment("read_at"),
    comment="How far the feed has been read; the newest row counts",
    info=only_added_to(),
)

matching_case = Table(
    "matching_case",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("institution_code", Text, primary_key=True),
    Column("intended", Boolean, nullable=False),
    Column("opened_on", Date, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_since", Date, nullable=False),
    Column("furthest_state", Text, nullable=False),
    Column("answered", Boolean, nullable=False),
    moment("last_event_at", nullable=True),
    Column("approved", Numeric(14, 2), nullable=False),
    Column("contracted", Numeric(14, 2), nullable=False),
    Column("drawn", Numeric(20, 2), nullable=False, comment="a sum of any number of draws"),
    Column("paused", Boolean, nullable=False),
    Column("open_obstructions", JSONB, nullable=False, comment="[{obstruction_id, opened_on, reason_code}]"),
    Column("reason_code", Text, comment="of the last declined or closed"),
    Column("anomalies", JSONB, nullable=False, comment="[{event_id, reason}]"),
    Column("reopened", Integer, nullable=False),
    moment("folded_at"),
    Column("folding", Text, comment="JSON: the state of the fold, to add later events to it; null: fold anew"),
    Index("ix_matching_case_ended", "need_id", postgresql_where=text("state in ('declined', 'closed')")),
    Index("ix_matching_case_drawn", "need_id", postgresql_where=text("drawn > 0 and state <> 'closed'")),
    Index(
        "ix_matching_case_obstructed",
        "need_id",
        postgresql_where=text("open_obstructions <> '[]' and state <> 'closed'"),
    ),
    comment="A need at an institution (对接案件): the fold of its events",
)

case_clock = Table(
    "case_clock",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("institution_code", Text, primary_key=True),
    Column("from_type", Text, primary_key=True),
    Column("to_type", Text, primary_key=True),
    Column("day0", Date, primary_key=True),
    Column("number", Integer, nullable=False, server_default="0", comment="in `unit`"),
    Column("unit", Text, nullable=False, server_default="working_days"),
    Column(
        "pauses",
        JSONB,
        nullable=False,
        server_default="[]",
        comment="pauses as [[exclusive start, inclusive end]]",
    ),
    Column("extended", Integer, nullable=False, server_default="0", comment="working days granted beyond the limit"),
    Column("due_on", Date, nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("stopped_on", Date),
    Column("paused", Boolean, nullable=False),
    moment("began_at", nullable=True),
    Column("office_hours_end", Time, comment="began_at lay outside the office hours that end then; null: inside"),
    Index("ix_case_clock_due", "due_on", postgresql_where=text("stopped_on is null and not paused")),
    Index("ix_case_clock_provisional", "due_on", postgresql_where=text("stopped_on is null and provisional")),
    comment="A limit of the case path that runs or ran, with its stored due day",
)

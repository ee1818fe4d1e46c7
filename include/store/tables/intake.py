"""Intake: what the green platform listed."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from include.domain.identity import QUARTER
from include.store.tables.base import metadata, moment, only_added_to, store_uncompressed

_ITEM_HASH = "keyed hash of the item without updated_at as canonical JSON (RFC 8785)"

intake = Table(
    "intake",
    metadata,
    Column("intake_id", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", Text, nullable=False, comment="the run that read it; a retry of its tasks finds the same intake"),
    Column("kind", Text, nullable=False),
    Column("quarter", Text, nullable=False),
    Column("departments", ARRAY(Text), nullable=False),
    Column("dry_run", Boolean, nullable=False),
    moment("started_at"),
    # Null: the listing was read whole.
    moment("updated_since", nullable=True),
    UniqueConstraint("run_id"),
    CheckConstraint("kind in ('quarterly', 'late', 'review', 'major')", name="kind"),
    comment="One reading of the platform's listing for a quarter, whole or since a moment",
    info=only_added_to(),
)

listing_cursor = Table(
    "listing_cursor",
    metadata,
    Column("quarter", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    moment("read_until"),
    CheckConstraint("kind in ('quarterly', 'late', 'review', 'major')", name="kind"),
    comment="Up to which moment readings of a kind have taken in what changed in a quarter's listing",
)

listing = Table(
    "listing",
    metadata,
    Column("intake_id", ForeignKey("intake.intake_id"), primary_key=True),
    Column("department_code", Text, primary_key=True),
    Column("stated_total", Integer, nullable=False, comment="total on the first page (B06)"),
    Column("read_items", Integer, nullable=False, comment="distinct items read"),
    moment("read_at"),
    Column(
        "missed",
        Integer,
        nullable=False,
        server_default="0",
        comment="revisions first met here though they changed before the cursor of the reviews: these missed them",
    ),
    comment="One department's listing, read whole or since a moment",
    info=only_added_to(),
)

raw_payload = Table(
    "raw_payload",
    metadata,
    Column("raw_sha256", Text, primary_key=True, comment="keyed hash of the item's bytes as received"),
    Column("ciphertext", LargeBinary, nullable=False, comment="the bytes as received, encrypted"),
    Column("size_bytes", Integer, nullable=False),
    moment("received_at"),
    # Whoever reads a row wants the payload: up to this size it is stored in the row.
    postgresql_with={"toast_tuple_target": 8160},
    info=only_added_to(sealed=("ciphertext",)),
)
store_uncompressed(raw_payload, "ciphertext")

intake_item = Table(
    "intake_item",
    metadata,
    Column("intake_id", ForeignKey("intake.intake_id"), primary_key=True),
    Column("department_code", Text, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("raw_sha256", ForeignKey("raw_payload.raw_sha256"), nullable=False),
    Column("readable", Boolean, nullable=False, comment="false: not a JSON object"),
    Column("need_id", Text, comment="null unless usable (DQ01)"),
    Column("revision", Integer, comment="null unless usable (DQ01)"),
    Column("item_hash", Text, comment=_ITEM_HASH),
    Index(None, "need_id", "revision"),
    Index("ix_intake_item_unusable", "item_hash", postgresql_where=text("need_id is null or revision is null")),
    comment="The listed items, without those of repeated pages",
    info=only_added_to(),
)

manifest_entry = Table(
    "manifest_entry",
    metadata,
    Column("intake_id", ForeignKey("intake.intake_id"), primary_key=True),
    Column("department_code", Text, primary_key=True),
    Column("recommended", Integer, nullable=False),
    Column("financing_need", Numeric(14, 2), nullable=False),
    Column("zero_return", Boolean, nullable=False),
    moment("reported_at"),
    comment="What each department says it recommended",
    info=only_added_to(),
)

need_version = Table(
    "need_version",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("item_hash", Text, nullable=False, comment=_ITEM_HASH),
    Column("raw_sha256", ForeignKey("raw_payload.raw_sha256"), nullable=False),
    Column("intake_id", ForeignKey("intake.intake_id"), nullable=False),
    Column("quarter", Text, nullable=False, comment="as filed; if unusable, as listed"),
    Column("department_code", Text, nullable=False),
    Column("branch_code", Text, comment="of the department; null if the department is unknown"),
    Column("is_major", Boolean, nullable=False),
    Column("uscc", Text, comment="normalised; null unless a string"),
    Column("enterprise_name", Text),
    Column("city_code", Text),
    Column("project_name", Text),
    Column("intended_institutions", ARRAY(Text), nullable=False),
    Column("financing_need", Numeric(14, 2), comment="null unless usable"),
    Column("total_investment", Numeric(14, 2), comment="null unless usable"),
    Column("own_capital", Numeric(14, 2), comment="null unless usable"),
    Column(
        "document",
        Text,
        nullable=False,
        comment="the form's fields of the item, without the contact, as JSON text; {} once purged",
    ),
    moment("received_at"),
    Column("catalogue_version", Text, comment="of the catalogue whose entry is named; null if none is named"),
    Index(None, "quarter", "department_code"),
    CheckConstraint(f"quarter ~ '^{QUARTER}$'", name="quarter"),
    comment="Each revision of each need with usable id and revision; the first stored wins (DQ43)",
    info=only_added_to(purged=("document", "enterprise_name", "project_name")),
)
store_uncompressed(need_version, "document")

contact = Table(
    "contact",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("ciphertext", LargeBinary, nullable=False, comment='{"name", "mobile", "email"} as JSON, encrypted'),
    comment="Personal information (个人信息), separate from everything else",
)

amendment = Table(
    "amendment",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("field", Text, primary_key=True, comment="concrete path, e.g. finance.methods[0].amount"),
    Column("previous_revision", Integer, nullable=False),
    Column("before", Text, comment="JSON text; null: absent, or personal"),
    Column("after", Text, comment="JSON text; null: absent, or personal"),
    Column("personal", Boolean, nullable=False, comment="a contact field: only the fact that it changed is stored"),
    comment="What a revision changed, field by field (修订对照)",
    info=only_added_to(purged=("before", "after")),
)

need_fingerprint = Table(
    "need_fingerprint",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("intake_id", ForeignKey("intake.intake_id"), nullable=False),
    Column("quarter", Text, comment="null unless usable"),
    Column("submitted", Text(collation="C"), comment="the moment in sortable form; null unless usable"),
    Column("uscc", Text, comment="this and what follows: null unless usable"),
    Column("project_code", Text),
    Column("project_name", Text, comment="its skeleton"),
    Column("content", Text, comment="keyed hash of its skeleton"),
    Column("benefit", Text, comment="saving, carbon and baseline, all above zero"),
    Column("mobile", Text, comment="keyed hash: cannot be guessed without the key"),
    Column("saving", BigInteger, comment="ten-thousandths of a tce"),
    Column("carbon", BigInteger, comment="ten-thousandths of a tCO2"),
    Column("reports", ARRAY(Text), nullable=False, comment="SHA-256 of the third-party reports attached"),
    Index(None, "uscc"),
    Index(None, "project_code"),
    Index(None, "content"),
    Index(None, "benefit"),
    Index(None, "mobile"),
    comment="Values by which needs are compared (DQ42, G01, G12, G13), so that no pairs have to be",
)

withdrawal_notice = Table(
    "withdrawal_notice",
    metadata,
    Column("need_id", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("reason_code", Text, nullable=False),
    moment("noticed_at"),
    Column("intake_id", ForeignKey("intake.intake_id"), comment="that noticed it; null: withdrawn by decision"),
    comment="Needs withdrawn on the green platform or by decision",
    info=only_added_to(),
)

"""People who act in the console, and what its administrators granted them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from include.store.tables.base import metadata, moment

person = Table(
    "person",
    metadata,
    Column("actor_id", Text, primary_key=True, comment="the auth manager's immutable id, normalised"),
    Column("name", Text, nullable=False, comment="for display; may change"),
    moment("seen_at"),
    comment="Names of persons who acted, so that pages show a name beside an id",
)

console_grant = Table(
    "console_grant",
    metadata,
    Column("actor_id", Text, primary_key=True, comment="the auth manager's immutable id, normalised"),
    Column("roles", ARRAY(Text), nullable=False, comment="approver, auditor"),
    Column(
        "departments", ARRAY(Text), nullable=True, comment="codes that the person is confined to; null: not confined"
    ),
    Column("coordinator_id", Text, nullable=True, comment="of the roster, if this is the account of a coordinator"),
    Column("changed_by", Text, nullable=False),
    moment("changed_at"),
    CheckConstraint("roles <@ array['approver', 'auditor']", name="roles"),
    CheckConstraint("person_key(changed_by) <> person_key(actor_id)", name="by_another"),
    comment="Roles and confinement granted by an administrator of the console; the audit trail has the history",
)

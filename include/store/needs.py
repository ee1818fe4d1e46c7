"""What is known of a need, whatever stage asks."""

from __future__ import annotations

import sqlalchemy as sa

# If the need ever was a sole proprietor's, that code: texts of its earlier revisions are shown too.
_CODE = sa.text(
    """
    select uscc from need_version where need_id = :need_id
    order by starts_with(uscc, '92') desc nulls last, revision desc limit 1
    """
)


def code_of(connection: sa.Connection, need_id: str | None) -> str | None:
    """The credit code by which `shown` knows whom the need is about; None if unknown."""
    code: str | None = connection.execute(_CODE, {"need_id": need_id}).scalar()
    return code

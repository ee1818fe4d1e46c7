"""Conservation (守恒): every listed record has exactly one outcome, and the listing agrees with the manifest."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from include.store.database import statement_beside


def agrees_with_manifest(counts: tuple[int, int], recommended: int | None) -> bool:
    """Whether (needs, unreadable items) agree with the manifest (B02).

    An unreadable item may or may not be among the needs that the department counted.
    """
    needs, unreadable = counts
    return recommended is None or needs <= recommended <= needs + unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentAccount:
    """The outcomes of all items in one department's listing (B10). `missed`: what the reviews should have read before."""

    department_code: str
    listed: int
    passed: int
    held: int
    returned: int
    superseded: int
    unreadable: int
    recommended: int | None
    missed: int = 0

    @property
    def unaccounted(self) -> int:
        """Items without an outcome: must be 0."""
        return self.listed - self.passed - self.held - self.returned - self.superseded - self.unreadable


_ACCOUNTS = statement_beside(__file__, "accounts.sql")


def accounts(connection: sa.Connection, intake_id: int) -> list[DepartmentAccount]:
    """The account of each department whose listing was read in this intake."""
    rows = connection.execute(_ACCOUNTS, {"intake_id": intake_id}).mappings()
    return [DepartmentAccount(**row) for row in rows]


# A need listed twice, or in two revisions, counts once; records without a usable need_id count one by one.
_STATED_AND_READ = sa.text(
    """
    select listing.department_code, listing.stated_total,
           count(distinct item.need_id) + count(item.ordinal) filter (where item.need_id is null) as needs_read
    from listing left join intake_item item using (intake_id, department_code)
    where listing.intake_id = :intake_id
    group by listing.department_code, listing.stated_total
    """
)


def stated_and_read(connection: sa.Connection, intake_id: int) -> dict[str, tuple[int, int]]:
    """For each department read in this intake: how many needs its first page stated, and how many were read (B06)."""
    rows = connection.execute(_STATED_AND_READ, {"intake_id": intake_id})
    return {row.department_code: (row.stated_total, row.needs_read) for row in rows}

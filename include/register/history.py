"""Which register is in force (绿色工厂名单), since when, how many factories it lists, and how the last ones changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A register in use from `as_of` on; `added`, `gone` against the one before it, None for the first one kept."""

    as_of: date
    taken_at: datetime
    active: int
    added: int | None
    gone: int | None


def versions(connection: sa.Connection, today: date, *, most: int = 8) -> Sequence[Version]:
    """The registers in use until today whose content differs from the one before, the newest first; that one is in force."""
    return [Version(**row) for row in connection.execute(_VERSIONS, {"today": today, "most": most}).mappings()]


# A factory counts on the register's own day. Snapshots of one content are one version, from its first day on.
_VERSIONS = sa.text(
    """
    with used as (
        select as_of, taken_at, content_sha256,
               lag(content_sha256) over (order by as_of, snapshot_id) as content_before,
               lag(as_of) over (order by as_of, snapshot_id) as as_of_before, snapshot_id
        from register_snapshot where in_use and as_of <= :today
    ), changed as (
        select * from used where content_sha256 is distinct from content_before
        order by as_of desc, snapshot_id desc limit :most
    )
    select changed.as_of, changed.taken_at,
           (select count(distinct uscc) from listed_factory now
            where now.content_sha256 = changed.content_sha256 and changed.as_of <@ now.listed) as active,
           case when content_before is not null then (
               select count(*) from (
                   select uscc from listed_factory now
                   where now.content_sha256 = changed.content_sha256 and changed.as_of <@ now.listed
                   except select uscc from listed_factory past
                   where past.content_sha256 = changed.content_before and changed.as_of_before <@ past.listed
               ) fresh
           ) end as added,
           case when content_before is not null then (
               select count(*) from (
                   select uscc from listed_factory past
                   where past.content_sha256 = changed.content_before and changed.as_of_before <@ past.listed
                   except select uscc from listed_factory now
                   where now.content_sha256 = changed.content_sha256 and changed.as_of <@ now.listed
               ) missing
           ) end as gone
    from changed order by changed.as_of desc, changed.snapshot_id desc
    """
)

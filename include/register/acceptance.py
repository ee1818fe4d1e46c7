"""Snapshots of the register that T05 held back (名单待确认): how they differ from the one in use, and accepting one.

Until a person does, the gate continues with the snapshot in use, and refuses to run once that is too old.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import NotFound
from include.store.tables import register_snapshot
from include.words.shown import shown

_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSnapshot:
    """A snapshot not in use, compared with the one in use before it. `gone`: factories active in that one and not in
    this.

    `gone_names`: the first of them, named as in the register in use and masked for the public.
    """

    snapshot_id: int
    as_of: date
    taken_at: datetime
    active: int
    in_use_as_of: date | None
    active_in_use: int
    gone: int
    gone_names: Sequence[str]


def held_snapshots(connection: sa.Connection) -> list[HeldSnapshot]:
    """The snapshots that wait for a person, the newest first; without those older than one in use."""
    return [
        HeldSnapshot(**{**row, "gone_names": _names(row["gone_names"])})
        for row in connection.execute(_HELD, {"named": _NAMED}).mappings()
    ]


def _names(factories: Sequence[tuple[str, str]]) -> list[str]:
    return [shown("enterprise.name", name, uscc, "public") for name, uscc in factories]


def accept_snapshot(connection: sa.Connection, snapshot_id: int, *, act: Act) -> date:
    """Take a snapshot that T05 held back into use, with an audit entry; returns its day.

    Raises NotFound if there is no such snapshot, InvalidRequest if name or reason is missing.
    """
    act = audit.signed(act)
    accepted: date | None = connection.execute(
        sa.update(register_snapshot)
        .where((register_snapshot.c.snapshot_id == snapshot_id) & ~register_snapshot.c.in_use)
        .values(in_use=True)
        .returning(register_snapshot.c.as_of)
    ).scalar()
    if accepted is None:
        raise NotFound(f"名单快照 {snapshot_id} 不存在或已启用。", "请回到名单页面查看最新状态。")
    audit.record(connection, act=act, action="register_accepted", object_=f"register/{accepted}")
    return accepted


_HELD = sa.text(
    """
    with waiting as (
        select held.*, before.as_of as in_use_as_of, before.content_sha256 as content_in_use
        from register_snapshot held
        left join lateral (
            select as_of, content_sha256 from register_snapshot
            where in_use and as_of <= held.as_of order by as_of desc, snapshot_id desc limit 1
        ) before on true
        where not held.in_use
          and not exists (
              select from register_snapshot newer
              where newer.in_use and (newer.as_of, newer.snapshot_id) > (held.as_of, held.snapshot_id)
          )
    ), member as (
        select waiting.snapshot_id, factory.content_sha256 = waiting.content_sha256 as in_held, factory.uscc,
               min(factory.name) as name
        from waiting join listed_factory factory
          on factory.content_sha256 in (waiting.content_sha256, waiting.content_in_use)
         and waiting.as_of <@ factory.listed
        group by 1, 2, 3
    ), gone as (
        select snapshot_id, count(*) as number,
               (array_agg(jsonb_build_array(name, uscc) order by name))[1 : cast(:named as integer)] as names
        from member old
        where not in_held and not exists (
            select from member new where new.snapshot_id = old.snapshot_id and new.in_held and new.uscc = old.uscc
        )
        group by snapshot_id
    )
    select waiting.snapshot_id, waiting.as_of, waiting.taken_at, waiting.in_use_as_of,
           (select count(*) from member where member.snapshot_id = waiting.snapshot_id and in_held) as active,
           (select count(*) from member where member.snapshot_id = waiting.snapshot_id and not in_held) as active_in_use,
           coalesce(gone.number, 0) as gone, coalesce(gone.names, array[]::jsonb[]) as gone_names
    from waiting left join gone using (snapshot_id)
    order by waiting.as_of desc, waiting.snapshot_id desc
    """
)

"""What an intake needs besides the needs: manifest, register of green factories, coordinators."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.base.canonical import storable
from include.base.errors import IntakeIncomplete
from include.base.privacy import PersonalDataCipher
from include.domain.pieces import SetAside, set_aside
from include.intake.batch_rules import judge_manifest
from include.platforms.green_platform import CoordinatorRow, GreenPlatformClient
from include.reference import Policy, rules
from include.reference.day import Day
from include.register.rules import (
    SNAPSHOT,
    RegisterEntry,
    RegisterFinding,
    judge_rows,
    judge_snapshot,
    read_entry,
    stored_differently,
)
from include.register.snapshots import snapshot_in_use
from include.store.database import copy_rows
from include.store.locks import Lock, hold
from include.store.set_aside import keep
from include.store.tables import (
    coordinator,
    manifest_entry,
    register_factory,
    register_finding,
    register_snapshot,
)

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder(decimal_format="number").encode


def pull_manifest(
    engine: sa.Engine, client: GreenPlatformClient, cipher: PersonalDataCipher, intake_id: int, quarter: str, day: Day
) -> int:
    """Store what each department says it recommended for `quarter`, odd rows too; returns the number of departments.

    An unusable row is set aside and reported (B09): the other departments close without it.
    """
    manifest = client.manifest(quarter)
    rows = [
        {
            "intake_id": intake_id,
            "department_code": row.department_code,
            "recommended": row.recommended,
            "financing_need": row.financing_need,
            "zero_return": row.zero_return,
            "reported_at": row.reported_at,
        }
        for row in manifest.departments
    ]
    with engine.begin() as connection:
        if rows:
            connection.execute(insert(manifest_entry).on_conflict_do_nothing(), rows)
        judge_manifest(connection, intake_id, manifest, quarter, day)
        keep(connection, cipher, f"manifest/{quarter}", manifest.set_aside, now=day.now, whole=True)
    return len(rows)


@dataclass(frozen=True, slots=True)
class RegisterPull:
    """A snapshot as read; `in_use` is False if it shrank so much that the one before stays (T05)."""

    rows: int
    unusable: int
    in_use: bool


def pull_register(
    engine: sa.Engine,
    client: GreenPlatformClient,
    cipher: PersonalDataCipher,
    as_of: date,
    now: datetime,
    policy: Policy,
) -> RegisterPull:
    """Read a snapshot of the register of green factories and judge it (T01-T05); equal content is stored once.

    An unusable row is stored and left out; a snapshot that shrank is stored and not used. Raises IntakeIncomplete if
    nothing is usable.
    """
    rows = [row for page in client.green_factories(as_of) for row in page]
    content = hashlib.sha256(_written(rows)).hexdigest()
    entries = [read_entry(row) for row in rows]
    found = judge_rows(entries, policy)
    unusable = {one.ordinal for one in found if one.unusable}
    with engine.begin() as connection:
        hold(connection, Lock.REGISTER)
        before = _active_in_use(connection, as_of)
        active = sum(entry.active_on(as_of) for ordinal, entry in enumerate(entries) if ordinal not in unusable)
        found += judge_snapshot(active, before, policy)
        in_use = not any(one.ordinal == SNAPSHOT for one in found)
        if not in_use and before is None:
            raise IntakeIncomplete(
                f"绿色工厂名单（{as_of}）为空，无法据此审核。", "请联系平台核实名单接口，恢复后重新运行本任务。"
            )
        _store_register(connection, content, entries, unusable, found)
        connection.execute(
            insert(register_snapshot)
            .values(as_of=as_of, content_sha256=content, row_count=len(rows), taken_at=now, in_use=in_use)
            .on_conflict_do_nothing()
        )
        keep(connection, cipher, "register", _altered_rows(rows), now=now, whole=True)
    if not in_use:
        log.error("绿色工厂名单（%s）%s", as_of, f"{rules()['T05'].message}{rules()['T05'].how_to_fix}")
    if unusable:
        log.warning("绿色工厂名单（%s）有 %d 行有误，未使用（T01、T02）。", as_of, len(unusable))
    return RegisterPull(len(rows), len(unusable), in_use)


def _written(rows: Sequence[Any]) -> bytes:
    """The rows as JSON, by which equal content is recognised; for a row that is not JSON the hash of its bytes, U+FFFD
    for characters without an encoding."""
    content = [hashlib.sha256(row.raw).hexdigest() if isinstance(row, SetAside) else row for row in rows]
    try:
        return _encode(content)
    except (UnicodeEncodeError, RecursionError):
        return _encode(storable(content))


def _altered_rows(rows: Sequence[Any]) -> Iterator[SetAside]:
    """The rows that could not be read, or that the tables cannot hold in full."""
    for row in rows:
        if isinstance(row, SetAside):
            yield row
        elif (problem := stored_differently(row)) is not None:
            yield set_aside(_written([row])[1:-1], problem)


_ACTIVE = sa.text(
    """
    select count(*) from listed_factory where content_sha256 = :content and :as_of <@ listed
    """
)


def _active_in_use(connection: sa.Connection, as_of: date) -> int | None:
    """How many rows of the snapshot in use are active on `as_of`; None without a snapshot."""
    snapshot = snapshot_in_use(connection, as_of)
    if snapshot is None:
        return None
    active: int = connection.execute(_ACTIVE, {"as_of": as_of, "content": snapshot.content_sha256}).scalar_one()
    return active


def _store_register(
    connection: sa.Connection,
    content: str,
    entries: Sequence[RegisterEntry],
    unusable: Set[int],
    found: Sequence[RegisterFinding],
) -> None:
    known = connection.execute(
        sa.select(register_factory.c.ordinal).where(register_factory.c.content_sha256 == content).limit(1)
    ).first()
    if known is None:
        copy_rows(
            connection,
            "register_factory",
            ("content_sha256", "ordinal", *_ENTRY_COLUMNS, "usable"),
            (
                (content, ordinal, *(getattr(entry, name) for name in _ENTRY_COLUMNS), ordinal not in unusable)
                for ordinal, entry in enumerate(entries)
            ),
        )
    if found:
        connection.execute(
            insert(register_finding).on_conflict_do_nothing(),
            [
                {
                    "content_sha256": content,
                    "ordinal": one.ordinal,
                    "rule_id": one.rule_id,
                    "field": one.field,
                    "severity": one.severity,
                }
                for one in found
            ],
        )


_ENTRY_COLUMNS = ("uscc", "name", "aliases", "level", "batch", "department_code", "listed_on", "removed_on")


def pull_coordinators(
    engine: sa.Engine, client: GreenPlatformClient, cipher: PersonalDataCipher, *, now: datetime
) -> int:
    """Replace the list of coordinators (协调人) by the usable rows of the platform's; returns how many there are.

    If no row is usable, or none is listed, the old list stays, because mails must go on. Either case is set aside.
    """
    listed = client.coordinators()
    used, unusable = _one_each(listed.items)
    unusable += listed.set_aside
    if not used:
        unusable.append(SetAside(b"[]", "名单中没有可用的协调人，沿用上一次的名单"))
    with engine.begin() as connection:
        if used:
            connection.execute(sa.delete(coordinator))
            connection.execute(
                sa.insert(coordinator),
                [{"position": position, **msgspec.structs.asdict(row)} for position, row in enumerate(used)],
            )
        keep(connection, cipher, "coordinators", unusable, now=now, whole=True)
    if unusable:
        log.error("协调人名单有 %d 行无法使用，未采用；其余 %d 行照常使用。", len(unusable), len(used))
    return len(used)


def _one_each(rows: Sequence[CoordinatorRow]) -> tuple[list[CoordinatorRow], list[SetAside]]:
    """The first row of each coordinator_id, and the others."""
    used: dict[str, CoordinatorRow] = {}
    repeated: list[SetAside] = []
    for row in rows:
        if used.setdefault(row.coordinator_id, row) is not row:
            repeated.append(set_aside(_encode(row), "协调人编号重复"))
    return list(used.values()), repeated

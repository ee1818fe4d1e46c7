"""What an intake needs beside the needs themselves: manifest, register of green factories, coordinators."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.domain.identifiers import normalise_id
from include.errors import IntakeIncomplete
from include.intake.batch_rules import judge_manifest
from include.platforms.green_platform import GreenPlatformClient
from include.reference import Policy
from include.store.database import copy_rows
from include.store.tables import (
    coordinator,
    manifest_entry,
    register_factory,
    register_snapshot,
)

_encode = msgspec.json.Encoder(decimal_format="number").encode


def pull_manifest(
    engine: sa.Engine, client: GreenPlatformClient, intake_id: int, quarter: str, *, now: datetime, policy: Policy
) -> int:
    """Store what each department says it recommended for `quarter`, odd rows too (B09); returns the number of departments."""
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
        judge_manifest(connection, intake_id, manifest, quarter, now=now, policy=policy)
    return len(rows)


def pull_register(engine: sa.Engine, client: GreenPlatformClient, as_of: date, now: datetime) -> int:
    """Take a snapshot of the register of green factories; equal content is stored once. Returns its rows."""
    rows = [row for page in client.green_factories(as_of) for row in page]
    if not rows:
        raise IntakeIncomplete(
            f"绿色工厂名单（{as_of}）为空，无法据此审核。", "请联系平台核实名单接口，恢复后重新运行本任务。"
        )
    content = hashlib.sha256(_encode(rows)).hexdigest()
    with engine.begin() as connection:
        known = connection.execute(
            sa.select(register_factory.c.ordinal).where(register_factory.c.content_sha256 == content).limit(1)
        ).first()
        if known is None:
            copy_rows(connection, "register_factory", _REGISTER_COLUMNS, _register_rows(content, rows))
        connection.execute(
            insert(register_snapshot)
            .values(as_of=as_of, content_sha256=content, row_count=len(rows), taken_at=now)
            .on_conflict_do_nothing()
        )
    return len(rows)


_REGISTER_COLUMNS = (
    "content_sha256",
    "ordinal",
    "uscc",
    "name",
    "aliases",
    "level",
    "batch",
    "department_code",
    "listed_on",
    "removed_on",
)


def _register_rows(content: str, rows: Sequence[Mapping[str, Any]]) -> Iterable[tuple[Any, ...]]:
    for ordinal, row in enumerate(rows):
        yield (
            content,
            ordinal,
            normalise_id(row["uscc"]),
            row["name"],
            row["aliases"],
            row["level"],
            row["batch"],
            row["department_code"],
            row["listed_on"],
            row["removed_on"],
        )


def pull_coordinators(engine: sa.Engine, client: GreenPlatformClient) -> int:
    """Replace the list of coordinators (协调人) by the platform's; returns how many there are."""
    fields = ("coordinator_id", "authority", "level", "region_code", "role", "email", "on_duty")
    rows = [
        {"position": position, **{name: row[name] for name in fields}}
        for position, row in enumerate(client.coordinators())
    ]
    with engine.begin() as connection:
        connection.execute(sa.delete(coordinator))
        if rows:
            connection.execute(sa.insert(coordinator), rows)
    return len(rows)

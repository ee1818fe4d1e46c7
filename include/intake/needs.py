"""Reads one department's recommended needs whole and stores them as received."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.base.privacy import PersonalDataCipher
from include.intake.amendments import note_amendments
from include.intake.conservation import agrees_with_manifest
from include.intake.items import Item, contact_json, read_item, unreadable_item, version_row
from include.intake.stage import IntakeKind
from include.platforms.green_platform import GreenPlatformClient
from include.store.database import copy_rows
from include.store.sealed import CONTACT, RAW_PAYLOAD
from include.store.set_aside import keep
from include.store.tables import (
    intake,
    intake_item,
    listing,
    manifest_entry,
    need_version,
)

_READ_AGAIN = 2


@dataclass(frozen=True, slots=True)
class PullSummary:
    """Counts of one department's listing."""

    department_code: str
    items: int
    unreadable: int


def pull_department(
    engine: sa.Engine,
    client: GreenPlatformClient,
    cipher: PersonalDataCipher,
    *,
    intake_id: int,
    department_code: str,
    now: datetime,
) -> PullSummary:
    """Read one department's recommended needs whole and store them with their hashes.

    A listing shorter than its stated total (B06), or different from the manifest (B02), is read again; what still
    differs is left to `close`. A department that this intake has read already is not read again.
    """
    with engine.connect() as connection:
        header = connection.execute(sa.select(intake).where(intake.c.intake_id == intake_id)).one()
        done = _stored_pull(connection, intake_id, department_code)
        expected = connection.execute(
            sa.select(manifest_entry.c.recommended).where(
                (manifest_entry.c.intake_id == intake_id) & (manifest_entry.c.department_code == department_code)
            )
        ).scalar()
    if done:
        return done
    items: list[Item] = []
    total = 0
    for _ in range(1 + _READ_AGAIN):
        items, total = _read_listing(client, cipher, header.quarter, department_code, header.kind)
        needs, unreadable = _counts(items)
        if needs + unreadable >= total and agrees_with_manifest((needs, unreadable), expected):
            break
    with engine.begin() as connection:
        claimed = connection.execute(
            insert(listing)
            .values(
                intake_id=intake_id,
                department_code=department_code,
                stated_total=total,
                read_items=len(items),
                read_at=now,
            )
            .on_conflict_do_nothing()
            .returning(listing.c.intake_id)
        ).first()
        if claimed:
            _store(connection, cipher, intake_id, header.quarter, department_code, items, now)
            keep(
                connection,
                cipher,
                f"needs/{header.quarter}/{department_code}/recommended",
                [item.set_aside for item in items if item.set_aside is not None],
                now=now,
                whole=header.kind != "major",
            )
    return PullSummary(department_code, len(items), sum(not item.readable for item in items))


def _stored_pull(connection: sa.Connection, intake_id: int, department_code: str) -> PullSummary | None:
    row = connection.execute(
        sa.select(listing.c.read_items).where(
            (listing.c.intake_id == intake_id) & (listing.c.department_code == department_code)
        )
    ).one_or_none()
    if row is None:
        return None
    unreadable = connection.execute(
        sa.select(sa.func.count())
        .select_from(intake_item)
        .where(
            (intake_item.c.intake_id == intake_id)
            & (intake_item.c.department_code == department_code)
            & ~intake_item.c.readable
        )
    ).scalar_one()
    return PullSummary(department_code, row.read_items, unreadable)


def _read_listing(
    client: GreenPlatformClient, cipher: PersonalDataCipher, quarter: str, department_code: str, kind: IntakeKind
) -> tuple[list[Item], int]:
    """The distinct items of a listing and the total that its first page stated."""
    pages = client.need_listing(
        quarter=quarter,
        department=department_code,
        status="recommended",
        major=True if kind == "major" else None,
    )
    items: list[Item] = []
    seen: set[str] = set()
    total: int | None = None
    for page in pages:
        total = page.total if total is None else total
        read = [read_item(raw, cipher) for raw in page.items]
        for item in (*read, *(unreadable_item(piece, cipher) for piece in page.set_aside)):
            if item.item_hash is not None:
                if item.item_hash in seen:
                    continue
                seen.add(item.item_hash)
            items.append(item)
    return items, total or 0


def _counts(items: Sequence[Item]) -> tuple[int, int]:
    needs = {item.need_id or item.item_hash for item in items if item.readable}
    return len(needs), sum(not item.readable for item in items)


def _store(
    connection: sa.Connection,
    cipher: PersonalDataCipher,
    intake_id: int,
    quarter: str,
    department_code: str,
    items: Sequence[Item],
    now: datetime,
) -> None:
    connection.execute(
        sa.text(
            "create temporary table incoming_payload (like raw_payload including storage)"
            " with (toast_tuple_target = 8160) on commit drop"
        )
    )
    copy_rows(
        connection,
        "incoming_payload",
        ("raw_sha256", "ciphertext", "size_bytes", "received_at"),
        (
            (item.raw_sha256, cipher.encrypt(item.raw, RAW_PAYLOAD.place(item.raw_sha256)), len(item.raw), now)
            for item in items
        ),
    )
    connection.execute(
        sa.text("insert into raw_payload select * from incoming_payload on conflict (raw_sha256) do nothing")
    )
    copy_rows(
        connection,
        "intake_item",
        (
            "intake_id",
            "department_code",
            "ordinal",
            "raw_sha256",
            "readable",
            "need_id",
            "revision",
            "item_hash",
        ),
        (
            (
                intake_id,
                department_code,
                ordinal,
                item.raw_sha256,
                item.readable,
                item.need_id,
                item.revision,
                item.item_hash,
            )
            for ordinal, item in enumerate(items)
        ),
    )
    addressed = [item for item in items if item.need_id is not None and item.revision is not None]
    if not addressed:
        return
    known = _store_versions(connection, addressed, intake_id, quarter, department_code, now)
    fresh = [item for item in addressed if (item.need_id, item.revision, item.item_hash) in known]
    if not fresh:
        return
    copy_rows(
        connection,
        "contact",
        ("need_id", "revision", "ciphertext"),
        (
            (
                item.need_id,
                item.revision,
                cipher.encrypt(contact_json(item), CONTACT.place(item.need_id, item.revision)),
            )
            for item in fresh
        ),
    )
    note_amendments(connection, cipher, fresh)


def _store_versions(
    connection: sa.Connection,
    items: Sequence[Item],
    intake_id: int,
    quarter: str,
    department_code: str,
    now: datetime,
) -> set[tuple[str, int, str]]:
    """Store what is new of these revisions, the first of each; returns need_id, revision and hash of what was stored."""
    connection.execute(
        sa.text("create temporary table incoming_version (like need_version including storage) on commit drop")
    )
    first = {(item.need_id, item.revision): item for item in reversed(items)}
    names = need_version.columns.keys()
    rows = (
        version_row(item, intake_id=intake_id, listed_quarter=quarter, department_code=department_code, now=now)
        for item in reversed(first.values())
    )
    copy_rows(connection, "incoming_version", names, (itemgetter(*names)(row) for row in rows))
    stored = connection.execute(_STORE_VERSIONS)
    return set(stored.tuples())


_STORE_VERSIONS = sa.text(
    """
    insert into need_version select * from incoming_version
    on conflict (need_id, revision) do nothing
    returning need_id, revision, item_hash
    """
)

"""Reads departments' recommended needs whole and stores them as received, each department in a transaction of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from operator import itemgetter

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.base.privacy import PersonalDataCipher
from include.domain.states import IntakeKind
from include.gate.engine.fingerprints import COLUMNS
from include.intake import cursor
from include.intake.amendments import note_amendments
from include.intake.conservation import agrees_with_manifest
from include.intake.items import Item
from include.intake.listing import Listing, NewVersion, Source, read_listing
from include.platforms.green_platform import GreenPlatformClient
from include.reference import department_short_name
from include.reference.day import Day
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
from include.words.department_failures import raise_failures

log = logging.getLogger(__name__)
_READ_AGAIN = 2
_NAMED = 20
_AT_ONCE = 4
"""Departments read at once: most of the time is spent waiting for the platform."""
_MANY = 1_000
"""From this many new fingerprints on, run ANALYZE instead of waiting for autovacuum: they are compared soon."""


@dataclass(frozen=True, slots=True)
class PullSummary:
    """Counts of one department's listing. `new`: revisions that were not stored before; `missed`: those among them that
    the reviews should have read before."""

    department_code: str
    items: int
    unreadable: int
    new: int = field(default=0, compare=False)
    missed: int = field(default=0, compare=False)


def pull_departments(
    engine: sa.Engine,
    open_client: Callable[[], AbstractContextManager[GreenPlatformClient]],
    cipher: PersonalDataCipher,
    *,
    intake_id: int,
    department_codes: Sequence[str],
    day: Day,
) -> list[PullSummary]:
    """Read the recommended needs of these departments, several at once, each with a client of its own.

    A department that fails does not affect the others. Raises DepartmentsFailed, which names those that failed.
    """

    def pull(department_code: str) -> PullSummary:
        with open_client() as client:
            return pull_department(
                engine, client, cipher, intake_id=intake_id, department_code=department_code, day=day
            )

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="pull") as pool:
        pulls = {code: pool.submit(pull, code) for code in department_codes}
    raise_failures("读取", {code: failure for code, done in pulls.items() if (failure := done.exception())})
    summaries = [done.result() for done in pulls.values()]
    if sum(summary.new for summary in summaries) >= _MANY:
        with engine.begin() as connection:
            connection.execute(sa.text("select analyze_fingerprints()"))
    return summaries


def pull_department(
    engine: sa.Engine,
    client: GreenPlatformClient,
    cipher: PersonalDataCipher,
    *,
    intake_id: int,
    department_code: str,
    day: Day,
) -> PullSummary:
    """Read one department's recommended needs, or what changed of them, and store them, with their fingerprints.

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
        kind = IntakeKind(header.kind)
        reviewed_until = cursor.read_until(connection, header.quarter, IntakeKind.REVIEW) if kind.reads_whole else None
    if done:
        return done
    source = Source(
        intake_id=intake_id,
        quarter=header.quarter,
        department_code=department_code,
        now=day.now,
        policy=day.policy,
        cipher=cipher,
    )
    for _ in range(1 + _READ_AGAIN):
        pages = client.need_listing(
            quarter=header.quarter,
            department=department_code,
            status="recommended",
            major=True if kind == IntakeKind.MAJOR else None,
            updated_since=header.updated_since,
        )
        read = read_listing(engine, pages, source)
        needs, unreadable = read.counts()
        if needs + unreadable >= read.total and agrees_with_manifest((needs, unreadable), expected):
            break
    missed = read.changed_before(reviewed_until)
    with engine.begin() as connection:
        claimed = connection.execute(
            insert(listing)
            .values(
                intake_id=intake_id,
                department_code=department_code,
                stated_total=read.total,
                read_items=len(read.items),
                read_at=day.now,
                missed=len(missed),
            )
            .on_conflict_do_nothing()
            .returning(listing.c.intake_id)
        ).first()
        new = _store(connection, read, source) if claimed else 0
        if claimed:
            keep(
                connection,
                cipher,
                f"needs/{header.quarter}/{department_code}/recommended",
                [item.set_aside for item in read.items if item.set_aside is not None],
                now=day.now,
                whole=header.updated_since is None and kind != IntakeKind.MAJOR,
            )
    if missed:
        log.error(
            "%s：此前预审漏读 %d 条：%s。",
            department_short_name(department_code),
            len(missed),
            "、".join(missed[:_NAMED]),
        )
    return PullSummary(department_code, len(read.items), unreadable, new, len(missed))


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


def _store(connection: sa.Connection, read: Listing, source: Source) -> int:
    """Store a listing as received, and its new revisions; returns how many there are."""
    cipher, where = source.cipher, (source.intake_id, source.department_code)
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
            (item.raw_sha256, cipher.encrypt(item.raw, RAW_PAYLOAD.place(item.raw_sha256)), len(item.raw), source.now)
            for item in read.items
        ),
    )
    connection.execute(
        sa.text("insert into raw_payload select * from incoming_payload on conflict (raw_sha256) do nothing")
    )
    copy_rows(
        connection,
        "intake_item",
        ("intake_id", "department_code", "ordinal", *_ITEM),
        ((*where, ordinal, *_item_values(item)) for ordinal, item in enumerate(read.items)),
    )
    stored = _store_versions(connection, read.versions)
    if not stored:
        return 0
    copy_rows(
        connection,
        "contact",
        ("need_id", "revision", "ciphertext"),
        (
            (*_revision(one), cipher.encrypt(one.contact, CONTACT.place(one.item.need_id, one.item.revision)))
            for one in stored
        ),
    )
    copy_rows(
        connection,
        "need_fingerprint",
        ("need_id", "revision", "intake_id", *COLUMNS),
        ((*_revision(one), source.intake_id, *one.fingerprint) for one in stored),
    )
    note_amendments(connection, cipher, [one.item for one in stored])
    return len(stored)


_ITEM = ("raw_sha256", "readable", "need_id", "revision", "item_hash")


def _item_values(item: Item) -> tuple[object, ...]:
    return item.raw_sha256, item.readable, item.need_id, item.revision, item.item_hash


def _revision(one: NewVersion) -> tuple[str | None, int | None]:
    return one.item.need_id, one.item.revision


def _store_versions(connection: sa.Connection, versions: Sequence[NewVersion]) -> list[NewVersion]:
    """Store these revisions; returns those that no other process stored meanwhile."""
    if not versions:
        return []
    connection.execute(
        sa.text("create temporary table incoming_version (like need_version including storage) on commit drop")
    )
    names = need_version.columns.keys()
    copy_rows(connection, "incoming_version", names, (itemgetter(*names)(one.row) for one in versions))
    stored = set(connection.execute(_STORE_VERSIONS).tuples())
    return [one for one in versions if _revision(one) in stored]


_STORE_VERSIONS = sa.text(
    """
    insert into need_version select * from incoming_version
    on conflict (need_id, revision) do nothing
    returning need_id, revision
    """
)

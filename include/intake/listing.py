"""A department's listing, read whole: its items, and the rows of new revisions, each from a single parse.

A record is dropped as soon as its rows are made, because a listing is held in memory whole before it is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

import sqlalchemy as sa

from include.base.privacy import PersonalDataCipher
from include.gate.engine.judge import fingerprints
from include.intake.items import Item, contact_json, read_page, updated_at, version_row
from include.platforms.green_platform import NeedPage
from include.reference import Policy
from include.store.database import array_of

_CHUNK = 5_000
"""How many records are in memory at once."""
# Suites run one batch at a time in a process.
_FINGERPRINTING = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Whose listing is read, for which intake and when; `policy`: the format rules that decide which values are comparable."""

    intake_id: int
    quarter: str
    department_code: str
    now: datetime
    policy: Policy
    cipher: PersonalDataCipher


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A revision that is not stored yet: its row of `need_version`, its contact as JSON, and its row of `need_fingerprint`."""

    item: Item
    row: Mapping[str, Any]
    contact: bytes
    fingerprint: Sequence[Any]
    updated_at: datetime | None


@dataclass(slots=True)
class Listing:
    """The distinct items of a listing, the new ones among them, and the total stated on its first page."""

    total: int = 0
    items: list[Item] = field(default_factory=list)
    versions: list[NewVersion] = field(default_factory=list)

    def changed_before(self, moment: datetime | None) -> list[str]:
        """The new revisions, by need_id, that changed on the platform before a moment, as it says itself."""
        if moment is None:
            return []
        return [
            str(one.item.need_id) for one in self.versions if one.updated_at is not None and one.updated_at < moment
        ]

    def counts(self) -> tuple[int, int]:
        """How many needs there are, and how many items that are none."""
        needs = {item.need_id or item.item_hash for item in self.items if item.readable}
        return len(needs), sum(not item.readable for item in self.items)


def read_listing(engine: sa.Engine, pages: Iterator[NeedPage], source: Source) -> Listing:
    """Read the pages of a department's listing."""
    listing = Listing()
    hashes: set[str] = set()
    revisions: set[tuple[str, int]] = set()
    waiting: list[tuple[Item, Mapping[str, Any]]] = []
    for number, page in enumerate(pages):
        if number == 0:
            listing.total = page.total
        items, records = read_page(page, source.cipher)
        for at, item in enumerate(items):
            if item.item_hash is not None:
                if item.item_hash in hashes:
                    continue
                hashes.add(item.item_hash)
            listing.items.append(item)
            # Of a revision listed with several contents the first is stored (DQ43).
            if item.need_id is None or item.revision is None or (item.need_id, item.revision) in revisions:
                continue
            revisions.add((item.need_id, item.revision))
            waiting.append((item, records[at]))
        if len(waiting) >= _CHUNK:
            listing.versions += _new_versions(engine, waiting, source)
            waiting.clear()
    listing.versions += _new_versions(engine, waiting, source)
    return listing


_NOT_STORED = sa.text(
    """
    select listed.place from unnest(cast(:need_ids as text[]), cast(:revisions as int[]))
        with ordinality listed (need_id, revision, place)
    where not exists (
        select from need_version stored
        where stored.need_id = listed.need_id and stored.revision = listed.revision
    )
    order by listed.place
    """
)


def _new_versions(
    engine: sa.Engine, listed: Sequence[tuple[Item, Mapping[str, Any]]], source: Source
) -> list[NewVersion]:
    if not listed:
        return []
    asked = {
        "need_ids": array_of(item.need_id or "" for item, _ in listed),
        "revisions": array_of(item.revision or 0 for item, _ in listed),
    }
    with engine.connect() as connection:
        new = [listed[place - 1] for place in connection.execute(_NOT_STORED, asked).scalars()]
    if not new:
        return []
    with _FINGERPRINTING:
        known = fingerprints(
            [record for _, record in new],
            checked_at=source.now,
            policy=source.policy,
            keyed_hash=source.cipher.fingerprint,
        )
    return [
        NewVersion(
            item,
            version_row(
                item,
                record,
                intake_id=source.intake_id,
                listed_quarter=source.quarter,
                department_code=source.department_code,
                now=source.now,
            ),
            contact_json(record),
            fingerprint,
            updated_at(record),
        )
        for (item, record), fingerprint in zip(new, known.rows(), strict=True)
    ]

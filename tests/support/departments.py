"""What departments have filed, as the green platform lists it, and the mails that wait for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.base.privacy import PersonalDataCipher
from include.platforms.green_platform import Manifest, ManifestRow, NeedPage
from include.store import tables
from tests.support.rows import moment, need_id

CIPHER = PersonalDataCipher(["key of the reminder tests"])
FILED = [
    ManifestRow(
        department_code="330000",
        recommended=12,
        financing_need=Decimal("34567.80"),
        zero_return=False,
        reported_at=moment("2026-09-15 16:20"),
    ),
    ManifestRow(
        department_code="440300",
        recommended=0,
        financing_need=Decimal("0.00"),
        zero_return=True,
        reported_at=moment("2026-09-14 09:05"),
    ),
]


def item(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "need_id": need_id(number),
        "revision": 1,
        "submitted_at": f"2026-09-{number % 20 + 1:02d}T10:00:00+08:00",
        "is_major": False,
        "finance": {"financing_need": "1250.50"},
        "enterprise": {"contact": {"name": "王某", "mobile": "13912345678"}},
    } | changed


class Platform:
    """What the green platform's client would read: a manifest, and items by department and status."""

    def __init__(
        self, reported: Sequence[ManifestRow] = FILED, items: Mapping[tuple[str, str], Sequence[object]] | None = None
    ) -> None:
        self._reported = reported
        self._items = items or {}
        self.read = 0

    def manifest(self, quarter: str) -> Manifest:
        self.read += 1
        return Manifest(quarter=quarter, departments=list(self._reported))

    def need_listing(
        self, quarter: str | None = None, department: str | None = None, status: str | None = None
    ) -> Iterator[NeedPage]:
        found = [json.dumps(one).encode() for one in self._items.get((str(department), str(status)), ())]
        yield NeedPage.of(found, len(found))


def queued(database: sa.Engine) -> dict[str, dict[str, Any]]:
    with database.connect() as connection:
        rows = connection.execute(
            sa.select(tables.delivery.c.idempotency_key, tables.delivery.c.body).where(
                tables.delivery.c.channel == "mail"
            )
        )
        return {row.idempotency_key: json.loads(row.body) for row in rows}

"""Needs that were withdrawn on the platform."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from include.base.privacy import PersonalDataCipher
from include.intake.items import Item, read_page
from include.platforms.green_platform import GreenPlatformClient
from include.store.database import array_of
from include.store.set_aside import keep
from include.withdrawals.stage import Withdrawal, withdraw


def pull_withdrawals(
    engine: sa.Engine,
    client: GreenPlatformClient,
    cipher: PersonalDataCipher,
    quarter: str,
    now: datetime,
    intake_id: int,
) -> int:
    """Store the withdrawals of needs of `quarter` on the platform and take their pushes back.

    Returns how many withdrawals are new. A record that is unreadable, or without a usable need_id and revision, is set
    aside: the withdrawal of one need never waits for the record of another.
    """
    return store_withdrawals(engine, new_withdrawals(engine, client, cipher, quarter, now), now, intake_id)


def new_withdrawals(
    engine: sa.Engine,
    client: GreenPlatformClient,
    cipher: PersonalDataCipher,
    quarter: str,
    now: datetime,
    since: datetime | None = None,
) -> list[Item]:
    """The withdrawn needs of `quarter` that are not known as such; of all, or of those changed since a moment."""
    items: list[Item] = []
    for page in client.need_listing(quarter=quarter, status="withdrawn", updated_since=since):
        items += read_page(page, cipher)[0]
    unusable = [piece for item in items if (piece := item.not_addressing()) is not None]
    usable = [item for item in items if item.need_id is not None and item.revision is not None]
    with engine.begin() as connection:
        keep(connection, cipher, f"needs/{quarter}/withdrawn", unusable, now=now, whole=since is None)
        known = set(connection.execute(_KNOWN, {"need_ids": array_of(item.need_id or "" for item in usable)}).scalars())
    return [item for item in usable if item.need_id not in known]


_KNOWN = sa.text("select need_id from withdrawal_notice where need_id = any(cast(:need_ids as text[]))")


def store_withdrawals(engine: sa.Engine, items: Sequence[Item], now: datetime, intake_id: int) -> int:
    """Store these withdrawals, noticed by an intake, and take back the pushes; returns how many are new."""
    withdrawn = [
        Withdrawal(
            need_id=item.need_id, revision=item.revision, reason_code="withdrawn_by_enterprise", intake_id=intake_id
        )
        for item in items
        if item.need_id is not None and item.revision is not None
    ]
    with engine.begin() as connection:
        return len(withdraw(connection, withdrawn, now))

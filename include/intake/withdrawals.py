"""Needs that were withdrawn on the platform."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from include.base.privacy import PersonalDataCipher
from include.intake.items import Item, read_page
from include.platforms.green_platform import GreenPlatformClient
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
    items: list[Item] = []
    for page in client.need_listing(quarter=quarter, status="withdrawn"):
        items += read_page(page, cipher)[0]
    withdrawn = [
        Withdrawal(
            need_id=item.need_id, revision=item.revision, reason_code="withdrawn_by_enterprise", intake_id=intake_id
        )
        for item in items
        if item.need_id is not None and item.revision is not None
    ]
    unusable = [piece for item in items if (piece := item.not_addressing()) is not None]
    with engine.begin() as connection:
        keep(connection, cipher, f"needs/{quarter}/withdrawn", unusable, now=now, whole=True)
        return len(withdraw(connection, withdrawn, now))

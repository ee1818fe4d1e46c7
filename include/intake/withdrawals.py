"""Needs that were withdrawn on the platform."""

from __future__ import annotations

import json
from datetime import datetime

import sqlalchemy as sa

from include.intake.items import usable_need_id, usable_revision
from include.platforms.green_platform import GreenPlatformClient
from include.store.withdrawals import Withdrawal, withdraw


def pull_withdrawals(
    engine: sa.Engine, client: GreenPlatformClient, quarter: str, now: datetime, intake_id: int
) -> int:
    """Note the needs of `quarter` that were withdrawn on the platform and take their pushes back.

    Returns how many withdrawals are new.
    """
    listed = [
        json.loads(item) for page in client.need_listing(quarter=quarter, status="withdrawn") for item in page.items
    ]
    withdrawn = [
        Withdrawal(
            need_id=item["need_id"],
            revision=item["revision"],
            reason_code="withdrawn_by_enterprise",
            intake_id=intake_id,
        )
        for item in listed
        if isinstance(item, dict) and usable_need_id(item) is not None and usable_revision(item) is not None
    ]
    with engine.begin() as connection:
        return len(withdraw(connection, withdrawn, now))

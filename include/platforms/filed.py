"""A department's needs on the green platform: not reviewed yet, recommended, or to be corrected.

Only numbers, amounts and need_ids are taken from the listed items; nothing is stored but what cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

from include.base.business_time import SHANGHAI
from include.domain.identity import usable_need_id, usable_revision
from include.domain.pieces import SetAside
from include.platforms.green_platform import Manifest, NeedPage
from include.reference import Policy

PlatformStatus = Literal["submitted", "recommended", "returned", "withdrawn"]
_AMOUNT = re.compile(r"[0-9]{1,10}([.][0-9]{1,2})?")
_YEARS = range(2000, 2101)
"""Range of a submission's date; a mail should not name a day beyond it."""


class Listing(Protocol):
    """The part of the platform's client that is used here."""

    def manifest(self, quarter: str) -> Manifest:
        """What each department says it recommended for `quarter`."""
        ...

    def need_listing(
        self, quarter: str | None = None, department: str | None = None, status: str | None = None
    ) -> Iterable[NeedPage]:
        """The pages of a listing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """The needs of one department, quarter and status, each at its newest revision.

    `amount` (万元) leaves out unusable amounts, and needs whose total investment is so small or large that its unit is
    doubtful (as rule DQ37); `doubtful` counts those. `oldest`: local date of the earliest submission, None if there is none.
    `set_aside`: what could not be read; it counts in `number` and nowhere else.
    """

    number: int
    amount: Decimal
    majors: int
    oldest: date | None
    need_ids: tuple[str, ...]
    set_aside: tuple[SetAside, ...] = ()
    doubtful: int = 0


def filed(client: Listing, quarter: str, department_code: str, status: PlatformStatus, policy: Policy) -> Filed:
    """Read a department's listing. An item that breaks the form counts with whatever can be read of it.

    Raises as the client's `need_listing`.
    """
    newest: dict[str, Mapping[str, Any]] = {}
    unreadable: list[SetAside] = []
    for page in client.need_listing(quarter=quarter, department=department_code, status=status):
        unreadable += page.set_aside
        for position, listed in enumerate(page.items):
            item = listed.record
            key = usable_need_id(item.get("need_id")) or f"{len(newest)}/{position}"
            if key not in newest or _revision(item) >= _revision(newest[key]):
                newest[key] = item
    sound = [item for item in newest.values() if not _doubtful(item, policy)]
    submitted = [day for item in newest.values() if (day := _submitted_on(item)) is not None]
    return Filed(
        number=len(newest) + len(unreadable),
        amount=sum((_need(item) for item in sound), Decimal(0)),
        majors=sum(item.get("is_major") is True for item in newest.values()),
        oldest=min(submitted, default=None),
        need_ids=tuple(sorted(need_id for need_id in newest if usable_need_id(need_id))),
        set_aside=tuple(unreadable),
        doubtful=len(newest) - len(sound),
    )


def _revision(item: Mapping[str, Any]) -> int:
    return usable_revision(item.get("revision")) or 0


def _need(item: Mapping[str, Any]) -> Decimal:
    return _amount(item, "financing_need") or Decimal(0)


def _doubtful(item: Mapping[str, Any], policy: Policy) -> bool:
    """Whether its amounts may be in another unit than 万元."""
    total = _amount(item, "total_investment")
    most = policy.decimal("unit_suspect_max")
    return (total is not None and not policy.decimal("unit_suspect_min") <= total <= most) or _need(item) > most


def _amount(item: Mapping[str, Any], name: str) -> Decimal | None:
    finance = item.get("finance")
    amount = finance.get(name) if isinstance(finance, dict) else None
    return Decimal(amount) if isinstance(amount, str) and _AMOUNT.fullmatch(amount) else None


def _submitted_on(item: Mapping[str, Any]) -> date | None:
    """None if the moment is missing, malformed, without an offset or in another century."""
    moment = item.get("submitted_at")
    try:
        found = datetime.fromisoformat(moment) if isinstance(moment, str) else None
        day = found.astimezone(SHANGHAI).date() if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
    return day if day is not None and day.year in _YEARS else None

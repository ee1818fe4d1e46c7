"""Reading one event of the credit-market feed (反馈事件): which defects make it unreadable, and which only cost a field.

Source: the FeedbackEvent of the contract; handbook rules E01, E05, E06, E07, E09. An unknown type, need or institution
is no defect of the event: whether it can be folded is decided by code that knows the needs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from include.base.business_time import SHANGHAI
from include.domain.case import FeedbackEvent
from include.domain.numbers import whole_number
from include.reference import reason_codes

_AMOUNT = re.compile(r"[0-9]{1,10}([.][0-9]{1,2})?")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,20})?(Z|[+-][0-9]{2}:[0-9]{2})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_LONGEST_TEXT = 200
_LONGEST_REF = 64
_YEARS = range(1900, 9000)
"""Years that every part of the system can store and compute with; E09 asks whether one is plausible."""
_MAX_INT, _MAX_BIGINT = 2**31 - 1, 2**63 - 1


class UnreadableEvent(ValueError):
    """An event that breaks the contract; `field` names the field, without its value."""

    def __init__(self, field: str) -> None:
        super().__init__(f"字段 {field} 缺失或不合约定")
        self.field = field


def read_event(item: object) -> FeedbackEvent:
    """The event in `item` (decoded JSON). Raises UnreadableEvent if a required field is unusable.

    An unusable optional field counts as absent (E05, E07); the event as received is stored beside it.
    """
    if not isinstance(item, Mapping):
        raise UnreadableEvent("event")
    return FeedbackEvent(
        event_id=_required_text(item, "event_id"),
        need_id=_required_text(item, "need_id"),
        revision=_required_number(item, "revision", 1, _MAX_INT),
        institution_code=_required_text(item, "institution_code"),
        type=_required_text(item, "type"),
        occurred_at=_moment(item, "occurred_at"),
        sequence=_required_number(item, "sequence", -_MAX_BIGINT, _MAX_BIGINT),
        amount=_amount(item.get("amount")),
        rate=_rate(item.get("rate")),
        term_months=_number(item.get("term_months"), -_MAX_INT, _MAX_INT),
        green_label=item["green_label"] if isinstance(item.get("green_label"), bool) else None,
        catalogue_code=_text(item.get("catalogue_code")),
        use_of_funds=_text(item.get("use_of_funds"), longest=None),
        reason_code=_text(item.get("reason_code")),
        obstruction_id=_text(item.get("obstruction_id")),
        reapply_from=_date(item.get("reapply_from")),
        institution_ref=_text(item.get("institution_ref"), longest=_LONGEST_REF),
    )


def counted_at(
    occurred_at: datetime, received_at: datetime, first_push: datetime | None, clock_skew: timedelta
) -> datetime | None:
    """The moment at which an event counts if the stated one is implausible (E09); None if it is plausible.

    That is when it was received, but never before the first push of its need: an event received earlier belongs to a
    push that was not known yet. `first_push` None: no push is known.
    """
    if occurred_at <= received_at + clock_skew and (first_push is None or occurred_at >= first_push):
        return None
    return received_at if first_push is None else max(received_at, first_push)


def _text(value: object, longest: int | None = _LONGEST_TEXT) -> str | None:
    if not isinstance(value, str) or not value or (longest is not None and len(value) > longest):
        return None
    return None if _UNSTORABLE.search(value) else value


def _required_text(item: Mapping[str, Any], field: str) -> str:
    text = _text(item.get(field))
    if text is None:
        raise UnreadableEvent(field)
    return text


def _number(value: object, least: int, most: int) -> int | None:
    number = whole_number(value)
    return number if number is not None and least <= number <= most else None


def _required_number(item: Mapping[str, Any], field: str, least: int, most: int) -> int:
    number = _number(item.get(field), least, most)
    if number is None:
        raise UnreadableEvent(field)
    return number


def _moment(item: Mapping[str, Any], field: str) -> datetime:
    text = item.get(field)
    if not isinstance(text, str) or not _MOMENT.fullmatch(text.upper()):
        raise UnreadableEvent(field)
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(SHANGHAI)
    except (ValueError, OverflowError):
        raise UnreadableEvent(field) from None
    if moment.year not in _YEARS:
        raise UnreadableEvent(field)
    return moment


def _date(value: object) -> date | None:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _amount(value: object) -> Decimal | None:
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        return None
    return Decimal(value) or None


def _rate(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)) or not -10_000 < value < 10_000:
        return None
    rate = round(Decimal(str(value)), 4)
    return rate if abs(rate) < 10_000 else None


def known_reason(event: FeedbackEvent) -> FeedbackEvent:
    """The event, without a reason code that is unknown (E06)."""
    if event.reason_code is None or event.reason_code in reason_codes():
        return event
    return msgspec.structs.replace(event, reason_code=None)

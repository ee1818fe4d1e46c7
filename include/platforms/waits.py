"""Moments and waits that a platform states: when to retry (Retry-After, retry_after), and its own clock (Date).

The wait always lies between the policy's bounds: a receiver can neither make us hammer it nor put us off for ever.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime

from include.reference import policy

_DAY_S = 86_400
_NUMBER = re.compile(r"([+-]?[0-9]{1,400}(?:[.][0-9]{1,400})?)\s*(ms|s)?", re.IGNORECASE)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds from now, bounded; None if it is absent or unintelligible."""
    said_at = server_time(headers) or datetime.now(UTC)
    return stated_wait(headers.get("Retry-After"), said_at)


def stated_wait(stated: object, said_at: datetime | None = None) -> float | None:
    """The wait that a receiver states, in seconds and within the policy's bounds; None if it is not a wait.

    `stated` is a JSON number or a text: seconds (also with a unit, `30 s`, `500 ms`) or a moment, which counts from
    `said_at`. A number beyond a day that is a multiple of a thousand is taken for milliseconds if it then is at most a
    day.
    """
    if isinstance(stated, str):
        seconds = _seconds_of_text(stated.strip(), said_at)
    elif isinstance(stated, bool) or not isinstance(stated, int | float | Decimal):
        seconds = None
    else:
        seconds = _seconds(stated)
    return None if seconds is None else _bounded(seconds)


def _bounded(seconds: Decimal) -> float:
    shortest, longest = (
        policy().integer("receiver_wait_min_seconds"),
        policy().integer("receiver_wait_max_minutes") * 60,
    )
    return float(min(max(seconds, Decimal(shortest)), Decimal(longest)))


def _seconds_of_text(text: str, said_at: datetime | None) -> Decimal | None:
    found = _NUMBER.fullmatch(text)
    if found:
        number, unit = Decimal(found[1]), (found[2] or "").lower()
        if unit:
            return number / 1000 if unit == "ms" else number
        return _seconds(number)
    until = _moment(text)
    if until is None:
        return None
    return Decimal((until - (said_at or datetime.now(UTC))).total_seconds())


def _seconds(stated: int | float | Decimal) -> Decimal | None:
    number = Decimal(stated)
    if not number.is_finite():
        return None
    milliseconds = _DAY_S < number <= _DAY_S * 1000 and number % 1000 == 0
    return number / 1000 if milliseconds else number


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """The platform's own clock, as its answer says it."""
    return _http_date(headers.get("Date", ""))


def _moment(text: str) -> datetime | None:
    """An HTTP date, or one in RFC 3339."""
    found = _http_date(text)
    if found is not None:
        return found
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

"""Moments in HTTP headers: when to come back (Retry-After), and what the platform's own clock says (Date)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests


def retry_after(response: requests.Response) -> float | None:
    """Retry-After in seconds from now, whether given in seconds or as an HTTP date."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    until = _http_date(value)
    if until is None:
        return None
    asked_at = _http_date(response.headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - asked_at).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def server_time(response: requests.Response) -> datetime | None:
    """The platform's own clock, as its answer says it."""
    return _http_date(response.headers.get("Date", ""))

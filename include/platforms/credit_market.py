"""Client of the credit-market platform (信贷市场服务平台), as include/contracts/credit-market.openapi.yaml says.

The platform's real interface is not public: a deployment maps it here, and only here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import requests

from include.domain.concealed import Concealed
from include.domain.pieces import SetAside
from include.errors import ConfigurationError, PlatformUnavailable
from include.platforms.http import (
    FieldError,
    OutcomeUnknown,
    PlatformSession,
    ProblemResponse,
    Sleep,
    json_of,
    own_pace,
)
from include.platforms.signing import SigningAuthentication
from include.settings import CreditMarket, SigningKey

PLATFORM = "信贷市场服务平台"
_SAME_PAGE_READS = 3
_Answer = TypeVar("_Answer")


class MarketInstitution(msgspec.Struct, frozen=True, kw_only=True):
    """An institution that the platform serves."""

    institution_code: str
    name: str
    kind: str


class MarketBranch(msgspec.Struct, frozen=True, kw_only=True):
    """A branch of the PBoC that the platform serves."""

    branch_code: str
    name: str
    region_code: str


class MarketInstitutions(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the platform distributes to."""

    institutions: list[MarketInstitution]
    branches: list[MarketBranch]
    set_aside: list[SetAside] = []


class ItemResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item: accepted, duplicate, conflict, stale, rejected or deferred; `retry_after` in seconds.

    The messages in `errors` may repeat what was sent: never log them as they are.
    """

    idempotency_key: str
    outcome: str
    receipt_no: str | None = None
    retry_after: int | None = None
    errors: list[FieldError] = []


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform holds of one revision; `state` is held, superseded or withdrawn."""

    need_id: str
    revision: int
    idempotency_key: str
    receipt_no: str
    payload_sha256: str
    received_at: datetime
    state: str


class LedgerPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what the platform has received."""

    items: list[LedgerEntry]
    set_aside: list[SetAside] = []


class FeedbackPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the feed; each item as decoded JSON, whatever it holds."""

    items: list[Any]
    set_aside: list[SetAside] = []
    next_cursor: str
    has_more: bool


class CreditMarketClient:
    """Pushes needs, looks them up, and reads what institutions report. Use as a context manager.

    Reads raise PlatformUnavailable or CredentialsRefused where a person may have to act; writes raise as
    `PlatformSession.write` says. `pace` shares a rate with others; by default the client keeps that of the settings by itself.
    """

    def __init__(
        self,
        settings: CreditMarket,
        *,
        sleep: Sleep = time.sleep,
        pace: Callable[[], None] | None = None,
        signing_clock: Callable[[], float] = time.time,
    ) -> None:
        key = SigningKey(key_id=settings.key_id, secret=settings.secret, algorithm=settings.algorithm)
        keys = (key, settings.next_key) if settings.next_key else (key,)
        self._session = PlatformSession(
            PLATFORM,
            settings.base_url,
            ca=settings.ca,
            sleep=sleep,
            pace=pace or own_pace(settings.rate_per_s, sleep),
        )
        self._signing = SigningAuthentication(settings.app_id, keys, clock=signing_clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.__exit__(kind, error, trace)

    def institutions(self) -> MarketInstitutions:
        """The institutions and branches that the platform serves."""
        return self._session.read("/v1/institutions", json_of(MarketInstitutions), self._signing)

    def push_batch(self, items: Sequence[Mapping[str, Any]]) -> list[ItemResult | None]:
        """Push up to 100 needs (the contract's NeedItem); one result an item, in the order sent.

        None where the result of an item is not usable: what became of that item is unknown.

        Raises OutcomeUnknown also where the results do not fit the items: some may be in; ConfigurationError where the
        address has no such interface, for which no need is to blame.
        """
        try:
            results: list[ItemResult | None] = [
                *self._write("/v1/need-batches", {"items": items}, _BatchResults).results
            ]
        except ProblemResponse as problem:
            if problem.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
                raise ConfigurationError(
                    f"{PLATFORM}（{self._session.address}）没有推送接口（HTTP {problem.status}）。",
                    "请核对连接 credit_market 的 host，包括路径前缀。",
                ) from None
            raise
        if [result.idempotency_key for result in results if result is not None] != [
            item["idempotency_key"] for item in items
        ]:
            raise OutcomeUnknown(PLATFORM, "回答与所发条目不一致")
        return results

    def look_up(self, need_id: str, revision: int) -> LedgerEntry | None:
        """What the platform holds of one revision; None if nothing. Settles an unknown outcome."""
        try:
            return self._session.read(
                f"/v1/needs/{quote(need_id, safe='')}/revisions/{revision}", json_of(LedgerEntry), self._signing
            )
        except ProblemResponse as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def withdraw(self, withdrawal: Mapping[str, Any]) -> ItemResult:
        """Withdraw a need: {idempotency_key, need_id, revision, reason_code, note}. Safe to repeat."""
        return self._write("/v1/withdrawals", withdrawal, ItemResult)

    def obstruction_update(self, obstruction_id: str, update: Mapping[str, Any]) -> ItemResult:
        """Answer an obstruction (融资梗阻): {idempotency_key, status, authority, level, note}. Safe to repeat."""
        return self._write(f"/v1/obstructions/{quote(obstruction_id, safe='')}/updates", update, ItemResult)

    def ledger(self, quarter: str, limit: int = 1000) -> Iterator[LedgerPage]:
        """What the platform has received for `quarter`, page by page."""
        seen: set[str] = set()
        cursor: str | None = None
        while True:
            query = {"quarter": quarter, "limit": limit} | ({"cursor": cursor} if cursor else {})
            page = self._session.read("/v1/ledger?" + urlencode(query), json_of(_Ledger), self._signing)
            yield LedgerPage(items=page.items)
            cursor = page.next_cursor
            if cursor is None:
                return
            if cursor in seen:
                raise self._going_in_circles("台账")
            seen.add(cursor)

    def feedback(self, after: str | None = None, limit: int = 500) -> FeedbackPage:
        """The feed's page after that cursor, or its first page."""
        query = {"limit": limit} | ({"after": after} if after else {})
        for _ in range(_SAME_PAGE_READS):
            page = self._session.read("/v1/feedback?" + urlencode(query), _feedback_page, self._signing)
            if not page.has_more or page.next_cursor != after:
                return page
        raise self._going_in_circles("反馈")

    def _going_in_circles(self, what: str) -> PlatformUnavailable:
        return PlatformUnavailable(
            f"{PLATFORM}（{self._session.address}）反复返回同一页，{what}读不完整。",
            "请稍后重新运行；仍不成功的，请联系平台。",
        )

    def _write(self, target: str, content: Mapping[str, Any], answer_type: type[_Answer]) -> _Answer:
        return self._session.write(target, _encode(content), json_of(answer_type), self._signing)


class _BatchResults(msgspec.Struct, frozen=True):
    results: list[ItemResult]


class _Ledger(msgspec.Struct, frozen=True):
    items: list[LedgerEntry]
    next_cursor: str | None


def _feedback_page(response: requests.Response) -> FeedbackPage:
    """Read leniently: what is wrong with one event must not stop the others."""
    return msgspec.convert(json.loads(response.content), FeedbackPage)


def _encode(content: Mapping[str, Any]) -> Concealed:
    return Concealed(msgspec.json.encode(content))

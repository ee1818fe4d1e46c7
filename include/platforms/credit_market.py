"""Client of the credit-market platform (信贷市场服务平台), as include/contracts/credit-market.openapi.yaml says.

The platform's real interface is not public: a deployment maps it here, and only here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import msgspec

from include.base.errors import ConfigurationError, PlatformUnavailable
from include.base.settings import CreditMarket, SigningKey
from include.domain.concealed import Concealed
from include.domain.pieces import SetAside
from include.platforms.exchange import Answer
from include.platforms.http import PlatformSession, ProblemResponse, Sleep, own_pace
from include.platforms.reader import read_page, read_row
from include.platforms.rows import (
    ItemResult,
    LedgerEntry,
    MarketBranch,
    MarketInstitution,
    branch,
    institution,
    item_result,
    ledger_entry,
    rows_of,
)
from include.platforms.signing import SigningAuthentication

PLATFORM = "信贷市场服务平台"
_SAME_PAGE_READS = 3
_MOST_PAGES = 10_000
"""Most pages of one listing, and of the feed in one run."""

__all__ = [
    "CreditMarketClient",
    "FeedbackPage",
    "ItemResult",
    "LedgerEntry",
    "LedgerPage",
    "MarketBranch",
    "MarketInstitution",
    "MarketInstitutions",
]


class MarketInstitutions(msgspec.Struct, frozen=True, kw_only=True):
    """The institutions and branches that the platform distributes to."""

    institutions: list[MarketInstitution]
    branches: list[MarketBranch]
    set_aside: list[SetAside] = []


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

    Reads raise PlatformUnavailable or CredentialsRefused if a person may have to act; writes raise as
    `PlatformSession.write` says. `pace` shares a rate with other clients; by default the client keeps the rate of the
    settings by itself.
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
            max_answer_mb=settings.max_answer_mb,
        )
        self._feedback_pages = 0
        self._signing = SigningAuthentication(settings.app_id, keys, clock=signing_clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.__exit__(kind, error, trace)

    def institutions(self) -> MarketInstitutions:
        """The institutions and branches that the platform serves."""
        return self._session.read("/v1/institutions", _institutions, self._signing)

    def push_batch(self, items: Sequence[Mapping[str, Any]]) -> list[ItemResult | None]:
        """Push up to 100 needs (the contract's NeedItem); one result an item, in the order sent.

        None for an item whose result is not usable: its outcome is unknown.

        Raises OutcomeUnknown also if no result belongs to these items: some may be stored. Raises ConfigurationError if
        the address has no such interface, which is no fault of a need.
        """
        keys = [item["idempotency_key"] for item in items]
        try:
            return self._session.write(
                "/v1/need-batches",
                _encode({"items": items}),
                lambda answer: _results_of(answer, keys),
                self._signing,
            )
        except ProblemResponse as problem:
            if problem.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
                raise ConfigurationError(
                    f"{PLATFORM}（{self._session.address}）没有推送接口（HTTP {problem.status}）。",
                    "请核对连接 credit_market 的 host，包括路径前缀。",
                ) from None
            raise

    def look_up(self, need_id: str, revision: int) -> LedgerEntry | None:
        """What the platform holds of one revision; None if nothing. Settles an unknown outcome."""
        try:
            return self._session.read(
                f"/v1/needs/{quote(need_id, safe='')}/revisions/{revision}",
                lambda answer: _entry_of(answer, need_id, revision),
                self._signing,
            )
        except ProblemResponse as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def withdraw(self, withdrawal: Mapping[str, Any]) -> ItemResult:
        """Withdraw a need: {idempotency_key, need_id, revision, reason_code, note}. Safe to repeat."""
        return self._write("/v1/withdrawals", withdrawal)

    def obstruction_update(self, obstruction_id: str, update: Mapping[str, Any]) -> ItemResult:
        """Answer an obstruction (融资梗阻): {idempotency_key, status, authority, level, note}. Safe to repeat."""
        return self._write(f"/v1/obstructions/{quote(obstruction_id, safe='')}/updates", update)

    def ledger(self, quarter: str, limit: int = 1000) -> Iterator[LedgerPage]:
        """What the platform has received for `quarter`, page by page."""
        seen: set[str] = set()
        cursor: str | None = None
        while True:
            query = {"quarter": quarter, "limit": limit} | ({"cursor": cursor} if cursor else {})
            page, cursor = self._session.read("/v1/ledger?" + urlencode(query), _ledger_page, self._signing)
            yield page
            if cursor is None:
                return
            if cursor in seen:
                raise self._going_in_circles("台账")
            seen.add(cursor)
            if len(seen) >= _MOST_PAGES:
                raise self._without_an_end("台账")

    def feedback(self, after: str | None = None, limit: int = 500) -> FeedbackPage:
        """The page of the feed after this cursor, or its first page."""
        query = {"limit": limit} | ({"after": after} if after else {})
        self._feedback_pages += 1
        if self._feedback_pages > _MOST_PAGES:
            raise self._without_an_end("反馈")
        for _ in range(_SAME_PAGE_READS):
            page = self._session.read("/v1/feedback?" + urlencode(query), _feedback_page, self._signing)
            if not page.has_more or page.next_cursor != after:
                return page
        raise self._going_in_circles("反馈")

    def _without_an_end(self, what: str) -> PlatformUnavailable:
        return PlatformUnavailable(
            f"{PLATFORM}（{self._session.address}）的{what}超过 {_MOST_PAGES} 页仍未结束，本次停止读取。",
            "已读的内容不会丢失；请联系平台核对翻页接口。",
        )

    def _going_in_circles(self, what: str) -> PlatformUnavailable:
        return PlatformUnavailable(
            f"{PLATFORM}（{self._session.address}）反复返回同一页，{what}读不完整。",
            "请稍后重新运行；仍不成功的，请联系平台。",
        )

    def _write(self, target: str, content: Mapping[str, Any]) -> ItemResult:
        key = content["idempotency_key"]
        return self._session.write(target, _encode(content), lambda answer: _result_of(answer, key), self._signing)


def _institutions(answer: Answer) -> MarketInstitutions:
    page = read_page(answer, "institutions", "branches")
    served, unfit = rows_of(page, "institutions", institution)
    branches, unfit_branches = rows_of(page, "branches", branch)
    return MarketInstitutions(institutions=served, branches=branches, set_aside=[*unfit, *unfit_branches])


def _ledger_page(answer: Answer) -> tuple[LedgerPage, str | None]:
    page = read_page(answer, "items")
    entries, unfit = rows_of(page, "items", ledger_entry)
    return LedgerPage(items=entries, set_aside=unfit), page.cursor("next_cursor")


def _feedback_page(answer: Answer) -> FeedbackPage:
    page = read_page(answer, "items")
    values = list(page.values("items"))
    has_more, cursor = page.member("has_more"), page.cursor("next_cursor")
    if not isinstance(has_more, bool) or cursor is None:
        raise ValueError("the answer is no page of the feed")
    return FeedbackPage(
        items=[value for value in values if not isinstance(value, SetAside)],
        set_aside=[value for value in values if isinstance(value, SetAside)],
        next_cursor=cursor,
        has_more=has_more,
    )


def _entry_of(answer: Answer, need_id: str, revision: int) -> LedgerEntry:
    entry = read_row(answer, ledger_entry)
    if (entry.need_id, entry.revision) != (need_id, revision):
        raise ValueError("the answer is of another need")
    return entry


def _results_of(answer: Answer, keys: Sequence[str]) -> list[ItemResult | None]:
    """The one result of each key; None if there is no usable one, or several that differ."""
    results, _ = rows_of(read_page(answer, "results"), "results", item_result)
    of_key: dict[str, list[ItemResult]] = {}
    for result in results:
        of_key.setdefault(result.idempotency_key, []).append(result)
    if not of_key.keys() & set(keys):
        raise ValueError("the answer is of other items")
    found = [of_key.get(key, []) for key in keys]
    return [same[0] if same and all(one == same[0] for one in same) else None for same in found]


def _result_of(answer: Answer, key: str) -> ItemResult:
    result = read_row(answer, item_result)
    if result.idempotency_key != key:
        raise ValueError("the answer is of another item")
    return result


def _encode(content: Mapping[str, Any]) -> Concealed:
    return Concealed(msgspec.json.encode(content))

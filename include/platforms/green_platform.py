"""Client of the green platform (工业节能与绿色发展管理平台), as include/contracts/green-platform.openapi.yaml says.

The platform's real interface is not public: a deployment maps it here, and only here.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import msgspec
import requests
from requests.auth import AuthBase

from include.base.errors import CredentialsRefused, PlatformUnavailable
from include.base.settings import GreenPlatform
from include.domain.concealed import Concealed
from include.domain.pieces import SetAside
from include.platforms.exchange import Answer
from include.platforms.http import PlatformSession, ProblemResponse, Sleep, own_pace
from include.platforms.need_pages import Asked, NeedPage, read_need_page
from include.platforms.reader import read_page, read_row
from include.platforms.rows import (
    CoordinatorRow,
    ManifestRow,
    Receipt,
    coordinator_row,
    manifest_row,
    receipt,
    rows_of,
    token,
)

PLATFORM = "绿色平台"
_RESTARTS = 3
_SAME_CURSOR_READS = 5
_MOST_PAGES = 10_000
"""Most pages of one listing: fifty times what a hundred thousand needs take."""
_LONGEST_TOKEN_S = 86_400
_OTHER_QUARTER = "属于另一季度的报送清单"

__all__ = [
    "CoordinatorRow",
    "Coordinators",
    "CursorExpired",
    "GreenPlatformClient",
    "Manifest",
    "ManifestRow",
    "NeedPage",
    "Receipt",
]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The quarter's manifest (报送清单): one row for each department that has reported."""

    quarter: str
    departments: list[ManifestRow]
    set_aside: list[SetAside] = []


class Coordinators(msgspec.Struct, frozen=True, kw_only=True):
    """Who coordinates, in the platform's order."""

    items: list[CoordinatorRow]
    set_aside: list[SetAside] = []


class CursorExpired(Exception):
    """The platform no longer knows the cursor of a listing (410): it must be read from its start."""


class GreenPlatformClient:
    """Reads what departments recommended and reports the results back to the platform. Use as a context manager.

    Every method raises PlatformUnavailable or CredentialsRefused if a person may have to act. `pace` shares a rate with
    other clients; by default the client keeps the rate of the settings by itself.
    """

    def __init__(
        self, settings: GreenPlatform, *, sleep: Sleep = time.sleep, pace: Callable[[], None] | None = None
    ) -> None:
        self._session = PlatformSession(
            PLATFORM,
            settings.base_url,
            ca=settings.ca,
            sleep=sleep,
            pace=pace or own_pace(settings.rate_per_s, sleep),
            max_answer_mb=settings.max_answer_mb,
        )
        self._token = _TokenAuthentication(self._session, settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.__exit__(kind, error, trace)

    def manifest(self, quarter: str) -> Manifest:
        """What each department says it recommended for `quarter`."""
        return self._session.read(
            f"/v1/quarters/{quarter}/manifest", lambda answer: _manifest(answer, quarter), self._token
        )

    def need_pages(
        self,
        quarter: str | None = None,
        department: str | None = None,
        status: str | None = None,
        major: bool | None = None,
        updated_since: datetime | None = None,
        limit: int = 500,
    ) -> Iterator[NeedPage]:
        """The pages of a listing as the platform sends them, repeated pages included. Raises CursorExpired."""
        filters = {
            "quarter": quarter,
            "department": department,
            "status": status,
            "major": None if major is None else str(major).lower(),
            "updated_since": updated_since.isoformat() if updated_since else None,
            "limit": limit,
        }
        asked = Asked(quarter, department, status, major)
        read_at: Counter[str] = Counter()
        cursor: str | None = None
        while True:
            target = "/v1/financing-needs?" + _query(filters | {"cursor": cursor})
            try:
                page = self._session.read(target, lambda answer: read_need_page(answer, asked), self._token)
            except ProblemResponse as problem:
                if problem.status == HTTPStatus.GONE:
                    raise CursorExpired from None
                raise
            yield page
            cursor = page.cursor
            if cursor is None:
                return
            self._stop_circles(read_at, cursor)

    def need_listing(
        self,
        quarter: str | None = None,
        department: str | None = None,
        status: str | None = None,
        major: bool | None = None,
        updated_since: datetime | None = None,
        limit: int = 500,
    ) -> Iterator[NeedPage]:
        """The pages of a listing without repeated pages; starts again by itself when the cursor has expired.

        After a new start only items that were not returned before come again; a need that changed meanwhile also comes
        in its newer revision.
        """
        given: Counter[bytes] = Counter()
        for start in range(1 + _RESTARTS):
            fresh = _NotGivenYet(given)
            pages_now: set[bytes] = set()
            try:
                for page in self.need_pages(quarter, department, status, major, updated_since, limit):
                    pieces = [*(one.raw for one in page.items), *(one.raw for one in page.set_aside)]
                    whole = _digest(pieces)
                    if pieces and whole in pages_now:
                        continue
                    pages_now.add(whole)

                    yield NeedPage(
                        [item for item in page.items if fresh(item.raw)],
                        page.total,
                        page.cursor,
                        [one for one in page.set_aside if fresh(one.raw)],
                    )
            except CursorExpired:
                if start == _RESTARTS:
                    raise PlatformUnavailable(
                        f"{PLATFORM}（{self._session.address}）的翻页游标反复过期，需求列表读不完整。",
                        "请稍后重新运行；仍不成功的，请联系平台延长游标有效期。",
                    ) from None
                continue
            return

    def green_factories(self, as_of: date) -> Iterator[list[Any | SetAside]]:
        """The register of green factories (绿色工厂名单) as of `as_of`, removed ones included, page by page.

        Each row is decoded JSON, not validated; in place of a row that cannot be decoded stands the piece set aside.
        """
        read_at: Counter[str] = Counter()
        pages_seen: set[bytes] = set()
        cursor: str | None = None
        while True:
            target = "/v1/green-factories?" + _query({"as_of": as_of.isoformat(), "limit": 1000, "cursor": cursor})
            rows, content, cursor = self._session.read(target, _factory_page, self._token)
            if rows and content not in pages_seen:
                pages_seen.add(content)
                yield rows
            if cursor is None:
                return
            self._stop_circles(read_at, cursor)

    def coordinators(self) -> Coordinators:
        """Who coordinates (协调人), in the platform's order."""
        return self._session.read("/v1/coordinators", _coordinators, self._token)

    def send_return(self, key: str, body: bytes) -> Receipt:
        """Send a need back for correction (退回补正); `body` is JSON as the contract's Return.

        Raises ProblemResponse if the platform refuses it, OutcomeUnknown if the answer was lost. Safe to repeat with
        the same key and body.
        """
        return self._send("/v1/returns", key, body)

    def send_progress(self, key: str, body: bytes) -> Receipt:
        """Report how far the matching of a need has come (对接进度); raises as `send_return`."""
        return self._send("/v1/progress", key, body)

    def _send(self, target: str, key: str, body: bytes) -> Receipt:
        return self._session.write(target, body, _receipt, self._token, headers={"Idempotency-Key": key})

    def _stop_circles(self, read_at: Counter[str], cursor: str) -> None:
        read_at[cursor] += 1
        if read_at[cursor] > _SAME_CURSOR_READS:
            raise PlatformUnavailable(
                f"{PLATFORM}（{self._session.address}）反复返回同一页，列表读不完整。",
                "请稍后重新运行；仍不成功的，请联系平台。",
            )
        if read_at.total() >= _MOST_PAGES:
            raise PlatformUnavailable(
                f"{PLATFORM}（{self._session.address}）的列表超过 {_MOST_PAGES} 页仍未结束，已停止读取。",
                "请联系平台核对翻页接口；修复后重新运行即可。",
            )


class _BearerToken(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _TokenAuthentication:
    """A client-credentials token (RFC 6749, 4.4): fetched on first use, again before it expires, once after a 401."""

    def __init__(
        self, session: PlatformSession, settings: GreenPlatform, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._session = session
        self._settings = settings
        self._clock = clock
        self._token: str | None = None
        self._good_until = 0.0

    def authorise(self) -> AuthBase:
        if self._token is None or self._clock() >= self._good_until:
            self._fetch()
        assert self._token is not None
        return _BearerToken(self._token)

    @property
    def renewals(self) -> int:
        """Once: a token may have been revoked early. If a new one is refused too, the cause is another."""
        return 1

    def renew(self) -> None:
        self._token = None

    def explain(self, answer: Answer) -> str:
        host = urlsplit(answer.url).hostname
        return f"请核对连接 green_platform 的 login（client id）和 password（client secret），并确认其在 {host} 上有效且有权限。"

    def _fetch(self) -> None:
        asked_at = self._clock()
        try:
            issued = self._session.read(
                "/oauth/token",
                lambda answer: read_row(answer, token),
                None,
                method="POST",
                body=_token_request(self._settings),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
        except ProblemResponse as problem:
            raise CredentialsRefused(
                f"{PLATFORM}（{self._session.address}）没有发放访问令牌（HTTP {problem.status}）。",
                "请核对连接 green_platform 的 host、login（client id）和 password（client secret）。",
            ) from None
        self._token = issued.access_token
        lasts = min(issued.expires_in, _LONGEST_TOKEN_S)
        self._good_until = asked_at + lasts - min(30.0, lasts / 10)


def _token_request(settings: GreenPlatform) -> Concealed:
    form = {"grant_type": "client_credentials", "client_id": settings.client_id}
    return Concealed(urlencode(form | {"client_secret": settings.client_secret}).encode())


class _NotGivenYet:
    """In a listing that is read again from its start: tells new pieces from those returned before."""

    def __init__(self, given: Counter[bytes]) -> None:
        self._given = given
        self._seen: Counter[bytes] = Counter()

    def __call__(self, piece: bytes) -> bool:
        digest = hashlib.sha256(piece).digest()
        self._seen[digest] += 1
        if self._seen[digest] <= self._given[digest]:
            return False
        self._given[digest] += 1
        return True


def _receipt(answer: Answer) -> Receipt:
    return msgspec.structs.replace(read_row(answer, receipt), repeated=answer.status == HTTPStatus.OK)


def _manifest(answer: Answer, asked: str) -> Manifest:
    page = read_page(answer, "departments")
    quarter = page.member("quarter")
    if not isinstance(quarter, str):
        raise ValueError("the manifest has no quarter")
    rows, set_aside = rows_of(page, "departments", manifest_row)
    if quarter != asked:
        rows, set_aside = [], [page.set_aside(piece, _OTHER_QUARTER) for piece in page.lists["departments"]]
    return Manifest(quarter=quarter[:32], departments=rows, set_aside=set_aside)


def _coordinators(answer: Answer) -> Coordinators:
    rows, set_aside = rows_of(read_page(answer, "items"), "items", coordinator_row)
    return Coordinators(items=rows, set_aside=set_aside)


def _factory_page(answer: Answer) -> tuple[list[Any | SetAside], bytes, str | None]:
    page = read_page(answer, "items")
    return list(page.values("items")), _digest(page.lists["items"]), page.cursor("next_cursor")


def _digest(pieces: Iterable[bytes]) -> bytes:
    return hashlib.sha256(b"".join(hashlib.sha256(piece).digest() for piece in pieces)).digest()


def _query(parameters: dict[str, Any]) -> str:
    return urlencode({name: value for name, value in parameters.items() if value is not None})

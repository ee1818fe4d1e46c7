"""Client of the green platform (工业节能与绿色发展管理平台), as include/contracts/green-platform.openapi.yaml says.

The platform's real interface is not public: a deployment maps it here, and only here.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import msgspec
import requests
from requests.auth import AuthBase

from include.domain.concealed import Concealed
from include.domain.pieces import SetAside
from include.domain.routing import Authority, Level
from include.errors import CredentialsRefused, PlatformUnavailable
from include.platforms.http import PlatformSession, ProblemResponse, Sleep, json_of, own_pace
from include.settings import GreenPlatform

PLATFORM = "绿色平台"
_RESTARTS = 3
_SAME_CURSOR_READS = 5


class ManifestRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one department says it recommended; `financing_need` in 万元."""

    department_code: str
    recommended: int
    financing_need: Decimal
    zero_return: bool
    reported_at: datetime


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The quarter's manifest (报送清单): one row for each department that has reported."""

    quarter: str
    departments: list[ManifestRow]
    set_aside: list[SetAside] = []


class CoordinatorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A coordinator (协调人); `role` is a post, never a person."""

    coordinator_id: str
    authority: Authority
    level: Level
    region_code: str
    role: str
    email: str
    on_duty: bool


class Coordinators(msgspec.Struct, frozen=True, kw_only=True):
    """Who coordinates, in the platform's order."""

    items: list[CoordinatorRow]
    set_aside: list[SetAside] = []


@dataclass(frozen=True, slots=True)
class NeedPage:
    """A page of financing needs, each item as the bytes that were sent.

    `total`: needs that match, as this page states it. `cursor`: of the next page; None on the last. `set_aside`: what is no
    record within the limits, or does not belong to what was asked for.
    """

    items: list[bytes]
    total: int
    cursor: str | None
    set_aside: list[SetAside] = field(default_factory=list)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform gives for a return or a progress report; `repeated` if the key was seen before."""

    receipt_no: str
    received_at: datetime
    repeated: bool = False


class CursorExpired(Exception):
    """The platform has forgotten where a listing was (410): it must be read from its start."""


class GreenPlatformClient:
    """Reads what departments recommended and tells the platform what became of it. Use as a context manager.

    Every method raises PlatformUnavailable or CredentialsRefused where a person may have to act. `pace` shares a rate with
    others; by default the client keeps that of the settings by itself.
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
        return self._session.read(f"/v1/quarters/{quarter}/manifest", json_of(Manifest), self._token)

    def need_pages(
        self,
        quarter: str | None = None,
        department: str | None = None,
        status: str | None = None,
        major: bool | None = None,
        updated_since: datetime | None = None,
        limit: int = 500,
    ) -> Iterator[NeedPage]:
        """The pages of a listing as they come, repeats of the platform included. Raises CursorExpired."""
        filters = {
            "quarter": quarter,
            "department": department,
            "status": status,
            "major": None if major is None else str(major).lower(),
            "updated_since": updated_since.isoformat() if updated_since else None,
            "limit": limit,
        }
        read_at: Counter[str] = Counter()
        cursor: str | None = None
        while True:
            target = "/v1/financing-needs?" + _query(filters | {"cursor": cursor})
            try:
                page = self._session.read(target, _need_page, self._token)
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

        After a new start only items that were not given out yet come again; a need that changed meanwhile comes in its
        newer revision too.
        """
        given: Counter[bytes] = Counter()
        for start in range(1 + _RESTARTS):
            seen_now: Counter[bytes] = Counter()
            pages_now: set[bytes] = set()
            try:
                for page in self.need_pages(quarter, department, status, major, updated_since, limit):
                    digests = [hashlib.sha256(item).digest() for item in page.items]
                    whole = hashlib.sha256(b"".join(digests)).digest()
                    if digests and whole in pages_now:
                        continue
                    pages_now.add(whole)
                    fresh = []
                    for item, digest in zip(page.items, digests, strict=True):
                        seen_now[digest] += 1
                        if seen_now[digest] > given[digest]:
                            given[digest] += 1
                            fresh.append(item)
                    yield NeedPage(fresh, page.total, page.cursor)
            except CursorExpired:
                if start == _RESTARTS:
                    raise PlatformUnavailable(
                        f"{PLATFORM}（{self._session.address}）的翻页游标反复过期，需求列表读不完整。",
                        "请稍后重新运行；仍不成功的，请联系平台延长游标有效期。",
                    ) from None
                continue
            return

    def green_factories(self, as_of: date) -> Iterator[list[Any | SetAside]]:
        """The register of green factories (绿色工厂名单) as it stood on `as_of`, removed ones included, page by page.

        Each row as decoded JSON, whatever it holds; one that cannot be decoded keeps its place as what was set aside.
        """
        read_at: Counter[str] = Counter()
        pages_seen: set[bytes] = set()
        cursor: str | None = None
        while True:
            target = "/v1/green-factories?" + _query({"as_of": as_of.isoformat(), "limit": 1000, "cursor": cursor})
            page = self._session.read(target, json_of(_FactoryPage), self._token)
            content = hashlib.sha256(msgspec.json.encode(page.items)).digest()
            if page.items and content not in pages_seen:
                pages_seen.add(content)
                yield page.items
            cursor = page.next_cursor
            if cursor is None:
                return
            self._stop_circles(read_at, cursor)

    def coordinators(self) -> Coordinators:
        """Who coordinates (协调人), in the platform's order."""
        return self._session.read("/v1/coordinators", json_of(Coordinators), self._token)

    def send_return(self, key: str, body: bytes) -> Receipt:
        """Send a need back for correction (退回补正); `body` is JSON as the contract's Return.

        Raises ProblemResponse where the platform refuses it, OutcomeUnknown where its answer was lost. Safe to repeat with
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


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int

    def __repr__(self) -> str:
        return "<token>"


class _BearerToken(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _TokenAuthentication:
    """A client-credentials token (RFC 6749, 4.4): fetched when first needed, again before it expires, once after a 401."""

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
        """Once: a token may have been revoked early; a brand-new one that is refused says something else."""
        return 1

    def renew(self) -> None:
        self._token = None

    def explain(self, response: requests.Response) -> str:
        host = urlsplit(response.url).hostname
        return f"请核对连接 green_platform 的 login（client id）和 password（client secret），并确认其在 {host} 上有效且有权限。"

    def _fetch(self) -> None:
        asked_at = self._clock()
        try:
            token = self._session.read(
                "/oauth/token",
                json_of(_Token),
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
        self._token = token.access_token
        self._good_until = asked_at + token.expires_in - min(30.0, token.expires_in / 10)


def _token_request(settings: GreenPlatform) -> Concealed:
    form = {"grant_type": "client_credentials", "client_id": settings.client_id}
    return Concealed(urlencode(form | {"client_secret": settings.client_secret}).encode())


class _NeedEnvelope(msgspec.Struct):
    items: list[msgspec.Raw]
    total: int
    next_cursor: str | None


class _FactoryPage(msgspec.Struct):
    items: list[Any]
    next_cursor: str | None


_decode_envelope = msgspec.json.Decoder(_NeedEnvelope).decode


def _need_page(response: requests.Response) -> NeedPage:
    """The items as their bytes; one that strict JSON cannot carry (half a surrogate pair, NaN) is written anew."""
    body = response.content
    try:
        body.decode()
        page = _decode_envelope(body)
    except (UnicodeDecodeError, msgspec.DecodeError):
        envelope = json.loads(body.decode(errors="replace"))
        return _rewritten_page(envelope)
    return NeedPage([bytes(item) for item in page.items], page.total, page.next_cursor)


def _rewritten_page(envelope: Any) -> NeedPage:
    match envelope:
        case {"items": list(items), "total": int(total), "next_cursor": (str() | None) as cursor}:
            return NeedPage([json.dumps(item).encode() for item in items], total, cursor)
    raise ValueError("the answer is no page of financing needs")


def _receipt(response: requests.Response) -> Receipt:
    receipt = json_of(Receipt)(response)
    return msgspec.structs.replace(receipt, repeated=response.status_code == HTTPStatus.OK)


def _query(parameters: dict[str, Any]) -> str:
    return urlencode({name: value for name, value in parameters.items() if value is not None})

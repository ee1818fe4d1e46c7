"""HTTP as both platforms need it: timeouts, verified TLS, repeated reads, and a definite result of each write.

A read is repeated within a bounded budget: after 500, 502, 504, a closed connection or a truncated body with growing
waits; after 429 and 503 as Retry-After says, within bounds. A write is sent once; the exception tells the sender what
is known:

- PlatformUnavailable: it was not sent. PlatformBusy (429, 503): it was refused for now, unprocessed.
- ProblemResponse (other 4xx): it was refused for good.
- OutcomeUnknown: the answer was lost. It may have been processed.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Protocol, Self, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from requests.auth import AuthBase

from include.base.errors import CredentialsRefused, PlatformUnavailable, UserFacingError
from include.base.settings import MAX_ANSWER_MB
from include.domain.pieces import UnreadablePiece
from include.platforms.exchange import READ_TIMEOUT_S, Answer, AnswerBroken, Bounds, bounded_session, read_answer
from include.platforms.reader import read_value
from include.platforms.waits import retry_after

log = logging.getLogger(__name__)

Sleep = Callable[[float], None]
T = TypeVar("T")

CONNECT_TIMEOUT_S = 5.0
LONGEST_EXCHANGE_S = 120.0
"""From the request's first byte to the answer's last one."""
MOST_READS = 8
LONGEST_WAITING_S = 90.0
"""Sum of all waits of one read; a longer Retry-After is not waited for here."""

_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_NEXT_STEP_AWAY = "请确认平台地址和网络可达、平台未在维护，然后重新运行；未送出的内容会自动补发。"


class FieldError(msgspec.Struct, frozen=True):
    """One field that a platform refuses, and why; the message may repeat what was sent, and must not be shown."""

    field: str = ""
    message: str = ""

    def __repr__(self) -> str:
        return f"FieldError({self.field!r})"


class Problem(msgspec.Struct, frozen=True):
    """An RFC 9457 problem. Its texts may repeat what was sent: never log them."""

    title: str = ""
    status: int = 0
    type: str = ""
    detail: str = ""
    errors: list[FieldError] = []

    def __repr__(self) -> str:
        return f"Problem({self.status})"


class PlatformBusy(PlatformUnavailable):
    """429 or 503: not processed; retry after `retry_after_s` seconds, if the platform said so."""

    def __init__(self, what: str, next_step: str, status: int, retry_after_s: float | None) -> None:
        super().__init__(what, next_step)
        self.status = status
        self.retry_after_s = retry_after_s


class PlatformFault(PlatformUnavailable):
    """The platform answered with a fault (5xx) or with something unintelligible: perhaps for this request alone."""


class ProblemResponse(UserFacingError):
    """A 4xx that no repetition will cure. `str()` has the status and title, nothing of what was sent."""

    def __init__(self, platform: str, status: int, problem: Problem) -> None:
        super().__init__(
            f"{platform}拒绝了请求（HTTP {status}）。", "请查看发送记录中平台给出的原因，更正后再重新发送。"
        )
        self.status = status
        self.problem = problem


class OutcomeUnknown(UserFacingError):
    """The answer to a write was lost: it may or may not have been processed."""

    def __init__(self, platform: str, reason: str, status: int | None = None) -> None:
        super().__init__(
            f"{platform}未返回结果（{reason}），处理情况不明。", "系统会先查询再决定是否重发，无需人工处理。"
        )
        self.reason = reason
        self.status = status


class Authentication(Protocol):
    """How a client proves who it is."""

    def authorise(self) -> AuthBase:
        """Credentials for the next request; may itself call the platform."""
        ...

    @property
    def renewals(self) -> int:
        """How often `renew` is worth trying for one request."""
        ...

    def renew(self) -> None:
        """After a 401: let the next `authorise` use other credentials."""
        ...

    def explain(self, answer: Answer) -> str:
        """What a person should do if credentials stay refused."""
        ...


@dataclass(frozen=True, slots=True)
class _Fault:
    """A try that failed in a way that may pass."""

    reason: str
    status: int | None = None
    sent: bool = True
    busy: bool = False
    retry_after_s: float | None = None


class PlatformSession:
    """One platform's HTTP session; `pace` waits before each request. A context manager; not shared between threads.

    An answer of more than `max_answer_mb` (decompressed), or one that takes longer than `longest_exchange_s` as a
    whole, is a fault that may pass.
    """

    def __init__(
        self,
        platform: str,
        base_url: str,
        *,
        ca: str | None,
        sleep: Sleep = time.sleep,
        pace: Callable[[], None] = lambda: None,
        max_answer_mb: float = MAX_ANSWER_MB,
        longest_exchange_s: float = LONGEST_EXCHANGE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.platform = platform
        self._base_url = base_url.rstrip("/")
        self._sleep = sleep
        self._pace = pace
        self._most_bytes = round(max_answer_mb * 2**20)
        self._longest_exchange_s = longest_exchange_s
        self._clock = clock
        self._bounds = Bounds(clock)
        self._session = bounded_session(self._bounds)
        self._session.verify = ca or True
        self._session.headers["Accept"] = "application/json, application/problem+json"
        self._session.headers["User-Agent"] = "green-factory-finance"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    @property
    def address(self) -> str:
        """Scheme, host and port: no path, no credentials."""
        parts = urlsplit(self._base_url)
        return f"{parts.scheme}://{parts.netloc.rsplit('@')[-1]}"

    def read(
        self,
        target: str,
        decode: Callable[[Answer], T],
        authentication: Authentication | None,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> T:
        """The decoded answer of a request that may be repeated. `decode` raises ValueError on a truncated body.

        Raises PlatformUnavailable, CredentialsRefused or ProblemResponse.
        """
        waited = asking = 0.0
        for tries in range(1, MOST_READS + 1):
            began = self._clock()
            answer = self._exchange(method, target, decode, authentication, body=body, headers=headers)
            if not isinstance(answer, _Fault):
                return answer
            fault = answer
            wait = fault.retry_after_s
            if wait is None:
                wait = random.uniform(0.5, 1) * min(0.25 * 2**tries, 10.0)
            asking += self._clock() - began
            if tries == MOST_READS or waited + wait > LONGEST_WAITING_S or asking >= self._longest_exchange_s:
                break
            log.info("%s: %s, reading %s again in %.1f s", self.platform, fault.reason, _path(target), wait)
            self._sleep(wait)
            waited += wait
        raise self._unavailable(fault)

    def write(
        self,
        target: str,
        body: bytes,
        decode: Callable[[Answer], T],
        authentication: Authentication,
        *,
        headers: dict[str, str] | None = None,
    ) -> T:
        """The decoded answer of a POST that is sent once (again only after a 401, which processes nothing).

        Raises PlatformUnavailable, PlatformBusy, CredentialsRefused, ProblemResponse or OutcomeUnknown.
        """
        answer = self._exchange(
            "POST",
            target,
            decode,
            authentication,
            body=body,
            headers={"Content-Type": "application/json"} | (headers or {}),
        )
        if not isinstance(answer, _Fault):
            return answer
        if answer.busy or not answer.sent:
            raise self._unavailable(answer)
        raise OutcomeUnknown(self.platform, answer.reason, answer.status)

    def _exchange(
        self,
        method: str,
        target: str,
        decode: Callable[[Answer], T],
        authentication: Authentication | None,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> T | _Fault:
        renewals = authentication.renewals if authentication else 0
        while True:
            auth = authentication.authorise() if authentication else None
            self._pace()
            answer: Answer | None = None
            self._bounds.begin(self._longest_exchange_s, self._most_bytes)
            try:
                response = self._session.request(
                    method,
                    self._base_url + target,
                    data=body,
                    headers=headers,
                    auth=auth,
                    timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                    allow_redirects=False,
                    stream=True,
                )
                answer = read_answer(response, self._most_bytes)
            except AnswerBroken as broken:
                return _Fault(broken.reason)
            except requests.exceptions.SSLError as error:
                if not _before_sending(error):
                    return _Fault("加密连接中断")
                problem = self._untrusted()
            except (requests.exceptions.ConnectTimeout, requests.exceptions.ConnectionError) as error:
                return _Fault("无法连接", sent=False) if _before_sending(error) else _Fault("连接中断")
            except requests.exceptions.Timeout:
                return _Fault("等待回答超时")
            except requests.exceptions.RequestException as error:
                problem = PlatformUnavailable(
                    f"{self.platform}的地址 {self.address} 无法使用（{type(error).__name__}）。",
                    "请核对该平台连接的 host 和 extra.ca。",
                )
            except OSError:
                problem = self._no_certificate_file()
            if answer is None:
                # Raised outside of the handlers: the caught exception's frames hold the request and its credentials.
                raise problem
            if answer.status in _REFUSED:
                if authentication and renewals and answer.status == HTTPStatus.UNAUTHORIZED:
                    renewals -= 1
                    authentication.renew()
                    continue
                raise self._refused(answer, authentication)
            return self._understood(answer, decode)

    def _understood(self, answer: Answer, decode: Callable[[Answer], T]) -> T | _Fault:
        status = answer.status
        if status in _BUSY:
            return _Fault(f"HTTP {status}", status, busy=True, retry_after_s=retry_after(answer.headers))
        if status >= 500 or status == HTTPStatus.REQUEST_TIMEOUT:
            return _Fault(f"HTTP {status}", status)
        if status >= 400:
            raise ProblemResponse(self.platform, status, _problem(answer))
        if status >= 300:
            raise PlatformUnavailable(
                f"{self.platform}的地址 {self.address} 要求跳转到别处（HTTP {status}）。", "请核对该平台连接的 host。"
            )
        try:
            return decode(answer)
        except ValueError:
            self._session.close()
            return _Fault("回答不完整或不符合接口约定", status)

    def _unavailable(self, fault: _Fault) -> PlatformUnavailable:
        what = f"{self.platform}（{self.address}）暂时不可用：{fault.reason}。"
        if fault.busy and fault.status is not None:
            return PlatformBusy(what, _NEXT_STEP_AWAY, fault.status, fault.retry_after_s)
        return (PlatformUnavailable if fault.status is None else PlatformFault)(what, _NEXT_STEP_AWAY)

    def _untrusted(self) -> PlatformUnavailable:
        return PlatformUnavailable(
            f"{self.platform}（{self.address}）的证书无法验证，已中止连接。",
            "请确认地址无误；平台使用自建证书机构时，在该连接的 extra.ca 填写其根证书文件的路径。",
        )

    def _no_certificate_file(self) -> PlatformUnavailable:
        return PlatformUnavailable(
            f"{self.platform}（{self.address}）的根证书文件不存在或无法读取。", "请核对该平台连接的 extra.ca。"
        )

    def _refused(self, answer: Answer, authentication: Authentication | None) -> CredentialsRefused:
        next_step = authentication.explain(answer) if authentication else "请核对该平台连接的用户和密码。"
        return CredentialsRefused(
            f"{self.platform}（{self.address}）拒绝了身份凭据（HTTP {answer.status}）。", next_step
        )


def own_pace(rate_per_s: float | None, sleep: Sleep) -> Callable[[], None]:
    """Waits so that one session sends no more than `rate_per_s` requests a second; None: no limit."""
    gap, free_at = 1 / rate_per_s if rate_per_s else 0.0, 0.0

    def wait() -> None:
        nonlocal free_at
        now = time.monotonic()
        if free_at > now:
            sleep(free_at - now)
        free_at = max(free_at, now) + gap

    return wait


def _problem(answer: Answer) -> Problem:
    try:
        return msgspec.convert(read_value(answer), Problem, strict=False)
    except (UnreadablePiece, msgspec.ValidationError):
        return Problem(title=answer.reason, status=answer.status)


_NEVER_CONNECTED = ("NewConnectionError", "ConnectTimeoutError", "NameResolutionError", "SSLCertVerificationError")


def _before_sending(error: requests.exceptions.RequestException) -> bool:
    """Whether the connection was never made, so that nothing can have been processed."""
    reason: object = error.args[0] if error.args else None
    while reason is not None:
        if type(reason).__name__ in _NEVER_CONNECTED:
            return True
        inner = getattr(reason, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((arg for arg in getattr(reason, "args", ()) if isinstance(arg, BaseException)), None)
        reason = inner
    return isinstance(error, requests.exceptions.ConnectTimeout)


def _path(target: str) -> str:
    return target.partition("?")[0]

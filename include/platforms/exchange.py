"""One request and its answer, bounded in time and in bytes, whatever the other side does.

- The whole exchange ends at its deadline, even if a byte arrives before each read times out.
- An informational answer (1xx) is never taken for the answer.
- The body is counted after decompression and rejected past the limit.
"""

from __future__ import annotations

import io
import socket
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException, HTTPResponse, parse_headers
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ReadTimeoutError

READ_TIMEOUT_S = 30.0
_MOST_INFORMATIONAL = 10
_SWITCHING_PROTOCOLS = 101
_CHUNK = 64 * 1024
# Framing (chunk sizes, headers) takes room too, and the libraries read it without a limit.
_FRAMED = 2
_HEADERS = 8 * 1024 * 1024
_UNPACKED_AT_ONCE = 1024 * 1024


class AnswerBroken(Exception):
    """The body of an answer cannot be read whole; `reason` in Chinese."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A final answer with its whole body, decompressed; `url` is what was requested."""

    status: int
    reason: str
    headers: Mapping[str, str]
    url: str
    body: bytes = field(repr=False)


class Bounds:
    """Limits of the current exchange: its end on a monotonic `clock` (seconds), and the bytes that may be received."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ends_at = float("inf")
        self._bytes_left = 0

    def begin(self, seconds: float, most_bytes: int) -> None:
        """Start an exchange: at most `seconds` long, with an answer of at most so many bytes and their framing."""
        self._ends_at = self._clock() + seconds
        self._bytes_left = _FRAMED * most_bytes + _HEADERS

    def left(self) -> float:
        """Seconds left; raises TimeoutError if none are."""
        left = self._ends_at - self._clock()
        if left <= 0:
            raise TimeoutError("the exchange has lasted too long")
        return left

    def received(self, number: int) -> None:
        """Count received bytes; raises OSError past the limit."""
        self._bytes_left -= number
        if self._bytes_left < 0:
            raise OSError("more has come than any answer takes")


def bounded_session(bounds: Bounds) -> requests.Session:
    """A session whose exchanges keep the bounds. It keeps no cookies and reads no proxies from the environment."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["Accept-Encoding"] = "gzip, deflate"
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(bounds))
    return session


def read_answer(response: requests.Response, most_bytes: int) -> Answer:
    """Read the body of a streamed response, at most so many bytes. Raises AnswerBroken and drops the connection then."""
    try:
        body = _body(response, most_bytes)
    except (TimeoutError, ReadTimeoutError):
        raise AnswerBroken("等待回答超时") from None
    except (HTTPError, HTTPException, OSError, zlib.error):
        raise AnswerBroken("回答不完整") from None
    finally:
        response.close()
    return Answer(
        status=response.status_code, reason=response.reason or "", headers=response.headers, url=response.url, body=body
    )


def _body(response: requests.Response, most_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    for piece in _decompressed(response):
        size += len(piece)
        if size > most_bytes:
            raise AnswerBroken(f"回答超过 {most_bytes / 2**20:g} MB")
        pieces.append(piece)
    return b"".join(pieces)


def _decompressed(response: requests.Response) -> Iterator[bytes]:
    raw = response.raw.stream(_CHUNK, decode_content=False)
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return iter(raw)
    if encoding in ("gzip", "x-gzip", "deflate"):
        return _inflated(raw)
    raise AnswerBroken("回答的压缩方式无法识别")


def _inflated(raw: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress gzip or zlib, also of several members, in pieces of bounded size."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    begun = False
    for packed in raw:
        while packed:
            if unpacker.eof:
                unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
            begun = True
            yield unpacker.decompress(packed, _UNPACKED_AT_ONCE)
            packed = unpacker.unconsumed_tail or unpacker.unused_data
    if begun:
        yield unpacker.flush()
        if not unpacker.eof:
            raise AnswerBroken("回答不完整")


# --- The connection ---------------------------------------------------------------------------------------------------


class InformationalAnswer(HTTPException):
    """Endless informational answers (1xx), or an unrequested change of protocol."""


class _TimedReader(io.RawIOBase):
    """Reads from a socket within the bounds; no read waits longer than they allow."""

    def __init__(self, connected: socket.socket, bounds: Bounds) -> None:
        self._socket = connected
        self._bounds = bounds
        self._raw = connected.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(min(READ_TIMEOUT_S, self._bounds.left()))
        number = self._raw.readinto(buffer)
        self._bounds.received(number or 0)
        return number

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """The part of a socket that an HTTPResponse uses."""

    def __init__(self, connected: socket.socket, bounds: Bounds) -> None:
        self._connected = connected
        self._bounds = bounds

    def makefile(self, mode: str) -> io.BufferedReader:
        """A buffered reader that keeps the bounds."""
        assert mode == "rb"
        return io.BufferedReader(_TimedReader(self._connected, self._bounds))


class _FinalResponse(HTTPResponse):
    """A response that skips informational ones (RFC 9110, 15.2) and keeps the bounds."""

    def __init__(self, bounds: Bounds, connected: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(_TimedSocket(connected, bounds), *args, **options)  # type: ignore[arg-type]

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MOST_INFORMATIONAL):
            read: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            status = read[1]
            if not 100 <= status < 200:
                return read
            if status == _SWITCHING_PROTOCOLS:
                break
            parse_headers(self.fp)
        raise InformationalAnswer


class _Adapter(HTTPAdapter):
    """Gives each connection the bounds of its session."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._bounds)


def _pool_classes(bounds: Bounds) -> dict[str, type[HTTPConnectionPool]]:
    response_class: Any = partial(_FinalResponse, bounds)

    class Plain(HTTPConnection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.response_class = response_class

    class Encrypted(HTTPSConnection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.response_class = response_class

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}

"""Signing of requests to the credit-market platform (请求签名), as its contract says.

The algorithm is one of two HMACs with the app's secret; the connection names it. HMAC-SM3 (GB/T 32905) is for deployments
that must use commercial cryptography (商用密码).
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from requests.auth import AuthBase

from include.base.errors import ConfigurationError
from include.base.settings import SigningKey
from include.platforms.exchange import Answer
from include.platforms.waits import server_time

if TYPE_CHECKING:
    from requests import PreparedRequest

ALLOWED_SKEW_S = 300
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {"HMAC-SHA256": hashes.SHA256, "HMAC-SM3": hashes.SM3}


def string_to_sign(method: str, path_and_query: str, timestamp: str, nonce: str, body: bytes) -> str:
    """What is signed: method, path with its query as sent, Unix seconds, nonce, hex SHA-256 of the body."""
    return "\n".join((method.upper(), path_and_query, timestamp, nonce, hashlib.sha256(body).hexdigest()))


def sign(key: SigningKey, text: str) -> str:
    """Lower-case hex HMAC of `text`; ConfigurationError if the key's algorithm is unknown."""
    return _mac(key, text).finalize().hex()


def verify(key: SigningKey, text: str, signature: str) -> bool:
    """Whether `signature` is the key's for `text`, compared in constant time."""
    try:
        _mac(key, text).verify(bytes.fromhex(signature))
    except (InvalidSignature, ValueError):
        return False
    return True


def _mac(key: SigningKey, text: str) -> HMAC:
    if key.algorithm not in _HASHES:
        raise ConfigurationError(
            f"连接 credit_market 的签名算法“{key.algorithm}”不受支持。", f"请改为 {' 或 '.join(_HASHES)}。"
        )
    mac = HMAC(key.secret.encode(), _HASHES[key.algorithm]())
    mac.update(text.encode())
    return mac


class Signature(AuthBase):
    """Signs one request with `key`; timestamp and nonce are fresh for each."""

    def __init__(self, app_id: str, key: SigningKey, timestamp: int, nonce: str) -> None:
        self._app_id = app_id
        self._key = key
        self._timestamp = str(timestamp)
        self._nonce = nonce

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        body = request.body or b""
        data = body.encode() if isinstance(body, str) else body
        text = string_to_sign(request.method or "", request.path_url, self._timestamp, self._nonce, data)
        request.headers.update(
            {
                "X-App-Id": self._app_id,
                "X-Key-Id": self._key.key_id,
                "X-Timestamp": self._timestamp,
                "X-Nonce": self._nonce,
                "X-Signature-Algorithm": self._key.algorithm,
                "X-Signature": sign(self._key, text),
            }
        )
        return request


class SigningAuthentication:
    """Signs with the current key and, while keys are rotated, with the other one after a 401."""

    def __init__(
        self,
        app_id: str,
        keys: tuple[SigningKey, ...],
        *,
        clock: Callable[[], float] = time.time,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._app_id = app_id
        self._keys = keys
        self._current = 0
        self._clock = clock
        self._nonce = nonce

    def authorise(self) -> AuthBase:
        """A signature for the next request."""
        return Signature(self._app_id, self._keys[self._current], int(self._clock()), self._nonce())

    @property
    def renewals(self) -> int:
        """Once for each other key."""
        return len(self._keys) - 1

    def renew(self) -> None:
        """Use the next key from now on."""
        self._current = (self._current + 1) % len(self._keys)

    def explain(self, answer: Answer) -> str:
        """Clock, key or rights: the cause, as far as the answer shows."""
        theirs = server_time(answer.headers)
        skew = self._clock() - theirs.timestamp() if theirs else 0.0
        if abs(skew) > ALLOWED_SKEW_S:
            return f"本机时钟与平台相差约 {round(abs(skew))} 秒，超过签名允许的 {ALLOWED_SKEW_S} 秒，请校准本机时钟后重新运行。"
        key_ids = "、".join(key.key_id for key in self._keys)
        host = urlsplit(answer.url).hostname
        return f"请核对连接 credit_market 的 login、password、extra.key_id 和 algorithm（当前密钥 {key_ids}，平台 {host}）。"

"""The receiver's side of request signing, written from the contract alone, so that it can judge any client.

METHOD, path with query as sent, X-Timestamp, X-Nonce and the body's SHA-256 are signed, joined by line feeds. Time is
the real clock: signatures are independent of the simulated time.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes, hmac

from include.sandbox.platforms.problem import Problem

WINDOW_SECONDS = 300
_ALGORITHMS: Mapping[str, type[hashes.HashAlgorithm]] = {"HMAC-SHA256": hashes.SHA256, "HMAC-SM3": hashes.SM3}
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_NONCE_MAX = 128


@dataclass(frozen=True, slots=True)
class LiveKey:
    """A secret that is accepted now; while keys are rotated there may be two."""

    key_id: str
    secret: str = field(repr=False)


class SignatureCheck:
    """Verifies the signature of each request and remembers its nonce for as long as it could be replayed."""

    def __init__(self, app_id: str, keys: tuple[LiveKey, ...]) -> None:
        self._app_id = app_id
        self._keys = {key.key_id: key for key in keys}
        self._nonces: dict[str, float] = {}

    def verify(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> str:
        """The key id that signed the request; Problem 401 if the signature is invalid.

        `target` is the path with its query exactly as sent.
        """
        if headers.get("X-App-Id") != self._app_id:
            raise _refusal("应用编号未登记")
        key = self._keys.get(headers.get("X-Key-Id", ""))
        if key is None:
            raise _refusal("密钥编号未登记或已停用")
        algorithm = headers.get("X-Signature-Algorithm", "")
        if algorithm not in _ALGORITHMS:
            raise _refusal("签名算法不受支持")
        timestamp, nonce = headers.get("X-Timestamp", ""), headers.get("X-Nonce", "")
        if not _TIMESTAMP.fullmatch(timestamp) or abs(time.time() - int(timestamp)) > WINDOW_SECONDS:
            raise _refusal("时间戳超出允许范围（300秒）")
        if not 0 < len(nonce) <= _NONCE_MAX:
            raise _refusal("缺少随机数或随机数过长")
        signed = "\n".join([method, target, timestamp, nonce, hashlib.sha256(body).hexdigest()])
        mac = hmac.HMAC(key.secret.encode(), _ALGORITHMS[algorithm]())
        mac.update(signed.encode())
        if not secrets.compare_digest(mac.finalize().hex().encode(), headers.get("X-Signature", "").encode()):
            raise _refusal("签名不正确")
        self._use(nonce)
        return key.key_id

    def _use(self, nonce: str) -> None:
        now = time.time()
        if self._nonces.get(nonce, 0.0) > now:
            raise _refusal("随机数已使用过")
        if len(self._nonces) > 10_000:
            self._nonces = {used: until for used, until in self._nonces.items() if until > now}
        self._nonces[nonce] = now + 2 * WINDOW_SECONDS


def _refusal(title: str) -> Problem:
    return Problem(401, title)

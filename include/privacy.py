"""Personal information (个人信息): encrypted at rest, masked where a person must see that something is there.

AES-256-GCM with a random nonce. The key that encrypts is the first one given; older ones go on decrypting, so that keys
can be rotated (网络安全: 密码法, GB/T 39786-2021).
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from include.errors import ConfigurationError

_NONCE_BYTES = 12


class PersonalDataCipher:
    """Encrypts and decrypts personal data with the keys of the settings, newest first."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._ciphers = [AESGCM(_derived(key)) for key in keys]

        # The oldest key: a fingerprint must stay the same when a newer key is put in front.
        self._keyed = hmac.new(_derived(keys[-1], b"fingerprint") if keys else b"", digestmod="sha256")

    def fingerprint(self, text: str) -> str:
        """A keyed hash by which equal personal data can be found, and which cannot be guessed back without the key."""
        keyed = self._keyed.copy()
        keyed.update(text.encode("utf-8", "replace"))
        return keyed.hexdigest()

    def encrypt(self, data: bytes) -> bytes:
        """nonce + ciphertext of `data` under the newest key."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, data, None)

    def decrypt(self, data: bytes) -> bytes:
        """The bytes behind `data`; ConfigurationError if no key fits."""
        nonce, ciphertext = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(nonce, ciphertext, None)
            except InvalidTag:
                continue
        raise ConfigurationError(
            "个人信息加密密钥与库中数据不符，无法解密。",
            "请在连接 business_db 的 extra.personal_data_key 中补上原来的密钥（多个密钥用逗号分隔，新密钥在前）。",
        )


def _derived(key: str, purpose: bytes = b"personal data") -> bytes:
    return HKDF(hashes.SHA256(), 32, None, b"green-factory-finance " + purpose).derive(key.encode())

"""Personal information (个人信息): encrypted at rest, bound to its row, found again by keyed hashes.

A ciphertext names format, algorithm and key, then nonce and encrypted data. It belongs to one place (table and row),
which is authenticated with it: in another row it does not decrypt. The first key given encrypts; older ones decrypt
until everything is re-encrypted (网络安全: 密码法, GB/T 39786-2021).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import Protocol

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from include.base.connection_fields import SHORTEST_KEY
from include.base.errors import ConfigurationError, UserFacingError

ALGORITHMS = ("AES-256-GCM", "SM4-GCM")

_FORMAT = b"\x01"
_MARKS = {"AES-256-GCM": b"A", "SM4-GCM": b"S"}
_KEY_ID_BYTES = 8
_HEADER_BYTES = 2 + _KEY_ID_BYTES
_NONCE_BYTES = 12
_TAG_BYTES = 16
_ENCRYPTED_FROM = _HEADER_BYTES + _NONCE_BYTES


class CiphertextRefused(UserFacingError):
    """A ciphertext was changed, or does not belong to its row."""


class _Aead(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...


class PersonalDataCipher:
    """Encrypts and decrypts personal data with the keys of the settings, newest first.

    `hash_secret` keys the hashes; without one it is derived from the oldest key, so that hashes stay the same when a
    newer key is added in front. Raises ConfigurationError for keys that are too short and for an unavailable algorithm.
    """

    def __init__(
        self, keys: Sequence[str], *, algorithm: str = "AES-256-GCM", hash_secret: bytes | None = None
    ) -> None:
        _refuse_unusable(keys, algorithm)
        self._aeads: dict[bytes, _Aead] = {}
        for key in keys:
            for name in ALGORITHMS:
                if name == algorithm or _available(name):
                    self._aeads.setdefault(_header(name, key), _aead(name, key))
        self._newest = _header(algorithm, keys[0])
        self._encrypt = self._aeads[self._newest].encrypt
        self.hash_secret = hash_secret or _derived(keys[-1], b"fingerprint", 32)
        self._fingerprint = hmac.new(self.hash_secret, digestmod="sha256")
        self._keyed = hmac.new(_derived(self.hash_secret.hex(), b"keyed hash", 32), digestmod="sha256")

    @property
    def newest_header(self) -> bytes:
        """The first bytes of every new ciphertext."""
        return self._newest

    def fingerprint(self, text: str) -> str:
        """A keyed hash by which equal personal data can be found; without the key it cannot be guessed back."""
        keyed = self._fingerprint.copy()
        keyed.update(text.encode("utf-8", "replace"))
        return keyed.hexdigest()

    def keyed_sha256(self, data: bytes) -> str:
        """A keyed hash of personal data, in lower-case hex: it only shows whether two values are equal."""
        return self.keyed(hashlib.sha256(data).hexdigest())

    def keyed(self, sha256: str) -> str:
        """The keyed hash of data with this SHA-256 (lower-case hex)."""
        keyed = self._keyed.copy()
        keyed.update(sha256.encode())
        return keyed.hexdigest()

    def encrypt(self, data: bytes, place: str) -> bytes:
        """`data` encrypted under the newest key for `place`, which names the table and the row ("contact/FN…/1")."""
        nonce = os.urandom(_NONCE_BYTES)
        header = self._newest
        return header + nonce + self._encrypt(nonce, data, header + place.encode("utf-8", "surrogatepass"))

    def decrypt(self, ciphertext: bytes, place: str) -> bytes:
        """The data in a ciphertext that was made for `place`.

        Raises CiphertextRefused if it was changed or made for another place; ConfigurationError if its key is missing.
        """
        header = ciphertext[:_HEADER_BYTES]
        aead = self._aeads.get(header)
        if aead is None:
            raise ConfigurationError(
                "个人信息加密密钥与库中数据不符，无法解密。",
                "请在连接 business_db 的 extra.personal_data_secret 中补上原来的密钥（多个密钥用逗号分隔，新密钥在前）；"
                "演示环境中旧版本留下的数据请用 make clean 清除后重建。",
            )
        nonce, encrypted = ciphertext[_HEADER_BYTES:_ENCRYPTED_FROM], ciphertext[_ENCRYPTED_FROM:]
        try:
            if len(encrypted) < _TAG_BYTES:
                raise InvalidTag
            return aead.decrypt(nonce, encrypted, header + place.encode("utf-8", "surrogatepass"))
        except InvalidTag:
            raise CiphertextRefused(
                f"密文与所在记录（{place[:80]}）不符：内容被改动，或被移到了别的记录。",
                "请保持数据库现状，不要修改，立即通知审计人员核查；确认后用备份恢复该记录。",
            ) from None


class _Sm4Gcm:
    """SM4-GCM (GB/T 32907), like AES-GCM of `cryptography`: the tag follows the ciphertext."""

    def __init__(self, key: bytes) -> None:
        self._algorithm = algorithms.SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        encryptor = Cipher(self._algorithm, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data or b"")
        return encryptor.update(data) + encryptor.finalize() + encryptor.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        decryptor = Cipher(self._algorithm, modes.GCM(nonce, data[-_TAG_BYTES:])).decryptor()
        decryptor.authenticate_additional_data(associated_data or b"")
        return decryptor.update(data[:-_TAG_BYTES]) + decryptor.finalize()


def _refuse_unusable(keys: Sequence[str], algorithm: str) -> None:
    if not keys or any(len(key) < SHORTEST_KEY for key in keys):
        raise ConfigurationError(
            f"个人信息加密密钥缺失或过短，至少应有 {SHORTEST_KEY} 个字符。",
            "请在连接 business_db 的 extra.personal_data_secret 中设置随机生成的密钥，"
            '例如用命令 python -c "import secrets; print(secrets.token_urlsafe(32))" 生成。',
        )
    if algorithm not in ALGORITHMS or not _available(algorithm):
        raise ConfigurationError(
            f"个人信息加密算法“{algorithm[:40]}”不可用。",
            f"请在连接 business_db 的 extra.personal_data_algorithm 中填写 {' 或 '.join(ALGORITHMS)}；"
            "SM4-GCM 需要本机 OpenSSL 支持。",
        )


def _available(algorithm: str) -> bool:
    if algorithm != "SM4-GCM":
        return True
    try:
        Cipher(algorithms.SM4(bytes(16)), modes.GCM(bytes(_NONCE_BYTES))).encryptor()
    except UnsupportedAlgorithm:
        return False
    return True


def _aead(algorithm: str, key: str) -> _Aead:
    if algorithm == "SM4-GCM":
        return _Sm4Gcm(_derived(key, b"personal data SM4", 16))
    return AESGCM(_derived(key, b"personal data", 32))


def _header(algorithm: str, key: str) -> bytes:
    return _FORMAT + _MARKS[algorithm] + _derived(key, b"key id", _KEY_ID_BYTES)


def _derived(key: str, purpose: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, None, b"green-factory-finance " + purpose).derive(key.encode())

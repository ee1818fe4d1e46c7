from __future__ import annotations

import pytest

from include.errors import ConfigurationError
from include.privacy import PersonalDataCipher


def test_a_rotated_key_still_reads_what_the_old_one_wrote() -> None:
    written = PersonalDataCipher(["old"]).encrypt("张三 13800001234".encode())
    assert PersonalDataCipher(["new", "old"]).decrypt(written) == "张三 13800001234".encode()


def test_the_same_text_never_looks_the_same() -> None:
    cipher = PersonalDataCipher(["key"])
    assert cipher.encrypt(b"13800001234") != cipher.encrypt(b"13800001234")
    assert b"13800001234" not in cipher.encrypt(b"13800001234")


def test_a_lost_key_is_said_without_the_data() -> None:
    written = PersonalDataCipher(["old"]).encrypt(b"13800001234")
    with pytest.raises(ConfigurationError, match="personal_data_key"):
        PersonalDataCipher(["other"]).decrypt(written)

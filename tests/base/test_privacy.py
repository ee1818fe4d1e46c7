from __future__ import annotations

import hashlib

import pytest

from include.base.errors import ConfigurationError
from include.base.privacy import ALGORITHMS, CiphertextRefused, PersonalDataCipher

OLD, NEW = "the old key of the tests", "the new key of the tests"
PLACE = "contact/FN000000000001/1"
PERSON = "张三 13800001234".encode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_encrypted_comes_back_in_its_own_place_alone(algorithm: str) -> None:
    cipher = PersonalDataCipher([OLD], algorithm=algorithm)
    written = cipher.encrypt(PERSON, PLACE)
    assert cipher.decrypt(written, PLACE) == PERSON
    for elsewhere in ("contact/FN000000000001/2", "contact/FN000000000002/1", "raw_payload/FN000000000001/1", ""):
        with pytest.raises(CiphertextRefused) as refused:
            cipher.decrypt(written, elsewhere)
        assert "13800001234" not in str(refused.value)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_changed_bit_is_noticed(algorithm: str) -> None:
    cipher = PersonalDataCipher([OLD], algorithm=algorithm)
    written = cipher.encrypt(b"1", PLACE)
    for byte in range(len(written)):
        changed = bytearray(written)
        changed[byte] ^= 1
        with pytest.raises((CiphertextRefused, ConfigurationError)):
            cipher.decrypt(bytes(changed), PLACE)
    for cut in range(len(written)):
        with pytest.raises((CiphertextRefused, ConfigurationError)):
            cipher.decrypt(written[:cut], PLACE)


def test_the_same_text_never_looks_the_same() -> None:
    cipher = PersonalDataCipher([OLD])
    assert cipher.encrypt(PERSON, PLACE) != cipher.encrypt(PERSON, PLACE)
    assert b"13800001234" not in cipher.encrypt(PERSON, PLACE)


def test_a_rotated_key_or_another_algorithm_still_reads_what_the_old_one_wrote() -> None:
    written = PersonalDataCipher([OLD]).encrypt(PERSON, PLACE)
    assert PersonalDataCipher([NEW, OLD], algorithm="SM4-GCM").decrypt(written, PLACE) == PERSON
    written = PersonalDataCipher([OLD], algorithm="SM4-GCM").encrypt(PERSON, PLACE)
    assert PersonalDataCipher([NEW, OLD]).decrypt(written, PLACE) == PERSON


def test_a_lost_key_is_said_without_the_data() -> None:
    written = PersonalDataCipher([OLD]).encrypt(PERSON, PLACE)
    with pytest.raises(ConfigurationError, match="personal_data_secret"):
        PersonalDataCipher([NEW]).decrypt(written, PLACE)


@pytest.mark.parametrize("keys", [[], [""], ["fifteen letters"], [NEW, "short"]])
def test_keys_that_can_be_guessed_are_refused(keys: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="16"):
        PersonalDataCipher(keys)


def test_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="personal_data_algorithm"):
        PersonalDataCipher([NEW], algorithm="ROT13")


def test_hashes_are_stable_when_a_newer_key_comes_and_when_the_oldest_goes_but_unknown_without_the_secret() -> None:
    old = PersonalDataCipher([OLD])
    rotated = PersonalDataCipher([NEW, OLD])
    without_the_oldest = PersonalDataCipher([NEW], hash_secret=old.hash_secret)
    for cipher in (rotated, without_the_oldest):
        assert cipher.fingerprint("13800001234") == old.fingerprint("13800001234")
        assert cipher.keyed_sha256(PERSON) == old.keyed_sha256(PERSON)
    assert (
        PersonalDataCipher([NEW]).keyed_sha256(PERSON) != old.keyed_sha256(PERSON) != hashlib.sha256(PERSON).hexdigest()
    )

"""The cipher of a database: hashes stay the same whatever becomes of the keys."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from include.base.errors import ConfigurationError
from include.base.privacy import PersonalDataCipher
from include.base.settings import ConnectionFields, Settings
from include.store.cipher import open_cipher

OLD, NEW = "the old key of the tests", "the new key of the tests"


def opened(engine: sa.Engine, keys: str, **extra: str) -> PersonalDataCipher:
    database = ConnectionFields(host="h", extra={"personal_data_key": keys, **extra})
    return open_cipher(engine, Settings(connections={"business_db": database}))


def test_hashes_stay_the_same_when_keys_are_rotated(database: sa.Engine) -> None:
    first = opened(database, OLD).keyed_sha256(b"contact")
    assert opened(database, f"{NEW},{OLD}").keyed_sha256(b"contact") == first
    assert opened(database, OLD).keyed_sha256(b"contact") == first


def test_keys_of_another_database_are_refused(database: sa.Engine) -> None:
    opened(database, OLD)
    with pytest.raises(ConfigurationError):
        opened(database, NEW)


def test_the_algorithm_is_chosen_by_the_connection_and_both_are_read(database: sa.Engine) -> None:
    written = opened(database, OLD, personal_data_algorithm="SM4-GCM").encrypt(b"contact", "table/1")
    assert written[:2] == b"\x01S"
    assert opened(database, OLD).decrypt(written, "table/1") == b"contact"

"""Personal data that is recognisable wherever it should not be, and a search through everything that a database holds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from include.base.canonical import canonical_sha256
from include.base.privacy import PersonalDataCipher
from include.domain.identity import item_sha256
from include.store.sealed import SEALED

NAME, MOBILE, EMAIL = "柳絮飞", "13987654321", "liuxufei@canary.example"
CANARIES = (NAME, MOBILE, EMAIL)
PERSON = {"name": NAME, "mobile": MOBILE, "email": EMAIL}
IN_WORDS = f"联系人{NAME}，电话{MOBILE}，邮箱 {EMAIL}"

_COLUMNS = sa.text(
    """
    select table_name, column_name, data_type from information_schema.columns
    join information_schema.tables using (table_schema, table_name)
    where table_schema = 'public' and table_type = 'BASE TABLE'
    order by table_name, ordinal_position
    """
)


def places_of_canaries(engine: sa.Engine, cipher: PersonalDataCipher) -> set[str]:
    """The columns (table.column) of the whole database that hold a canary, in clear or once decrypted."""
    return {place for place, text in _everything(engine, cipher) if any(canary in text for canary in CANARIES)}


def unkeyed_hashes(engine: sa.Engine, cipher: PersonalDataCipher, *records: Mapping[str, Any]) -> set[str]:
    """The columns that hold a hash from which personal data could be found by trying: of the contact, or of what contains it."""
    whole = [*records, *({**record, "updated_at": None} for record in records), PERSON]
    whole += [{"name": NAME, "mobile": MOBILE}, *CANARIES, IN_WORDS]
    telling = {canonical_sha256(value) for value in whole} | {item_sha256(record) for record in records}
    for value in whole:
        for text in (json.dumps(value, ensure_ascii=False), json.dumps(value), str(value)):
            telling |= {hashlib.new(name, text.encode()).hexdigest() for name in ("sha256", "sha1", "md5")}
    return {
        place
        for place, text in _everything(engine, cipher)
        if telling.intersection(re.findall(r"[0-9a-f]{32,64}", text))
    }


def _everything(engine: sa.Engine, cipher: PersonalDataCipher) -> Iterator[tuple[str, str]]:
    """Each value of each column, as text."""
    sealed = {(one.table, one.column): one for one in SEALED}
    with engine.connect() as connection:
        for table, column, kind in connection.execute(_COLUMNS).tuples().all():
            ciphertexts = sealed.get((table, column))
            if ciphertexts is not None:
                key = ", ".join(ciphertexts.key)
                for *row, value in connection.execute(sa.text(f'select {key}, "{column}" from "{table}"')):
                    if value:
                        yield (
                            f"{table}.{column}",
                            cipher.decrypt(value, ciphertexts.place(*row)).decode("utf-8", "replace"),
                        )
            found = connection.execute(sa.text(f'select "{column}" from "{table}" where "{column}" is not null'))
            for (value,) in found:
                text = bytes(value).decode("utf-8", "replace") if kind == "bytea" else str(value)
                yield f"{table}.{column}", text

"""Ciphertexts are bound to their rows: what stands in the row of another does not open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from include.base.privacy import CiphertextRefused
from include.base.settings import Settings
from include.domain.pieces import SetAside
from include.gate import stage as gate
from include.matching import collect_feedback
from include.platforms.credit_market import FeedbackPage
from include.reference.day import Day
from include.store import tables
from include.store.cipher import open_cipher
from include.store.sealed import SEALED, Sealed
from include.store.set_aside import keep
from include.words.department_failures import DepartmentsFailed
from tests.support.clean_need import clean_need
from tests.support.rows import let_history_be_changed, moment, need_id
from tests.support.taken_in import CIPHER, KEY, take_in

NOW = moment("2026-09-30 18:00")


@dataclass
class Feed:
    events: Sequence[Any]

    def feedback(self, after: str | None, limit: int) -> FeedbackPage:
        items = list(self.events) if after is None else []
        return FeedbackPage(items=items, set_aside=[], next_cursor="end", has_more=False)


def filed(number: int) -> dict[str, Any]:
    return clean_need(need_id=need_id(number), enterprise__contact__mobile=f"1380000000{number}")


def event(number: int) -> dict[str, Any]:
    return {
        "event_id": f"event/{number}",
        "need_id": need_id(number),
        "revision": 1,
        "institution_code": "ICBC",
        "type": "received",
        "occurred_at": "2026-10-09T10:00:00+08:00",
        "sequence": 1,
        "remark": f"联系人 1380000000{number}",
    }


@pytest.fixture
def filled(database: sa.Engine) -> sa.Engine:
    """Rows in each table that holds ciphertexts, written by the stages."""
    open_cipher(database, Settings(connections={}, fernet_key=KEY))
    take_in(database, "run", [filed(number) for number in (1, 2)], now=NOW)
    collect_feedback(database, Feed([event(1), event(2)]), cipher=CIPHER, day=Day.in_force(NOW))
    with database.begin() as connection:
        keep(connection, CIPHER, "a/b", [SetAside(b"1", "?"), SetAside(b"2", "?")], now=NOW, whole=True)
    return database


def _rows(engine: sa.Engine, sealed: Sealed) -> Sequence[sa.Row[Any]]:
    with engine.connect() as connection:
        return connection.execute(
            sa.text(f"select {', '.join(sealed.key)}, {sealed.column} from {sealed.table}")
        ).fetchall()


def test_each_column_of_bytes_is_known_as_one_of_ciphertexts() -> None:
    columns = {
        (table.name, column.name)
        for table in tables.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, sa.LargeBinary)
    }
    assert columns == {(sealed.table, sealed.column) for sealed in SEALED}


@pytest.mark.parametrize("sealed", SEALED, ids=lambda sealed: sealed.table)
def test_a_ciphertext_opens_in_its_own_row_and_in_no_other(filled: sa.Engine, sealed: Sealed) -> None:
    stored = _rows(filled, sealed)
    assert stored
    for *key, ciphertext in stored:
        assert CIPHER.decrypt(ciphertext, sealed.place(*key))
        others = [sealed.place(*other) for *other, _ in stored if other != key]
        others += [another.place(*key) for another in SEALED if another is not sealed]
        for place in (*others, f"{sealed.place(*key)}0"):
            with pytest.raises(CiphertextRefused):
                CIPHER.decrypt(ciphertext, place)


def test_the_gate_does_not_judge_a_record_that_stands_in_the_row_of_another(filled: sa.Engine) -> None:
    with filled.begin() as connection:
        let_history_be_changed(connection)
        connection.execute(
            sa.text(
                "update raw_payload set ciphertext = (select ciphertext from raw_payload other"
                " where other.raw_sha256 <> raw_payload.raw_sha256)"
            )
        )
    with pytest.raises(DepartmentsFailed) as failed:
        gate.judge_departments(filled, CIPHER, intake_id=1, department_codes=["330000"], day=Day.in_force(NOW))
    assert isinstance(failed.value.__cause__, CiphertextRefused)

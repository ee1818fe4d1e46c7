from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from include import audit
from tests.rows import let_history_be_changed

NOW = datetime(2026, 9, 30, 10, tzinfo=UTC)


def _three_entries(database: sa.Engine) -> None:
    for number in range(3):
        with database.begin() as connection:
            audit.record(
                connection,
                actor="王操作员",
                role="operator",
                action="release",
                object_=f"FN{number:012d}",
                reason="已核实",
                details={"rule": "DQ37"},
                now=NOW,
            )


def test_an_untouched_chain_holds(database: sa.Engine) -> None:
    _three_entries(database)
    with database.connect() as connection:
        assert audit.verify(connection) is None


@pytest.mark.parametrize(
    ("tampering", "entry_id"),
    [
        ("update audit_entry set reason = '改过' where entry_id = 2", 2),
        ("update audit_entry set at = at + interval '1 second' where entry_id = 1", 1),
        ("delete from audit_entry where entry_id = 2", 2),
        ("delete from audit_entry where entry_id = 1", 1),
        (
            "update audit_entry set entry_id = case entry_id when 1 then 20 else 10 end where entry_id in (1, 2);"
            "update audit_entry set entry_id = case entry_id when 20 then 2 else 1 end where entry_id in (10, 20)",
            1,
        ),
    ],
)
def test_an_edit_a_deletion_and_a_reordering_are_found(database: sa.Engine, tampering: str, entry_id: int) -> None:
    _three_entries(database)
    with database.begin() as connection:
        let_history_be_changed(connection)
        for statement in tampering.split(";"):
            connection.execute(sa.text(statement))
    with database.connect() as connection:
        broken = audit.verify(connection)
    assert broken is not None
    assert broken.entry_id == entry_id


def test_an_entry_falls_with_its_act(database: sa.Engine) -> None:
    with pytest.raises(RuntimeError), database.begin() as connection:
        audit.record(connection, actor="a", role="r", action="x", object_="o", reason="why", now=NOW)
        raise RuntimeError("the act failed")
    with database.connect() as connection:
        assert connection.execute(sa.text("select count(*) from audit_entry")).scalar_one() == 0

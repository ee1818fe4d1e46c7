from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

import include
from include.store.locks import Lock, hold, holding, release_session, sharing, try_for_session, try_hold


def test_a_lock_is_held_until_the_transaction_ends(database: sa.Engine) -> None:
    with database.begin() as first, database.begin() as second:
        hold(first, Lock.GATE, "330000")
        assert not try_hold(second, Lock.GATE, "330000")
        assert try_hold(second, Lock.GATE, "340000") and try_hold(second, Lock.PAGE, "330000")
        first.rollback()
        assert try_hold(second, Lock.GATE, "330000")


def test_the_expression_holds_the_same_lock(database: sa.Engine) -> None:
    with database.begin() as first, database.begin() as second:
        first.execute(sa.text(f"select {holding(Lock.MATCHING)}"))
        assert not try_hold(second, Lock.MATCHING)


def test_shares_of_a_lock_go_together_and_keep_everybody_else_out(database: sa.Engine) -> None:
    with database.begin() as first, database.begin() as second, database.begin() as third:
        first.execute(sa.text(f"select {sharing(Lock.MATCHING)}"))
        second.execute(sa.text(f"select {sharing(Lock.MATCHING)}"))
        assert not try_hold(third, Lock.MATCHING)


def test_a_lock_of_a_session_outlives_its_transactions(database: sa.Engine) -> None:
    with database.connect() as first, database.begin() as second:
        assert try_for_session(first, Lock.REKEY)
        first.commit()
        assert not try_hold(second, Lock.REKEY)
        release_session(first)
        assert try_hold(second, Lock.REKEY)


def test_nobody_else_writes_an_advisory_lock() -> None:
    others = (path for path in Path(include.__file__).parent.rglob("*.py") if path.name != "locks.py")
    assert [path for path in others if "advisory_" in path.read_text(encoding="utf-8")] == []

from __future__ import annotations

import pytest
import sqlalchemy as sa

from include.store import schema
from include.store.database import connect, migrate
from include.store.tables import metadata
from include.store.tables.base import history_of
from tests.support.rows import add_need, moment

HISTORY = {table.name: found for table in metadata.sorted_tables if (found := history_of(table)) is not None}


def _fixed(name: str) -> list[str]:
    later = {*HISTORY[name].sealed, *HISTORY[name].purged, *HISTORY[name].once}
    columns = metadata.tables[name].columns
    return [column.name for column in columns if column.name not in later and not (column.identity or column.computed)]


@pytest.mark.parametrize("name", HISTORY)
def test_the_database_refuses_any_change_of_a_table_that_is_only_added_to(superuser: sa.Engine, name: str) -> None:
    assert _fixed(name)
    changes = [f"update {name} set {column} = {column}" for column in _fixed(name)]
    for change in [*changes, f"delete from {name}", f"truncate {name} cascade"]:
        with pytest.raises(sa.exc.IntegrityError, match="is only added to"), superuser.begin() as connection:
            connection.execute(sa.text(change))


def test_a_ciphertext_may_go_or_be_encrypted_anew(superuser: sa.Engine) -> None:
    sealed = [(name, column) for name, found in HISTORY.items() for column in found.sealed]
    assert ("raw_payload", "ciphertext") in sealed
    with superuser.begin() as connection:
        for name, column in sealed:
            connection.execute(sa.text(f"update {name} set {column} = ''"))


def test_a_text_in_which_a_person_may_stand_may_go_and_never_becomes_another(superuser: sa.Engine) -> None:
    with superuser.begin() as connection:
        add_need(connection, 1)
        connection.execute(sa.text("update need_version set enterprise_name = null, document = '{}'"))
    for change in ("enterprise_name = '别的公司'", "document = '{\"a\": 1}'"):
        with pytest.raises(sa.exc.IntegrityError, match="is only added to"), superuser.begin() as connection:
            connection.execute(sa.text(f"update need_version set {change}"))


def test_the_end_of_a_difference_is_set_once(superuser: sa.Engine) -> None:
    known = {"first": moment("2026-10-01 09:00"), "later": moment("2026-10-02 09:00")}
    with superuser.begin() as connection:
        connection.execute(
            sa.text(
                "insert into reconciliation_finding (quarter, kind, need_id, revision, explanation, suggestion, found_at)"
                " values ('2026Q3', 'k', 'n', 1, '', '', :first)"
            ),
            known,
        )
        connection.execute(sa.text("update reconciliation_finding set closed_at = :first"), known)
        connection.execute(sa.text("update reconciliation_finding set closed_at = :first"), known)
    for other in ("null", ":later"):
        with pytest.raises(sa.exc.IntegrityError, match="is only added to"), superuser.begin() as connection:
            connection.execute(sa.text(f"update reconciliation_finding set closed_at = {other}"), known)


def test_guards_that_are_missing_or_old_are_made_anew_by_the_next_start(database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        schema.clear(connection)
    migrate(engine)
    with engine.connect() as connection:
        made = connection.execute(sa.text("select count(*) from pg_trigger where tgname = 'only_added_to'")).scalar()
    engine.dispose()
    assert made == len(HISTORY)

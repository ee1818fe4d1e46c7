"""The database itself keeps verdicts, findings, decisions, amendments and audit entries as they were written."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.support import rows

HISTORY = ("judgement", "finding", "batch_finding", "amendment", "quarantine_event", "alert_event", "audit_entry")


@pytest.mark.parametrize("table", HISTORY)
@pytest.mark.parametrize("change", ["update {} set {} = {}", "delete from {}", "truncate {} cascade"])
def test_no_entry_can_be_changed_or_taken_away(superuser: sa.Engine, table: str, change: str) -> None:
    column = sa.inspect(superuser).get_columns(table)[-1]["name"]
    with pytest.raises(sa.exc.DBAPIError, match=f"table {table} is only added to"), superuser.begin() as connection:
        connection.execute(sa.text(change.format(table, column, column)))


def test_a_verdict_is_added_beside_the_one_before(database: sa.Engine) -> None:
    with database.begin() as connection:
        rows.add_need(connection, 1)
        rows.add_judgement(connection, 1, "held", ruleset_version="rules-2")
        verdicts = connection.execute(sa.text("select verdict from judgement order by judgement_id")).scalars().all()
    assert verdicts == ["passed", "held"]

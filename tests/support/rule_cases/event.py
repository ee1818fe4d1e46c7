"""The rules of an event (scope event): events of a pushed need, and the findings of the last of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from include.matching import collect_feedback
from include.reference.day import Day
from tests.support.matching import CIPHER, NOW, Feed, report
from tests.support.rows import rewrite

APPROVED = report(2, "credit_approved", amount="500")

CASES: list[tuple[list[dict[str, Any]], list[str]]] = [
    ([report(1, "received")], []),
    ([report(1, "noted")], ["hold E01 type"]),
    ([report(1, "received", need="FN202603999999")], ["hold E02 need_id"]),
    ([report(1, "received") | {"revision": 2}], ["hold E02 revision"]),
    ([report(1, "received", institution="XXX")], ["hold E02 institution_code"]),
    ([report(1, "received"), report(1, "received", green_label=True)], ["hold E03 event_id"]),
    ([report(1, "received"), report(1, "received")], []),
    ([report(1, "received"), report(1, "contacted") | {"event_id": "x"}], ["warn E04 sequence"]),
    ([report(2, "credit_approved")], ["hold E05 amount"]),
    ([report(2, "credit_approved", amount="0")], ["hold E05 amount"]),
    ([report(2, "credit_approved", amount="5,00")], ["hold E05 amount"]),
    ([APPROVED], []),
    ([report(1, "declined")], ["warn E06 reason_code"]),
    ([report(1, "declined", reason_code="R98")], ["warn E06 reason_code"]),
    ([report(1, "declined", reason_code="R01")], []),
    ([report(1, "obstructed", reason_code="R05")], ["warn E07 obstruction_id"]),
    ([report(1, "obstructed", reason_code="R05", obstruction_id="OB1")], []),
    ([report(1, "accepted"), report(2, "received")], ["warn E08 type"]),
    ([report(1, "received"), report(2, "drawn", amount="10")], []),
    ([report(-1, "received")], ["warn E09 occurred_at"]),
    ([report(0, "received")], []),
    ([report(1, "received") | {"occurred_at": (NOW + timedelta(seconds=300)).isoformat()}], []),
    (
        [report(1, "received") | {"occurred_at": (NOW + timedelta(seconds=300, milliseconds=1)).isoformat()}],
        ["warn E09 occurred_at"],
    ),
    (
        [report(2, "credit_approved", amount="500", rate=0, term_months=361)],
        ["warn E10 rate", "warn E10 term_months"],
    ),
    ([report(2, "credit_approved", amount="500", rate=15, term_months=360)], []),
    (
        [report(2, "credit_approved", amount="500", rate=15.01, term_months=0)],
        ["warn E10 rate", "warn E10 term_months"],
    ),
    ([report(2, "credit_approved", amount="0.99")], ["hold E11 amount"]),
    ([report(2, "credit_approved", amount="1")], []),
    ([report(2, "credit_approved", amount="20000")], []),
    ([report(2, "credit_approved", amount="20000.01")], ["hold E11 amount"]),
]


def found(database: sa.Engine, *events: dict[str, Any]) -> list[str]:
    """Findings of the last event, after all have come in that order."""
    with database.begin() as connection:
        rewrite(connection, sa.text("update need_version set total_investment = 2000"))
    collect_feedback(database, Feed(list(events)), cipher=CIPHER, day=Day.in_force(NOW))
    with database.connect() as connection:
        rows = connection.execute(
            sa.text("select rule_id, field, severity from event_finding where event_id = :event_id order by 1, 2"),
            {"event_id": events[-1]["event_id"]},
        )
        return [f"{row.severity} {row.rule_id} {row.field}" for row in rows]

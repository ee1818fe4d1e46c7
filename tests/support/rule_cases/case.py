"""The rules of a case and of a need's cases together: what banks report, and the alerts it raises."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.matching import watch_post_loan
from include.reference.day import Day
from tests.support.matching import Feed, alerts, collect, prepare, report, rows
from tests.support.rows import moment

APPROVED = report(1, "credit_approved", amount="500")
CONTRACTED = report(2, "contracted", amount="500")
DRAWN = report(3, "drawn", amount="500", use_of_funds="购置电炉")


def bank(code: str, *events: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """The same events, reported by another bank."""
    return [event | {"institution_code": code, "event_id": f"{code}-{event['event_id']}"} | more for event in events]


def code(value: str) -> dict[str, Any]:
    return report(1, "credit_approved", amount="500", catalogue_code=value)


SUSPICIONS: list[tuple[list[dict[str, Any]], list[str]]] = [
    ([APPROVED, CONTRACTED, DRAWN], []),
    ([APPROVED, CONTRACTED, DRAWN | {"amount": "500.01"}], ["hold G03a ICBC", "hold G03b ICBC"]),
    ([APPROVED, CONTRACTED | {"amount": "400"}, DRAWN | {"amount": "400.01"}], ["hold G03a ICBC"]),
    ([APPROVED, CONTRACTED | {"amount": "400"}, DRAWN | {"amount": "400"}], []),
    ([APPROVED, CONTRACTED | {"amount": "500.01"}], ["hold G03b ICBC"]),
    ([APPROVED, report(3, "drawn", amount="10", use_of_funds="购置电炉")], ["hold G03c ICBC"]),
    ([code("1.1.1")], []),
    ([code("2.1.1")], ["hold G04 ICBC"]),
    ([code("1.1")], ["hold G04 ICBC"]),
    ([report(3, "credit_approved", amount="500")], []),
    ([report(4, "credit_approved", amount="500")], ["hold G08b ICBC"]),
    ([report(4, "received")], []),
    ([APPROVED, CONTRACTED, DRAWN | {"use_of_funds": "归还贷款"}], ["hold G09a ICBC"]),
    ([APPROVED, CONTRACTED | {"use_of_funds": "补充流动资金"}], ["hold G09a ICBC"]),
    ([APPROVED | {"use_of_funds": "补充流动资金"}, CONTRACTED], []),
    ([APPROVED, CONTRACTED, report(3, "drawn", amount="5")], ["warn G09b ICBC"]),
    ([APPROVED | {"green_label": True}], []),
    ([report(1, "declined", reason_code="R01", green_label=True)], ["hold G17 ICBC"]),
    ([report(1, "declined", reason_code="R01", green_label=False)], []),
    ([APPROVED, report(2, "received", green_label=True, catalogue_code="9.1.1")], []),
]

# The catalogue entry that the need filed, the one that the bank reports, the alerts on a green label.
GREEN_LABELS: list[tuple[str | None, str | None, list[str]]] = [
    (None, None, ["hold G17 ICBC"]),
    (None, "2.1.1", []),
    ("1.1", None, ["hold G17 ICBC"]),
    ("1.1.2", None, []),
    ("0.1.1", "2.1.1", []),
]

# Approved, contracted and drawn by two banks (万元), the alerts.
SUMS: list[tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], list[str]]] = [
    ((600, 600), (500, 500), (), []),
    ((600, 600.01), (500, 500), (), ["warn G02b"]),
    ((600, 600), (500, 500.01), (), ["hold G02a"]),
    ((600, 600), (500, 500), (1500, 500), ["hold G03a ICBC", "hold G03b ICBC"]),
    ((600, 600), (500, 500), (1500, 500.01), ["hold G03a ABC", "hold G03a ICBC", "hold G03b ICBC", "hold G18"]),
]


def alerts_on(database: sa.Engine, events: list[dict[str, Any]]) -> list[str]:
    """The alerts that these events raise."""
    prepare(database)
    collect(database, Feed(events))
    return alerts(database)


def alerts_on_label(database: sa.Engine, filed: str | None, reported: str | None) -> list[str]:
    """The alerts on a credit with a green label."""
    prepare(database, filed)
    collect(database, Feed([APPROVED | {"green_label": True, "catalogue_code": reported}]))
    return alerts(database)


def alerts_on_sums(
    database: sa.Engine, approved: Sequence[float], contracted: Sequence[float], drawn: Sequence[float]
) -> list[str]:
    """The alerts on what two banks did for one need."""
    events: list[dict[str, Any]] = []
    for at, institution in enumerate(["ICBC", "ABC"]):
        events += bank(institution, APPROVED, amount=str(approved[at]))
        events += bank(institution, CONTRACTED, amount=str(contracted[at]))
        if drawn:
            events += bank(institution, DRAWN, amount=str(drawn[at]))
    return alerts_on(database, events)


def reports_owed(database: sa.Engine) -> list[list[str]]:
    """The reports on the use of a loan that are owed at five moments; the bank gives the first and the second one late."""
    prepare(database)
    feed = Feed([APPROVED, CONTRACTED, DRAWN])
    collect(database, feed)
    owed = [quarterly(database, moment(f"2027-{day} 12:00")) for day in ("03-31", "04-01", "07-01")]
    for sequence, reported, day in ((4, "03-31", "07-02"), (5, "06-30", "07-03")):
        feed.events.append(report(sequence, "post_loan") | {"occurred_at": f"2027-{reported}T23:00:00+08:00"})
        collect(database, feed, moment(f"2027-{day} 08:00"))
        owed.append(quarterly(database, moment(f"2027-{day} 12:00")))
    return owed


def quarterly(database: sa.Engine, now: datetime) -> list[str]:
    watch_post_loan(database, day=Day.in_force(now))
    statement = """
        select ground from alert_ground join alert using (alert_id)
        where rule_id = 'G16' and state = 'open' order by ground
    """
    return [ground for (ground,) in rows(database, statement)]

"""Held needs and the findings that hold them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.gate.consequences import hold_decide_by
from include.quarantine.opening import open_holds
from include.quarantine.view import Place
from include.reference import policy
from include.reference.calendar import china_calendar
from include.store import tables
from tests.support.clean_need import clean_need
from tests.support.rows import QUARTER, TAKEN_IN, add_need, moment, rewrite

NOW = moment("2026-10-09 15:00")
AMOUNT: Place = ("DQ37", "finance.total_investment")
SAME_CODE: Place = ("G01", "project.project_code")
REASON = "已电话核实金额单位"


def held(connection: sa.Connection, number: int, *places: Place, revision: int = 1, **changed: Any) -> str:
    """A need as the gate left it: stored, judged held with these findings, and a warning beside them."""
    identity = add_need(connection, number, revision=revision, verdict="held", **changed)
    record = clean_need(need_id=identity, revision=revision)
    del record["enterprise"]["contact"]
    version = tables.need_version.c
    rewrite(
        connection,
        tables.need_version.update()
        .where((version.need_id == identity) & (version.revision == revision))
        .values(document=json.dumps(record, ensure_ascii=False), uscc=record["enterprise"]["uscc"]),
    )
    note_findings(connection, *(places or (AMOUNT,)))
    return identity


def note_findings(connection: sa.Connection, *places: Place) -> None:
    """The findings of the judgement that was added last."""
    judged = connection.execute(
        sa.select(tables.judgement).order_by(tables.judgement.c.judgement_id.desc()).limit(1)
    ).one()
    connection.execute(
        tables.finding.insert(),
        [
            {
                "judgement_id": judged.judgement_id,
                "rule_id": rule_id,
                "field": field,
                "need_id": judged.need_id,
                "revision": judged.revision,
                "severity": "warn" if rule_id == "DQ22" else "hold",
            }
            for rule_id, field in (*places, ("DQ22", "finance.own_capital"))
        ],
    )


def open_all(connection: sa.Connection, now: datetime = TAKEN_IN) -> int:
    return open_holds(
        connection,
        quarter=QUARTER,
        department_codes=["330000"],
        now=now,
        decide_by=hold_decide_by(now, policy(), china_calendar()),
        policy=policy(),
    )

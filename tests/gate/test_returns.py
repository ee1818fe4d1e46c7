"""A need with defects goes back once, with every reason at once, in order, and the day to answer by; holds stay inside."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from include.gate.engine.judge import ruleset_version
from include.reference import policy, rules
from tests.support.clean_need import CHECKED_AT, clean_need
from tests.support.taken_in import judge, take_in

SPOILT = {
    "project.permits.land": "missing",
    "project.permits.filing": "missing",
    "enterprise.uscc": "91330100MA2TE5T014",
    "finance.term_months": 3,
    "finance.use_of_funds": "偿还银行借款和购置余热锅炉",  # a hold: told to nobody outside
    "benefit.basis": "self_estimate",  # a warning
}
BLOCKS = [
    ("DQ02", "enterprise.uscc"),
    ("DQ24", "finance.term_months"),
    ("DQ35", "project.permits.filing"),
    ("DQ35", "project.permits.land"),
]


def judged(database: sa.Engine, run_id: str, record: dict[str, Any], *, hours: int = 0) -> None:
    now = CHECKED_AT + timedelta(hours=hours)
    judge(database, take_in(database, run_id, [record], now=now), now=now)


def queued(database: sa.Engine, action: str) -> list[dict[str, Any]]:
    """The bodies of these deliveries; a push has its body only when it is sent, and gives its revision."""
    query = sa.text("select revision, body from delivery where action = :action order by delivery_id")
    with database.connect() as connection:
        found = connection.execute(query, {"action": action}).all()
    return [json.loads(row.body) if row.body else {"revision": row.revision} for row in found]


def test_a_return_carries_all_block_reasons_in_order_and_the_day_to_answer_by(database: sa.Engine) -> None:
    judged(database, "run", clean_need(SPOILT))
    (back,) = queued(database, "return")
    assert (back["need_id"], back["revision"]) == ("FN202603000001", 1)
    assert back["reasons"] == [
        {"rule_id": rule, "field": field, "message": rules()[rule].message, "how_to_fix": rules()[rule].how_to_fix}
        for rule, field in BLOCKS
    ]
    # Ten working days after Wednesday 30 September 2026: the holidays end on the 7th, the 10th is worked.
    assert back["respond_by"] == "2026-10-20"
    assert back["ruleset_version"] == ruleset_version(policy())
    assert queued(database, "push") == []


def test_a_need_is_returned_once_however_often_it_is_read(database: sa.Engine) -> None:
    for hours, run_id in enumerate(("first", "second", "third")):
        judged(database, run_id, clean_need(SPOILT), hours=hours)
    assert len(queued(database, "return")) == 1


def test_each_revision_is_judged_anew_until_one_passes(database: sa.Engine) -> None:
    judged(database, "first", clean_need(SPOILT))
    judged(database, "second", clean_need({"revision": 2, "finance.term_months": 6}), hours=1)
    judged(database, "third", clean_need({"revision": 3}), hours=2)
    returns = queued(database, "return")
    assert [(one["revision"], [reason["rule_id"] for reason in one["reasons"]]) for one in returns] == [
        (1, ["DQ02", "DQ24", "DQ35", "DQ35"]),
        (2, ["DQ24"]),
    ]
    assert [one["revision"] for one in queued(database, "push")] == [3]

"""A need with a whole life: returned, corrected, held, pushed, answered by three banks, and late."""

from __future__ import annotations

import json

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.matching import collect_feedback
from include.reference.day import Day
from include.store import tables
from tests.support.matching import CIPHER, NEED, NOW, PUSHED, Feed, prepare, report
from tests.support.rows import add_hold, add_judgement, moment, rewrite

CANARY = "13912345678"


def live(database: sa.Engine) -> None:
    """A need with two revisions, a hold, a push, reports of three banks, an alert, a breach of a limit and a mail."""
    prepare(database)
    with database.begin() as connection:
        version = sa.update(tables.need_version).where(tables.need_version.c.need_id == NEED)
        document = {
            "submitted_at": "2026-09-20T10:00:00+08:00",
            "review": {"recommended_at": "2026-09-28T16:30:00+08:00"},
            "project": {"catalogue_code": "1.1.2"},
        }
        rewrite(connection, version.values(document=json.dumps(document), project_name="电炉节能改造"))
        connection.execute(
            tables.amendment.insert(),
            [
                {
                    "need_id": NEED,
                    "revision": 1,
                    "field": field,
                    "previous_revision": 0,
                    "before": before,
                    "after": after,
                    "personal": personal,
                }
                for field, before, after, personal in (
                    ("finance.financing_need", '"1200.00"', '"1000.00"', False),
                    ("project.content", f'"联系 {CANARY}"', '"电炉改造"', False),
                    ("enterprise.contact.mobile", None, None, True),
                )
            ],
        )
        add_judgement(connection, 1, "held", ruleset_version="rules-0", judged_at=moment("2026-09-30 20:05"))
        judgement_id = connection.execute(sa.text("select max(judgement_id) from judgement")).scalar_one()
        connection.execute(
            tables.finding.insert().values(
                judgement_id=judgement_id,
                rule_id="G06b",
                field="benefit.carbon_reduction_tco2",
                need_id=NEED,
                revision=1,
                severity="hold",
            )
        )
        hold = add_hold(connection, 1, state="released", opened_at=moment("2026-09-30 20:05"))
        connection.execute(
            tables.quarantine_event.insert().values(
                quarantine_id=hold,
                kind="released",
                actor="liwei",
                role="operator",
                reason=f"已核实，电话 {CANARY}",
                at=moment("2026-10-08 08:30"),
            )
        )
        delivery_id = connection.execute(sa.text("select delivery_id from delivery where action = 'push'")).scalar_one()
        connection.execute(
            tables.delivery_attempt.insert(),
            [
                {"delivery_id": delivery_id, "kind": kind, "worker": "w", "attempted_at": PUSHED, "outcome": outcome}
                for kind, outcome in (("send", "lost_answer"), ("look_up", "found"))
            ],
        )
        audit.record(
            connection,
            act=Act(actor_id="liwei", role="operator", reason="已核实", at=NOW),
            action="alert_cleared",
            object_=NEED,
        )
    events = [
        report(1, "received"),
        report(2, "contacted", remark=CANARY),
        report(3, "credit_approved", amount="800", rate=3.45, term_months=36, green_label=True),
        report(5, "contracted", amount="800"),
        report(6, "drawn", amount="300", use_of_funds=f"偿还借款，联系 {CANARY}"),
        report(1, "received", institution="ABC"),
        report(4, "declined", institution="ABC", reason_code="R01"),
        report(2, "received", institution="CMB", revision=7) | {"revision": 7},
        report(2, "obstructed", institution="CCB", reason_code="R05", obstruction_id="OB1"),
        report(3, "drawn", institution="CCB", amount="50", use_of_funds="购置电炉"),
    ]
    collect_feedback(database, Feed(events), cipher=CIPHER, day=Day.in_force(NOW))
    with database.begin() as connection:
        connection.execute(
            tables.escalation_step.insert().values(
                need_id=NEED,
                institution_code="ABC",
                rule_id="S01",
                cause="limit@pushed-received@2026-10-08",
                step=2,
                authority="PBOC",
                state="mailed",
                due_on=moment("2026-10-13 09:00").date(),
                overdue_working_days=2,
                provisional=False,
                coordinator_id="C1",
                raised_at=moment("2026-10-15 08:30"),
            )
        )

"""History as the store tells it: over quarters, departments and revisions, as of an intake."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from include.domain.identifiers import make_uscc
from include.gate import stage as gate
from include.gate.engine.history import load_history
from include.gate.engine.judge import fingerprints
from include.reference import Policy, policy
from include.reference.day import Day
from include.store import tables
from tests.support.clean_need import clean_need, keyed_hash
from tests.support.rows import add_event, moment, need_id
from tests.support.taken_in import CIPHER, findings, judge, take_in
from tests.support.withdrawals import withdraw_by_two

NOW = moment("2026-09-30 18:00")
THEN = moment("2026-06-30 18:00")
OWN, OTHER = need_id(202603000001), need_id(202602000001)
CODE, NAME = ["DQ42 project.name"], "余热锅炉及配套发电机组改造项目"


def filed(identity: str, **changes: Any) -> dict[str, Any]:
    return clean_need({"need_id": identity}, **changes)


def before(**changes: Any) -> dict[str, Any]:
    """The same project of the same factory, filed a quarter before."""
    when = {
        "quarter": "2026Q2",
        "submitted_at": "2026-06-10T09:30:00+08:00",
        "updated_at": "2026-06-10T09:30:00+08:00",
        "review__recommended_at": "2026-06-20T09:30:00+08:00",
        "project__start_date": "2026-10-01",
        "finance__needed_by": "2026-10-15",
    }
    return filed(OTHER, **(when | changes))


def both(database: sa.Engine, other: dict[str, Any], own: dict[str, Any] | None = None) -> list[str]:
    """What is found in `own`, taken in a quarter after `other`."""
    take_in(database, "then", [other], now=THEN, quarter="2026Q2", department_code=other["department_code"])
    return found_now(database, own or filed(OWN))


def found_now(database: sa.Engine, own: dict[str, Any]) -> list[str]:
    intake_id = take_in(database, "now", [own], now=NOW)
    judge(database, intake_id, now=NOW)
    return findings(database, own["need_id"])


@pytest.mark.parametrize(
    "other",
    [
        before(),
        before(department_code="440000"),
        before(project__project_code=None, project__permits__filing="in_progress"),
    ],
)
def test_a_project_filed_again_is_found_over_quarters_and_departments(
    database: sa.Engine, other: dict[str, Any]
) -> None:
    assert both(database, other) == CODE


def test_a_project_split_in_two_under_one_code_is_found(database: sa.Engine) -> None:
    halves = [filed(OWN, project__name="余热锅炉一期改造项目"), filed(need_id(7), project__name="发电机组扩建工程")]
    intake_id = take_in(database, "now", halves, now=NOW)
    judge(database, intake_id, now=NOW)
    assert (findings(database, OWN), findings(database, need_id(7))) == (CODE, [])


@pytest.mark.parametrize(
    "changes",
    [{"quarter": "2026Q5"}, {"quarter": ["2026Q2"]}, {"submitted_at": 5}, {"enterprise__contact": "13800000000"}],
)
def test_an_unusable_value_of_another_need_stops_nothing(database: sa.Engine, changes: dict[str, Any]) -> None:
    assert both(database, before(**changes)) == ([] if "submitted_at" in changes else CODE)


def test_a_need_with_an_unusable_head_is_judged_beside_others(database: sa.Engine) -> None:
    odd = [filed(OTHER), filed(OWN) | {"need_id": ["FN"]}, filed(OWN) | {"need_id": 7}, filed(OWN) | {"revision": "2"}]
    summary = judge(database, take_in(database, "now", odd, now=NOW), now=NOW)
    assert (summary.judged, summary.passed, summary.held) == (4, 1, 3)


def test_a_need_returned_in_an_earlier_intake_is_no_longer_open(database: sa.Engine) -> None:
    first = take_in(database, "then", [before(finance__term_months=3)], now=THEN, quarter="2026Q2")
    assert judge(database, first, now=THEN).returned == 1
    assert found_now(database, filed(OWN)) == []


@pytest.mark.parametrize(
    ("spoilt", "recommended_on", "expected"),
    [
        ({"finance__term_months": 3}, "2026-10-20", []),
        ({"finance__term_months": 3}, "2026-10-21", ["DQ52 review.recommended_at"]),
        ({}, "2026-10-20", ["DQ52 review.recommended_at"]),
    ],
)
def test_what_was_returned_may_come_again_after_the_cut_off_within_the_term_of_the_return(
    database: sa.Engine, spoilt: dict[str, Any], recommended_on: str, expected: list[str]
) -> None:
    judge(database, take_in(database, "now", [filed(OWN, **spoilt)], now=NOW), now=NOW)
    again = filed(OWN, revision=2, review__recommended_at=f"{recommended_on}T17:00:00+08:00")
    later = moment("2026-10-21 18:00")
    judge(database, take_in(database, "later", [again], now=later), now=later)
    with database.connect() as connection:
        found = connection.execute(
            sa.text("select rule_id || ' ' || field from finding where revision = 2 order by 1")
        ).scalars()
        assert list(found) == expected


def test_a_need_returned_in_the_same_intake_counts_whichever_is_judged_first(database: sa.Engine) -> None:
    other = filed(OTHER, department_code="440000", submitted_at="2026-09-09T09:30:00+08:00")
    intake_id = take_in(database, "now", [other], now=NOW, department_code="440000")
    assert take_in(database, "now", [filed(OWN)], now=NOW) == intake_id
    assert judge(database, intake_id, now=NOW, department_code="440000").returned == 1
    judge(database, intake_id, now=NOW)
    assert findings(database, OWN) == CODE


@pytest.mark.parametrize(("noticed_by_this_intake", "expected"), [(True, []), (False, CODE)])
def test_a_withdrawal_counts_from_the_intake_that_noticed_it(
    database: sa.Engine, noticed_by_this_intake: bool, expected: list[str]
) -> None:
    take_in(database, "then", [before()], now=THEN, quarter="2026Q2")
    own = filed(OWN)
    this = take_in(database, "now", [own], now=NOW)
    later = take_in(database, "later", [], now=NOW) if not noticed_by_this_intake else this
    with database.begin() as connection:
        connection.execute(
            sa.insert(tables.withdrawal_notice).values(
                need_id=OTHER, revision=1, reason_code="withdrawn_by_enterprise", noticed_at=NOW, intake_id=later
            )
        )
    judge(database, this, now=NOW)
    assert findings(database, OWN) == expected


def test_a_held_need_is_open_until_a_person_returns_it(database: sa.Engine) -> None:
    held = before(project__construction_status="under_construction")
    first = take_in(database, "then", [held], now=THEN, quarter="2026Q2")
    assert judge(database, first, now=THEN).held == 1
    assert found_now(database, filed(OWN)) == CODE
    with database.begin() as connection:
        connection.execute(
            sa.text("update quarantine set state = 'returned', settled_at = :when where need_id = :need_id"),
            {"when": THEN + timedelta(days=1), "need_id": OTHER},
        )
    another = filed(need_id(9), submitted_at="2026-09-09T09:30:00+08:00")
    judge(database, take_in(database, "next", [another], now=NOW), now=NOW)
    assert findings(database, need_id(9)) == []


@pytest.mark.parametrize(
    ("quarter", "approved", "expected"), [("2025Q3", False, CODE), ("2025Q2", False, []), ("2025Q2", True, CODE)]
)
def test_a_pushed_need_is_open_until_it_expires(
    database: sa.Engine, quarter: str, approved: bool, expected: list[str]
) -> None:
    take_in(database, "then", [before(quarter=quarter)], now=THEN, quarter=quarter)
    with database.begin() as connection:
        connection.execute(
            sa.text(
                "insert into delivery (channel, action, idempotency_key, need_id, revision, body_sha256, state,"
                " created_at, next_attempt_at, settled_at)"
                " values ('market', 'push', 'k', :need_id, 1, 'x', 'delivered', :then, :then, :then)"
            ),
            {"need_id": OTHER, "then": THEN},
        )
        if approved:
            add_event(connection, 202602000001, "credit_approved", sequence=1, occurred_at=THEN)
    assert found_now(database, filed(OWN)) == expected


def test_false_information_is_remembered_of_the_enterprise(database: sa.Engine) -> None:
    take_in(database, "then", [before(project__project_code="2106-330100-04-02-999999")], now=THEN, quarter="2026Q2")
    with database.begin() as connection:
        withdraw_by_two(connection, OTHER, "false_information", at=THEN)
    assert found_now(database, filed(OWN)) == ["G14 enterprise.uscc"]
    with database.connect() as connection:
        assert connection.execute(sa.text("select verdict from judgement")).scalar_one() == "held"


def test_a_duplicate_that_we_withdrew_is_neither_compared_nor_remembered(database: sa.Engine) -> None:
    take_in(database, "then", [before()], now=THEN, quarter="2026Q2")
    with database.begin() as connection:
        withdraw_by_two(connection, OTHER, "duplicate_project", at=THEN)
    assert found_now(database, filed(OWN)) == []


def test_a_benefit_is_compared_with_the_revision_stored_before(database: sa.Engine) -> None:
    first = filed(OWN, benefit__energy_saving_tce="2000")
    judge(database, take_in(database, "first", [first], now=NOW), now=NOW)
    assert found_now(database, filed(OWN, revision=3)) == ["G12 benefit.energy_saving_tce"]


def test_the_same_revision_with_another_content_is_held(database: sa.Engine) -> None:
    judge(database, take_in(database, "first", [filed(OWN)], now=NOW), now=NOW)
    assert findings(database, OWN) == []
    assert found_now(
        database, filed(OWN, project__content="更换六台高效空压机，建设空压站群智能控制系统，配套储气设施。")
    ) == ["DQ43 revision"]


def test_three_enterprises_with_one_mobile_are_found_over_quarters(database: sa.Engine) -> None:
    other = before(enterprise__uscc=make_uscc("91330100", "MA2TE5T1"), project__project_code="2106-330100-04-02-999999")
    third = other | {
        "need_id": need_id(3),
        "enterprise": other["enterprise"] | {"uscc": make_uscc("91330100", "MA2TE5T2")},
        "project": other["project"] | {"project_code": "2106-330100-04-02-888888"},
    }
    judge(database, take_in(database, "then", [other, third], now=THEN, quarter="2026Q2"), now=THEN)
    own = filed(OWN, enterprise__contact__mobile="+86 138-0000-0000", benefit__baseline_energy_tce="30000")
    assert found_now(database, own) == ["G13 enterprise.contact.mobile", "G13 project.content"]


def test_a_department_judged_by_itself_is_compared_all_the_same(database: sa.Engine) -> None:
    take_in(database, "then", [before()], now=THEN, quarter="2026Q2")
    intake_id = take_in(database, "now", [filed(OWN)], now=NOW)
    gate.judge_departments(database, CIPHER, intake_id=intake_id, department_codes=["330000"], day=Day.in_force(NOW))
    assert findings(database, OWN) == CODE


def test_history_is_seen_as_of_the_intake(database: sa.Engine) -> None:
    own = filed(OWN)
    this = take_in(database, "now", [own], now=NOW)
    late = take_in(database, "late", [before()], now=NOW, quarter="2026Q2")
    judge(database, this, now=NOW)
    assert findings(database, OWN) == []
    with database.connect() as connection:
        seen = load_history(connection, [(OWN, 1)], intake_id=late, started_at=NOW, policy=policy())
        unseen = load_history(connection, [(OWN, 1)], intake_id=this, started_at=NOW, policy=policy())
    known = fingerprints([own], checked_at=NOW, policy=policy(), keyed_hash=keyed_hash)
    assert [history.shared("uscc", known) for history in (seen, unseen)] == [[0], []]


def test_a_departments_own_threshold_takes_effect(database: sa.Engine) -> None:
    own = Policy(policy().values, {"330000": {"unit_suspect_max": "4000"}})
    elsewhere = Policy(policy().values, {"440000": {"unit_suspect_max": "4000"}})
    intake_id = take_in(database, "now", [filed(OWN)], now=NOW)
    judge(database, intake_id, now=NOW, rules=own)
    assert findings(database, OWN) == ["DQ37 finance.total_investment"]
    judge(database, take_in(database, "again", [filed(need_id(9))], now=NOW), now=NOW, rules=elsewhere)
    assert "DQ37 finance.total_investment" not in findings(database, need_id(9))


def test_a_verdict_names_the_register_that_it_rests_on(database: sa.Engine) -> None:
    judge(database, take_in(database, "now", [filed(OWN)], now=NOW), now=NOW)
    with database.connect() as connection:
        assert connection.execute(sa.select(tables.judgement.c.register_sha256)).scalars().all() == ["all"]


def test_a_dry_run_judges_and_keeps_no_verdict(database: sa.Engine) -> None:
    intake_id = take_in(database, "dry", [filed(OWN)], now=NOW, dry_run=True)
    assert judge(database, intake_id, now=NOW).judged == 1
    with database.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.judgement)).scalar() == 0

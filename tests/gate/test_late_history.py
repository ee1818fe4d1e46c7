"""A late intake brings a need that is earlier than one judged before: held back, or an alert if it is pushed already."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from include.domain.identifiers import make_uscc
from include.gate.consequences import queue_pushes
from include.reference import policy
from tests.support.clean_need import clean_need
from tests.support.rows import let_history_be_changed, moment, need_id, release
from tests.support.taken_in import findings, judge, take_in

NOW = moment("2026-09-30 18:00")
LATER = NOW + timedelta(days=1)
JUDGED, LATE = need_id(5), need_id(2)
OTHER_CODE = "2106-330100-04-02-999999"


def filed(identity: str, **changes: Any) -> dict[str, Any]:
    return clean_need({"need_id": identity}, **changes)


def early(**changes: Any) -> dict[str, Any]:
    """The same project, submitted a day before."""
    when = {"submitted_at": "2026-09-09T09:30:00+08:00", "updated_at": "2026-09-09T10:00:00+08:00"}
    return filed(LATE, **(when | changes))


def judged_first(database: sa.Engine) -> None:
    summary = judge(database, take_in(database, "first", [filed(JUDGED)], now=NOW), now=NOW)
    assert (summary.passed, summary.queued) == (1, 1)


def late(database: sa.Engine, *records: dict[str, Any], run_id: str = "late", department_code: str = "330000") -> None:
    intake_id = take_in(database, run_id, records, now=LATER, department_code=department_code)
    judge(database, intake_id, now=LATER, department_code=department_code)


def rows(database: sa.Engine, query: str) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def pushes(database: sa.Engine) -> list[tuple[Any, ...]]:
    return rows(database, "select need_id, state, outcome from delivery where action = 'push' order by need_id")


def waiting(database: sa.Engine) -> list[tuple[Any, ...]]:
    return rows(
        database,
        "select need_id, state, rule_id, field from quarantine join quarantine_finding using (quarantine_id)"
        f" where origin = 'late_history' and need_id <> '{LATE}' order by need_id, rule_id, field",
    )


def alerts(database: sa.Engine) -> list[tuple[Any, ...]]:
    return rows(
        database,
        "select need_id, rule_id, state, count(alert_event) from alert join alert_event using (alert_id)"
        " group by alert_id order by need_id, rule_id",
    )


def test_a_push_not_tried_yet_is_held_back_and_the_need_waits_for_a_person(database: sa.Engine) -> None:
    judged_first(database)
    late(database, early())
    assert pushes(database) == [(LATE, "pending", None), (JUDGED, "superseded", "late_history")]
    assert waiting(database) == [(JUDGED, "open", "DQ42", "project.name")]
    assert rows(
        database,
        "select kind, role from quarantine_event join quarantine using (quarantine_id) where origin = 'late_history'",
    ) == [("opened", "system")]
    assert alerts(database) == []
    assert findings(database, JUDGED) == [], "a verdict once given stays as it is"


@pytest.mark.parametrize(
    "started",
    [
        "state = 'delivered', attempts = 1",
        "state = 'unknown', attempts = 1",
        "attempts = 1",
        "lease_owner = 'worker'",
    ],
)
def test_of_a_need_whose_push_was_begun_an_alert_tells_once(database: sa.Engine, started: str) -> None:
    judged_first(database)
    with database.begin() as connection:
        connection.execute(sa.text(f"update delivery set {started}"))
    late(database, early())
    late(database, early(revision=2, submitted_at="2026-09-09T09:30:00+08:00"), run_id="later still")
    assert alerts(database) == [(JUDGED, "DQ42", "open", 1)]
    assert waiting(database) == []
    assert next(push for push in pushes(database) if push[0] == JUDGED)[1] != "superseded"


@pytest.mark.parametrize(
    "changes",
    [
        {"project__project_code": OTHER_CODE},
        {"submitted_at": "2026-09-10T09:31:00+08:00", "updated_at": "2026-09-10T10:00:00+08:00"},
    ],
)
def test_a_need_that_is_another_project_or_later_changes_nothing(database: sa.Engine, changes: dict[str, Any]) -> None:
    judged_first(database)
    late(database, early(**changes))
    assert (waiting(database), alerts(database)) == ([], [])
    assert (JUDGED, "pending", None) in pushes(database)


def test_the_same_code_of_another_enterprise_in_another_department_is_found_late(database: sa.Engine) -> None:
    judged_first(database)
    other = {"enterprise__uscc": make_uscc("91330100", "MA2TE5T1"), "department_code": "440000"}
    late(database, early(**other), department_code="440000")
    assert waiting(database) == [(JUDGED, "open", "G01", "project.project_code")]


def test_the_third_enterprise_that_files_alike_may_come_late(database: sa.Engine) -> None:
    def alike(identity: str, body: str, code: str) -> dict[str, Any]:
        return filed(
            identity,
            enterprise__uscc=make_uscc("91330100", body),
            enterprise__contact__mobile="13900000001",
            benefit__baseline_energy_tce="30000",
            project__project_code=code,
            submitted_at="2026-09-09T09:30:00+08:00",
        )

    second = alike(need_id(3), "MA2TE5T1", OTHER_CODE)
    judge(database, take_in(database, "first", [filed(JUDGED), second], now=NOW), now=NOW)
    assert findings(database, JUDGED) == []
    late(database, alike(LATE, "MA2TE5T2", "2106-330100-04-02-888888"))
    assert waiting(database) == [
        (identity, "open", "G13", field)
        for identity, fields in (
            (need_id(3), ()),
            (JUDGED, ("project.content",)),
        )
        for field in fields
    ]


def test_a_department_read_late_in_the_same_intake_counts_too(database: sa.Engine) -> None:
    judged_first(database)
    late(database, early(department_code="440000"), run_id="first", department_code="440000")
    assert waiting(database) == [(JUDGED, "open", "DQ42", "project.name")]


def test_a_need_first_seen_in_a_dry_run_is_late_when_it_is_judged(database: sa.Engine) -> None:
    judged_first(database)
    dry = take_in(database, "dry", [early()], now=LATER, dry_run=True)
    judge(database, dry, now=LATER)
    assert waiting(database) == []
    late(database, early())
    assert waiting(database) == [(JUDGED, "open", "DQ42", "project.name")]


def _returned(connection: sa.Connection) -> None:
    let_history_be_changed(connection)
    connection.execute(sa.text("update judgement set verdict = 'returned'"))


def _withdrawn(connection: sa.Connection) -> None:
    connection.execute(
        sa.text(
            "insert into withdrawal_notice (need_id, revision, reason_code, noticed_at)"
            f" values ('{JUDGED}', 1, 'withdrawn_by_enterprise', '2026-09-30')"
        )
    )


def _judged_under_other_rules(connection: sa.Connection) -> None:
    let_history_be_changed(connection)
    connection.execute(sa.text("update judgement set ruleset_version = 'older'"))


@pytest.mark.parametrize("settled", [_returned, _withdrawn, _judged_under_other_rules])
def test_what_is_returned_withdrawn_or_of_other_rules_is_left_alone(
    database: sa.Engine, settled: Callable[[sa.Connection], None]
) -> None:
    judged_first(database)
    with database.begin() as connection:
        settled(connection)
    late(database, early())
    assert (waiting(database), alerts(database)) == ([], [])


def test_a_need_that_a_person_lets_go_is_pushed_after_all_and_not_held_again(database: sa.Engine) -> None:
    judged_first(database)
    late(database, early())
    with database.begin() as connection:
        release(connection, connection.execute(sa.text("select quarantine_id from quarantine")).scalar_one(), LATER)
        assert queue_pushes(connection, [(JUDGED, 1)], LATER, policy()) == 1
        assert queue_pushes(connection, [(JUDGED, 1)], LATER, policy()) == 0
    assert (JUDGED, "pending", None) in pushes(database)
    late(database, early(revision=2), run_id="later still")
    assert (JUDGED, "pending", None) in pushes(database)
    assert waiting(database) == [(JUDGED, "released", "DQ42", "project.name")]

"""What reports of banks give away, case by case and over all cases of a need; each rule with its nearest clean case.

The need asks for 1,000 万元 of a total of 2,000, of which 800 are its own; its factory is on the list from 2020 to 2026-10-12.
"""

from __future__ import annotations

import random
from typing import Any, Literal

import pytest
import sqlalchemy as sa

from include.alerts.settling import settle_alert
from include.base.act import Act
from include.store import tables
from tests.support.matching import (
    NEED,
    NOW,
    Feed,
    alerts,
    collect,
    derived,
    opened,
    prepare,
    report,
    rows,
)
from tests.support.rows import let_history_be_changed, moment, rewrite
from tests.support.rule_cases.case import (
    APPROVED,
    CONTRACTED,
    DRAWN,
    GREEN_LABELS,
    SUMS,
    SUSPICIONS,
    alerts_on,
    alerts_on_label,
    alerts_on_sums,
    bank,
    code,
    quarterly,
    reports_owed,
)


@pytest.mark.parametrize(("events", "expected"), SUSPICIONS)
def test_each_suspicion_of_a_case_is_an_alert(
    database: sa.Engine, events: list[dict[str, Any]], expected: list[str]
) -> None:
    assert alerts_on(database, events) == expected


@pytest.mark.parametrize(("filed", "reported", "expected"), GREEN_LABELS)
def test_a_green_label_rests_on_a_catalogue_entry_of_the_bank_or_of_the_need(
    database: sa.Engine, filed: str | None, reported: str | None, expected: list[str]
) -> None:
    assert alerts_on_label(database, filed, reported) == expected


@pytest.mark.parametrize(("approved", "contracted", "drawn", "expected"), SUMS)
def test_the_sums_over_all_banks_are_held_against_the_need(
    database: sa.Engine, approved: Any, contracted: Any, drawn: Any, expected: list[str]
) -> None:
    assert alerts_on_sums(database, approved, contracted, drawn) == expected


# --- Life of an alert ------------------------------------------------------------------------------------------------------


def history(database: sa.Engine, rule_id: str) -> list[tuple[str, str]]:
    statement = """
        select kind, reason from alert_event join alert using (alert_id) where rule_id = :rule order by event_id
    """
    return rows(database, statement, rule=rule_id)  # type: ignore[return-value]


def settle(database: sa.Engine, state: Literal["cleared", "confirmed"]) -> None:
    for actor in ("wang", "li"):
        with database.begin() as connection:
            for alert_id in connection.execute(sa.select(tables.alert.c.alert_id).filter_by(state="open")).scalars():
                settle_alert(
                    connection,
                    alert_id,
                    decision=state,
                    act=Act(actor_id=actor, role="operator", reason="已向银行核实", at=NOW),
                )


UNCOVERED = report(3, "drawn", amount="10", use_of_funds="购置电炉")


def test_a_late_contract_closes_the_alert_on_a_draw_before_it(database: sa.Engine) -> None:
    prepare(database)
    collect(database, Feed([APPROVED, UNCOVERED]))
    collect(database, Feed([APPROVED, UNCOVERED, CONTRACTED]))
    assert alerts(database) == []
    ground = f"反馈 {UNCOVERED['event_id']}"
    assert history(database, "G03c") == [
        ("opened", ground),
        ("closed", f"补充反馈后该情形已不成立：{ground}"),
    ]


def test_later_events_are_added_to_the_alert_they_belong_to(database: sa.Engine) -> None:
    prepare(database)
    second = report(4, "drawn", amount="10", use_of_funds="购置电炉")
    collect(database, Feed([APPROVED, UNCOVERED]))
    collect(database, Feed([APPROVED, UNCOVERED, second, second]))
    assert alerts(database) == ["hold G03c ICBC"]
    assert [kind for kind, _ in history(database, "G03c")] == ["opened", "repeated"]


@pytest.mark.parametrize(
    ("settled", "then", "kinds"),
    [("cleared", "open", ["opened", "opened"]), ("confirmed", "confirmed", ["opened", "repeated"])],
)
def test_what_a_person_could_not_have_looked_at_opens_a_cleared_alert_again(
    database: sa.Engine, settled: str, then: str, kinds: list[str]
) -> None:
    prepare(database)
    feed = Feed([APPROVED, UNCOVERED])
    collect(database, feed)
    settle(database, settled)
    feed.events.append(report(3, "received"))
    collect(database, feed)
    assert rows(database, "select state from alert") == [(settled,)], "nothing new to look at"
    feed.events.append(report(4, "drawn", amount="10", use_of_funds="购置电炉"))
    collect(database, feed)
    assert rows(database, "select state from alert") == [(then,)]
    persons = {"clear_agreed", "confirm_agreed", "cleared", "confirmed"}
    assert [kind for kind, _ in history(database, "G03c") if kind not in persons] == kinds


EVERYTHING = [
    *[APPROVED, CONTRACTED | {"amount": "900"}, DRAWN | {"amount": "950"}, code("2.1.1") | {"event_id": "again"}],
    *[report(4, "drawn", amount="60", use_of_funds="还贷"), report(5, "post_loan", use_of_funds="理财")],
    *bank("ABC", APPROVED, report(2, "drawn", amount="7"), DRAWN, report(5, "contracted", amount="600")),
    *bank(
        "CMB",
        report(1, "declined", green_label=True),
        report(2, "contacted"),
        report(3, "obstructed", reason_code="R05"),
    ),
]


@pytest.mark.parametrize("seed", range(4))
def test_alerts_and_cases_do_not_depend_on_how_the_feed_is_cut_repeated_or_shuffled(
    database: sa.Engine, seed: int
) -> None:
    prepare(database)
    collect(database, Feed(EVERYTHING))

    def outcome() -> Any:
        grounds = "select rule_id, need_id, institution_code, ground from alert join alert_ground using (alert_id)"
        return alerts(database), sorted(rows(database, grounds)), derived(database)

    at_once = outcome()
    assert len(at_once[0]) > 5
    with database.begin() as connection:
        let_history_be_changed(connection)
        for table in (
            "feedback_event",
            "feedback_cursor",
            "matching_case",
            "case_clock",
            "alert_event",
            "alert_ground",
        ):
            connection.execute(sa.text(f"delete from {table}"))
        connection.execute(sa.text("delete from alert"))
        rewrite(connection, sa.text("delete from delivery where action = 'progress'"))
        connection.execute(sa.text("update delivery set matched = false"))
    opened(database)
    chance = random.Random(seed)
    shuffled = [event for event in EVERYTHING for _ in range(chance.randint(1, 3))]
    chance.shuffle(shuffled)
    feed = Feed([])
    while shuffled:
        feed.events += [shuffled.pop() for _ in range(min(len(shuffled), chance.randint(1, 5)))]
        collect(database, feed)
    assert outcome() == at_once


# --- Use of funds, quarter by quarter (G16) -----------------------------------------------------------------------------------


def test_each_full_quarter_after_the_first_draw_needs_a_report(database: sa.Engine) -> None:
    assert reports_owed(database) == [[], ["ICBC 2027Q1"], ["ICBC 2027Q1", "ICBC 2027Q2"], ["ICBC 2027Q2"], []]
    assert [kind for kind, _ in history(database, "G16")] == ["opened", "repeated", "closed"]
    assert rows(database, "select need_id, institution_code from alert where rule_id = 'G16'") == [(NEED, "")]


def test_a_case_that_was_closed_owes_no_more_reports(database: sa.Engine) -> None:
    prepare(database)
    collect(database, Feed([APPROVED, CONTRACTED, DRAWN, report(4, "closed", reason_code="R99")]))
    assert quarterly(database, moment("2027-07-01 12:00")) == []

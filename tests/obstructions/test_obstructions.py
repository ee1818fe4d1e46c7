"""Tickets on a real database: they follow what institutions report, and every change is answered once."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from include import audit, obstructions
from include.base.act import Act
from include.base.errors import InvalidRequest
from include.domain.states import TicketAct
from include.reference import playbooks, reason_codes
from include.reference.day import Day
from include.store import tables
from tests.support.obstructions import NOW, advance, answers, obstructed
from tests.support.rows import add_event, add_withdrawal, moment, rewrite


def act(
    engine: sa.Engine, what: TicketAct, *, note: str = "已联系银行和企业", ticket_id: int = 1, now: datetime = NOW
) -> int:
    with engine.begin() as connection:
        return obstructions.work_on(
            connection,
            ticket_id,
            what,
            act=Act(actor_id="li", role="operator", reason=note, at=now),
            day=Day.in_force(now),
        )


def states(engine: sa.Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        ticket = tables.obstruction_ticket.c
        return list(connection.execute(sa.select(ticket.state, ticket.level).order_by(ticket.ticket_id)).tuples())


def clear(engine: sa.Engine, institution: str = "ICBC") -> None:
    with engine.begin() as connection:
        case = tables.matching_case
        connection.execute(
            sa.update(case).where(case.c.institution_code == institution).values(open_obstructions=[], paused=False)
        )


def test_an_obstruction_opens_one_ticket_however_often_it_is_looked_at(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
    assert advance(database) == {"opened": 1}
    assert advance(database) == {}
    assert states(database) == [("open", "city")]
    assert answers(database) == []


def test_each_act_is_answered_to_the_bank_once_with_authority_and_level(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
    advance(database)
    for what in ("acknowledged", "in_progress", "resolved"):
        assert act(database, what) == 1
    assert [(one["status"], one["authority"], one["level"]) for one in answers(database)] == [
        ("acknowledged", "MIIT", "city"),
        ("in_progress", "MIIT", "city"),
        ("resolved", "MIIT", "city"),
    ]
    with database.connect() as connection:
        assert audit.verify(connection) is None
        actions = connection.execute(sa.select(tables.audit_entry.c.action)).scalars().all()
    assert actions == ["obstruction_acknowledged", "obstruction_in_progress", "obstruction_resolved"]


def test_tickets_of_one_cause_are_worked_as_one_and_answered_each_under_its_own_id(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
        obstructed(connection, "CCB", number="OB2")
        obstructed(connection, "ABC", number="OB3", reason="R06")
    advance(database)
    assert act(database, "acknowledged", ticket_id=_ticket_of(database, "OB1")) == 2
    assert sorted(one["obstruction_id"] for one in answers(database)) == ["OB1", "OB2"]
    assert sorted(state for state, _ in states(database)) == ["acknowledged", "acknowledged", "open"]


def test_a_bank_that_reports_a_cause_already_worked_on_joins_it_and_hears_so_at_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
    advance(database)
    act(database, "in_progress")
    advance(database, moment("2026-10-26 08:30"))  # over its resolution clock: now at the province
    act(database, "acknowledged", now=moment("2026-10-26 09:00"))
    with database.begin() as connection:
        obstructed(connection, "CCB", number="OB2")
    assert advance(database, moment("2026-10-27 08:30")) == {"opened": 1}
    assert states(database) == [("acknowledged", "province")] * 2
    assert clocks(database) == {("2026-10-26", None, "2026-11-09")}
    assert (answers(database)[-1]["obstruction_id"], answers(database)[-1]["status"]) == ("OB2", "acknowledged")
    assert advance(database, moment("2026-11-10 08:30")) == {"climbed": 2}, "by the same day"


def test_a_bank_that_reports_another_cause_starts_a_ticket_of_its_own(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
    advance(database)
    act(database, "in_progress")
    with database.begin() as connection:
        obstructed(connection, "CCB", number="OB2", reason="R06")
    advance(database, moment("2026-10-12 08:30"))
    assert [state for state, _ in states(database)] == ["in_progress", "open"]


def test_nothing_joins_a_ticket_that_has_come_to_its_end(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
    advance(database)
    act(database, "in_progress")
    clear(database)
    with database.begin() as connection:
        obstructed(connection, "CCB", number="OB2")
    assert advance(database, moment("2026-10-12 08:30")) == {"verified": 1, "opened": 1}
    assert [state for state, _ in states(database)] == ["verified", "open"]


def test_a_reopened_ticket_joins_the_others_of_its_cause(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
        obstructed(connection, "CCB", number="OB2")
    advance(database)
    clear(database, "CCB")
    advance(database, moment("2026-10-09 15:00"))
    act(database, "in_progress", ticket_id=_ticket_of(database, "OB1"))
    with database.begin() as connection:
        case = tables.matching_case
        standing = [{"obstruction_id": "OB2", "opened_on": "2026-10-12", "reason_code": "R04"}]
        connection.execute(
            sa.update(case).where(case.c.institution_code == "CCB").values(open_obstructions=standing, paused=True)
        )
    assert advance(database, moment("2026-10-12 09:00")) == {"reopened": 1}
    assert [state for state, _ in states(database)] == ["in_progress", "in_progress"]
    assert len(clocks(database)) == 1


def clocks(engine: sa.Engine) -> set[tuple[str | None, ...]]:
    """(level_since, acknowledge_by, resolve_by) over all tickets."""
    ticket = tables.obstruction_ticket.c
    with engine.connect() as connection:
        rows = connection.execute(sa.select(ticket.level_since, ticket.acknowledge_by, ticket.resolve_by))
        return {tuple(day and str(day) for day in row) for row in rows}


def test_one_authority_leads_at_the_ticket_s_level_and_the_other_one_works_with_it(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection, reason="R12")
        city_pboc = (tables.coordinator.c.authority == "PBOC") & (tables.coordinator.c.level == "city")
        connection.execute(sa.update(tables.coordinator).where(city_pboc).values(on_duty=False))
    advance(database)
    with database.connect() as connection:
        found, _, _ = obstructions.ticket(connection, 1)
        both = obstructions.responsible(connection, found)
    told = [(one.authority, one.leads, one.assignment.coordinator and one.assignment.coordinator.level) for one in both]
    assert told == [("PBOC", True, "province"), ("MIIT", False, "city")], "a vacant post is filled by the next level up"


def letter(code: str, **changes: Any) -> str:
    facts: dict[str, Any] = {
        "need_id": "FN000000000001",
        "company": "青禾精密铸造有限公司",
        "banks": ["中国工商银行", "中国建设银行"],
        "answer_by": date(2026, 10, 26),
        "today": date(2026, 10, 12),
        "sender": "浙江省经济和信息化厅",
    }
    return obstructions.letter(
        playbooks()[code], reason_codes()[code], obstructions.LetterFacts(**{**facts, **changes})
    )


@pytest.mark.parametrize("code", sorted(reason_codes()))
def test_every_cause_has_steps_and_a_letter_that_leaves_the_decision_to_the_bank(code: str) -> None:
    playbook = playbooks()[code]
    assert playbook.steps and all(step.strip() and not step.endswith("。") for step in playbook.steps)
    text = letter(code)
    for told in ("FN000000000001", reason_codes()[code].name, "2026年10月26日前", "自主评估", "中国建设银行"):
        assert told in text
    assert text.endswith("\n\n浙江省经济和信息化厅\n2026年10月12日")
    assert not [word for word in ("必须放款", "应当授信", "务必", "None", "。。") if word in text]


def test_a_letter_about_permits_goes_to_those_who_grant_them() -> None:
    text = letter("R06", banks=["中国工商银行"], answer_by=None)
    assert text.startswith("项目审批有关部门：\n中国工商银行反馈，青禾精密铸造有限公司的绿色工厂融资需求")


def test_a_letter_never_sets_a_day_that_has_passed() -> None:
    text = letter("R06", today=date(2026, 12, 8))
    assert "10月26日" not in text and "尽快告知进展" in text


def test_a_letter_names_the_support_tools_in_force_on_its_day() -> None:
    assert "民间投资专项担保计划（财金〔2026〕6号，至2027年12月31日）" in letter("R04")
    assert "支持政策" not in letter("R04", today=date(2028, 1, 3)) and "支持政策" not in letter("R06")


def _ticket_of(engine: sa.Engine, obstruction_id: str) -> int:
    ticket = tables.obstruction_ticket.c
    with engine.connect() as connection:
        chosen = sa.select(ticket.ticket_id).where(ticket.obstruction_id == obstruction_id)
        return int(connection.execute(chosen).scalar_one())


def test_what_is_not_dealt_with_climbs_to_the_nation_and_stays_there_overdue(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
    advance(database)
    seen = []
    for day in ("2026-10-13", "2026-10-16", "2026-10-21", "2026-10-22"):
        seen.append((advance(database, moment(f"{day} 08:30")), states(database)[0][1]))
    assert seen == [
        ({"climbed": 1}, "province"),
        ({"climbed": 1}, "nation"),
        ({"overdue": 1}, "nation"),
        ({}, "nation"),
    ]
    assert answers(database) == [], "nobody took it on, and the contract has no other word"


def test_the_bank_hears_of_a_climb_only_of_a_ticket_that_somebody_took_on(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
    advance(database)
    act(database, "acknowledged", now=moment("2026-10-09 15:00"))
    assert advance(database, moment("2026-10-26 08:30")) == {"climbed": 1}, "acknowledged, and not resolved"
    assert advance(database, moment("2026-10-29 08:30")) == {"climbed": 1}, "not acknowledged by the province"
    act(database, "in_progress", now=moment("2026-10-29 09:00"))
    assert [(one["status"], one["level"]) for one in answers(database)] == [
        ("acknowledged", "city"),
        ("acknowledged", "province"),
        ("in_progress", "nation"),
    ]


def test_the_bank_ends_a_ticket_and_may_report_it_again(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
    advance(database)
    act(database, "resolved")
    clear(database)
    assert advance(database) == {"verified": 1}
    assert advance(database) == {}
    with database.begin() as connection:
        standing = [{"obstruction_id": "OB1", "opened_on": "2026-11-02", "reason_code": "R04"}]
        connection.execute(sa.update(tables.matching_case).values(open_obstructions=standing))
    assert advance(database, moment("2026-11-02 09:00")) == {"reopened": 1}
    assert states(database) == [("open", "city")]


def test_what_was_resolved_and_is_reported_once_more_stands_again(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
    advance(database)
    act(database, "resolved")
    assert advance(database) == {}
    with database.begin() as connection:
        add_event(connection, 1, "obstructed", sequence=2, reason_code="R04", obstruction_id="OB1")
        event = tables.feedback_event
        later = moment("2026-10-12 09:00")
        rewrite(connection, sa.update(event).where(event.c.sequence == 2).values(received_at=later))
    assert advance(database, moment("2026-10-12 09:15")) == {"reopened": 1}


def test_a_withdrawn_need_needs_no_coordination_any_more(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
    advance(database)
    with database.begin() as connection:
        add_withdrawal(connection, 1)
    assert advance(database) == {"verified": 1}


def test_an_obstruction_that_the_case_path_refused_opens_no_ticket(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
        event_id = connection.execute(sa.select(tables.feedback_event.c.event_id)).scalar_one()
        connection.execute(
            sa.update(tables.matching_case).values(
                state="closed", open_obstructions=[], anomalies=[{"event_id": event_id, "reason": "E08"}]
            )
        )
    assert advance(database) == {}


def test_an_obstruction_without_an_id_is_worked_on_but_cannot_be_answered(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
        rewrite(connection, sa.update(tables.feedback_event).values(obstruction_id=None))
        need_id = connection.execute(sa.select(tables.feedback_event.c.need_id)).scalar_one()
        standing = [{"obstruction_id": f"{need_id}/ICBC", "opened_on": "2026-10-09", "reason_code": "R04"}]
        connection.execute(sa.update(tables.matching_case).values(open_obstructions=standing))
    assert advance(database) == {"opened": 1}
    act(database, "acknowledged")
    assert answers(database) == []


def test_an_act_that_is_not_possible_or_not_signed_changes_nothing(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
    advance(database)
    for what, note, ticket_id in (
        ("unresolvable", "无法解决此问题", 1),
        ("resolved", "好", 1),
        ("resolved", "已落实担保", 99),
    ):
        with pytest.raises(InvalidRequest):
            act(database, what, note=note, ticket_id=ticket_id)
    assert states(database) == [("open", "city")]


def test_telephone_numbers_in_a_note_do_not_leave(database: sa.Engine) -> None:
    with database.begin() as connection:
        obstructed(connection)
    advance(database)
    act(database, "acknowledged", note="请联系王工13912345678")
    assert "139" not in answers(database)[0]["note"]

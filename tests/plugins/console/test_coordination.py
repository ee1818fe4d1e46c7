"""Coordinators with an account, and operators who note for them: the same acts in the console, in their own scope."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from include.store import tables
from include.words.names import post_label
from tests.support.console import SAME_ORIGIN, Browser, Console
from tests.support.coordination import WHO, fill, finish, reported
from tests.support.obstructions import answers
from tests.support.rows import TAKEN_IN, add_case, need_id, set_grant

NEED = f"/green-finance/needs/{need_id(1)}"
LABEL = post_label("PBOC", "city", "330100")  # type: ignore[arg-type]


@pytest.fixture
def filled(console: Console, database: sa.Engine) -> Console:
    """A need on which coordinators can act; `chen` is the account of one."""
    fill(database)
    with database.begin() as connection:
        set_grant(connection, "chen", roles=[], by="root", now=TAKEN_IN, coordinator_id=WHO)
        set_grant(connection, "far", roles=[], by="root", now=TAKEN_IN, coordinator_id="PBOC-elsewhere")
        connection.execute(
            tables.coordinator.insert().values(
                coordinator_id="PBOC-elsewhere",
                position=99,
                authority="PBOC",
                level="city",
                region_code="330200",
                role="融资协调岗",
                email="far@example.test",
                on_duty=True,
            )
        )
    return console


def _report(browser: Browser, what: str = "contacted", subject: str = "case|ICBC|", **form: Any) -> Any:
    sent = {"need_id": need_id(1), "subject": subject, "what": what, "remark": "已与银行沟通", **form}
    return browser.post("/green-finance/coordination", data=sent, headers=SAME_ORIGIN)


def test_a_coordinator_reports_in_the_console_as_he_does_by_a_link(filled: Console, database: sa.Engine) -> None:
    browser = filled.log_in("chen", "viewer")
    assert LABEL in browser.get(NEED).text and "反馈办理情况" in browser.get(NEED).text
    done = _report(browser, "taken_on", "obstruction|CCB|OB1", ticket_id="1")
    assert (done.status_code, done.headers["location"]) == (303, "obstructions/1")
    assert _report(browser).headers["location"] == f"needs/{need_id(1)}"
    assert [(act, who) for act, who, _ in reported(database)] == [("taken_on", WHO), ("contacted", WHO)]
    assert [one["status"] for one in answers(database)] == ["acknowledged"]
    with database.connect() as connection:
        who = sa.select(tables.coordinator_act.c.actor, tables.coordinator_act.c.role).distinct()
        assert connection.execute(who).all() == [("chen", "coordinator")]


def test_an_operator_notes_what_a_coordinator_told_him(filled: Console, database: sa.Engine) -> None:
    browser = filled.log_in("li", "op")
    assert "记录联系情况" in browser.get(NEED).text
    assert _report(browser).status_code == 400, "whose report?"
    assert _report(browser, coordinator_id="MIIT-city", remark="电话告知：下周走访").status_code == 303
    assert [who for _, who, _ in reported(database)] == ["MIIT-city"]
    page = browser.get(NEED).text
    assert "电话告知：下周走访" in page and "li 代为记录" in page


def test_nobody_reports_outside_his_region_or_off_duty(filled: Console, database: sa.Engine) -> None:
    far = filled.log_in("far", "viewer")
    assert "反馈办理情况" not in far.get(NEED).text
    answer = _report(far)
    assert (answer.status_code, "协调范围" in answer.text) == (403, True)
    with database.begin() as connection:
        connection.execute(sa.update(tables.coordinator).values(on_duty=False))
    answer = _report(filled.log_in("chen", "viewer"))
    assert (answer.status_code, "在岗名单" in answer.text) == (403, True)
    assert reported(database) == []


def test_a_coordinator_cannot_report_in_another_s_name(filled: Console, database: sa.Engine) -> None:
    assert _report(filled.log_in("chen", "viewer"), coordinator_id="MIIT-city").status_code == 303
    assert [who for _, who, _ in reported(database)] == [WHO]


def test_a_viewer_sees_the_reports_and_has_no_form(filled: Console, database: sa.Engine) -> None:
    _report(filled.log_in("chen", "viewer"), remark="企业已补齐材料")
    viewer = filled.log_in("wang", "viewer")
    page = viewer.get(NEED).text
    assert "企业已补齐材料" in page and 'action="../coordination"' not in page
    assert _report(viewer).status_code == 403


def test_the_form_is_gone_once_everything_is_over(filled: Console, database: sa.Engine) -> None:
    from include.domain.states import LinkKind

    for kind in (LinkKind.OBSTRUCTION, LinkKind.NEED):
        finish(database, kind)
    assert "反馈办理情况" not in filled.log_in("chen", "viewer").get(NEED).text
    answer = _report(filled.log_in("chen", "viewer"))
    assert (answer.status_code, "无需再办理" in answer.text) == (400, True)


def test_a_confined_coordinator_acts_within_his_departments_only(filled: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        set_grant(connection, "chen", roles=[], departments=["320000"], by="root", now=TAKEN_IN, coordinator_id=WHO)
    assert _report(filled.log_in("chen", "viewer")).status_code == 404
    with database.begin() as connection:
        set_grant(connection, "chen", roles=[], departments=["330000"], by="root", now=TAKEN_IN, coordinator_id=WHO)
    browser = filled.log_in("chen", "viewer")
    for what, subject in (("contacted", "obstruction|CCB|OB1"), ("contacted", "case|ICBC|"), ("settled", "need||")):
        assert _report(browser, what, subject).status_code == 303
    assert _report(browser, "handed_over", handed_to="MIIT-city").status_code == 303
    assert _report(browser, "needs_time", working_days="3").status_code == 303
    assert len(reported(database)) == 5


@pytest.mark.parametrize(
    "form", [{"subject": ""}, {"subject": "everything||"}, {"subject": "case|<b>|"}, {"what": "no"}, {"need_id": "FN9"}]
)
def test_a_subject_that_is_none_is_refused_in_words(filled: Console, database: sa.Engine, form: dict[str, str]) -> None:
    answer = _report(filled.log_in("chen", "viewer"), **form)
    assert answer.status_code in (400, 404) and "处理办法" in answer.text and "<b>" not in answer.text
    assert reported(database) == []


def test_an_administrator_ties_an_account_to_a_post_of_the_roster(filled: Console, database: sa.Engine) -> None:
    browser = filled.log_in("root", "admin")
    form = {"person": "zhou", "reason": "任杭州协调人", "coordinator_id": "MIIT-city"}
    assert browser.post("/green-finance/grants", data=form, headers=SAME_ORIGIN).status_code == 303
    assert post_label("MIIT", "city", "330100") in browser.get("/green-finance/grants").text  # type: ignore[arg-type]
    assert _report(filled.log_in("zhou", "viewer")).status_code == 303
    unknown = {**form, "coordinator_id": "nobody"}
    answer = filled.log_in("root", "admin").post("/green-finance/grants", data=unknown, headers=SAME_ORIGIN)
    assert (answer.status_code, "不在名册内" in answer.text) == (400, True)


def test_the_form_names_every_open_subject_once(filled: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        add_case(connection, 1, "ABC", state="closed")
    page = filled.log_in("li", "op").get(NEED).text
    for value in ("obstruction|CCB|OB1", "case|ICBC|", "case|CCB|", "need||"):
        assert page.count(f'value="{value}"') == 1
    assert "case|ABC|" not in page


def test_the_page_of_stalled_needs_leads_who_may_report_to_the_form(filled: Console, database: sa.Engine) -> None:
    from tests.support.escalation import run

    run(database, "2026-10-20 08:30")
    leads = f'href="needs/{need_id(1)}#coordinate"'
    for name, role, may in (("chen", "viewer", True), ("li", "op", True), ("wang", "viewer", False)):
        page = filled.log_in(name, role).get("/green-finance/escalations").text
        assert need_id(1) in page and (leads in page) == may

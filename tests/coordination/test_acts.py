"""What coordinators report, and what follows from it: every act on every subject, open and over."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from include import audit, escalation
from include.action_links import tokens
from include.action_links.tokens import ACTS_ON
from include.base.errors import InvalidRequest, NotFound, NotPermitted
from include.delivery.mail_message import message_id
from include.domain.states import CoordinatorAct, LinkKind
from include.store import tables
from tests.support.coordination import (
    DAY,
    KEY,
    MAIL,
    NOW,
    SUBJECTS,
    WHO,
    add_mail,
    claims,
    finish,
    report,
    reported,
    withdraw,
)
from tests.support.escalation import bodies, run
from tests.support.obstructions import answers
from tests.support.rows import moment, need_id

NATION = "PBOC-nation"
ACTS = list(CoordinatorAct)
KINDS = list(LinkKind)
EVERY = [(kind, act) for kind in KINDS for act in ACTS]


def _state_of_ticket(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(sa.select(tables.obstruction_ticket.c.state)).scalar_one())


def _requests(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(tables.deadline_extension)).scalar_one())


@pytest.mark.parametrize(("kind", "act"), EVERY, ids=[f"{kind}-{act}" for kind, act in EVERY])
def test_every_act_on_every_subject_is_recorded_where_it_is_possible_and_refused_elsewhere(
    console_database: sa.Engine, database: sa.Engine, kind: LinkKind, act: CoordinatorAct
) -> None:
    possible = act in ACTS_ON[kind] and act is not CoordinatorAct.UNRESOLVABLE  # the ticket is not at the nation
    if possible:
        assert report(console_database, claims(kind), act).new
    else:
        with pytest.raises((InvalidRequest, NotPermitted)):
            report(console_database, claims(kind), act)
    assert [one[:2] for one in reported(console_database)] == ([(act, WHO)] if possible else [])
    at_work = {"taken_on": "acknowledged", "contacted": "in_progress", "settled": "resolved"}
    ticket = at_work.get(act, "open") if kind is LinkKind.OBSTRUCTION else "open"
    assert _state_of_ticket(database) == ticket
    assert [one["status"] for one in answers(database)] == ([] if ticket == "open" else [ticket])
    assert _requests(database) == (kind is LinkKind.CASE and act is CoordinatorAct.NEEDS_TIME)
    handed = [one["to"] for one in bodies(database, "handover:")]
    assert handed == ([["miit.city@example.test"]] if act is CoordinatorAct.HANDED_OVER else [])
    with database.connect() as connection:
        assert audit.verify(connection) is None


@pytest.mark.parametrize(("kind", "act"), EVERY, ids=[f"{kind}-{act}" for kind, act in EVERY])
def test_what_is_over_is_refused_with_the_reason_and_leaves_nothing(
    console_database: sa.Engine, database: sa.Engine, kind: LinkKind, act: CoordinatorAct
) -> None:
    finish(database, kind)
    with pytest.raises((InvalidRequest, NotPermitted)) as refused:
        report(console_database, claims(kind), act)
    if isinstance(refused.value, InvalidRequest):
        assert "无需再办理" in refused.value.what
    assert reported(console_database) == [] and answers(database) == [] and bodies(database, "handover:") == []


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_can_be_done_about_a_need_that_was_withdrawn(
    console_database: sa.Engine, database: sa.Engine, kind: LinkKind
) -> None:
    withdraw(database)
    with pytest.raises(InvalidRequest, match="已撤回"):
        report(console_database, claims(kind), CoordinatorAct.CONTACTED)


def test_only_the_nation_gives_up_and_only_what_is_at_its_level(
    console_database: sa.Engine, database: sa.Engine
) -> None:
    with database.begin() as connection:
        add_mail(connection, "digest:nation", "pboc.nation@example.test")
        connection.execute(sa.update(tables.obstruction_ticket).values(level="nation"))
    nation = claims(LinkKind.OBSTRUCTION, who=NATION, mail="digest:nation")
    with pytest.raises(InvalidRequest, match="目前不能办理"):
        report(console_database, claims(LinkKind.OBSTRUCTION), CoordinatorAct.UNRESOLVABLE)
    assert report(console_database, nation, CoordinatorAct.UNRESOLVABLE).new
    assert [(one["status"], one["level"]) for one in answers(database)] == [("unresolvable", "nation")]


def test_what_is_resolved_and_not_confirmed_can_be_asked_about_and_nothing_else(
    console_database: sa.Engine, database: sa.Engine
) -> None:
    report(console_database, claims(LinkKind.OBSTRUCTION), CoordinatorAct.SETTLED)
    assert report(console_database, claims(LinkKind.OBSTRUCTION), CoordinatorAct.CONTACTED, remark="已提醒银行确认").new
    with pytest.raises(InvalidRequest, match="待机构确认"):
        report(console_database, claims(LinkKind.OBSTRUCTION), CoordinatorAct.TAKEN_ON)
    assert [one["status"] for one in answers(database)] == ["resolved"]


# --- The effects -----------------------------------------------------------------------------------------------------


def test_the_same_report_twice_is_one_and_another_remark_is_another(
    console_database: sa.Engine, database: sa.Engine
) -> None:
    one = claims(LinkKind.OBSTRUCTION)
    assert report(console_database, one, CoordinatorAct.SETTLED).new
    again = report(console_database, one, CoordinatorAct.SETTLED)
    assert (again.new, "没有重复记录" in again.told) == (False, True)
    assert len(answers(database)) == len(reported(console_database)) == 1
    assert report(console_database, claims(), CoordinatorAct.CONTACTED, remark="已电话联系").new
    assert report(console_database, claims(), CoordinatorAct.CONTACTED, remark="已上门走访").new


def test_two_reports_at_once_are_one(console_database: sa.Engine, database: sa.Engine) -> None:
    one = claims(LinkKind.OBSTRUCTION)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: report(console_database, one, CoordinatorAct.TAKEN_ON), range(4)))
    assert sorted(outcome.new for outcome in outcomes) == [False, False, False, True]
    assert len(answers(database)) == len(reported(console_database)) == 1


def test_two_coordinators_both_take_it_on_and_the_bank_hears_it_once(
    console_database: sa.Engine, database: sa.Engine
) -> None:
    with database.begin() as connection:
        add_mail(connection, "digest:miit", "miit.city@example.test")
    assert report(console_database, claims(LinkKind.OBSTRUCTION), CoordinatorAct.TAKEN_ON).new
    other = claims(LinkKind.OBSTRUCTION, who="MIIT-city", mail="digest:miit")
    outcome = report(console_database, other, CoordinatorAct.TAKEN_ON)
    assert outcome.new and "此前已是" in outcome.told
    assert [who for _, who, _ in reported(console_database)] == [WHO, "MIIT-city"]
    assert [one["status"] for one in answers(database)] == ["acknowledged"]


def test_the_bank_reads_who_took_it_on_and_what_he_wrote_without_a_telephone_number(
    console_database: sa.Engine, database: sa.Engine
) -> None:
    remark = "已约企业，电话 13912345678，下周走访"
    report(console_database, claims(LinkKind.OBSTRUCTION), CoordinatorAct.CONTACTED, remark=remark)
    (answer,) = answers(database)
    assert "人民银行" in answer["note"] and "下周走访" in answer["note"] and "139" not in answer["note"]
    assert "139" not in reported(console_database)[0][2]


def test_taking_a_case_on_keeps_its_ladder_from_climbing(console_database: sa.Engine, database: sa.Engine) -> None:
    run(database, "2026-10-20 08:30")
    outcome = report(console_database, claims(), CoordinatorAct.TAKEN_ON)
    assert "不再提请上一级" in outcome.told
    with database.connect() as connection:
        (need,) = escalation.stalled_needs(connection, day=DAY).rows
    assert need.taken_on_by == "杭州市 · 市级 · 人民银行"


def test_more_time_becomes_a_request_that_somebody_else_decides(
    console_database: sa.Engine, database: sa.Engine
) -> None:
    outcome = report(console_database, claims(), CoordinatorAct.NEEDS_TIME, working_days=5)
    assert "审核人员另行批准" in outcome.told
    with database.connect() as connection:
        request = connection.execute(sa.select(tables.deadline_extension)).one()
    assert (request.institution_code, request.working_days, request.requested_by) == ("ICBC", 5, WHO)
    with pytest.raises(InvalidRequest, match="已有待批准"):
        report(console_database, claims(), CoordinatorAct.NEEDS_TIME, working_days=6)
    for days in (None, 0, -1, 1000):
        with pytest.raises(InvalidRequest):
            report(console_database, claims(), CoordinatorAct.NEEDS_TIME, working_days=days, remark="再次申请")


def test_whom_it_is_handed_to_gets_one_mail_a_day_with_a_link_of_his_own(
    console_database: sa.Engine, database: sa.Engine
) -> None:
    for remark in ("请工信部门协调", "请工信部门尽快协调"):
        report(console_database, claims(), CoordinatorAct.HANDED_OVER, remark=remark)
    (mail,) = bodies(database, "handover:")
    token = mail["text"].split("/act/")[1].split()[0]
    assert f"/act/{token}" in mail["html"]
    found = tokens.read([KEY], token, today=DAY.today)
    assert (found.coordinator_id, found.subject) == ("MIIT-city", SUBJECTS[LinkKind.CASE])
    assert report(console_database, found, CoordinatorAct.TAKEN_ON).new, "the link works"
    for nobody in ("", WHO, "MIIT-elsewhere"):
        with pytest.raises(InvalidRequest, match="转交给谁"):
            report(console_database, claims(), CoordinatorAct.HANDED_OVER, handed_to=nobody)


def test_the_audit_names_the_coordinator_and_the_mail(console_database: sa.Engine, database: sa.Engine) -> None:
    report(console_database, claims(), CoordinatorAct.CONTACTED)
    with database.connect() as connection:
        entry = connection.execute(
            sa.select(tables.audit_entry).where(tables.audit_entry.c.action == "coordinator_acted")
        ).one()
    details = json.loads(entry.details)
    assert (entry.actor, entry.role) == (WHO, "coordinator") == (details["coordinator_id"], "coordinator")
    assert details["message_id"] == message_id(MAIL) and details["act"] == "contacted"
    assert need_id(1) in entry.object and entry.reason == "协调人已联系：已与银行和企业沟通"


@pytest.mark.parametrize(
    ("remark", "wrong"),
    [("", "写明情况"), ("好", "写明情况"), ("好" * 301, "超过300"), ("已解决\u202e了吗", "看不见的字符")],
    ids=["none", "short", "long", "bidi"],
)
def test_a_remark_that_says_nothing_or_hides_something_is_refused(
    console_database: sa.Engine, remark: str, wrong: str
) -> None:
    with pytest.raises(InvalidRequest, match=wrong):
        report(console_database, claims(), CoordinatorAct.SETTLED, remark=remark)
    assert reported(console_database) == []


# --- Who may act -----------------------------------------------------------------------------------------------------


def _roster(engine: sa.Engine, **values: object) -> None:
    with engine.begin() as connection:
        post = tables.coordinator
        connection.execute(sa.update(post).where(post.c.coordinator_id == WHO).values(**values))


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"on_duty": False}, "在岗名单"),
        ({"email": "another@example.test"}, "邮箱地址"),
        ({"region_code": "330200"}, "协调范围"),
        ({"coordinator_id": "renamed"}, "在岗名单"),
    ],
    ids=["off duty", "another address", "another region", "left"],
)
def test_who_is_no_longer_at_the_post_or_the_address_can_neither_look_nor_act(
    console_database: sa.Engine, database: sa.Engine, change: dict[str, object], wrong: str
) -> None:
    _roster(database, **change)
    with pytest.raises(NotPermitted, match=wrong):
        report(console_database, claims(), CoordinatorAct.TAKEN_ON)
    assert reported(console_database) == []


def test_the_same_address_written_otherwise_is_the_same(console_database: sa.Engine, database: sa.Engine) -> None:
    _roster(database, email="PBOC.City@Example.TEST")
    assert report(console_database, claims(), CoordinatorAct.TAKEN_ON).new


def test_a_link_of_a_mail_that_was_never_stored_or_went_to_somebody_else_permits_nothing(
    console_database: sa.Engine, database: sa.Engine
) -> None:
    with database.begin() as connection:
        add_mail(connection, "digest:miit", "miit.city@example.test")
    for mail in ("digest:of nobody", "digest:miit"):
        with pytest.raises(NotPermitted, match="邮箱地址"):
            report(console_database, claims(mail=mail), CoordinatorAct.TAKEN_ON)


def test_a_link_to_nothing_is_not_found(console_database: sa.Engine) -> None:
    from dataclasses import replace

    for kind, gone in (
        (LinkKind.CASE, {"institution_code": "ABC"}),
        (LinkKind.OBSTRUCTION, {"obstruction_id": "OB9"}),
        (LinkKind.NEED, {"need_id": need_id(9)}),
    ):
        with pytest.raises(NotFound):
            report(console_database, claims(subject=replace(SUBJECTS[kind], **gone)), CoordinatorAct.TAKEN_ON)


def test_what_was_settled_since_the_last_digest_is_found(console_database: sa.Engine, database: sa.Engine) -> None:
    from include.store import coordinator_acts

    report(console_database, claims(), CoordinatorAct.SETTLED, remark="企业已补齐材料")
    report(console_database, claims(), CoordinatorAct.CONTACTED)
    with database.connect() as connection:
        found = coordinator_acts.since(connection, moment("2026-10-19 08:30"))
        assert [(one.need_id, one.remark) for one in found] == [(need_id(1), "企业已补齐材料")]
        assert list(coordinator_acts.since(connection, NOW)) == []

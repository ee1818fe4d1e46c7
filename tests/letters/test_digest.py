"""What a digest says: who and what first, one request a block, every subject named, and nothing that can run."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.states import Authority, Level
from include.letters.composing import SUBJECT_LIMIT, columns_of
from include.letters.digest import SETTLED_LISTED, compose_digest
from include.letters.digest_contents import DigestContents, Settled, WeeklyCell
from include.words.shown import public
from tests.support.digests import CONSOLE, NATION, contents, line, obstruction


def composed(**changes: Any) -> dict[str, Any]:
    return written(contents(**changes))


def written(told: DigestContents) -> dict[str, Any]:
    return compose_digest(told, to="post@example.test", console_url=CONSOLE)


def both(body: dict[str, Any]) -> tuple[str, str]:
    return body["text"], body["html"]


# --- The subject -----------------------------------------------------------------------------------------------------


def test_the_subject_says_what_is_new_how_much_there_is_and_how_old_the_oldest_is() -> None:
    old = [line(number, overdue_working_days=44 if number == 30 else 2) for number in range(20, 134)]
    body = composed(
        newly_overdue=tuple(line(number) for number in range(1, 4)),
        still_open=tuple(old),
        obstructions=(obstruction(10),),
        majors=(line(11, is_major=True), line(12, is_major=True)),
    )
    assert body["subject"] == "【绿厂融通】江苏：新增3项、累计120项（最长逾期44个工作日），梗阻1项、重大2项"


@pytest.mark.parametrize(
    ("told", "subject"),
    [
        ({"obstructions": (obstruction(overdue_working_days=0),)}, "江苏：梗阻1项"),
        ({"newly_overdue": (line(1), line(2))}, "江苏：新增2项（最长逾期4个工作日）"),
        ({"still_open": (line(1),), "waiting": 1}, "江苏：累计1项（最长逾期4个工作日）"),
        ({"urgent": True, "majors": (line(1, is_major=True),)}, "加急：江苏重大1项（最长逾期4个工作日）"),
        ({"late_departments": (("320000", "未报送"),), "posts": (NATION,)}, "全国：1个部门报送情况"),
    ],
)
def test_the_subject_leaves_out_what_there_is_none_of(told: dict[str, Any], subject: str) -> None:
    assert composed(**told)["subject"] == f"【绿厂融通】{subject}"


def test_only_an_urgent_mail_calls_itself_urgent() -> None:
    calm = composed(majors=(line(1, is_major=True),), obstructions=(obstruction(2),))
    assert not any("加急" in form for form in (*both(calm), calm["subject"]))


def test_a_digest_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="without contents"):
        composed()


# --- The order, and what stands where --------------------------------------------------------------------------------


def test_the_sections_stand_in_the_order_of_what_cannot_wait() -> None:
    body = composed(
        obstructions=(obstruction(1),),
        majors=(line(2, is_major=True),),
        alerts=(line(3, what="警示：放款大于授信"),),
        newly_overdue=(line(4),),
        waiting=2,
        still_open=(line(5),),
        settled=(Settled(line=line(6), by="苏州市工信部门", what="机构已联系企业", on=date(2026, 12, 7)),),
    )
    order = [
        "融资梗阻（1 项）",
        "重大需求（1 项）",
        "警示（1 项）",
        "新增逾期（1 项",
        "另有",
        "尚未办结（1 项",
        "已有结果（1 项）",
    ]
    text = body["text"]
    places = [text.index(heading, text.index("在办事项共")) for heading in order]
    assert places == sorted(places)
    html = re.sub("<[^>]+>", "", body["html"])
    places = [html.index(heading, html.index("在办事项共")) for heading in order]
    assert places == sorted(places)


def test_every_subject_that_is_told_is_named_in_both_parts() -> None:
    told = contents(
        obstructions=tuple(obstruction(number) for number in range(1, 8)),
        majors=tuple(line(number, is_major=True) for number in range(10, 40)),
        alerts=tuple(line(number) for number in range(50, 60)),
        newly_overdue=tuple(line(number, institution_code="ICBC") for number in range(100, 160)),
        still_open=(line(999),),
    )
    for form in both(written(told)):
        named = set(re.findall("FN[0-9]{12}", form))
        every = (*(one.line for one in told.obstructions), *told.majors, *told.alerts, *told.newly_overdue)
        assert {one.need_id for one in every} <= named
        assert "FN202603000999" not in named, "still open items are counted, and named in the attached table"


def test_the_items_of_an_institution_are_one_block_with_one_request() -> None:
    found = (line(1), line(2, institution_code="ICBC", overdue_working_days=9), line(3))
    for form in both(composed(newly_overdue=found)):
        assert form.count("请您：") == 2
        assert form.count("联系机构当地分支行，确认推送是否收到") == 2
        assert form.index("中国工商银行") < form.index("交通银行"), "the longest delay first"
        assert "2 项，2,000 万元" in form


def test_a_block_with_several_causes_says_what_to_do_about_each_under_one_request() -> None:
    found = (line(1), line(2, state="credit_approved", what="授信后尚未签约"), line(3))
    for form in both(composed(newly_overdue=found)):
        assert form.count("请您：") == 1
        assert form.count("机构尚未接收的：") == 1 and form.count("已授信、尚未签约的：") == 1


def test_a_need_that_no_institution_took_up_has_an_instruction_of_its_own() -> None:
    found = (line(1, institution_code="", state="", what="推送后尚无任何机构反馈"),)
    for form in both(composed(newly_overdue=found)):
        assert "尚无机构反馈的需求" in form and "组织辖内机构初步对接" in form


def test_a_late_return_and_a_late_hold_ask_for_what_helps_them() -> None:
    whole = {"institution_code": "", "state": "", "action_link": ""}
    found = (line(1, rule_id="S07", **whole), line(2, rule_id="S08", **whole), line(3, rule_id="S06", **whole))
    for form in both(composed(newly_overdue=found)):
        assert "退回补正逾期" in form and "重新推荐" in form
        assert "待核实逾期未决定" in form and "督促审核人员" in form
        assert form.count("组织辖内机构初步对接") == 1


def test_nobody_is_asked_to_take_on_what_somebody_took_on() -> None:
    asked = {"asked": "受理并协调（工信部门牵头）。"}
    assert "受理并协调" in composed(obstructions=(obstruction(1, **asked),))["text"]
    taken = composed(obstructions=(obstruction(1, **asked, acknowledged_by="江苏 · 省级 · 工信部门"),))
    for form in both(taken):
        assert "受理并协调" not in form and "已受理：江苏 · 省级 · 工信部门" in form


def test_amounts_and_days_are_those_of_an_official_letter() -> None:
    found = (line(1, amount=Decimal("41532.45")), line(2, amount=Decimal("2532.45")), line(3, amount=None))
    for form in both(composed(newly_overdue=found)):
        assert "4.15 亿元" in form and "2,532.45 万元" in form
        assert "2026-12-02" in form and "逾期 4 个工作日" in form
        assert not re.search("(?<![0-9]年)(?<![0-9])12月[0-9]+日", form), "no day without its year"


def test_a_plain_text_table_stands_in_columns_and_is_short() -> None:
    found = tuple(line(number, amount=Decimal(10**number % 97_000 + 1)) for number in range(1, 28))
    text = composed(newly_overdue=found)["text"]
    rows = [row for row in text.splitlines() if re.match("  (FN|需求编号)", row)]
    assert len({columns_of(row[: row.index("2026-12")]) for row in rows if "2026-12" in row}) == 1
    assert len(text.splitlines()) < 27 * 3 + 25


def test_each_item_has_its_link_to_act_without_a_login() -> None:
    body = composed(newly_overdue=(line(1), line(2, action_link="")), obstructions=(obstruction(3),))
    assert f"无需登录，办理：{CONSOLE}/act/token1\n" in body["text"]
    assert f"查看详情：{CONSOLE}/needs/FN202603000002\n" in body["text"]
    for number in (1, 3):
        assert f'<a href="{CONSOLE}/act/token{number}"' in body["html"]
    assert f'<a href="{CONSOLE}/needs/FN202603000001"' in body["html"]


def test_without_links_a_mail_has_none() -> None:
    told = contents(newly_overdue=(line(1, link="", action_link=""),))
    body = compose_digest(told, to="post@example.test", console_url="")
    assert "http" not in body["text"] and "href" not in body["html"]


# --- Obstructions ----------------------------------------------------------------------------------------------------


def test_tickets_of_one_need_with_one_cause_are_one_card_and_each_can_be_answered() -> None:
    tickets = (
        obstruction(1, action_link=f"{CONSOLE}/act/a"),
        obstruction(1, institution_code="ICBC", action_link=f"{CONSOLE}/act/b"),
    )
    body = composed(obstructions=tickets)
    assert "融资梗阻（1 项）" in body["text"] and body["text"].count("请您：") == 1
    assert "机构：交通银行、中国工商银行" in body["text"]
    for form in both(body):
        assert f"{CONSOLE}/act/a" in form and f"{CONSOLE}/act/b" in form


def test_the_support_tools_in_force_are_named_once_a_cause_with_paper_and_last_day() -> None:
    body = composed(obstructions=(obstruction(1), obstruction(2), obstruction(3, "R12")))
    for form in both(body):
        assert form.count("民间投资专项担保计划（财金〔2026〕6号，有效期至2027年12月31日）") == 1
        assert "设备更新贷款财政贴息（财金〔2026〕2号，有效期至2026年12月31日）" in form


def test_a_support_tool_that_has_run_out_is_not_named() -> None:
    for form in both(composed(obstructions=(obstruction(1, "R12"),), today=date(2027, 1, 4))):
        assert "财金〔2026〕2号" not in form and "财金〔2026〕71号" in form


def test_a_day_that_has_passed_is_no_deadline() -> None:
    for form in both(composed(obstructions=(obstruction(1, answer_by=date(2026, 12, 7)),))):
        assert "2026-12-07" not in form and "前告知进展" not in form


def test_a_resolved_obstruction_asks_only_for_the_confirmation() -> None:
    for form in both(composed(obstructions=(obstruction(1, unconfirmed=True),))):
        assert "请其在平台确认" in form and "对接政策性融资担保" not in form and "民间投资" not in form


# --- Counts, results, the nation -------------------------------------------------------------------------------------


def test_what_is_still_open_is_counted_by_institution() -> None:
    found = (line(1), line(2, overdue_working_days=31), line(3, institution_code="ICBC"))
    text = composed(still_open=found)["text"]
    assert "尚未办结（3 项，最长逾期 31 个工作日）" in text
    assert re.search("交通银行 +2 +2,000 万元 +31 个工作日", text)


def test_results_say_who_acted_and_what_came() -> None:
    ended = tuple(
        Settled(line=line(n), by="苏州市工信部门", what="机构已联系企业", on=date(2026, 12, 7)) for n in range(30)
    )
    for form in both(composed(settled=ended)):
        assert form.count("苏州市工信部门，机构已联系企业") == SETTLED_LISTED
        assert "另有 10 项" in form


def test_posts_that_the_reader_stands_in_for_are_told_once() -> None:
    vacant = ((Authority.MIIT, Level.CITY, "320500"), (Authority.MIIT, Level.CITY, "320500"))
    for form in both(composed(newly_overdue=(line(1),), vacancies=vacant)):
        assert form.count("苏州市工信部门") == 1
        assert "江苏省工业和信息化厅协调人：" in form


def test_the_nation_sees_institutions_and_departments_the_worst_first() -> None:
    cells = [("BOCOM", "320000", 10, 1), ("BOCOM", "330000", 10, 6), ("ICBC", "320000", 4, 2), ("CCB", "110000", 5, 0)]
    table = tuple(
        WeeklyCell(institution_code=code, department_code=place, open_needs=number, overdue_needs=late)
        for code, place, number, late in cells
    )
    body = composed(posts=(NATION,), weekly_table=table, late_departments=(("460000", "未报送"), ("540000", "未报送")))
    assert "在办 29 项，逾期 9 项，占 31%" in body["text"]
    assert re.search("交通银行 +7/20 +35% +浙江 6、江苏 1\n +中国工商银行 +2/4 +50% +江苏 2", body["text"])
    assert re.search("浙江 +6/10 +60%.*\n +江苏 +3/14 +21%", body["text"])
    for form in both(body):
        assert "未报送：海南、西藏" in form and "工业和信息化部节能与综合利用司协调人：" in form


# --- What cannot happen ----------------------------------------------------------------------------------------------


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_stands_in_a_name_stays_text(company: str, project: str) -> None:
    told = {"company": public(company), "project": public(project), "acknowledged_by": public(project)}
    body = composed(newly_overdue=(line(1, **told),), obstructions=(obstruction(2, **told),), settled=())
    plain = composed(
        newly_overdue=(line(1, acknowledged_by="某"),), obstructions=(obstruction(2, acknowledged_by="某"),)
    )
    if told["acknowledged_by"]:
        assert body["html"].count("<") == plain["html"].count("<")
    assert len(body["subject"]) <= SUBJECT_LIMIT


def test_the_sentence_of_the_market_stays_and_no_template_mark_does() -> None:
    body = composed(newly_overdue=(line(1, provisional=True),), obstructions=(obstruction(2),), still_open=(line(3),))
    for form in both(body):
        assert "市场化、法治化原则自主决策" in form and "标“暂定”的日期" in form
        assert not any(mark in form for mark in ("{{", "{%", "None", "()"))
    assert "\n\n\n" not in body["text"]

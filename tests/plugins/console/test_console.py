"""The operator console: who may look, who may act, from where, and what an act leaves behind."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from include.base.business_time import SHANGHAI
from include.gate.results import department_results
from include.reference import rules
from include.store.simulated_time import move_to
from include.store.tables import (
    alert,
    amendment,
    audit_entry,
    delivery,
    department_stop,
    finding,
    need_version,
    quarantine,
    register_factory,
    register_snapshot,
)
from tests.support import rows
from tests.support.console import (
    FINDINGS,
    HOSTILE,
    REASON,
    SAME_ORIGIN,
    Console,
    audited,
    decision_form,
    hold_address,
    hold_state,
)
from tests.support.judged import needs


def test_a_page_that_breaks_or_is_not_there_is_told_in_words(console: Console, database: sa.Engine) -> None:
    browser = console.log_in("wang", "op")
    gone = browser.get("/green-finance/nowhere")
    assert (gone.status_code, "没有这个页面" in gone.text) == (404, True)
    misread = browser.get("/green-finance/obstructions/first")
    assert (misread.status_code, "无法识别" in misread.text) == (400, True)
    with database.begin() as connection:
        rows.rewrite(connection, sa.text("drop table alert cascade"))
    broken = TestClient(browser.app, base_url="http://airflow.example", raise_server_exceptions=False)
    answer = broken.get("/green-finance/alerts")
    assert (answer.status_code, "页面出错" in answer.text) == (500, True)
    assert "UndefinedTable" not in answer.text


def test_a_viewer_may_look_but_not_act(console: Console, hold: int, database: sa.Engine) -> None:
    browser = console.log_in("guan", "viewer")
    page = browser.get(hold_address(hold))
    assert page.status_code == 200
    assert "只能查看" in page.text and "<form" not in page.text
    for act in ("release", "confirm"):
        answer = browser.post(hold_address(hold, act), data=decision_form(), headers=SAME_ORIGIN)
        assert answer.status_code == 403
        assert "当前用户只能查看" in answer.text
    assert hold_state(database) == "open"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_an_act_sent_by_another_site_is_refused(
    console: Console, hold: int, database: sa.Engine, headers: dict[str, str]
) -> None:
    browser = console.log_in("li", "op")
    answer = browser.post(hold_address(hold, "confirm"), data=decision_form(), headers=headers)
    assert answer.status_code == 403
    assert "不是从本页面提交" in answer.text
    assert hold_state(database) == "open"


@pytest.mark.parametrize(
    "headers", [SAME_ORIGIN, {"Origin": "http://airflow.example"}, {"Authorization": "Bearer token"}]
)
def test_an_operator_s_own_act_is_accepted(
    console: Console, hold: int, database: sa.Engine, headers: dict[str, str]
) -> None:
    answer = console.log_in("li", "op").post(hold_address(hold, "confirm"), data=decision_form(), headers=headers)
    assert answer.status_code == 303
    assert hold_state(database) == "returned"


def test_a_greenwashing_finding_is_released_by_two_persons(console: Console, hold: int, database: sa.Engine) -> None:
    first = console.log_in("li", "op")
    answer = first.post(hold_address(hold, "release"), data=decision_form(), headers=SAME_ORIGIN)
    assert answer.status_code == 303
    assert answer.headers["location"] == "../../holds", "nothing else waits for this person"
    assert "还须由其他人员复核同意" in first.get("/green-finance/holds").text
    assert "还需 1 人复核" in first.get(hold_address(hold)).text
    assert 'role="status"' not in first.get(hold_address(hold)).text, "the note is shown once"
    assert (
        first.post(hold_address(hold, "release"), data=decision_form(FINDINGS[1]), headers=SAME_ORIGIN).status_code
        == 400
    )
    assert hold_state(database) == "open"

    second = console.log_in("wang", "op")
    assert (
        second.post(hold_address(hold, "release"), data=decision_form(FINDINGS[1]), headers=SAME_ORIGIN).status_code
        == 303
    )
    assert hold_state(database) == "released"
    with database.connect() as connection:
        pushed = connection.execute(sa.select(delivery.c.idempotency_key)).scalars().all()
    assert pushed == [f"push:{rows.need_id(1)}:1"]
    assert audited(database) == [
        ("li", "operator", "approve_hold_release", REASON),
        ("wang", "operator", "release_hold", REASON),
    ]


def test_only_the_chosen_findings_go_back(console: Console, hold: int, database: sa.Engine) -> None:
    browser = console.log_in("li", "op")
    browser.post(hold_address(hold, "confirm"), data=decision_form(FINDINGS[0]), headers=SAME_ORIGIN)
    with database.connect() as connection:
        body = json.loads(connection.execute(sa.select(delivery.c.body)).scalar_one())
    assert [reason["rule_id"] for reason in body["reasons"]] == ["DQ37"]
    assert audited(database) == [("li", "operator", "confirm_hold", REASON)]
    assert "核实后退回" in browser.get(hold_address(hold)).text


@pytest.mark.parametrize(("form", "says"), [(decision_form(reason=" "), "理由"), ({"reason": REASON}, "没有选择")])
def test_a_decision_that_is_incomplete_changes_nothing(
    console: Console, hold: int, database: sa.Engine, form: dict[str, Any], says: str
) -> None:
    for act in ("release", "confirm"):
        answer = console.log_in("li", "op").post(hold_address(hold, act), data=form, headers=SAME_ORIGIN)
        assert answer.status_code == 400
        assert says in answer.text
    assert (hold_state(database), audited(database)) == ("open", [])


def test_what_outsiders_wrote_is_shown_as_text(console: Console, hold: int, database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.execute(
            amendment.insert(),
            [
                {
                    "need_id": rows.need_id(1),
                    "revision": 1,
                    "field": field,
                    "previous_revision": 0,
                    "before": None if personal else json.dumps(HOSTILE),
                    "after": None if personal else json.dumps(HOSTILE + "新"),
                    "personal": personal,
                }
                for field, personal in (("project.name", False), ("enterprise.contact.mobile", True))
            ],
        )
    browser = console.log_in("li", "op")
    for page in (browser.get("/green-finance/holds"), browser.get(hold_address(hold))):
        assert "<script" not in page.text
        assert "&lt;script&gt;" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "个人信息，不显示" in browser.get(hold_address(hold)).text


def test_the_list_is_filtered_and_marks_what_is_overdue(console: Console, hold: int) -> None:
    browser = console.log_in("li", "op")
    page = browser.get("/green-finance/holds").text
    assert rows.need_id(1) in page and "逾期" in page
    for shown, query in (
        (True, f"quarter={rows.QUARTER}&department=330000&rule=G06b"),
        (False, "quarter=2026Q1"),
        (False, "department=110000"),
        (False, "rule=DQ14"),
        (True, "due=late"),
        (True, "due=today"),
    ):
        assert (rows.need_id(1) in browser.get(f"/green-finance/holds?{query}").text) is shown, query


def test_why_a_need_is_held_and_who_agreed_is_for_those_who_act(
    console: Console, hold: int, database: sa.Engine
) -> None:
    console.log_in("li", "op").post(hold_address(hold, "release"), data=decision_form(), headers=SAME_ORIGIN)
    console.browser.cookies.clear()  # what the act left to be told once
    secrets = ["G06b", "DQ37", REASON, "li（运维人员）", *(rules()[rule_id].message for rule_id, _ in FINDINGS)]
    for page in ("holds", f"holds/{hold}"):
        told = console.log_in("guan", "viewer").get(f"/green-finance/{page}").text
        assert rows.need_id(1) in told and "2026-10-13" in told
        assert not [secret for secret in secrets if secret in told], page
        # Nor can a viewer ask for a rule, and see which needs are left.
        assert rows.need_id(1) in console.log_in("guan", "viewer").get("/green-finance/holds?rule=DQ14").text
    told = console.log_in("li", "op").get(hold_address(hold)).text
    assert not [secret for secret in secrets if secret not in told]


def test_the_list_says_how_urgent_each_need_is_and_puts_the_most_urgent_first(
    console: Console, hold: int, database: sa.Engine
) -> None:
    """Seen on 20 October; the first was to be decided by the 13th."""
    waiting = (
        (2, date(2026, 10, 20), False, "100"),
        (3, date(2026, 10, 22), False, "900"),
        (4, date(2026, 10, 22), True, "5"),
    )
    with database.begin() as connection:
        for number, decide_by, is_major, amount in waiting:
            rows.add_need(connection, number, verdict="held", is_major=is_major, financing_need=amount)
            held = rows.add_hold(connection, number)
            connection.execute(
                sa.update(quarantine).where(quarantine.c.quarantine_id == held).values(decide_by=decide_by)
            )
    page = console.log_in("guan", "viewer").get("/green-finance/holds").text
    places = [page.index(f">{rows.need_id(need)}<") for need in (1, 2, 4, 3)]
    assert places == sorted(places)
    assert "1 条逾期" in page and "逾期 5 个工作日" in page
    assert "今日到期" in page.split("</form>")[1] and page.count("还剩 2 个工作日") == 2


def test_days_are_counted_from_where_the_runs_of_the_sandbox_have_moved_time(
    console: Console, hold: int, database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = console.log_in("guan", "viewer")
    assert "逾期 5 个工作日" in viewer.get("/green-finance/holds").text
    move_to(database, datetime(2026, 10, 22, 9, tzinfo=SHANGHAI))
    move_to(database, datetime(2026, 10, 14, 9, tzinfo=SHANGHAI))
    assert "逾期 7 个工作日" in viewer.get("/green-finance/holds").text
    assert "沙箱时间 2026-10-22 09:00" in viewer.get("/green-finance/").text
    monkeypatch.setenv("GFF_SANDBOX", "0")
    assert "逾期 5 个工作日" in viewer.get("/green-finance/holds").text
    assert "沙箱" not in viewer.get("/green-finance/").text


def test_the_first_page_counts_what_waits_and_links_to_it(console: Console, hold: int, database: sa.Engine) -> None:
    with database.begin() as connection:
        stop = {"quarter": rows.QUARTER, "department_code": "330000", "intake_id": rows.add_intake(connection)}
        connection.execute(
            department_stop.insert().values(**stop, judged=10, returned=4, opened_at=rows.TAKEN_IN, state="open")
        )
    browser = console.log_in("guan", "viewer")
    page = browser.get("/green-finance/").text
    assert _waiting(page, "holds") == "1 项" and _waiting(page, "stops") == "1 个"
    assert f'href="validation/{rows.QUARTER}/"' in page
    zhejiang = page.split('href="needs?quarter=2026Q3&amp;department=330000"')[1].partition("</a>")[0]
    assert "暂停推送" in zhejiang
    assert "个工作日后" in page and 'href="status"' in page
    assert "融资需求审核结果" in browser.get(f"/green-finance/validation/{rows.QUARTER}/").text
    assert browser.get("/green-finance/validation/2026Q1/").status_code == 404
    assert "40.0%" in browser.get("/green-finance/stops").text


def _waiting(page: str, address: str) -> str:
    """How much the overview says waits at a page."""
    return page.split(f'<td><a href="{address}">')[1].split('data-label="数量">')[1].partition("</td>")[0]


def test_an_alert_is_settled_by_an_operator_with_a_reason(console: Console, hold: int, database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.execute(
            alert.insert().values(
                rule_id="DQ41",
                need_id=rows.need_id(1),
                severity="hold",
                state="open",
                opened_at=rows.TAKEN_IN,
                persons_required=1,
            )
        )
        alert_id = connection.execute(sa.select(alert.c.alert_id)).scalar_one()
    address, form = f"/green-finance/alerts/{alert_id}", {"decision": "cleared", "reason": REASON}
    viewer = console.log_in("guan", "viewer")
    page = viewer.get("/green-finance/alerts").text
    assert "DQ41" in page and 'method="post"' not in page and 'name="alert"' not in page and "<script" not in page
    assert viewer.post(address, data=form, headers=SAME_ORIGIN).status_code == 403
    operator = console.log_in("li", "op")
    assert operator.post(address, data={**form, "reason": ""}, headers=SAME_ORIGIN).status_code == 400
    assert operator.post(address, data=form, headers=SAME_ORIGIN).status_code == 303
    assert "没有待处理的警示" in operator.get("/green-finance/alerts").text
    assert audited(database) == [("li", "operator", "alert_cleared", REASON)]


def test_a_stopped_department_is_decided_by_an_operator_with_a_reason(console: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        needs(connection, *["passed"] * 3)
        rows.add_stop(connection)
    address = f"/green-finance/stops/{rows.QUARTER}/330000"
    form = {"decision": "kept", "seen": "open", "reason": REASON}
    viewer = console.log_in("guan", "viewer")
    page = viewer.get("/green-finance/stops").text
    assert "<b>3</b> 条通过的需求等待推送" in page and "<form" not in page
    assert viewer.post(address, data=form, headers=SAME_ORIGIN).status_code == 403
    li = console.log_in("li", "op")
    assert li.post(address, data={**form, "reason": ""}, headers=SAME_ORIGIN).status_code == 400
    assert li.post(address, data=form, headers=SAME_ORIGIN).status_code == 303
    wang = console.log_in("wang", "op")
    late = wang.post(address, data={**form, "decision": "continued"}, headers=SAME_ORIGIN)
    assert (late.status_code, "已由 li 决定维持暂停" in late.text) == (400, True)
    assert "仍维持暂停" in wang.get("/green-finance/stops").text
    go_on = {**form, "decision": "continued", "seen": "kept"}
    assert wang.post(address, data=go_on, headers=SAME_ORIGIN).status_code == 303
    assert "浙江已继续推送，3 条进入发件箱" in wang.get("/green-finance/stops").text
    assert audited(database) == [
        ("li", "operator", "department_stop_kept", REASON),
        ("wang", "operator", "department_stop_continued", REASON),
    ]
    with database.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).where(delivery.c.action == "push")).scalar_one() == 3


def test_the_page_of_stopped_departments_is_enough_to_decide_on(console: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        needs(connection, "passed", "returned", "returned")
        for judgement_id in connection.execute(
            sa.text("select judgement_id from judgement where verdict = 'returned'")
        ):
            broken = {"rule_id": "DQ40", "field": "enterprise.uscc", "severity": "block"}
            connection.execute(finding.insert().values(judgement_id=judgement_id[0], **broken))
        rows.add_stop(connection)
    page = console.log_in("guan", "viewer").get("/green-finance/stops").text
    assert "3 项中退回 2 项（66.7%）" in page and "上限 30%" in page and "合计 1,000 万元" in page
    assert page.count(rows.need_id(2)) == 2 and rules()["DQ40"].message in page and "100%" in page
    assert "decide_stopped_department" not in page and "blocked_share" not in page


def test_an_unknown_held_need_is_said_in_chinese(console: Console) -> None:
    answer = console.log_in("li", "op").get(hold_address(77))
    assert answer.status_code == 404
    assert "没有编号为77" in answer.text


def test_a_decision_shows_on_the_validation_pages_at_once(console: Console, hold: int, database: sa.Engine) -> None:
    browser = console.log_in("li", "op")
    assert browser.post(hold_address(hold, "confirm"), data=decision_form(), headers=SAME_ORIGIN).status_code == 303
    with database.connect() as connection:
        assert department_results(connection, rows.QUARTER, "330000").counts["returned"] == 1
    assert "核实后退回" in browser.get(f"/green-finance/validation/{rows.QUARTER}/330000").text


def _snapshot(connection: sa.Connection, day: date, names: list[str], *, in_use: bool) -> int:
    content = f"{day}"
    connection.execute(
        register_factory.insert(),
        [
            {
                "content_sha256": content,
                "ordinal": ordinal,
                "uscc": f"USCC{name}",
                "name": name,
                "aliases": [],
                "level": "national",
                "batch": "2023年度",
                "department_code": "330000",
                "listed_on": date(2024, 1, 1),
            }
            for ordinal, name in enumerate(names)
        ],
    )
    taken: int = connection.execute(
        register_snapshot.insert()
        .values(as_of=day, content_sha256=content, row_count=len(names), taken_at=rows.TAKEN_IN, in_use=in_use)
        .returning(register_snapshot.c.snapshot_id)
    ).scalar_one()
    return taken


def test_a_shrunken_register_is_shown_beside_the_one_in_use_and_accepted_with_a_reason(
    console: Console, database: sa.Engine
) -> None:
    with database.begin() as connection:
        _snapshot(connection, date(2026, 10, 18), ["甲厂", "乙厂", "<b>丙厂</b>"], in_use=True)
        held = _snapshot(connection, date(2026, 10, 19), ["甲厂"], in_use=False)
    page = console.log_in("guan", "viewer").get("/green-finance/register").text
    assert "<form" not in page
    assert "乙厂" in page and "&lt;b&gt;丙厂" in page and "甲厂" not in page

    browser = console.log_in("li", "op")
    address = f"/green-finance/register/{held}"
    assert browser.post(address, data={"reason": "好"}, headers=SAME_ORIGIN).status_code == 400
    assert browser.post(address, data={"reason": REASON}, headers=SAME_ORIGIN).status_code == 303
    assert "没有待确认的名单" in browser.get("/green-finance/register").text
    assert audited(database) == [("li", "operator", "register_accepted", REASON)]


def test_a_held_register_that_a_newer_one_overtook_waits_for_nobody(console: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        _snapshot(connection, date(2026, 10, 18), ["甲厂"], in_use=False)
        _snapshot(connection, date(2026, 10, 19), ["甲厂", "乙厂"], in_use=True)
    assert "没有待确认的名单" in console.log_in("guan", "viewer").get("/green-finance/register").text


@pytest.fixture
def given_up(database: sa.Engine) -> int:
    """A push that the receiver rejected, in words that are not to be trusted."""
    from include.store.tables import delivery_attempt

    with database.begin() as connection:
        needs(connection, "passed")
        number: int = connection.execute(
            delivery.insert()
            .values(
                channel="market",
                action="push",
                idempotency_key="push:1",
                need_id=rows.need_id(1),
                revision=1,
                quarter=rows.QUARTER,
                department_code="330000",
                body_sha256="",
                state="held",
                error_class="rejected",
                attempts=1,
                created_at=rows.TAKEN_IN,
                next_attempt_at=rows.TAKEN_IN,
                settled_at=rows.TAKEN_IN,
            )
            .returning(delivery.c.delivery_id)
        ).scalar_one()
        connection.execute(
            delivery_attempt.insert().values(
                delivery_id=number,
                kind="send",
                worker="w",
                attempted_at=rows.TAKEN_IN,
                outcome="rejected",
                error_class="rejected",
                http_status=422,
                detail="<script>期限不符",
            )
        )
    return number


def test_what_was_given_up_on_says_why_and_is_closed_with_a_reason(
    console: Console, given_up: int, database: sa.Engine
) -> None:
    viewer = console.log_in("guan", "viewer")
    for page in ("deliveries", f"deliveries/{given_up}", "deliveries?error_class=rejected"):
        text = viewer.get(f"/green-finance/{page}").text
        assert "接收方退回了内容" in text and "&lt;script&gt;期限不符" in text and "<script" not in text
        assert 'type="checkbox"' not in text
    form = {"delivery_id": given_up, "reason": REASON}
    assert viewer.post("/green-finance/deliveries/close", data=form, headers=SAME_ORIGIN).status_code == 403

    browser = console.log_in("li", "op")
    assert browser.post("/green-finance/deliveries/close", data=form, headers=SAME_ORIGIN).status_code == 303
    assert "没有需要人工处理的发送事项" in browser.get("/green-finance/deliveries").text
    assert audited(database) == [("li", "operator", "close_deliveries", REASON)]
    closed = browser.get(f"/green-finance/deliveries/{given_up}").text
    assert "已由人工关闭" in closed and REASON in closed and "<form" not in closed


def test_a_rerun_is_previewed_started_watched_and_cancelled(
    console: Console, given_up: int, database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from green_finance.console import reruns

    triggered: list[str] = []
    monkeypatch.setattr(reruns, "start_sending", lambda actor: triggered.append(actor) or "已启动。")
    browser = console.log_in("li", "op")
    preview = browser.get("/green-finance/reruns/preview", params={"delivery_ids": str(given_up)})
    assert "将重新发送 <b>1</b> 条" in preview.text
    assert triggered == [] and audited(database) == []

    form = {"delivery_ids": str(given_up), "reason": REASON, "request_key": "one preview"}
    started = browser.post("/green-finance/reruns", data=form, headers=SAME_ORIGIN)
    assert (started.status_code, triggered) == (303, ["li"])
    job = f"/green-finance/{started.headers['location']}"
    assert "进行中" in browser.get(job).text and "http-equiv" in browser.get(job).text
    cancelling = browser.get(f"{job}?cancelling=true").text
    assert "<form" in cancelling and "http-equiv" not in cancelling
    pressed_again = browser.post("/green-finance/reruns", data=form, headers=SAME_ORIGIN)
    assert pressed_again.headers["location"] == started.headers["location"]
    assert console.log_in("guan", "viewer").get("/green-finance/reruns/preview?quarter=2026Q3").status_code == 403

    browser = console.log_in("wang", "op")
    assert browser.post(f"{job}/cancel", data={"reason": REASON}, headers=SAME_ORIGIN).status_code == 303
    assert "已取消" in browser.get(job).text
    assert [one[2] for one in audited(database)] == ["rerun_deliveries", "cancel_rerun"]
    with database.connect() as connection:
        assert connection.execute(sa.select(delivery.c.state)).scalar_one() == "held"


def test_a_push_kept_back_by_the_register_points_to_its_alert(
    console: Console, given_up: int, database: sa.Engine
) -> None:
    with database.begin() as connection:
        connection.execute(sa.update(delivery).values(state="superseded", outcome="factory_removed", error_class=None))
    page = console.log_in("guan", "viewer").get(f"/green-finance/deliveries/{given_up}").text
    assert "暂缓推送，待处理警示" in page and 'href="../alerts"' in page and "不再需要" not in page


def test_what_is_ticked_on_the_list_is_what_the_preview_shows(console: Console, given_up: int) -> None:
    browser = console.log_in("li", "op")
    ticked = browser.get("/green-finance/reruns/preview", params={"delivery_id": given_up, "reason": ""})
    assert f'name="delivery_ids" value="{given_up}"' in ticked.text
    assert browser.get("/green-finance/reruns/preview", params={"reason": ""}).status_code == 400


def test_a_receiver_s_words_name_the_fields_of_the_form() -> None:
    from green_finance.console.deliveries import in_words

    assert in_words("payload.finance.term_months：期限不符；payload_sha256：摘要与内容不符。", None, "viewer") == (
        "融资期限：期限不符；payload_sha256：摘要与内容不符。"
    )
    assert in_words("payload.finance.methods[0].amount：有误；payload.unheard_of：不接收", None, "viewer") == (
        "融资方式 第1项 金额：有误；unheard_of：不接收"
    )


def test_a_preview_says_what_was_asked_for(console: Console, given_up: int) -> None:
    asked = "quarter=2026Q3&department=330000&error_class=rejected&failed_since=2026-10-09T09:00"
    text = console.log_in("li", "op").get(f"/green-finance/reruns/preview?{asked}").text
    assert "季度 2026Q3；主管部门 浙江；原因 接收方退回了内容；此时之后失败过 2026-10-09 09:00" in text
    text = console.log_in("li", "op").get(f"/green-finance/reruns/preview?delivery_ids={given_up},777").text
    assert "编号 777 不存在" in text and "发送编号 所选 2 个" in text


def test_a_list_filtered_by_channel_is_of_that_channel(console: Console, given_up: int) -> None:
    browser = console.log_in("guan", "viewer")
    assert "待人工处理 1 条" in browser.get("/green-finance/deliveries?channel=market").text
    assert "待人工处理 0 条" in browser.get("/green-finance/deliveries?channel=mail").text
    assert "没有名为" in console.log_in("li", "op").get("/green-finance/reruns/preview?channel=fax").text


def test_a_rerun_of_nothing_or_of_nonsense_is_refused_in_words(console: Console) -> None:
    browser = console.log_in("li", "op")
    for asked, says in (
        ({}, "没有选择"),
        ({"delivery_ids": "1;drop"}, "只能是数字"),
        ({"failed_since": "昨天"}, "无法识别"),
    ):
        answer = browser.get("/green-finance/reruns/preview", params=asked)
        assert (answer.status_code, says in answer.text) == (400, True)


def test_a_ticket_shows_what_to_do_and_records_what_was_done(console: Console, database: sa.Engine) -> None:
    from tests.support.obstructions import advance, answers, obstructed

    with database.begin() as connection:
        obstructed(connection)
        rows.rewrite(connection, sa.update(need_version).values(enterprise_name=HOSTILE, uscc="91330100MA2TE5T013"))
    advance(database)
    viewer = console.log_in("guan", "viewer")
    for page in ("obstructions", "obstructions/1"):
        text = viewer.get(f"/green-finance/{page}").text
        assert "担保或抵质押不足" in text and "&lt;script&gt;" in text and "<script" not in text
        assert 'method="post"' not in text
    form = {"what": "acknowledged", "note": "已联系担保公司"}
    assert viewer.post("/green-finance/obstructions/1", data=form, headers=SAME_ORIGIN).status_code == 403

    browser = console.log_in("li", "op")
    page = browser.get("/green-finance/obstructions/1").text
    assert "协调未果</button>" not in page, "not at city level"
    assert "杭州市 · 市级 · 工信部门 · 融资协调岗" in page and "会办" in page
    assert "了解该项目情况，告知可提供的担保方式" in page
    assert "民间投资专项担保计划" in page and "设备更新贷款财政贴息" not in page, "the tools for this reason"
    assert browser.post("/green-finance/obstructions/1", data=form, headers=SAME_ORIGIN).status_code == 303
    assert "已受理" in browser.get("/green-finance/obstructions/1").text
    assert [one["note"] for one in answers(database)] == ["已联系担保公司"]
    assert audited(database) == [("li", "operator", "obstruction_acknowledged", "已联系担保公司")]


def test_a_deadline_is_explained_and_more_time_takes_two_persons(console: Console, database: sa.Engine) -> None:
    from tests.support.matching import opened, push

    push(database, intended=["ICBC"])
    opened(database)
    page = f"/green-finance/deadlines?need_id={rows.need_id(1)}"
    viewer = console.log_in("guan", "viewer").get(page).text
    assert "2026-10-08已推送，加1个工作日：10月9日到期" in viewer
    assert "2026-10-09 逾期" in viewer
    assert "申请延期" not in viewer

    asked = {
        "need_id": rows.need_id(1),
        "institution_code": "ICBC",
        "from_type": "pushed",
        "to_type": "received",
        "day0": "2026-10-08",
        "working_days": "5",
        "reason": REASON,
    }
    decided = {"decision": "approved", "reason": REASON}
    assert console.browser.post("/green-finance/deadlines", data=asked, headers=SAME_ORIGIN).status_code == 403
    li = console.log_in("li", "op")
    assert (
        li.post("/green-finance/deadlines", data={**asked, "working_days": "多"}, headers=SAME_ORIGIN).status_code
        == 400
    )
    assert li.post("/green-finance/deadlines", data=asked, headers=SAME_ORIGIN).status_code == 303
    own = li.get(page).text
    assert "须由另一人决定" in own and "批准</button>" not in own
    decide = "/green-finance/deadlines/extensions/1"
    assert li.post(decide, data=decided, headers=SAME_ORIGIN).status_code == 400
    wang = console.log_in("wang", "op")
    assert "批准</button>" in wang.get(page).text
    answer = wang.post(decide, data=decided, headers=SAME_ORIGIN)
    assert (answer.status_code, answer.headers["location"]) == (303, f"../../deadlines?need_id={rows.need_id(1)}")
    text = wang.get(page).text
    assert "经批准延长5个工作日，10月10日（周六）调休上班：10月15日到期" in text
    assert "到期日变更" in text
    assert [entry[:3] for entry in audited(database)] == [
        ("li", "operator", "request_extension"),
        ("wang", "operator", "approve_extension"),
    ]


def test_a_coordinator_s_answer_holds_the_ladder_and_is_audited(console: Console, database: sa.Engine) -> None:
    from tests.support.escalation import DUE, run, staff, stalled_case

    with database.begin() as connection:
        staff(connection)
        stalled_case(connection, enterprise_name=HOSTILE)
    run(database, "2026-10-20 08:30")
    form = {
        "need_id": rows.need_id(1),
        "note": "市人民银行已联系机构",
    }
    assert str(DUE) in (page := console.log_in("viewer", "viewer").get("/green-finance/escalations")).text
    assert HOSTILE not in page.text and "记录认领" not in page.text
    assert console.browser.post("/green-finance/escalations", data=form, headers=SAME_ORIGIN).status_code == 403
    browser = console.log_in("op", "op")
    assert browser.post("/green-finance/escalations", data={**form, "note": ""}, headers=SAME_ORIGIN).status_code == 400
    assert browser.post("/green-finance/escalations", data=form, headers=SAME_ORIGIN).status_code == 303
    assert "op认领" in browser.get("/green-finance/escalations").text
    assert "op认领" in browser.get("/green-finance/escalations?department=330000&rule=S01").text
    assert "op认领" not in browser.get("/green-finance/escalations?department=110000").text
    with database.connect() as connection:
        entry = connection.execute(sa.select(audit_entry)).one()
    assert (entry.actor, entry.action) == ("op", "acknowledge_breach")


def test_another_ladder_is_tried_out_by_operators(console: Console, database: sa.Engine) -> None:
    from tests.support.escalation import pushed_need, staff

    with database.begin() as connection:
        staff(connection)
        pushed_need(connection, 1, intended_institutions=["ICBC"], enterprise_name=HOSTILE)
    browser = console.log_in("li", "op")
    empty = browser.get("/green-finance/escalations/what-if")
    assert empty.status_code == 200 and 'name="ladder_step2_working_days" value="5"' in empty.text
    asked = {"quarter": rows.QUARTER, "ladder_step2_working_days": "4", "unclaimed_working_days": ""}
    address = "/green-finance/escalations/what-if"
    for _ in range(2):
        page = browser.post(address, data=asked, headers=SAME_ORIGIN).text
        assert 'name="ladder_step2_working_days" value="4"' in page and "现行 5" in page
        assert "逾期满多少日提请省级（人民银行） 5 → <b>4</b>" in page
        assert page.count("对接环节超过约定时限（S01）") >= 2 and "浙江" in page
        for kept_out in (HOSTILE, "有限公司", rows.need_id(1), "example.test", "MIIT-city"):
            assert kept_out not in page
    refused = browser.post(address, data={**asked, "unclaimed_working_days": "0"}, headers=SAME_ORIGIN)
    assert refused.status_code == 400 and "1 到 250" in refused.text
    assert browser.post(address, data={"quarter": "x"}, headers=SAME_ORIGIN).status_code == 400
    with database.connect() as connection:
        looks = connection.execute(sa.select(audit_entry)).all()
    assert [(one.actor, one.action, one.object) for one in looks] == [("li", "try_escalation", "quarter:2026Q3")] * 2
    assert '"ladder_step2_working_days": ["5", "4"]' in looks[0].details


def test_a_costly_look_is_one_at_a_time_for_a_person_and_of_a_quarter_that_is_not_too_large(
    console: Console, database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.domain.quarter import Quarter
    from include.escalation.what_if import bounds

    with database.begin() as connection:
        rows.add_need(connection, 1)
        rows.add_need(connection, 2)
    address, asked = "/green-finance/escalations/what-if", {"quarter": rows.QUARTER}
    with database.begin() as connection:
        bounds.take_turn(connection, Quarter.parse(rows.QUARTER), "li")
        answer = console.log_in("li", "op").post(address, data=asked, headers=SAME_ORIGIN)
        assert (answer.status_code, "还没有结束" in answer.text) == (400, True)
        assert console.log_in("wang", "op").post(address, data=asked, headers=SAME_ORIGIN).status_code == 200
    assert console.log_in("li", "op").post(address, data=asked, headers=SAME_ORIGIN).status_code == 200
    monkeypatch.setattr(bounds, "MOST_NEEDS", 1)
    answer = console.log_in("li", "op").post(address, data=asked, headers=SAME_ORIGIN)
    assert (answer.status_code, "超过页面试算的上限" in answer.text) == (400, True)


def test_the_list_of_holds_is_read_page_by_page_in_order_of_urgency(
    console: Console, database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import re

    from green_finance.console import holds

    monkeypatch.setattr(holds, "_SHOWN", 3)
    with database.begin() as connection:
        for number in range(1, 9):
            money = None if number % 3 == 0 else str(100 * number)
            rows.add_need(connection, number, verdict="held", is_major=number % 4 == 0, financing_need=money)
            rows.add_hold(connection, number)
    browser = console.log_in("li", "op")
    whole = [8, 4, 7, 5, 2, 1, 3, 6]
    seen: list[int] = []
    address = "holds"
    while address:
        page = browser.get(f"/green-finance/{address}").text
        assert "待核实 8 条" in page
        seen += [int(one) for one in re.findall(r">FN0*(\d+)<", page)]
        following = re.search(r'href="(holds\?[^"]*after=\d+)"', page)
        address = following[1].replace("&amp;", "&") if following else ""
    assert seen == whole
    monkeypatch.setattr(holds, "_SHOWN", 8)
    with database.begin() as connection:
        connection.execute(sa.update(quarantine).where(quarantine.c.need_id == rows.need_id(7)).values(state="expired"))
        last = connection.execute(
            sa.select(quarantine.c.quarantine_id).where(quarantine.c.need_id == rows.need_id(7))
        ).scalar_one()
    page = browser.get(f"/green-finance/holds?after={last}").text
    assert [int(one) for one in re.findall(r">FN0*(\d+)<", page)] == [5, 2, 1, 3, 6], "whose last was decided meanwhile"


def test_a_statement_that_runs_too_long_is_given_up_in_words(console: Console) -> None:
    from green_finance.console import pages
    from include.store.confinement import LONGEST_STATEMENT

    with pages.whole_engine().connect() as connection:
        assert connection.execute(sa.text("show statement_timeout")).scalar_one() == LONGEST_STATEMENT

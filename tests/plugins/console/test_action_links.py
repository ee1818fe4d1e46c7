"""The pages behind links in mails, over HTTP as Airflow serves them: what they permit, to whom, and what they give away."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from include.domain.states import Authority, CoordinatorAct, Level, LinkKind
from include.store import tables
from include.words.names import post_label
from tests.support.console import ACTION_LINK_SECRET, Console
from tests.support.coordination import KEY, WHO, fill, finish, reported, token, withdraw
from tests.support.obstructions import answers
from tests.support.rows import need_id

KINDS = list(LinkKind)
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)> 已联系'


@pytest.fixture
def visitor(console: Console, database: sa.Engine) -> TestClient:
    """A coordinator's browser: nobody is logged in."""
    assert ACTION_LINK_SECRET.encode() == KEY
    fill(database)
    return TestClient(console.browser.app, base_url="http://airflow.example", follow_redirects=False)


def _address(one: str) -> str:
    return f"/green-finance/act/{one}"


def _post(visitor: TestClient, one: str, what: str = "contacted", **form: Any) -> Any:
    return visitor.post(_address(one), data={"what": what, "remark": "已与银行沟通", **form})


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_opens_without_a_login_and_says_what_the_mail_says(visitor: TestClient, kind: LinkKind) -> None:
    page = visitor.get(_address(token(kind)))
    assert page.status_code == 200
    assert need_id(1) in page.text and "青禾精密铸造有限公司" in page.text and "1,000 万元" in page.text
    assert "受理" in page.text and "@" not in page.text.replace("@media", ""), "no address of anybody"


@pytest.mark.parametrize("kind", KINDS)
def test_a_scanner_that_opens_every_link_many_times_changes_nothing(
    visitor: TestClient, database: sa.Engine, kind: LinkKind
) -> None:
    def everything() -> list[int]:
        with database.connect() as connection:
            counted = [tables.coordinator_act, tables.audit_entry, tables.delivery, tables.obstruction_event]
            return [connection.execute(sa.select(sa.func.count()).select_from(one)).scalar_one() for one in counted]

    before = everything()
    for method in ("GET", "HEAD") * 20:
        assert visitor.request(method, _address(token(kind))).status_code == 200
    assert visitor.request("HEAD", _address(token(kind))).content == b""
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        assert visitor.request(method, _address(token(kind))).status_code == 405
    assert everything() == before


def test_an_act_shows_at_once_to_the_bank_on_the_ticket_and_on_the_page(
    visitor: TestClient, console: Console, database: sa.Engine
) -> None:
    done = _post(visitor, token(LinkKind.OBSTRUCTION), remark="已约双方下周面谈")
    assert done.status_code == 200 and "并答复机构" in done.text
    assert [one["status"] for one in answers(database)] == ["in_progress"]
    assert "已联系" in visitor.get(_address(token(LinkKind.OBSTRUCTION))).text
    browser = console.log_in("wang", "viewer")
    timeline = browser.get(f"/green-finance/needs/{need_id(1)}").text
    assert "已约双方下周面谈" in timeline and post_label(Authority.PBOC, Level.CITY, "330100") in timeline
    assert "已约双方下周面谈" in browser.get("/green-finance/obstructions/1").text


def test_a_second_post_is_the_same_act(visitor: TestClient, database: sa.Engine) -> None:
    first, second = (_post(visitor, token(LinkKind.OBSTRUCTION), "settled") for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert "没有重复记录" in second.text
    assert len(reported(database)) == len(answers(database)) == 1


def test_two_posts_at_once_are_one_act(visitor: TestClient, database: sa.Engine) -> None:
    one = token(LinkKind.OBSTRUCTION)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: _post(visitor, one, "taken_on").status_code, range(3)))
    assert found == [200] * 3
    assert len(reported(database)) == len(answers(database)) == 1


REFUSED: dict[str, tuple[str, int, str]] = {
    "expired": (token(expires_on=date(2026, 10, 19)), 410, "到期"),
    "forged": (token(key=b"a key that somebody made up"), 404, "不完整或已失效"),
    "truncated": (token()[:-3], 404, "不完整或已失效"),
    "altered": ("A" + token()[1:], 404, "不完整或已失效"),
    "another recipient": (token(who="MIIT-city"), 403, "邮箱地址"),
    "nobody": (token(who="nobody"), 403, "在岗名单"),
    "another mail": (token(mail="digest:none"), 403, "邮箱地址"),
    "empty": ("", 404, "不完整或已失效"),
    "very long": ("a" * 5_000, 404, "不完整或已失效"),
    "a path": ("../../holds", 404, ""),
    "hostile": ("%3Cscript%3Ealert(1)%3C/script%3E", 404, "不完整或已失效"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_any_other_link_is_refused_kindly_to_look_and_to_act(
    visitor: TestClient, database: sa.Engine, name: str
) -> None:
    one, status, why = REFUSED[name]
    if name == "a path":
        one = "..%2F..%2Fholds"
    for answer in (visitor.get(_address(one)), _post(visitor, one)):
        assert answer.status_code == status
        assert why in answer.text and "邮件" in answer.text and "<script>" not in answer.text
        assert need_id(1) not in answer.text, "a refusal says nothing of the need"
    assert reported(database) == []


def test_a_link_to_one_subject_is_not_a_link_to_another(visitor: TestClient, database: sa.Engine) -> None:
    more = {"institution_code": "CCB", "obstruction_id": "OB1", "need_id": need_id(2), "kind": "obstruction"}
    assert _post(visitor, token(LinkKind.CASE), **more).status_code == 200
    assert answers(database) == []
    with database.connect() as connection:
        act = connection.execute(sa.select(tables.coordinator_act)).one()
    assert (act.kind, act.institution_code) == ("case", "ICBC"), "the form cannot name the subject"


def test_who_went_off_duty_since_the_mail_is_told_whom_to_turn_to(visitor: TestClient, database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.execute(sa.update(tables.coordinator).values(on_duty=False))
    for answer in (visitor.get(_address(token())), _post(visitor, token())):
        assert (answer.status_code, "接任" in answer.text) == (403, True)
    assert reported(database) == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_act_that_arrives_after_the_end_is_told_so(visitor: TestClient, database: sa.Engine, kind: LinkKind) -> None:
    finish(database, kind)
    page, answer = visitor.get(_address(token(kind))), _post(visitor, token(kind))
    assert (page.status_code, answer.status_code) == (200, 409)
    for one in (page, answer):
        assert "无需再办理" in one.text and "<form" not in one.text
    assert reported(database) == []


def test_a_withdrawn_need_is_told(visitor: TestClient, database: sa.Engine) -> None:
    withdraw(database)
    assert "需求已撤回" in visitor.get(_address(token())).text


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({"what": "settled", "remark": ""}, "写明情况"),
        ({"what": "handed_over"}, "转交给谁"),
        ({"what": "needs_time", "working_days": "500"}, "超出允许范围"),
        ({"what": "needs_time", "working_days": "-1"}, "无法识别"),
        ({"what": "needs_time", "working_days": "9" * 30}, "无法识别"),
        ({"what": "unresolvable"}, "不能办理"),
        ({"what": "drop table"}, "无法识别"),
        ({"what": "handed_over", "handed_to": "x\x00y"}, "无法识别"),
        ({"what": "contacted", "remark": "看不见\u202e的字"}, "看不见的字符"),
    ],
)
def test_an_incomplete_report_is_told_what_is_missing_and_keeps_what_was_written(
    visitor: TestClient, database: sa.Engine, form: dict[str, str], wrong: str
) -> None:
    answer = _post(visitor, token(), **form)
    assert answer.status_code in (400, 403) and wrong in answer.text
    assert reported(database) == []


def test_a_remark_is_text_wherever_it_is_shown(visitor: TestClient, console: Console, database: sa.Engine) -> None:
    assert _post(visitor, token(), remark=HOSTILE).status_code == 200
    assert _post(visitor, token(LinkKind.OBSTRUCTION), remark=HOSTILE).status_code == 200
    refused = _post(visitor, token(LinkKind.OBSTRUCTION), "settled", remark=f"{HOSTILE}\u202e")
    browser = console.log_in("li", "op")
    pages = [browser.get(f"/green-finance/{one}").text for one in (f"needs/{need_id(1)}", "obstructions/1")]
    for page in (refused.text, *pages):
        assert "<script>alert" not in page and "<img" not in page
    assert all("&lt;script&gt;" in page for page in pages)


# --- What the pages give away ----------------------------------------------------------------------------------------


def test_neither_cookies_nor_referrers_nor_search_engines_learn_of_a_link(visitor: TestClient) -> None:
    for answer in (visitor.get(_address(token())), _post(visitor, token()), visitor.get(_address("x"))):
        assert "set-cookie" not in answer.headers
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "noindex" in answer.headers["x-robots-tag"]
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "<script" not in answer.text and "<a " not in answer.text, "nothing leads from here to another site"


def test_no_page_and_no_line_of_a_log_holds_the_token(
    console: Console, visitor: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    from airflow.api_fastapi.common.http_access_log import HttpAccessLogMiddleware
    from structlog.testing import capture_logs

    behind_the_log = TestClient(HttpAccessLogMiddleware(console.browser.app), base_url="http://airflow.example")  # type: ignore[arg-type]
    one, forged = token(), token(key=b"a key that somebody made up")
    with capture_logs() as lines, caplog.at_level(logging.DEBUG, logger="green_finance"):
        pages = [behind_the_log.get(_address(one)), _post(behind_the_log, one), behind_the_log.get(_address(forged))]
    assert [line["path"] for line in lines] == ["/green-finance/act/"] * 3
    assert "An action link was refused" in caplog.text
    for text in (str(lines), caplog.text, *(page.text for page in pages)):
        assert one[:20] not in text and forged[:20] not in text


def test_a_defect_is_told_without_the_token(
    visitor: TestClient, console: Console, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from green_finance.console import action_links

    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(action_links.coordination, "follow", break_down)
    calm = TestClient(console.browser.app, base_url="http://airflow.example", raise_server_exceptions=False)
    answer = calm.get(_address(token()))
    assert (answer.status_code, "没有记录" in answer.text) == (500, True)
    assert token()[:20] not in caplog.text


# --- Keys and limits -------------------------------------------------------------------------------------------------


def _with_key(monkeypatch: pytest.MonkeyPatch, secret: str | None) -> None:
    import json
    import os

    from green_finance.console import action_links

    given = json.loads(os.environ["AIRFLOW_CONN_BUSINESS_DB"])
    given["extra"].pop("action_link_secret", None)
    if secret is not None:
        given["extra"]["action_link_secret"] = secret
    monkeypatch.setenv("AIRFLOW_CONN_BUSINESS_DB", json.dumps(given))
    action_links.keys.cache_clear()


def test_links_of_the_old_key_work_while_it_is_the_second_one(
    visitor: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = "a newer key of action links"
    _with_key(monkeypatch, f"{newer},{ACTION_LINK_SECRET}")
    assert visitor.get(_address(token())).status_code == 200
    assert visitor.get(_address(token(key=newer.encode()))).status_code == 200
    _with_key(monkeypatch, newer)
    assert visitor.get(_address(token())).status_code == 404


def test_without_a_key_the_page_says_where_to_act_instead(visitor: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_key(monkeypatch, None)
    for answer in (visitor.get(_address(token())), _post(visitor, token())):
        assert (answer.status_code, "登录控制台办理" in answer.text) == (503, True)


def test_somebody_who_tries_many_links_is_slowed_down_and_a_genuine_link_still_opens(visitor: TestClient) -> None:
    found = [visitor.get(_address(f"guess-{number}")).status_code for number in range(40)]
    assert found == [404] * 30 + [429] * 10
    assert visitor.get(_address(token())).status_code == 200


def test_a_made_up_link_costs_no_look_at_the_database(visitor: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from green_finance.console import pages

    def unreachable() -> None:
        raise AssertionError("the database was asked")

    with monkeypatch.context() as patched:
        patched.setattr(pages, "whole_engine", unreachable)
        assert visitor.get(_address("made-up")).status_code == 404
        assert _post(visitor, token(key=b"a key that somebody made up")).status_code == 404


def test_more_acts_than_a_person_makes_are_refused(visitor: TestClient, database: sa.Engine) -> None:
    found = [_post(visitor, token(), remark=f"第{number}次联系").status_code for number in range(32)]
    assert found == [200] * 30 + [429] * 2
    assert len(reported(database)) == 30
    assert visitor.get(_address(token())).status_code == 200, "looking is free"


def test_a_body_of_any_size_is_refused_before_it_is_read(visitor: TestClient, database: sa.Engine) -> None:
    assert _post(visitor, token(), remark="很长" * 20_000).status_code == 413
    assert reported(database) == []


def test_every_act_of_the_page_has_a_button_that_works(visitor: TestClient, database: sa.Engine) -> None:
    page = visitor.get(_address(token())).text
    for act in (CoordinatorAct.TAKEN_ON, CoordinatorAct.CONTACTED, CoordinatorAct.SETTLED, CoordinatorAct.NEEDS_TIME):
        assert f'name="what" value="{act}"' in page
        assert _post(visitor, token(), act, working_days="3" if act == "needs_time" else "").status_code == 200
    assert '<option value="MIIT-city">' in page
    assert _post(visitor, token(), "handed_over", handed_to="MIIT-city").status_code == 200
    assert [(act, who) for act, who, _ in reported(database)] == [
        (act, WHO) for act in ("taken_on", "contacted", "settled", "needs_time", "handed_over")
    ]

"""Whatever stands in an address or a form, the console answers in words: never an error of the program, never values in a log.

Routes and their parameters are the app's own, so that a new one is tried too.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from include.domain.roles import Role
from include.store.tables import contact
from tests.support import rows
from tests.support.console import SAME_ORIGIN, Console
from tests.support.console_routes import route_address, routes

HOSTILE = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "1\x00",
    "\x1b[31m",
    "\u202e文字",
    "\ufeff",
    "\ud800",
    "\U0010ffff",
    "0",
    "-1",
    "1.5",
    "NaN",
    "1e400",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999",
    "9" * 5_000,
    "２０２６Q3",
    "٣",
    "2026Q5",
    "2026Q3\n",
    "0001-01-01",
    "9999-12-31",
    "0001-01-01T00:00+23:59",
    "9999-12-31T23:59-23:59",
    "110000\n",
    "999999",
    "a" * 10_000,
    "甲" * 3_000,
    "%",
    "%00",
    "_",
    "\\",
    "'; drop table need_version; --",
    "{{ 7 * 7 }}",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "true",
    "null",
    "[]",
    "DQ37 finance.total_investment",
    "= 1 + 1",
]
SOUND = {
    "decision": "confirmed",
    "reason": "已向主管部门核实",
    "note": "已向主管部门核实",
    "what": "acknowledged",
    "finding": "DQ37 finance.total_investment",
    "need_id": "FN000000000001",
    "institution_code": "ICBC",
    "rule_id": "S01",
    "breach": "limit@received-contacted@2026-10-08",
    "from_type": "pushed",
    "to_type": "received",
    "day0": "2026-09-30",
    "working_days": "2",
    "quarter": "2026Q3",
    "seen": "open",
    "delivery_id": "1",
    "delivery_ids": "1",
}


def _parameters(dependant: Dependant) -> list[tuple[str, str]]:
    """Where and under which name a route takes something: path, query, body."""
    found = [("path", one.alias) for one in dependant.path_params]
    found += [("query", one.alias) for one in dependant.query_params]
    found += [("body", one.alias) for one in dependant.body_params]
    for one in dependant.dependencies:
        found += _parameters(one)
    return found


def _tries() -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Method and path of each route → the places and names of what it takes."""
    from green_finance.console.app import console as app

    of_route = {
        (method, route.path): _parameters(route.dependant)
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    found = {route: of_route[route] for route in routes() if of_route[route]}
    # What a page reads beside its declared parameters.
    found["POST", "/escalations/what-if"].append(("body", "ladder_step2_working_days"))
    return found


@pytest.fixture(autouse=True)
def _no_airflow_to_send_with(monkeypatch: pytest.MonkeyPatch) -> None:
    from green_finance.console import reruns

    monkeypatch.setattr(reruns, "start_sending", lambda *_: "")


@pytest.mark.parametrize("route", _tries(), ids=" ".join)
def test_no_value_of_any_parameter_breaks_a_page(
    two_departments: Console, database: sa.Engine, caplog: pytest.LogCaptureFixture, route: tuple[str, str]
) -> None:
    method, path = route
    with database.begin() as connection:
        rows.set_grant(
            connection, "all", roles=[Role.APPROVER, Role.AUDITOR], departments=None, by="root", now=rows.TAKEN_IN
        )
        # No key opens what the builders stored as contacts.
        rows.rewrite(connection, contact.delete())
    two_departments.log_in("all", "admin")
    browser = TestClient(
        two_departments.browser.app,
        base_url="http://airflow.example",
        follow_redirects=False,
        raise_server_exceptions=False,
    )
    for place, name in _tries()[route]:
        # A slash or a line's end in a path leads elsewhere than to the console's route.
        for value in HOSTILE if place != "path" else [one for one in HOSTILE if not {"/", "\n"} & set(one)]:
            answer = _send(browser, method, path, place, name, value)
            said = (name, value[:40], answer.status_code, answer.text[-400:])
            assert answer.status_code in (200, 303, 307, 400, 404), said
            assert answer.status_code not in (400, 404) or "处理办法" in answer.text, said
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def _send(browser: TestClient, method: str, path: str, place: str, name: str, value: str) -> Any:
    from green_finance.console.form_tokens import token_for

    text = quote(value, safe="", errors="surrogatepass")
    address = route_address(path)
    if place == "path":
        address = route_address(path.replace("{" + name + "}", "@@")).replace("@@", text or "%20")
    query = f"?{name}={text}" if place == "query" else ""
    if method == "GET":
        return browser.get(f"{address}{query}" + ("" if name == "quarter" or not query else "&quarter=2026Q3"))
    fields = {**SOUND, "form_token": token_for("all")}
    sent = "&".join(f"{key}={quote(one)}" for key, one in fields.items() if key != name or place != "body")
    body = f"{sent}&{name}={text}" if place == "body" else sent
    headers = {**SAME_ORIGIN, "Content-Type": "application/x-www-form-urlencoded"}
    return browser.request(method, address, content=body, headers=headers)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"%ff=%00&%", "application/x-www-form-urlencoded"),
        (
            b'--x\r\nContent-Disposition: form-data; name="reason"\r\n\r\n\\ud800\r\n--x--',
            "multipart/form-data; boundary=x",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="reason"\r\n\r\n\\ud800\\ud800\\ud800\r\n--x--\r\n',
            "multipart/form-data; boundary=x; charset=raw_unicode_escape",
        ),
        (b"--x", "multipart/form-data"),
        (
            b'--x\r\nContent-Disposition: form-data; name="reason"; filename="a"\r\n\r\nx\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (b"&".join(b"finding=%d" % number for number in range(2_000)), "application/x-www-form-urlencoded"),
        (b"reason=" + b"a" * 3_000_000, "application/x-www-form-urlencoded"),
    ],
)
def test_no_body_breaks_an_act(two_departments: Console, body: bytes, kind: str) -> None:
    two_departments.log_in("root", "admin")
    browser = TestClient(
        two_departments.browser.app,
        base_url="http://airflow.example",
        follow_redirects=False,
        raise_server_exceptions=False,
    )
    for address in ("holds/1/confirm", "deliveries/close", "deadlines"):
        headers = {**SAME_ORIGIN, "Content-Type": kind}
        answer = browser.post(f"/green-finance/{address}", content=body, headers=headers)
        assert answer.status_code in (400, 403, 413), answer.text[-300:]
        assert "处理办法" in answer.text


def test_a_statement_that_fails_takes_no_value_into_the_log(
    two_departments: Console, database: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with database.begin() as connection:
        rows.rewrite(connection, sa.text("alter table audit_entry add column unheard_of text not null default ''"))
        rows.rewrite(connection, sa.text("alter table audit_entry alter column unheard_of drop default"))
    browser = TestClient(
        two_departments.log_in("root", "admin").app, base_url="http://airflow.example", raise_server_exceptions=False
    )
    from green_finance.console.form_tokens import token_for

    form = {"reason": "联系人张三13812345678", "delivery_id": "1", "form_token": token_for("root")}
    answer = browser.post("/green-finance/deliveries/close", data=form, headers=SAME_ORIGIN)
    assert (answer.status_code, "页面出错" in answer.text) == (500, True)
    with pytest.raises(sa.exc.IntegrityError) as failed, database.begin() as connection:
        connection.execute(
            sa.text("insert into person (actor_id, name, seen_at) values (:name, null, now())"),
            {"name": "张三13812345678"},
        )
    assert "SQL parameters hidden" in str(failed.value)
    assert "13812345678" not in str(failed.value).partition("[SQL")[2]
    assert "13812345678" not in caplog.text

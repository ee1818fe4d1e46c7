"""An act counts only from the console's own page, and answers are closed to whatever a browser could be talked into."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from tests.support.console import REASON, SAME_ORIGIN, Console, decision_form, hold_address, hold_state


def test_every_form_that_is_posted_carries_the_token(repository: Path) -> None:
    templates = sorted((repository / "plugins/green_finance/console/templates").glob("*.html"))
    forms = [
        (page.name, form)
        for page in templates
        for form in re.findall(r'<form[^>]*method="post".*?</form>', page.read_text(encoding="utf-8"), re.DOTALL)
    ]
    assert len(forms) >= 12
    # The pages of links in mails have no user: the token in their address is the authority.
    forms = [(page, form) for page, form in forms if page != "act.html"]
    assert [page for page, form in forms if 'name="form_token" value="{{ form_token }}"' not in form] == []


def test_a_page_s_own_form_is_accepted(console: Console, hold: int, database: sa.Engine) -> None:
    browser = console.log_in("li", "op")
    token = re.search(r'name="form_token" value="([^"]+)"', browser.get(hold_address(hold)).text)
    assert token is not None
    form = {**decision_form(), "form_token": token[1]}
    assert browser.post(hold_address(hold, "confirm"), data=form, headers=SAME_ORIGIN).status_code == 303
    assert hold_state(database) == "returned"


COOKIE = {"Cookie": "_token=session"}
BROWSERS: list[dict[str, str]] = [
    SAME_ORIGIN,
    {"Origin": "http://airflow.example"},
    {**SAME_ORIGIN, **COOKIE},
    {**COOKIE, "Authorization": "Bearer stolen"},
    {**COOKIE, "Authorization": "Basic bGk6bGk="},
    {**SAME_ORIGIN, "Authorization": "Bearer added-by-a-middleware"},
    {"Authorization": "Basic bGk6bGk="},
    {"Authorization": " "},
    {},
]


@pytest.mark.parametrize("headers", BROWSERS)
def test_without_the_token_no_header_of_a_browser_helps(
    console: Console, hold: int, database: sa.Engine, headers: dict[str, str]
) -> None:
    browser = console.log_in("li", "op")
    for token in ("", "made up", _of(browser, "wang"), _expired("li")):
        answer = browser.post(
            hold_address(hold, "confirm"), data={**decision_form(), "form_token": token}, headers=headers
        )
        assert (answer.status_code, "不是从本页面提交" in answer.text) == (403, True)
    assert hold_state(database) == "open"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example", "Authorization": "Basic bGk6bGk=", **COOKIE},
        {"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer token"},
        COOKIE,
    ],
)
def test_with_the_token_another_site_s_page_is_still_refused(
    console: Console, hold: int, database: sa.Engine, headers: dict[str, str]
) -> None:
    answer = console.log_in("li", "op").post(hold_address(hold, "confirm"), data=decision_form(), headers=headers)
    assert answer.status_code == 403
    assert hold_state(database) == "open"


def test_a_script_with_its_own_token_needs_no_form(console: Console, hold: int, database: sa.Engine) -> None:
    browser = console.log_in("li", "op")
    form = {**decision_form(), "form_token": ""}
    headers = {"Authorization": "Bearer token"}
    assert browser.post(hold_address(hold, "confirm"), data=form, headers=headers).status_code == 303
    assert hold_state(database) == "returned"


def _of(browser: Any, actor: str) -> str:
    from green_finance.console.form_tokens import token_for

    return token_for(actor)


def _expired(actor: str) -> str:
    from airflow.sdk.configuration import conf
    from itsdangerous import TimestampSigner, URLSafeTimedSerializer

    class LongAgo(TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - 13 * 3600

    return URLSafeTimedSerializer(conf.get("api", "secret_key"), salt="green-finance-form", signer=LongAgo).dumps(actor)


def test_every_answer_is_closed_to_the_browser(console: Console, hold: int) -> None:
    browser = console.log_in("li", "op")
    answers = [
        browser.get("/green-finance/"),
        browser.get("/green-finance/nowhere"),
        browser.get("/green-finance/validation/2026Q3"),
        browser.post(hold_address(hold, "confirm"), data=decision_form(), headers=SAME_ORIGIN),
        browser.post(hold_address(hold, "confirm"), data=decision_form(), headers={"Sec-Fetch-Site": "cross-site"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 307, 303, 403]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "base-uri 'none'" in policy and "form-action 'self'" in policy
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("scheme", "secure"), [("https", True), ("http", False)])
def test_the_note_s_cookie_stays_on_tls_where_there_is_tls(
    console: Console, hold: int, scheme: str, secure: bool
) -> None:
    from green_finance.console.form_tokens import token_for

    browser = TestClient(console.log_in("li", "op").app, base_url=f"{scheme}://airflow.example", follow_redirects=False)
    form = {**decision_form(reason=REASON), "form_token": token_for("li")}
    cookie = browser.post(hold_address(hold, "confirm"), data=form, headers=SAME_ORIGIN).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert ("; Secure" in cookie) is secure

"""Getting into the console: the login that leads back, titles that say what is wrong, the address without a slash."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from green_finance.console.doorway import PREFIX, WithoutSlash
from tests.support.console import SAME_ORIGIN, Console


def test_who_is_not_logged_in_gets_a_button_that_leads_back_to_the_page(console: Console) -> None:
    answer = console.browser.get("/green-finance/needs?q=骞楷&stage=held")
    assert answer.status_code == 401 and "<title>请先登录 · 绿厂融通</title>" in answer.text
    back = "/green-finance/needs%3Fq%3D%25E9%25AA%259E%25E6%25A5%25B7%26stage%3Dheld"
    assert f'href="/auth/login?next={back}"' in answer.text


def test_after_an_act_or_an_odd_address_the_login_leads_to_the_first_page(console: Console) -> None:
    for answer in (
        console.browser.post("/green-finance/escalations", headers=SAME_ORIGIN),
        console.browser.get("/green-finance//evil.example/"),
        console.browser.get("/green-finance/needs/%5C%5Cevil.example"),
    ):
        assert "evil" not in answer.text
        if answer.status_code == 401:
            assert 'href="/auth/login?next=/green-finance/"' in answer.text


@pytest.mark.parametrize(
    ("path", "title"), [("nowhere", "未找到该页面"), ("needs/FN1", "没有找到"), ("audit", "无权办理")]
)
def test_a_refusal_says_in_its_title_what_is_wrong(console: Console, path: str, title: str) -> None:
    answer = console.log_in("li", "viewer").get(f"/green-finance/{path}")
    assert f"<title>{title} · 绿厂融通</title>" in answer.text and f"<h1>{title}</h1>" in answer.text


def test_the_address_without_a_slash_leads_to_the_first_page() -> None:
    app = FastAPI()
    app.get("/{rest:path}")(lambda rest: rest)
    app.add_middleware(WithoutSlash)
    browser = TestClient(app, follow_redirects=False)
    answer = browser.get(PREFIX)
    assert (answer.status_code, answer.headers["location"]) == (307, "green-finance/")
    assert browser.get(f"{PREFIX}/needs").json() == "green-finance/needs"


def test_the_console_stands_at_the_top_of_airflow_s_menu_with_an_icon() -> None:
    from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse
    from green_finance_plugin import GreenFinancePlugin

    (view,) = (ExternalViewResponse(**one) for one in GreenFinancePlugin.external_views)
    assert view.nav_top_level and view.category is None
    assert view.icon and view.icon.startswith("data:image/svg+xml,") and view.icon_dark_mode

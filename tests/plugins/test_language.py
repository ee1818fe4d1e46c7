from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.middleware.gzip import GZipMiddleware
from starlette.testclient import TestClient

from green_finance.language import ChineseByDefault

PAGE = "<html><head><title>Airflow</title></head><body>" + "x" * 2000 + "</body></html>"


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.add_middleware(GZipMiddleware)
    app.add_middleware(ChineseByDefault)
    app.get("/page", response_class=HTMLResponse)(lambda: PAGE)
    app.get("/data")(lambda: {"html": PAGE})
    return TestClient(app)


def test_a_page_is_chinese_until_its_reader_chooses_otherwise(client: TestClient) -> None:
    answer = client.get("/page", headers={"Accept": "text/html,*/*", "Accept-Encoding": "gzip"})
    script = answer.text[: answer.text.index("<title>")]
    assert "localStorage.i18nextLng ??= 'zh-CN'" in script
    assert "localStorage.timezone ??= JSON.stringify('Asia/Shanghai')" in script
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_everything_else_passes_untouched(client: TestClient) -> None:
    answer = client.get("/data", headers={"Accept": "application/json", "Accept-Encoding": "gzip"})
    assert answer.json() == {"html": PAGE}
    assert answer.headers["content-encoding"] == "gzip"

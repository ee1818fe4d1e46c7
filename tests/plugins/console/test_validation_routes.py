"""The gate's pages in the console, under the addresses that their own links lead to."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from include.store.tables import report
from tests.support import rows
from tests.support.clean_need import clean_need
from tests.support.console import Console
from tests.support.taken_in import judge, take_in

ROOT = f"/green-finance/validation/{rows.QUARTER}"


@pytest.fixture
def published(database: sa.Engine) -> None:
    with database.begin() as connection:
        for age in ("old", "new"):
            values = {"kind": "rejudgement", "quarter": rows.QUARTER, "html": f"{age} rejudgement", "figures": {}}
            connection.execute(report.insert().values(**values, created_at=rows.TAKEN_IN))
    judge(database, take_in(database, "run", [clean_need()], now=rows.TAKEN_IN), now=rows.TAKEN_IN)
    judge(database, take_in(database, "dry", [clean_need()], now=rows.TAKEN_IN, dry_run=True), now=rows.TAKEN_IN)


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("path", "html"),
    [
        (ROOT, "各地区"),
        (f"{ROOT}/", "各地区"),
        (f"{ROOT}/index.html", "各地区"),
        (f"{ROOT}/330000", "总体情况"),
        (f"{ROOT}/330000.html", "总体情况"),
        (f"/green-finance/rejudgement/{rows.QUARTER}", "new rejudgement"),
    ],
)
def test_the_page_is_shown_as_it_stands_now(console: Console, path: str, html: str) -> None:
    answer = console.log_in("reader", "op").get(path, follow_redirects=True)
    assert answer.status_code == 200 and html in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.usefixtures("published")
def test_what_is_not_there_is_said(console: Console) -> None:
    browser = console.log_in("reader", "op")
    assert "尚无审核结果" in browser.get(f"{ROOT}/110000").text
    assert browser.get(f"{ROOT}/110000").status_code == 404
    assert browser.get(f"{ROOT}/dry_run/110000").status_code == 404
    assert browser.get(f"{ROOT}/dry_run/..%2f330000").status_code in (404, 422)


@pytest.mark.usefixtures("published")
def test_a_dry_run_is_shown_to_those_who_decide(console: Console) -> None:
    for path in ("dry_run/", "dry_run/330000", "dry_run/330000.html"):
        assert "试运行" in console.log_in("reader", "op").get(f"{ROOT}/{path}").text
        assert console.log_in("guan", "viewer").get(f"{ROOT}/{path}").status_code == 403

"""The gate's pages in the console, under the addresses that their own links lead to."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from include.store.reports import write_page
from include.store.tables import report
from tests.plugins.console.test_console import Console, console
from tests.support import rows

__all__ = ["console"]

ROOT = f"/green-finance/validation/{rows.QUARTER}"


@pytest.fixture
def published(database: sa.Engine) -> None:
    with database.begin() as connection:
        for kind in ("validation", "validation/330000", "rejudgement"):
            for age in ("old", "new"):
                connection.execute(
                    report.insert().values(
                        kind=kind, quarter=rows.QUARTER, html=f"{age} {kind}", figures={}, created_at=rows.TAKEN_IN
                    )
                )


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("path", "html"),
    [
        (ROOT, "new validation"),
        (f"{ROOT}/", "new validation"),
        (f"{ROOT}/index.html", "new validation"),
        (f"{ROOT}/330000", "new validation/330000"),
        (f"{ROOT}/330000.html", "new validation/330000"),
        (f"/green-finance/rejudgement/{rows.QUARTER}", "new rejudgement"),
    ],
)
def test_the_page_in_force_is_shown(console: Console, path: str, html: str) -> None:
    answer = console.log_in("reader", "op").get(path, follow_redirects=True)
    assert (answer.status_code, answer.text) == (200, html)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.usefixtures("published")
def test_what_is_not_published_is_said(console: Console) -> None:
    browser = console.log_in("reader", "op")
    assert "尚未生成" in browser.get(f"{ROOT}/110000").text
    assert browser.get(f"{ROOT}/110000").status_code == 404
    assert browser.get(f"{ROOT}/dry_run/330000").status_code == 404
    assert browser.get(f"{ROOT}/dry_run/..%2f330000").status_code in (404, 422)


def test_the_preview_of_a_dry_run_comes_from_its_file(
    console: Console,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("GFF_REPORTS_DIR", str(tmp_path))
    write_page("试运行", tmp_path / "validation" / rows.QUARTER / "dry_run" / "330000.html")
    assert console.log_in("reader", "op").get(f"{ROOT}/dry_run/330000").text == "试运行"
    assert console.log_in("guan", "viewer").get(f"{ROOT}/dry_run/330000").status_code == 403

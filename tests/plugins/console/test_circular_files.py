"""The published circular in the console: its page with its files, the public ones for all, the internal ones for a few."""

from __future__ import annotations

from io import BytesIO

import openpyxl
import pytest
import sqlalchemy as sa

from include.circular import publish
from include.circular.editions.forms import FORMS
from tests.support import rows
from tests.support.circulars import DAY
from tests.support.console import Console
from tests.support.rows import QUARTER, add_delivery, add_need

ADDRESS = f"/green-finance/circular/{QUARTER}"


@pytest.fixture
def published(database: sa.Engine) -> None:
    with database.begin() as connection:
        for number in range(1, 5):
            add_need(connection, number, financing_need="10000.00")
            add_delivery(connection, number)
    publish(database, QUARTER, day=DAY)


@pytest.mark.usefixtures("published")
def test_every_link_below_the_page_s_head_leads_to_its_file(console: Console) -> None:
    browser = console.log_in("zhang", "op")
    page = browser.get(ADDRESS).text
    for form, made in FORMS.items():
        for address in (f"{QUARTER}/{form}", f"{QUARTER}/internal/{form}"):
            assert f'href="{address}"' in page
            file = browser.get(f"/green-finance/circular/{address}")
            assert (file.status_code, file.headers["content-type"]) == (200, made.media_type)
            assert "attachment" in file.headers["content-disposition"]


@pytest.mark.usefixtures("published")
def test_a_viewer_is_offered_the_public_edition_only(console: Console) -> None:
    browser = console.log_in("guan", "viewer")
    page = browser.get(ADDRESS).text
    assert f'href="{QUARTER}/pdf"' in page
    assert "internal" not in page
    assert browser.get(f"{ADDRESS}/pdf").content.startswith(b"%PDF")
    assert browser.get(f"{ADDRESS}/internal/pdf").status_code == 403


@pytest.mark.usefixtures("published")
def test_who_is_confined_to_departments_gets_no_internal_edition(console: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        rows.set_grant(connection, "li", roles=set(), departments=frozenset({"330000"}), by="root", now=rows.TAKEN_IN)
    browser = console.log_in("li", "op")
    assert "internal" not in browser.get(ADDRESS).text
    assert browser.get(f"{ADDRESS}/internal/xlsx").status_code == 403


@pytest.mark.usefixtures("published")
def test_taking_a_file_along_is_audited(console: Console, database: sa.Engine) -> None:
    file = console.log_in("zhang", "op").get(f"{ADDRESS}/internal/xlsx")
    assert openpyxl.load_workbook(BytesIO(file.content)).sheetnames[0] == "说明"
    with database.connect() as connection:
        found = connection.execute(
            sa.text("select object, details from audit_entry where action = 'export_list' order by entry_id desc")
        ).first()
    assert found is not None
    assert found.object == "信息通报"
    assert all(part in found.details for part in ("internal", "xlsx", QUARTER))


def test_a_quarter_without_a_circular_has_no_files(console: Console) -> None:
    browser = console.log_in("zhang", "op")
    assert [browser.get(f"{ADDRESS}{end}").status_code for end in ("", "/pdf", "/internal/pdf")] == [404, 404, 404]

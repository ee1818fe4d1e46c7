"""The page of stalled needs: chosen by the address, taken on several at once, taken along as a file."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
import sqlalchemy as sa

from tests.support.console import SAME_ORIGIN, Console, audited
from tests.support.escalation import run, staff, stalled_case
from tests.support.rows import TAKEN_IN, need_id, set_grant

PAGE = "/green-finance/escalations"
NOTE = "市人民银行已联系机构"


@pytest.fixture
def stalled(console: Console, database: sa.Engine) -> Console:
    """Two needs of Zhejiang of which the city was told, one of Jiangsu."""
    with database.begin() as connection:
        staff(connection)
        stalled_case(connection, 1)
        stalled_case(connection, 2)
        stalled_case(connection, 3, department_code="320000", city_code="320500", branch_code="PBC320000")
        set_grant(connection, "chen", roles=set(), departments=frozenset({"320000"}), by="root", now=TAKEN_IN)
    run(database, "2026-10-20 08:30")
    return console


def test_several_are_taken_on_with_one_reason_an_entry_each_and_the_filter_stays(
    stalled: Console, database: sa.Engine
) -> None:
    browser = stalled.log_in("li", "op")
    page = browser.get(f"{PAGE}?department=330000&level=province").text
    assert page.count('form="take-on"') == 2
    form = {"need_id": [need_id(1), need_id(2), "FN209900000001"], "note": NOTE}
    answer = browser.post(f"{PAGE}?department=330000&level=province", data=form, headers=SAME_ORIGIN)
    assert answer.headers["location"] == "escalations?department=330000&level=province"
    told = browser.get(f"{PAGE}?department=330000").text
    assert "已记录认领 2 项" in told and "FN209900000001" in told and told.count("li认领") == 2
    assert [(entry[0], entry[2], entry[3]) for entry in audited(database)] == [("li", "acknowledge_breach", NOTE)] * 2


def test_a_reason_and_a_choice_are_asked_for(stalled: Console, database: sa.Engine) -> None:
    browser = stalled.log_in("li", "op")
    for form in ({"need_id": [need_id(1)], "note": ""}, {"note": NOTE}, {"need_id": ["FN209900000001"], "note": NOTE}):
        assert browser.post(PAGE, data=form, headers=SAME_ORIGIN).status_code == 400
    assert audited(database) == []


def test_the_file_holds_what_the_filter_chooses(stalled: Console) -> None:
    answer = stalled.log_in("guan", "viewer").get(f"{PAGE}/export/csv?city=320500")
    head, line = csv.reader(StringIO(answer.content.decode("utf-8-sig")))
    told = dict(zip(head, line, strict=True))
    assert (told["需求编号"], told["市"], told["机构"]) == (need_id(3), "苏州市", "中国工商银行")
    assert {"企业", "主管部门", "融资需求（万元）", "事由", "时限", "逾期（工作日）", "已提请", "认领"} <= set(head)


def test_who_is_confined_sees_lists_and_takes_on_only_his_own(stalled: Console, database: sa.Engine) -> None:
    browser = stalled.log_in("chen", "op")
    for address in (PAGE, f"{PAGE}/export/csv"):
        seen = browser.get(address).text
        assert need_id(3) in seen and need_id(1) not in seen
    form = {"need_id": [need_id(1)], "note": NOTE}
    assert browser.post(PAGE, data=form, headers=SAME_ORIGIN).status_code == 400

"""Validation pages: what stands on them, and what never does."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from include.domain.identifiers import make_uscc
from include.gate import view as pages
from include.gate.results import OUTCOMES, DepartmentResults, department_results
from include.intake.conservation import accounts
from include.reference import rules
from include.reference.form import all_fields, field_name
from include.store import tables
from tests.support.clean_need import filed
from tests.support.pages import text_of
from tests.support.rows import moment, need_id, release
from tests.support.taken_in import judge, take_in

NOW = moment("2026-09-30 18:00")
DEPARTMENT, QUARTER = "330000", "2026Q3"
KIND = f"validation/{DEPARTMENT}"


def page_of(database: sa.Engine, judged_intake: int) -> str:
    """The page of the department, once this intake was judged."""
    with database.connect() as connection:
        html = pages.department_page(connection, QUARTER, DEPARTMENT, insider=True)
    assert html is not None
    return html


def overview(database: sa.Engine) -> str:
    with database.connect() as connection:
        html = pages.quarter_page(connection, QUARTER)
    assert html is not None
    return html


def judged(database: sa.Engine, *records: dict[str, Any], run_id: str = "run") -> int:
    intake_id = take_in(database, run_id, records, now=NOW)
    judge(database, intake_id, now=NOW)
    return intake_id


def results(database: sa.Engine) -> DepartmentResults:
    with database.connect() as connection:
        return department_results(connection, QUARTER, DEPARTMENT)


def test_the_counts_are_those_of_the_account(database: sa.Engine) -> None:
    intake_id = judged(
        database,
        filed(1),
        filed(2, project__permits__land="missing"),
        filed(3, finance__use_of_funds="购置锅炉并补充流动资金"),
        filed(4),
        filed(4, revision=2, benefit__basis="self_estimate"),
        filed(5, need_id="no number"),
        filed(6),
        filed(6, project__permits__land="missing"),
    )
    with database.connect() as connection:
        (account,) = accounts(connection, intake_id)
    assert account.unaccounted == 0
    found = results(database).counts
    assert {name: found[name] for name in OUTCOMES} == {
        "passed": account.passed,
        "returned": account.returned,
        "held": account.held,
        "superseded": account.superseded,
        "unreadable": account.unreadable,
        "unjudged": 0,
    }
    # The two contents of one revision are one record (DQ43).
    assert account.listed == 7 and min(account.passed, account.returned, account.held, account.superseded) > 0


def test_a_record_listed_by_two_intakes_counts_once(database: sa.Engine) -> None:
    judged(database, filed(1), filed(2))
    judged(database, filed(1), filed(3), run_id="again")
    assert results(database).listed == 3


def test_each_rule_is_counted_by_needs_and_findings_worst_first(database: sa.Engine) -> None:
    judged(
        database,
        filed(1, project__permits__land="missing", project__permits__safety="missing"),
        filed(2, project__permits__land="missing", review__compliance_ok=False),
        filed(3, finance__use_of_funds="购置锅炉并补充流动资金", benefit__basis="self_estimate"),
    )
    counted = [(one.severity, one.rule_id, one.needs, one.findings) for one in results(database).rules]
    assert counted[:2] == [("block", "DQ35", 2, 3), ("block", "DQ19", 1, 1)]
    severities = [severity for severity, *_ in counted]
    assert severities == sorted(severities, key=["block", "hold", "warn"].index)
    assert len(set(severities)) == 3


def test_each_finding_is_told_with_its_place_its_message_and_how_to_mend_it(database: sa.Engine) -> None:
    seen = text_of(page_of(database, judged(database, filed(1), filed(2, **{"finance.methods[1].amount": "5万"}))))
    rule = rules()["DQ06"]
    assert f"DQ06 融资方式 第2项 金额 {rule.message} {rule.how_to_fix}" in seen
    assert f"{need_id(2)} 修订 1 浙江青禾新材料有限公司 第2号窑炉余热利用项目 退回" in seen
    assert need_id(1) not in seen


def test_neither_the_contact_nor_a_value_is_ever_shown(database: sa.Engine) -> None:
    """A value in each field that breaks a rule, with a mark of its own; names alone are shown."""
    marks = {
        "enterprise.contact.name": "绝密一",
        "enterprise.contact.mobile": "13812345678999",
        "enterprise.contact.email": "绝密二@",
        "enterprise.uscc": "绝密三",
        "enterprise.factory_batch": "绝密四",
        "enterprise.size": "绝密五",
        "project.catalogue_code": "绝密六",
        "project.project_code": "绝密七",
        "project.content": "绝密八",
        "finance.use_of_funds": "绝密九",
        "finance.total_investment": "987654321.99",
        "finance.methods[0].amount": "绝密十",
        "benefit.energy_saving_tce": "绝密百",
        "review.opinion": "绝密千",
    }
    before = filed(7)
    intake_id = judged(database, before)
    html = page_of(database, intake_id) + page_of(
        database, judged(database, filed(7, revision=2, **marks), filed(8, **marks), run_id="again")
    )
    assert "联系电话" in html and "与修订 1 相比" in html
    contact = before["enterprise"]["contact"].values()
    assert [mark for mark in (*marks.values(), *contact) if mark in html] == []


def test_a_telephone_number_within_a_name_is_masked(database: sa.Engine) -> None:
    html = page_of(
        database,
        judged(database, filed(1, project__name="余热利用项目 13912345678", project__permits__land="missing")),
    )
    assert "余热利用项目" in html and "13912345678" not in html


def test_a_sole_proprietor_is_not_named(database: sa.Engine) -> None:
    sole = make_uscc("92330100", "MA2TE5T0")
    need = filed(
        1, enterprise__uscc=sole, enterprise__name="张三丰铸造加工厂", project__name="张三丰铸造加工厂窑炉项目"
    )
    html = page_of(database, judged(database, need | {"review": {**need["review"], "compliance_ok": False}}))
    assert need_id(1) in html and "张三丰" not in html


def test_what_is_written_in_names_cannot_run(database: sa.Engine) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>有限公司"
    html = page_of(
        database,
        judged(database, filed(1, enterprise__name=evil, project__name=f'"{evil}', project__permits__land="missing")),
    )
    assert "<script" not in html and "<img" not in html
    assert "&lt;script&gt;" in html


def test_a_decision_shows_on_the_page_at_once(database: sa.Engine) -> None:
    intake_id = judged(database, filed(1, finance__use_of_funds="购置锅炉并补充流动资金"))
    first = page_of(database, intake_id)
    assert results(database).counts["held"] == 1
    with database.begin() as connection:
        release(connection, connection.execute(sa.select(tables.quarantine.c.quarantine_id)).scalar_one(), NOW)
    second = page_of(database, intake_id)
    assert second != first and "核实通过" in second
    assert results(database).counts["passed"] == 1


def test_a_new_revision_shows_what_was_amended(database: sa.Engine) -> None:
    judged(database, filed(1, project__permits__land="missing"))
    second = filed(
        1,
        revision=2,
        project__permits__land="missing",
        enterprise__contact__name="王晓",
        **{"finance.methods[1].amount": "499.00", "attachments": [{"kind": "other", "sha256": "ab", "size": 1}]},
    )
    seen = text_of(page_of(database, judged(database, second, run_id="again")))
    assert "与修订 1 相比：附件 第1项（新增）、联系人（变更）、融资方式 第2项 金额（修改）" in seen


def test_the_findings_of_the_batch_stand_above_all(database: sa.Engine) -> None:
    intake_id = judged(database, filed(1))
    with database.begin() as connection:
        for code, rule_id in ((DEPARTMENT, "B05"), ("", "B09"), ("320000", "B07")):
            connection.execute(
                tables.batch_finding.insert().values(
                    intake_id=intake_id,
                    department_code=code,
                    rule_id=rule_id,
                    field="x",
                    severity=rules()[rule_id].severity,
                    found_at=NOW,
                )
            )
    seen = text_of(page_of(database, intake_id))
    assert seen.index(rules()["B05"].message) < seen.index("一、总体情况")
    assert rules()["B07"].message not in seen and rules()["B09"].message not in seen
    assert rules()["B09"].message in text_of(overview(database))


def test_the_overview_has_all_departments_and_leads_to_those_that_were_read(database: sa.Engine) -> None:
    judged(database, filed(1), filed(2, project__permits__land="missing"))
    html = overview(database)
    assert re.findall(r'href="([0-9]+\.html)"', html) == ["330000.html"]
    seen = text_of(html)
    assert "浙江 2 1 1 0 0 0 50.0%" in seen and "合计 2 1 1 0 0 0 50.0%" in seen
    assert seen.count(" — — — — — — — ") >= 1 and "兵团" in seen


def test_a_page_needs_nothing_from_elsewhere(database: sa.Engine) -> None:
    html = page_of(database, judged(database, filed(1, project__permits__land="missing")))
    assert re.findall(r"(?:src|href)=\"(?!index\.html)[^\"]+|url\(|@import|<script|<link", html) == []


def test_what_was_never_listed_has_no_page(database: sa.Engine) -> None:
    judged(database, filed(1))
    with database.connect() as connection:
        assert pages.department_page(connection, QUARTER, "110000", insider=True) is None
        assert pages.quarter_page(connection, "2026Q1") is None
        assert pages.dry_run_page(connection, QUARTER, DEPARTMENT) is None
        assert pages.dry_run_overview(connection, QUARTER) is None


def test_a_dry_run_has_pages_of_its_own_of_the_newest_run_alone(database: sa.Engine) -> None:
    for run_id, records in (("first", [filed(3)]), ("newest", [filed(1), filed(2, project__permits__land="missing")])):
        judge(database, take_in(database, run_id, records, now=NOW, dry_run=True), now=NOW)
    with database.connect() as connection:
        html = pages.dry_run_page(connection, QUARTER, DEPARTMENT)
        overview = pages.dry_run_overview(connection, QUARTER)
        assert pages.department_page(connection, QUARTER, DEPARTMENT, insider=True) is None
    assert html is not None and overview is not None
    seen = text_of(html)
    assert "试运行 本页结论未保存" in seen
    assert f"{need_id(2)} 修订 1" in seen and rules()["DQ35"].message in seen
    assert "浙江 2 1 1 0 0 0 50.0%" in text_of(overview) and "试运行" in text_of(overview)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("finance.methods[1].amount", "融资方式 第2项 金额"),
        ("finance.methods[0].method", "融资方式 第1项"),
        ("finance.collateral[2]", "增信方式 第3项"),
        ("finance.existing_financing[0].institution_code", "已获融资 第1项 机构"),
        ("project.permits.land", "审批手续：用地"),
        ("enterprise.contact", "联系人信息"),
        ("enterprise.contact.mobile", "联系电话"),
        ("revision", "修订号"),
    ],
)
def test_a_field_has_the_name_that_the_form_gives_it(path: str, name: str) -> None:
    assert field_name(path) == name


def test_every_field_of_the_form_has_a_chinese_name() -> None:
    for path in all_fields():
        assert not re.search("[a-z]{4}", field_name(path.replace("[]", "[0]"))), path

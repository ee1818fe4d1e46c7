"""Judging a past quarter again: the same rule set gives the same verdicts, another one a list of what changed."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from include.gate import rejudgement_page
from include.gate.rejudge import Rejudgement, VerdictNotReproduced, rejudge
from include.reference import Policy, policy
from include.register.in_use import RegisterUnusable
from include.store import tables
from include.store.reports import page_in_force
from tests.support.clean_need import filed
from tests.support.pages import text_of
from tests.support.rows import add_event, let_history_be_changed, moment, need_id, rewrite
from tests.support.taken_in import CIPHER, judge, take_in

NOW = moment("2026-09-30 18:00")
LATER = NOW + timedelta(days=200)
QUARTER, DEPARTMENT = "2026Q3", "330000"
USCC_OF_9 = filed(9)["enterprise"]["uscc"]
SHORTER = Policy({**policy().values, "max_project_years": "1"})
"""Under which the clean need's nineteen months are too long (DQ50)."""


def judged(database: sa.Engine, *records: dict[str, Any], run_id: str = "run", days: int = 0) -> int:
    now = NOW + timedelta(days=days)
    intake_id = take_in(database, run_id, records, now=now)
    judge(database, intake_id, now=now)
    return intake_id


def again(database: sa.Engine, rules: Policy | None = None) -> Rejudgement:
    return rejudge(database, CIPHER, quarter=QUARTER, departments=[DEPARTMENT], policy=rules or policy())


def _everything(database: sa.Engine) -> dict[str, int]:
    with database.connect() as connection:
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in tables.metadata.sorted_tables
        }


def test_every_verdict_comes_out_the_same_under_the_rule_set_that_gave_it(database: sa.Engine) -> None:
    judged(
        database,
        filed(1),
        filed(2, project__permits__land="missing", is_major="no"),
        filed(3, finance__use_of_funds="购置锅炉并补充流动资金"),
        filed(4, need_id="no number"),
        filed(5, updated_at="2026-10-03T10:00:00+08:00"),
    )
    judged(database, filed(6), filed(2, revision=2), run_id="later", days=1)
    before = _everything(database)
    result = again(database)
    assert (result.judged, result.reproduced, result.changed) == (7, 7, [])
    assert len(result.verdicts) == 3 and all(old == new for old, new in result.verdicts)
    assert _everything(database) == before


def test_a_verdict_is_judged_as_of_its_moment_its_register_and_its_intake(database: sa.Engine) -> None:
    """What came after it would change it: a removal from the register, an earlier need of the same project, the time."""
    judged(database, filed(1), filed(2, updated_at="2026-10-03T10:00:00+08:00"))
    with database.begin() as connection:
        rows = connection.execute(sa.select(tables.register_factory)).mappings().all()
        for row in rows:
            connection.execute(
                tables.register_factory.insert().values(
                    {**row, "content_sha256": "removed", "removed_on": NOW.date().replace(day=1)}
                )
            )
        connection.execute(
            tables.register_snapshot.insert().values(
                as_of=LATER.date(), content_sha256="removed", row_count=len(rows), taken_at=LATER
            )
        )
    twin = filed(1, need_id=need_id(9), submitted_at="2026-09-01T09:30:00+08:00")
    judged(database, twin, run_id="later", days=1)
    result = again(database)
    assert (result.judged, result.reproduced) == (3, 3)


def test_an_approval_that_came_later_keeps_no_old_need_open(database: sa.Engine) -> None:
    """The same project of a year before had expired when this need was judged; only then a bank approved it."""
    year_before = {"quarter": "2025Q2", "submitted_at": "2025-06-01T09:30:00+08:00"}
    take_in(database, "then", [filed(9, **year_before)], now=moment("2025-06-30 18:00"), quarter="2025Q2")
    judged(database, filed(1, project__project_code=filed(9)["project"]["project_code"], enterprise__uscc=USCC_OF_9))
    with database.begin() as connection:
        add_event(connection, 9, "credit_approved", sequence=1, occurred_at=LATER)
    assert again(database).reproduced == 1


def test_a_verdict_that_cannot_be_reproduced_is_an_error_that_names_the_need(database: sa.Engine) -> None:
    judged(database, filed(1), filed(2, project__permits__land="missing"))
    with database.begin() as connection:
        let_history_be_changed(connection)
        connection.execute(sa.text("delete from finding where rule_id = 'DQ35'"))
    with pytest.raises(VerdictNotReproduced, match=rf"1 项需求.*{need_id(2)}（修订 1，DQ35）"):
        again(database)
    with database.begin() as connection:
        let_history_be_changed(connection)
        connection.execute(sa.text("update judgement set verdict = 'held' where need_id = :id"), {"id": need_id(1)})
    with pytest.raises(VerdictNotReproduced, match=rf"{need_id(1)}（修订 1，结论）"):
        again(database)


def test_under_another_rule_set_what_changed_is_listed(database: sa.Engine) -> None:
    judged(
        database,
        filed(1),
        filed(2, project__end_date="2027-06-30"),
        filed(3, finance__use_of_funds="购置锅炉并补充流动资金"),
    )
    result = again(database, SHORTER)
    assert (result.judged, result.reproduced) == (3, 0)
    changed = {
        one.need_id: (one.before, one.after, [f"{f.rule_id} {f.field}" for f in one.added], one.gone)
        for one in result.changed
    }
    assert changed == {
        need_id(1): ("passed", "returned", ["DQ50 project.end_date"], []),
        need_id(3): ("held", "returned", ["DQ50 project.end_date"], []),
    }
    assert result.verdicts == {("passed", "returned"): 1, ("passed", "passed"): 1, ("held", "returned"): 1}


def test_findings_that_are_gone_are_listed_where_the_verdict_stays(database: sa.Engine) -> None:
    judged(database, filed(1, project__end_date="2040-01-01", project__permits__land="missing"))
    result = again(database, Policy({**policy().values, "max_project_years": "50"}))
    assert [(one.before, one.after, [f.rule_id for f in one.gone]) for one in result.changed] == [
        ("returned", "returned", ["DQ50"])
    ]


def test_each_department_is_judged_by_its_own_policy(database: sa.Engine) -> None:
    own = Policy(policy().values, {DEPARTMENT: {"max_project_years": "1"}})
    intake_id = take_in(database, "run", [filed(1)], now=NOW)
    judge(database, intake_id, now=NOW, rules=own)
    assert again(database, own).reproduced == 1
    assert [one.after for one in again(database).changed] == ["passed"]


def test_a_payload_that_was_purged_is_counted_and_not_judged(database: sa.Engine) -> None:
    judged(database, filed(1), filed(2))
    with database.begin() as connection:
        rewrite(
            connection,
            sa.text(
                "update raw_payload set ciphertext = '' where raw_sha256 in"
                " (select raw_sha256 from need_version where need_id = :id)"
            ),
            {"id": need_id(1)},
        )
    result = again(database)
    assert (result.judged, result.emptied) == (1, 1)


def test_a_register_that_is_gone_is_said(database: sa.Engine) -> None:
    judged(database, filed(1))
    with database.begin() as connection:
        rewrite(connection, sa.text("delete from register_factory"))
    with pytest.raises(RegisterUnusable, match="审核当时所用的绿色工厂名单已不在库中"):
        again(database)


def test_the_page_tells_what_changed_and_no_value(database: sa.Engine, tmp_path: Path) -> None:
    judged(database, filed(1), filed(2, project__end_date="2027-06-30"))
    result = again(database, SHORTER)
    report_id = rejudgement_page.publish(database, result, now=LATER, reports_dir=tmp_path)
    with database.connect() as connection:
        html = page_in_force(connection, "rejudgement", QUARTER)
        figures = connection.execute(
            sa.select(tables.report.c.figures).where(tables.report.c.report_id == report_id)
        ).scalar_one()
    assert html == (tmp_path / "rejudgement" / f"{QUARTER}.html").read_text(encoding="utf-8")
    seen = text_of(html)
    assert "浙江 2026年第三季度" in seen and "试算" in seen
    assert f"通过 → 退回 1 项 {need_id(1)} 修订 1 浙江 浙江青禾新材料有限公司 第1号窑炉余热利用项目" in seen
    assert re.search("新增 DQ50 退回 竣工日期 项目建设期过长", seen)
    assert "2028-06-30" not in html and "13900000001" not in html
    assert figures["verdicts"] == [["passed", "passed", 1], ["passed", "returned", 1]]
    assert [one["need_id"] for one in figures["changed"]] == [need_id(1)]
    assert "青禾" not in str(figures)


def test_a_page_without_changes_says_so(database: sa.Engine) -> None:
    judged(database, filed(1))
    seen = text_of(rejudgement_page.render(again(database), LATER))
    assert "其中规则集未变的 1 项，已逐项核对一致" in seen and "没有任何结论或问题发生变化" in seen

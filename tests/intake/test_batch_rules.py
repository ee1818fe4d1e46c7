"""Batch rules: each on its numbers, and as intake measures them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from include import intake
from include.domain.pieces import SetAside
from include.domain.states import IntakeKind
from include.intake.batch_rules import judge_batch, judge_manifest
from include.platforms.green_platform import Manifest, ManifestRow
from include.reference.day import Day
from tests.support.rows import rewrite
from tests.support.rule_cases.batch import CASES, found

NOW = datetime(2026, 10, 1, 0, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
IN_TIME = "2026-09-30T23:59:59.9+08:00"


@pytest.mark.parametrize(("row", "expected"), CASES)
def test_each_batch_rule_fires_on_its_numbers_and_not_on_the_nearest_ones(
    row: dict[str, int], expected: list[str]
) -> None:
    assert found(row) == expected


def _intake(database: sa.Engine, quarter: str, needs: int, *, run_id: str, saving: int = 12_345_678) -> int:
    """An intake of Zhejiang with so many passed needs of 100 万元 each."""
    request = intake.IntakeRequest(
        run_id=run_id, kind=IntakeKind.QUARTERLY, quarter=quarter, departments=("330000",), dry_run=False
    )
    intake_id = intake.begin(database, request, NOW)
    with database.begin() as connection:
        connection.execute(
            sa.text("insert into listing values (:id, '330000', :needs, :needs, now())"),
            {"id": intake_id, "needs": needs},
        )
        for number in range(needs):
            values = {
                "id": intake_id,
                "key": f"{quarter}-{number}",
                "need": f"FN{intake_id:06d}{number:06d}",
                "n": number,
            }
            values |= {"quarter": quarter, "saving": saving}
            for statement in (
                "insert into raw_payload values (:key, '', 0, now())",
                "insert into intake_item values (:id, '330000', :n, :key, true, :need, 1, :key)",
                "insert into need_version (need_id, revision, item_hash, raw_sha256, intake_id, quarter, department_code,"
                " is_major, intended_institutions, financing_need, document, received_at)"
                " values (:need, 1, :key, :key, :id, :quarter, '330000', false, '{}', 100, '{}', now())",
                "insert into need_fingerprint (need_id, revision, intake_id, quarter, saving, reports)"
                " values (:need, 1, :id, :quarter, :saving, '{}')",
                "insert into judgement (intake_id, need_id, revision, quarter, department_code, verdict, ruleset_version,"
                " payload_sha256, judged_at) values (:id, :need, 1, :quarter, '330000', 'passed', 'v', :key, now())",
            ):
                connection.execute(sa.text(statement), values)
    return intake_id


def _manifest(
    database: sa.Engine, intake_id: int, recommended: int, need: str, *, zero: bool = False, at: str = IN_TIME
) -> None:
    with database.begin() as connection:
        connection.execute(
            sa.text("insert into manifest_entry values (:id, '330000', :recommended, :need, :zero, :at)"),
            {"id": intake_id, "recommended": recommended, "need": Decimal(need), "zero": zero, "at": at},
        )


def _found(database: sa.Engine, intake_id: int) -> list[str]:
    with database.begin() as connection:
        found = judge_batch(connection, intake_id, Day.in_force(NOW))
        judge_batch(connection, intake_id, Day.in_force(NOW))
        stored = connection.execute(
            sa.text("select rule_id from batch_finding where intake_id = :id order by 1"), {"id": intake_id}
        ).scalars()
        assert sorted(one.rule_id for one in found) == list(stored)
    return sorted(one.rule_id for one in found)


def test_a_department_whose_sums_agree_is_not_found(database: sa.Engine) -> None:
    intake_id = _intake(database, "2026Q3", 3, run_id="a")
    _manifest(database, intake_id, 3, "300.00")
    assert _found(database, intake_id) == []


@pytest.mark.parametrize(
    ("recommended", "need", "zero", "at", "expected"),
    [
        (4, "300.00", False, IN_TIME, ["B02"]),
        (3, "300.01", False, IN_TIME, ["B03"]),
        (3, "300.00", True, IN_TIME, ["B04"]),
        (3, "300.00", False, "2026-10-01T00:00:00+08:00", ["B07"]),
    ],
)
def test_a_manifest_that_does_not_agree_is_found(
    database: sa.Engine, recommended: int, need: str, zero: bool, at: str, expected: list[str]
) -> None:
    intake_id = _intake(database, "2026Q3", 3, run_id="a")
    _manifest(database, intake_id, recommended, need, zero=zero, at=at)
    assert _found(database, intake_id) == expected


def test_a_need_listed_twice_does_not_hide_one_that_is_missing(database: sa.Engine) -> None:
    intake_id = _intake(database, "2026Q3", 3, run_id="a")
    _manifest(database, intake_id, 3, "300.00")
    with database.begin() as connection:
        connection.execute(
            sa.text(
                "insert into intake_item select intake_id, department_code, 9, raw_sha256, true, need_id, 2, 'again'"
                " from intake_item where ordinal = 0"
            )
        )
        rewrite(connection, sa.text("update listing set stated_total = 4, read_items = 4"))
    assert "B06" in _found(database, intake_id)


def test_silence_a_drop_and_round_figures_are_noted(database: sa.Engine) -> None:
    _intake(database, "2026Q2", 25, run_id="before")
    intake_id = _intake(database, "2026Q3", 12, run_id="now", saving=20_000_000)
    assert _found(database, intake_id) == ["B01", "B05", "G15"]


def test_an_odd_manifest_is_noted_and_read_all_the_same(database: sa.Engine) -> None:
    intake_id = _intake(database, "2026Q3", 0, run_id="a")
    row = ManifestRow(
        department_code="330000", recommended=0, financing_need=Decimal(0), zero_return=True, reported_at=NOW
    )
    odd = ManifestRow(
        department_code="999999", recommended=0, financing_need=Decimal(0), zero_return=True, reported_at=NOW
    )
    zhejiang, nobody = SetAside(b"1", "odd", "330000"), SetAside(b"2", "odd")
    for quarter, departments, set_aside, expected in (
        ("2026Q3", [row], [], []),
        ("2026Q2", [], [], [""]),
        ("2026Q3", [row, odd], [], [""]),
        ("2026Q3", [row, row], [], [""]),
        ("2026Q3", [row], [zhejiang], ["330000"]),
        ("2026Q3", [row], [zhejiang, nobody], ["", "330000"]),
    ):
        manifest = Manifest(quarter=quarter, departments=departments, set_aside=set_aside)
        with database.begin() as connection:
            found = judge_manifest(connection, intake_id, manifest, "2026Q3", Day.in_force(NOW))
        assert [one.department_code for one in found] == expected
        assert {one.rule_id for one in found} <= {"B09"}

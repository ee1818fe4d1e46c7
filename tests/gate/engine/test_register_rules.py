"""Rules that ask the register: as of the day of the recommendation (2026-09-28 in the clean need), removed rows included."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from include.domain.calendar import add_years
from include.gate.engine.history import History
from include.reference import policy
from include.register.in_use import Register, RegisterUnusable, load_register
from tests.support.clean_need import CHECKED_AT, clean_need, judge, register_row

RD = date(2026, 9, 28)
TODAY = date(2026, 10, 1)


def found(rows: list[Any], overrides: dict[str, Any] | None = None, history: History | None = None) -> list[str]:
    record = clean_need(overrides)
    record["review"]["recommended_at"] = "2026-09-28T10:00:00+08:00"
    verdict = judge([record], checked_at=CHECKED_AT, policy=policy(), register=Register.of(rows), history=history)[0]
    return [f"{finding.severity} {finding.rule_id} {finding.field}" for finding in verdict.findings]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"uscc": "91330100MA2TE5T14K"}, ["block DQ40 enterprise.uscc"]),
        ({"listed_on": RD}, []),
        ({"listed_on": RD + timedelta(days=1)}, ["block DQ40 enterprise.uscc"]),
        ({"removed_on": RD + timedelta(days=1)}, []),
        ({"removed_on": RD}, ["block DQ40 enterprise.uscc"]),
        ({"name": "浙江青禾新材料集团有限公司"}, ["hold DQ41 enterprise.name"]),
        ({"name": "甲公司", "aliases": ("浙江青禾新材料有限公司",)}, []),
        ({"name": "浙江 青禾新材料有限公司"}, []),
        ({"level": "provincial"}, ["block DQ54 enterprise.factory_level"]),
        ({"department_code": "330200"}, ["hold DQ55 department_code"]),
        ({"batch": "2022年度"}, ["warn DQ56 enterprise.factory_batch"]),
        ({"batch": "２０２３ 年度"}, []),
    ],
)
def test_a_need_is_compared_with_the_row_in_force(changes: dict[str, Any], expected: list[str]) -> None:
    assert found([register_row(**changes)]) == expected


def test_names_are_alike_whatever_the_width_of_their_brackets() -> None:
    assert found([register_row(name="青禾(浙江)公司")], {"enterprise.name": "青禾（浙江）公司"}) == []


def test_only_rows_in_force_count_and_any_of_several_may_fit() -> None:
    gone = register_row(name="旧名公司", level="municipal", removed_on=date(2020, 1, 1))
    assert found([gone, register_row()]) == []
    assert found([gone, register_row(level="provincial"), register_row(name="另一名称")]) == []
    assert found([gone], {"enterprise.name": "旧名公司"}) == ["block DQ40 enterprise.uscc"]


def test_an_unusable_credit_code_is_not_looked_up() -> None:
    assert found([], {"enterprise.uscc": "91330100MA2TE5T014"}) == ["block DQ02 enterprise.uscc"]


@pytest.mark.parametrize(
    ("removed_on", "expected"),
    [
        (add_years(RD, -3), []),
        (add_years(RD, -3) + timedelta(days=1), ["hold G14 enterprise.uscc"]),
        (RD, ["hold G14 enterprise.uscc"]),
        (RD + timedelta(days=1), []),
    ],
)
def test_a_removal_of_the_last_years_is_remembered(removed_on: date, expected: list[str]) -> None:
    rows = [register_row(listed_on=date(2019, 1, 1), removed_on=removed_on), register_row()]
    assert found(rows) == expected


@pytest.mark.parametrize(("day", "expected"), [(RD, ["hold G14 enterprise.uscc"]), (add_years(RD, -3), [])])
def test_false_information_of_the_last_years_is_remembered(day: date, expected: list[str]) -> None:
    history = History(false_information={"91330100MA2TE5T013": [day]})
    assert found([register_row()], history=history) == expected


@pytest.mark.parametrize(
    ("day", "years", "expected"),
    [
        (date(2024, 2, 29), -3, date(2021, 2, 28)),
        (date(2024, 2, 29), 4, date(2028, 2, 29)),
        (date(2026, 9, 30), -3, date(2023, 9, 30)),
    ],
)
def test_29_february_becomes_28_where_there_is_none(day: date, years: int, expected: date) -> None:
    assert add_years(day, years) == expected


def _snapshot(database: sa.Engine, as_of: date, *, in_use: bool = True, usable: bool = True) -> None:
    content = f"{as_of}"
    with database.begin() as connection:
        connection.execute(
            sa.text(
                "insert into register_factory (content_sha256, ordinal, uscc, name, aliases, level, batch, department_code,"
                " listed_on, usable) values (:content, 0, 'X', '甲', '{}', 'national', '第一批', '330000', '2020-01-01', :usable)"
            ),
            {"content": content, "usable": usable},
        )
        connection.execute(
            sa.text(
                "insert into register_snapshot (as_of, content_sha256, row_count, taken_at, in_use)"
                " values (:as_of, :content, 1, :taken_at, :in_use)"
            ),
            {
                "as_of": as_of,
                "content": content,
                "in_use": in_use,
                "taken_at": datetime(2026, 9, 30, tzinfo=ZoneInfo("Asia/Shanghai")),
            },
        )


def test_the_newest_snapshot_in_use_is_taken(database: sa.Engine) -> None:
    _snapshot(database, TODAY - timedelta(days=1))
    _snapshot(database, TODAY, in_use=False)
    with database.connect() as connection:
        assert load_register(connection, [], today=TODAY, policy=policy()).content_sha256 == "2026-09-30"


def test_the_gate_refuses_a_missing_an_old_and_an_empty_register(database: sa.Engine) -> None:
    with database.connect() as connection, pytest.raises(RegisterUnusable, match="没有可用"):
        load_register(connection, [], today=TODAY, policy=policy())
    _snapshot(database, TODAY - timedelta(days=2))
    with database.connect() as connection, pytest.raises(RegisterUnusable, match="停留在 2026-09-29"):
        load_register(connection, [], today=TODAY, policy=policy())
    _snapshot(database, TODAY, usable=False)
    with database.connect() as connection, pytest.raises(RegisterUnusable, match="为空"):
        load_register(connection, [], today=TODAY, policy=policy())

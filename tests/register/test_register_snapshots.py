"""The register itself: odd rows are not used, a shrunken snapshot is not taken into use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from include import intake
from include.audit import verify
from include.base.act import Act
from include.base.errors import IntakeIncomplete, InvalidRequest
from include.base.privacy import PersonalDataCipher
from include.platforms.green_platform import GreenPlatformClient
from include.reference import policy
from include.register.acceptance import accept_snapshot
from include.register.rules import judge_rows, judge_snapshot, read_entry
from tests.support.rule_cases.register import ROWS, SNAPSHOTS, found, row

DAY = date(2026, 10, 1)
CIPHER = PersonalDataCipher(["key of the register tests"])
NOW = datetime(2026, 10, 1, 0, 10, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize(("rows", "expected"), ROWS)
def test_each_odd_row_is_told_with_its_reason(rows: list[object], expected: list[str]) -> None:
    assert found(*rows) == expected


def days(begins: int, ends: int | None) -> set[int]:
    return set(range(begins, 99 if ends is None else ends))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 28), st.none() | st.integers(0, 20)), min_size=2, max_size=8))
def test_memberships_overlap_as_each_pair_of_them_does(spans: list[tuple[int, int | None]]) -> None:
    members = [(begins, None if length is None else min(31, begins + length)) for begins, length in spans]
    entries = [
        read_entry(row(listed_on=f"2026-03-{begins:02d}", removed_on=None if ends is None else f"2026-03-{ends:02d}"))
        for begins, ends in members
    ]
    expected = {
        at
        for at, one in enumerate(members)
        if any(days(*one) & days(*other) for number, other in enumerate(members) if number != at)
    }
    assert {one.ordinal for one in judge_rows(entries, policy()) if one.rule_id == "T03"} == expected


def test_the_rows_of_one_factory_may_be_many() -> None:
    entries = [read_entry(row(listed_on="2024-03-01", removed_on="2024-04-01"))] * 20_000
    begun = time.process_time()
    told = judge_rows(entries, policy())
    # Pair by pair it took minutes.
    assert time.process_time() - begun < 10
    assert sum(one.rule_id == "T03" for one in told) == 20_000


@pytest.mark.parametrize(("active", "before", "shrunken"), SNAPSHOTS)
def test_a_snapshot_may_lose_a_tenth(active: int, before: int | None, shrunken: bool) -> None:
    assert bool(judge_snapshot(active, before, policy())) == shrunken


class Platform:
    """A platform whose register is `rows`."""

    def __init__(self, rows: list[object]) -> None:
        self.rows = rows

    def green_factories(self, as_of: date) -> Iterator[list[object]]:
        yield self.rows


def _pull(database: sa.Engine, rows: list[object], day: date = DAY) -> intake.RegisterPull:
    return intake.pull_register(database, cast(GreenPlatformClient, Platform(rows)), CIPHER, day, NOW, policy())


def _in_use(database: sa.Engine) -> list[tuple[date, bool]]:
    with database.connect() as connection:
        return [
            tuple(one) for one in connection.execute(sa.text("select as_of, in_use from register_snapshot order by 1"))
        ]


def test_odd_rows_are_kept_and_not_used(database: sa.Engine) -> None:
    pulled = _pull(database, [row(aliases=["乙\0"]), row(uscc=[], listed_on=5, name="甲\0"), None])
    assert (pulled.rows, pulled.unusable, pulled.in_use) == (3, 2, True)
    with database.connect() as connection:
        used = connection.execute(sa.text("select usable from register_factory order by ordinal")).scalars().all()
    assert list(used) == [True, False, False]


def test_a_shrunken_snapshot_waits_until_an_operator_accepts_it(database: sa.Engine) -> None:
    factories: list[object] = [row(name=f"工厂{number}") for number in range(20)]
    assert _pull(database, factories, DAY - timedelta(days=1)).in_use
    assert not _pull(database, factories[:5]).in_use
    assert _in_use(database) == [(DAY - timedelta(days=1), True), (DAY, False)]
    with database.begin() as connection:
        held = connection.execute(sa.text("select snapshot_id from register_snapshot where not in_use")).scalar_one()
        accept_snapshot(connection, held, act=Act(actor_id="王敏", role="operator", reason="年度调整，已核实", at=NOW))
        with pytest.raises(InvalidRequest, match="已启用"):
            accept_snapshot(connection, held, act=Act(actor_id="王敏", role="operator", reason="再次启用", at=NOW))
        assert verify(connection) is None
        assert connection.execute(sa.text("select action from audit_entry")).scalars().all() == ["register_accepted"]
    assert all(in_use for _, in_use in _in_use(database))


def test_an_empty_register_is_refused_only_while_there_is_no_other(database: sa.Engine) -> None:
    with pytest.raises(IntakeIncomplete, match="为空"):
        _pull(database, [])
    _pull(database, [row()], DAY - timedelta(days=1))
    assert not _pull(database, []).in_use

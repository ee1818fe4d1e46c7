"""A department that does not fit into memory at once is judged chunk by chunk, as one batch and in one transaction."""

from __future__ import annotations

import gc
from typing import Any

import pytest
import sqlalchemy as sa

from include.gate import consequences, late_history, stage
from include.gate.engine.history import load_history
from include.reference import policy
from include.words.department_failures import DepartmentsFailed
from tests.support.rows import moment, need_id
from tests.support.taken_in import filed, findings, judge, take_in

NOW = moment("2026-09-30 18:00")


@pytest.fixture(autouse=True)
def two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (stage, consequences, late_history):
        monkeypatch.setattr(module, "CHUNK", 2)


def count(database: sa.Engine, what: str) -> int:
    with database.connect() as connection:
        return int(connection.execute(sa.text(f"select count(*) from {what}")).scalar_one())


def test_each_need_of_every_chunk_gets_its_verdict_and_its_consequence(database: sa.Engine) -> None:
    returned = filed(4, project__content="同上")
    intake_id = take_in(database, "now", [filed(1), filed(2), filed(3), returned, filed(5)], now=NOW)
    summary = judge(database, intake_id, now=NOW)
    assert (summary.judged, summary.passed, summary.returned, summary.queued) == (5, 4, 1, 5)
    assert count(database, "need_fingerprint") == 5
    assert count(database, "delivery where action = 'push'") == 4
    assert count(database, "delivery where action = 'return'") == 1
    assert judge(database, intake_id, now=NOW).judged == 0


def test_needs_of_different_chunks_are_compared(database: sa.Engine) -> None:
    code = "2106-330100-04-02-999999"
    halves = [filed(1, project__project_code=code), filed(5, project__project_code=code)]
    intake_id = take_in(database, "now", [halves[0], filed(2), filed(3), filed(4), halves[1]], now=NOW)
    judge(database, intake_id, now=NOW)
    assert [findings(database, need_id(number)) for number in (1, 5)] == [[], ["G01 project.project_code"]]


def test_nothing_is_stored_if_a_later_chunk_cannot_be_judged(
    database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake_id = take_in(database, "now", [filed(number) for number in range(1, 6)], now=NOW)
    own, calls = stage.judge, []

    def dies(*given: Any, **named: Any) -> Any:
        calls.append(given)
        if len(calls) == 3:
            raise MemoryError
        return own(*given, **named)

    monkeypatch.setattr(stage, "judge", dies)
    with pytest.raises(DepartmentsFailed, match="浙江：程序出错（MemoryError）"):
        judge(database, intake_id, now=NOW)
    assert (count(database, "judgement"), count(database, "delivery")) == (0, 0)
    assert gc.isenabled()
    monkeypatch.setattr(stage, "judge", own)
    assert judge(database, intake_id, now=NOW).queued == 5


def test_only_needs_that_have_something_in_common_are_compared(database: sa.Engine) -> None:
    mobile = "13805719999"
    alike = [filed(number, enterprise__contact__mobile=mobile) for number in (1, 2, 3)]
    intake_id = take_in(database, "now", [*alike, filed(4)], now=NOW)
    judge(database, intake_id, now=NOW)

    def related(*numbers: int) -> frozenset[str]:
        needs = [(need_id(number), 1) for number in numbers]
        return load_history(connection, needs, intake_id=intake_id, started_at=NOW, policy=policy()).related

    with database.connect() as connection:
        assert related(4) == frozenset()
        assert related(1) == {need_id(2), need_id(3)}
        assert related(1, 2, 4) == {need_id(1), need_id(2), need_id(3)}

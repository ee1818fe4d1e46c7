"""The close of a department's quarter queues what passed early, in the transaction that judges it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from include.base.act import Act
from include.domain.roles import Role
from include.domain.states import IntakeKind
from include.quarantine import stage as quarantine
from include.reference.day import Day
from tests.support.rows import moment
from tests.support.taken_in import filed, judge, take_in

EARLY = moment("2026-09-29 08:00")
CUT_OFF = moment("2026-10-01 00:00")

# Killed when what passed early would be queued.
_KILLED = """
import os, signal, sys
from include.gate import stage
from include.store.database import connect
from tests.support.taken_in import judge
from tests.gate.test_closing_the_quarter import CUT_OFF
stage.queue_pushes = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
judge(connect(sys.argv[1]), int(sys.argv[2]), now=CUT_OFF)
"""


def _review(database: sa.Engine) -> None:
    intake_id = take_in(database, "review", [filed(1), filed(2)], now=EARLY, kind=IntakeKind.REVIEW, closed=False)
    assert judge(database, intake_id, now=EARLY).queued == 0


def _state(database: sa.Engine) -> tuple[int, int, int]:
    with database.connect() as connection:
        return tuple(
            connection.execute(sa.text(f"select count(*) from {table}")).scalar_one()
            for table in ("judgement", "department_close", "delivery where action = 'push'")
        )


def test_a_close_that_is_killed_before_it_queues_leaves_nothing_half_done(
    database: sa.Engine, database_url: str, repository: Path
) -> None:
    _review(database)
    listed = [filed(1), filed(2), filed(3)]
    intake_id = take_in(database, "quarterly", listed, now=CUT_OFF, closed=False)
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, database_url, str(intake_id)],
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert _state(database) == (2, 0, 0)
    assert judge(database, intake_id, now=CUT_OFF).queued == 3
    assert judge(database, intake_id, now=CUT_OFF).queued == 0
    assert _state(database) == (3, 1, 3)


def test_a_whole_reading_before_the_cut_off_closes_nothing(database: sa.Engine) -> None:
    intake_id = take_in(database, "by hand", [filed(1)], now=EARLY, closed=False)
    assert judge(database, intake_id, now=EARLY).queued == 0
    assert _state(database) == (1, 0, 0)


def test_a_hold_released_before_the_cut_off_is_pushed_with_the_quarter(database: sa.Engine) -> None:
    too_early = filed(1, submitted_at="2026-06-20T09:00:00+08:00", review__recommended_at="2026-06-29T09:00:00+08:00")
    intake_id = take_in(database, "review", [too_early], now=EARLY, kind=IntakeKind.REVIEW, closed=False)
    assert judge(database, intake_id, now=EARLY).held == 1
    with database.begin() as connection:
        hold = connection.execute(sa.text("select quarantine_id from quarantine")).scalar_one()
        act = Act(actor_id="li", role=Role.OPERATOR, reason="已与主管部门核实", at=EARLY)
        decided = quarantine.release(connection, hold, act=act, day=Day.in_force(EARLY))
    assert (decided.state, decided.queued) == ("released", 0)
    assert "截止后" in decided.note
    intake_id = take_in(database, "quarterly", [too_early], now=CUT_OFF, closed=False)
    assert judge(database, intake_id, now=CUT_OFF).queued == 1

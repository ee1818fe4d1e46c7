"""Quarters on a simulated clock: what is played is what the DAGs do, and its promises are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.local.postgres import PostgresServer
from include.local.quarters import TELLING, QuartersUnknown, play_quarter, play_quarters
from include.local.stages import PLAYED

BY_HAND = {"rerun_deliveries", "rejudge", "decide_stopped_department"}


def test_every_scheduled_dag_is_played(repository: Path) -> None:
    assert {path.stem for path in (repository / "dags").glob("*.py")} - BY_HAND == set(PLAYED)


def test_a_number_of_quarters_that_cannot_be_played_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QuartersUnknown, match="1 到 8"):
        play_quarters(len(TELLING) + 1, tmp_path)


@pytest.mark.parametrize(("quarter", "cut_off"), [("2018Q4", "2018-12-29"), ("2026Q4", "2026-12-31")])
def test_a_quarter_keeps_its_promises(postgres: PostgresServer, quarter: str, cut_off: str) -> None:
    played = play_quarter(postgres, quarter, needs=60, factories=300)
    assert [promise for promise in played.promises if not promise.kept] == []
    assert played.cut_off == cut_off
    assert played.pushed > 0 and played.events > 0 and played.mails > 0
    assert (played.provisional > 0) == (quarter == "2026Q4"), "2027 is not published"

"""Quarters on a simulated clock: what is played is what the DAGs do, and its promises are kept."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from include.local.postgres import PostgresServer
from include.local.quarters import TELLING, QuartersUnknown, play_quarter, play_quarters
from include.local.stages import PLAYED

BY_HAND = {"rerun_deliveries", "rejudge", "decide_stopped_department"}
VERBS_OF_AIRFLOW_ALONE = {
    "quarter_is_settled",
    "is_due",
    "undecided",
    "record",
    "header",
    "publish",
    "preview",
    "rerun",
}
"""What tasks call to decide what runs next, or to say which task it was; `publish` of a page is part of publish_quarter."""


def _called(tree: ast.AST) -> set[str]:
    """Names of attributes that are called on modules of include, such as `matching.collect_feedback(…)`."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "include"
        for alias in node.names
    }
    return {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in imported
    }


def test_every_scheduled_dag_is_played(repository: Path) -> None:
    assert {path.stem for path in (repository / "dags").glob("*.py")} - BY_HAND == set(PLAYED)


def test_a_play_calls_every_verb_that_the_tasks_call(repository: Path) -> None:
    files = [path for path in (repository / "dags").glob("*.py") if path.stem not in BY_HAND]
    files += [repository / "plugins" / "green_finance" / name for name in ("intake_tasks.py", "delivery_tasks.py")]
    wanted = set().union(*(_called(ast.parse(path.read_text(encoding="utf-8"))) for path in files))
    played = _called(ast.parse((repository / "include" / "local" / "stages.py").read_text(encoding="utf-8")))
    assert wanted - VERBS_OF_AIRFLOW_ALONE <= played | {"channel_figures"}
    assert len(wanted) > 20


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

"""What is compiled once for all tasks is what the files say, or the tasks say that it is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.base.errors import ConfigurationError
from include.reference import policy
from include.rule_book import preload
from include.rule_book.suites import RuleBook, _loaded, suites


@pytest.fixture
def preloaded() -> Iterator[None]:
    preload.preload()
    yield
    preload._preloaded.clear()


@pytest.mark.usefixtures("preloaded")
def test_every_suite_is_compiled_for_the_policy_in_force() -> None:
    before = {name: dict(_loaded(name).known) for name in suites()}
    assert all(before.values())
    RuleBook(policy()).compile()
    assert {name: dict(_loaded(name).known) for name in suites()} == before
    preload.refuse_stale()


@pytest.mark.usefixtures("preloaded")
def test_a_task_does_not_judge_by_rules_that_were_changed_since(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "policy.csv").write_text("key,value\n", encoding="utf-8")
    monkeypatch.setattr(preload, "REFERENCE_DIR", tmp_path)
    with pytest.raises(ConfigurationError, match="重启 Airflow"):
        preload.refuse_stale()


def test_where_nothing_was_preloaded_nothing_is_stale() -> None:
    preload.refuse_stale()


def test_only_the_processes_that_fork_tasks_preload(repository: Path) -> None:
    settings = repository / "include" / "local" / "airflow_local_settings.py"
    told = "import runpy, sys; sys.argv = ['airflow', {!r}]; runpy.run_path({!r}); print('pandas' in sys.modules)"
    for command, loaded in (("dag-processor", "False"), ("scheduler", "True")):
        run = [sys.executable, "-c", told.format(command, str(settings))]
        assert subprocess.run(run, capture_output=True, text=True, check=True).stdout.split() == [loaded]

"""Suites compiled once, in the process that Airflow forks its tasks from: each fresh process would take seconds for it."""

from __future__ import annotations

import gc
from pathlib import Path

from include.base.errors import ConfigurationError
from include.reference import REFERENCE_DIR, policy
from include.rule_book.suites import SUITES_DIR, RuleBook, ruleset_version

_preloaded: dict[Path, tuple[int, int]] = {}


def preload() -> None:
    """Compile all suites under the policy in force, and remember which files they were made from."""
    RuleBook(policy()).compile()
    ruleset_version(policy())
    _preloaded.update(_files())
    # What was compiled stays as long as the process: no later search for garbage needs to look at it again.
    gc.collect()
    gc.freeze()


def refuse_stale() -> None:
    """Raise ConfigurationError if rules or reference data were changed since this process's parent preloaded them."""
    if _preloaded and _preloaded != _files():
        raise ConfigurationError(
            "规则、政策参数或参考数据在 Airflow 启动之后被修改，正在运行的服务仍持有旧的内容。",
            "请重启 Airflow 调度器（集群部署为各 worker），使其生效后重新运行本任务。",
        )


def _files() -> dict[Path, tuple[int, int]]:
    """Path → (time of change in ns, size in bytes)."""
    found = [*SUITES_DIR.glob("*.json"), *REFERENCE_DIR.glob("*.csv")]
    return {path: (stat.st_mtime_ns, stat.st_size) for path in found for stat in (path.stat(),)}

"""Shared by all DAGs: owner, retries, time zone, recurring parameters."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param

from green_finance.connections import all_are_set
from green_finance.failure_mails import RunFailureNotifier
from green_finance.timetables import START
from include.domain.identity import QUARTER
from include.domain.outbox_states import ErrorClass
from include.reference import departments
from include.words.states import words

TIMEZONE = "Asia/Shanghai"
QUARTER_PATTERN = f"^{QUARTER}$"

# The clients retry by themselves; a task retry covers what lasts longer.
DEFAULT_ARGS: dict[str, Any] = {
    "owner": "green-factory-finance",
    "retries": 1,
    "retry_delay": timedelta(seconds=20),
    "execution_timeout": timedelta(hours=1),
}


def dag_defaults(*tags: str) -> dict[str, Any]:
    """Arguments of every @dag.

    A DAG that is new to Airflow starts by itself where the four connections are set. Elsewhere Airflow's own setting
    decides (`dags_are_paused_at_creation`, true unless it is changed).
    """
    return {
        "is_paused_upon_creation": False if all_are_set() else None,
        "start_date": START,
        "catchup": False,
        "max_active_runs": 1,
        "default_args": DEFAULT_ARGS,
        "on_failure_callback": RunFailureNotifier(),
        "tags": ["绿厂融通", *tags],
    }


def quarter_param() -> Param:
    """The quarter a run is about."""
    return Param(
        None,
        type=["null", "string"],
        pattern=QUARTER_PATTERN,
        title="季度",
        description="形如 2026Q3；不填则取运行的分区，再不然取运行日期所在季度。",
    )


def departments_param() -> Param:
    """The departments a run is limited to."""
    return Param(
        None,
        type=["null", "array"],
        items={"type": "string", "pattern": "^[1-9][0-9]{5}$"},
        examples=list(departments()),
        values_display={code: one.short_name for code, one in departments().items()},
        title="受理主管部门",
        description="可选多个；不选为全部 37 个。",
    )


def department_param() -> Param:
    """The one department a run is about."""
    return Param(
        type="string",
        enum=list(departments()),
        values_display={code: one.short_name for code, one in departments().items()},
        title="受理主管部门",
        description="被暂停推送的地区。",
    )


def error_class_param() -> Param:
    """Why what a run sends again was not delivered."""
    return Param(
        None,
        type=["null", "string"],
        enum=[None, *map(str, ErrorClass)],
        values_display={str(code): text for code, text in words(ErrorClass).items()},
        title="未送达原因",
        description="不选为全部。",
    )


def whole_param() -> Param:
    """Whether a review reads its listings from their start."""
    return Param(False, type="boolean", title="完整读取", description="不论上次读到何处，把各季度的列表从头读一遍。")

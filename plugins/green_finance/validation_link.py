"""The link from the judging task to its validation page, as a button on the task's page in Airflow.

Airflow 3 computes the link where the task ran, right after it, and stores it as an XCom for each mapped task; its web
server only reads that. So the link is part of the operator, and needs no registration as a plugin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.providers.standard.decorators.python import _PythonDecoratedOperator
from airflow.sdk import BaseOperatorLink
from airflow.sdk.bases.decorator import task_decorator_factory
from airflow.sdk.execution_time.xcom import XCom

CONSOLE = "/green-finance"
PAGE = "validation_page"


class ValidationPageLink(BaseOperatorLink):
    """审核结果页: the page named in the task's result."""

    name = "审核结果页"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Path of the page on Airflow's web server; empty if the task has no result."""
        returned = XCom.get_value(ti_key=ti_key, key="return_value") or {}
        return f"{CONSOLE}/{returned[PAGE]}" if PAGE in returned else ""


class _LinkedToValidationPage(_PythonDecoratedOperator):
    """A @task with the link."""

    operator_extra_links = (ValidationPageLink(),)


def task_with_validation_page(**arguments: Any) -> Callable[[Callable[..., Any]], Any]:
    """Like @task, for functions that return {PAGE: path below the console's root, …}."""
    return task_decorator_factory(decorated_operator_class=_LinkedToValidationPage, **arguments)

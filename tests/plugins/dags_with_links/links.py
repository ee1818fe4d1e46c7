"""A DAG of one mapped task with a validation page; the third department comes to no result."""

from __future__ import annotations

from airflow.sdk import dag

from green_finance.validation_link import PAGE, task_with_validation_page


@task_with_validation_page()
def judge(department_code: str) -> dict[str, str]:
    if department_code == "999999":
        raise ValueError("not judged")
    return {PAGE: f"validation/2026Q3/{department_code}"}


@dag(schedule=None)
def links():
    judge.expand(department_code=["330000", "110000", "999999"])


links()

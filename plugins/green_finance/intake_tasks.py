"""The tasks of an intake, mapped over departments; both intake DAGs are wired from them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import TriggerRule, get_current_context, task

from green_finance.assets import needs_judged
from green_finance.run import chosen_departments, stage_run
from green_finance.validation_link import PAGE, task_with_validation_page
from include.reference import departments

if TYPE_CHECKING:
    from include.intake import IntakeKind


@task
def open_intake(kind: IntakeKind) -> int:
    """Open the intake of this run; returns its id."""
    from include import intake

    params = get_current_context()["params"]
    with stage_run() as run:
        run.note_configuration()
        if kind == "corrections":
            quarter = str(run.calendar.newest_closed_quarter(run.now))
            chosen = intake.departments_with_returns(run.engine, quarter)
        else:
            quarter, chosen = run.quarter(params.get("quarter")), chosen_departments(params.get("departments"))
        request = intake.IntakeRequest(
            run_id=f"{run.run_id}/{kind}",
            kind=kind,
            quarter=quarter,
            departments=chosen,
            dry_run=bool(params.get("dry_run")),
        )
        return intake.begin(run.engine, request, run.now)


@task
def pull_reference() -> dict[str, Any]:
    """Read the register of green factories and the coordinators as of today; returns how many of each."""
    from include import intake

    with stage_run() as run, run.green_platform() as client:
        return {
            "register": asdict(
                intake.pull_register(run.engine, client, run.cipher, run.now.date(), run.now, run.policy)
            ),
            "coordinators": intake.pull_coordinators(run.engine, client, run.cipher, now=run.now),
        }


@task
def pull_quarter(intake_id: int) -> dict[str, int]:
    """Read what the platform says of the quarter as a whole, manifest and withdrawals; returns how many of each."""
    from include import intake

    with stage_run() as run, run.green_platform() as client:
        header = intake.header(run.engine, intake_id)
        found: dict[str, int] = {}
        if header.kind == "quarterly":
            found["manifest"] = intake.pull_manifest(
                run.engine, client, run.cipher, intake_id, header.quarter, now=run.now, policy=run.policy
            )
        if not header.dry_run:
            found["withdrawals"] = intake.pull_withdrawals(
                run.engine, client, run.cipher, header.quarter, run.now, intake_id
            )
        return found


@task
def departments_of(intake_id: int) -> list[str]:
    """The departments over which the intake is mapped."""
    from include import intake

    with stage_run() as run:
        return list(intake.header(run.engine, intake_id).departments)


@task(map_index_template="{{ department }}", max_active_tis_per_dagrun=4)
def pull_department(intake_id: int, department_code: str) -> dict[str, Any]:
    """Read one department's recommended needs whole and keep them."""
    from include import intake

    _label(department_code)
    with stage_run() as run, run.green_platform() as client:
        summary = intake.pull_department(
            run.engine, client, run.cipher, intake_id=intake_id, department_code=department_code, now=run.now
        )
        return asdict(summary)


@task(trigger_rule=TriggerRule.ALL_DONE)
def fingerprint_needs() -> int:
    """Note what the stored needs are compared by with each other; returns how many were new."""
    from include.gate import stage as gate

    with stage_run() as run:
        return gate.fingerprint_needs(run.engine, run.cipher, now=run.now, policy=run.policy)


@task_with_validation_page(map_index_template="{{ department }}", max_active_tis_per_dagrun=4)
def judge_department(intake_id: int, department_code: str) -> dict[str, Any]:
    """Judge what was read for one department, queue the consequences and publish its validation page."""
    from include.gate import stage as gate
    from include.gate import view as pages

    _label(department_code)
    with stage_run() as run:
        summary = gate.judge_department(
            run.engine,
            run.cipher,
            intake_id=intake_id,
            department_code=department_code,
            now=run.now,
            policy=run.policy,
            calendar=run.calendar,
            reports_dir=run.settings.reports_dir,
        )
        page = pages.publish(
            run.engine,
            intake_id=intake_id,
            department_code=department_code,
            now=run.now,
            reports_dir=run.settings.reports_dir,
        )
        return {**asdict(summary), PAGE: page}


def _label(department_code: str) -> None:
    """Name the mapped task after its department in Airflow's pages."""
    cast("dict[str, Any]", get_current_context())["department"] = (
        f"{departments()[department_code].short_name} {department_code}"
    )


@task(trigger_rule=TriggerRule.ALL_DONE, outlets=[needs_judged])
def close_intake(intake_id: int) -> dict[str, int]:
    """Check that every record is accounted for; the event that the quarter was judged follows only then."""
    from include import audit, intake
    from include.gate import view as pages

    context = get_current_context()
    with stage_run() as run:
        header = intake.header(run.engine, intake_id)
        try:
            accounts = intake.close(run.engine, intake_id, now=run.now, policy=run.policy, calendar=run.calendar)
        finally:
            # Once more, with what the batch as a whole is found to lack: most of all where it cannot be closed.
            pages.publish_quarter(run.engine, intake_id=intake_id, now=run.now, reports_dir=run.settings.reports_dir)
        totals = {
            name: sum(getattr(account, name) for account in accounts)
            for name in ("listed", "passed", "held", "returned", "superseded", "unreadable")
        }
        with run.engine.begin() as connection:
            audit.record(
                connection,
                act=run.act("征集关闭"),
                action="close_intake",
                object_=f"{header.quarter}/{header.kind}",
                details=totals,
            )
    if not run.partition_key:
        context["outlet_events"][needs_judged].add_partitions(header.quarter)
    return totals


@task(trigger_rule=TriggerRule.ALL_DONE)
def stopped_departments(intake_id: int) -> list[dict[str, Any]]:
    """The departments of the quarter that are stopped (B08) and not decided yet: one question to a person for each, once."""
    from include.gate import department_stop

    given = {name: value for name, value in (get_current_context()["dag_run"].conf or {}).items() if name == "now"}
    with stage_run() as run, run.engine.connect() as connection:
        return [
            {
                "trigger_run_id": f"stopped__{quarter}__{department_code}",
                "conf": {"quarter": quarter, "department": department_code, **given},
            }
            for quarter, department_code in department_stop.undecided(connection, intake_id=intake_id)
        ]


def wire_intake(kind: IntakeKind, reference: Any) -> None:
    """Open, read the quarter, read and judge each department, close; judging waits for `reference`, the run's own.

    A department that was stopped is put to a person in a run of its own, once, for which nothing here waits.
    """
    intake_id: Any = open_intake(kind)
    codes = departments_of(intake_id)
    pulled = pull_department.partial(intake_id=intake_id).expand(department_code=codes)
    judged = judge_department.partial(intake_id=intake_id).expand(department_code=codes)
    pull_quarter(intake_id) >> pulled >> fingerprint_needs() >> judged >> close_intake(intake_id)
    reference >> pulled
    stopped = stopped_departments(intake_id)
    judged >> stopped
    TriggerDagRunOperator.partial(
        task_id="ask_a_person",
        trigger_dag_id="decide_stopped_department",
        logical_date=None,
        skip_when_already_exists=True,
    ).expand_kwargs(stopped)

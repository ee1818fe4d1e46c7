"""The tasks of an intake, mapped over sets of departments; the intake DAGs are wired from them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal, cast

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import TriggerRule, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from green_finance.assets import needs_judged
from green_finance.run import StageRun, chosen_departments, stage_run
from green_finance.validation_link import PAGE, task_with_validation_page
from include.base.errors import IntakeIncomplete
from include.domain.states import IntakeKind
from include.reference import departments


@task(task_display_name="开始征集")
def open_intake() -> int:
    """Open the intake of this run's quarter; returns its id."""
    from include import intake

    params = get_current_context()["params"]
    with stage_run() as run:
        run.note_configuration()
        request = intake.IntakeRequest(
            run_id=f"{run.run_id}/quarterly",
            kind=IntakeKind.QUARTERLY,
            quarter=run.quarter(params.get("quarter")),
            departments=chosen_departments(params.get("departments")),
            dry_run=bool(params.get("dry_run")),
        )
        return intake.begin(run.engine, request, run.now)


@task(task_display_name="确定预审范围")
def open_reviews(kind: str) -> list[dict[str, Any]]:
    """Ask the platform what is new, take in withdrawals, and open an intake of each quarter with news.

    Returns the departments to be read, in sets.
    """
    from include import intake

    whole = bool(get_current_context()["params"].get("whole"))
    with stage_run() as run, run.green_platform() as client:
        run.note_configuration()
        request = intake.ReviewRequest(run_id=run.run_id, kind=IntakeKind(kind), whole=whole)
        return [asdict(one) for one in intake.open_reviews(run.engine, client, run.cipher, request, run.day)]


@task(task_display_name="读取名单和协调人")
def pull_reference(sets: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Read the register of green factories and the coordinators as of today; returns how many of each.

    Skipped if there are no `sets` to be judged.
    """
    from include import intake

    if sets is not None and not sets:
        raise AirflowSkipException("没有新报送的需求，无需读取名单。")
    with stage_run() as run, run.green_platform() as client:
        return {
            "register": asdict(
                intake.pull_register(run.engine, client, run.cipher, run.now.date(), run.now, run.policy)
            ),
            "coordinators": intake.pull_coordinators(run.engine, client, run.cipher, now=run.now),
        }


@task(task_display_name="读取报送清单")
def pull_quarter(intake_id: int) -> list[list[str]]:
    """Read the manifest and withdrawals; returns the intake's departments in sets, as its next tasks take them.

    A set has judge_set_size needs at most, as the manifest counts them, or is one department.
    """
    from include import intake

    with stage_run() as run, run.green_platform() as client:
        header = intake.header(run.engine, intake_id)
        intake.pull_manifest(run.engine, client, run.cipher, intake_id, header.quarter, run.day)
        if not header.dry_run:
            intake.pull_withdrawals(run.engine, client, run.cipher, header.quarter, run.now, intake_id)
        return intake.department_sets(run.engine, intake_id, run.policy)


@task(task_display_name="读取需求", map_index_template="{{ departments }}")
def pull_departments(intake_id: int, department_codes: list[str]) -> list[dict[str, Any]]:
    """Read the recommended needs of these departments whole and keep them."""
    from include import intake

    _label(department_codes)
    with stage_run() as run:
        summaries = intake.pull_departments(
            run.engine,
            run.green_platform,
            run.cipher,
            intake_id=intake_id,
            department_codes=department_codes,
            day=run.day,
        )
        return [asdict(summary) for summary in summaries]


@task_with_validation_page(
    task_display_name="审核需求", map_index_template="{{ departments }}", trigger_rule=TriggerRule.ALL_DONE
)
def judge_departments(intake_id: int, department_codes: list[str]) -> dict[str, Any]:
    """Judge what was read for these departments and queue the consequences; links to the results of the quarter."""
    from include import intake
    from include.gate import stage as gate
    from include.gate.view import page_path

    _label(department_codes)
    with stage_run() as run:
        header = intake.header(run.engine, intake_id)
        summary = gate.judge_departments(
            run.engine, run.cipher, intake_id=intake_id, department_codes=department_codes, day=run.day
        )
        return {**asdict(summary), PAGE: page_path(header.quarter, dry_run=header.dry_run)}


def _label(department_codes: list[str]) -> None:
    """Name the mapped task after its departments in Airflow's pages."""
    first, *others = (departments()[code].short_name for code in department_codes)
    cast("dict[str, Any]", get_current_context())["departments"] = (
        f"{first}等 {len(department_codes)} 个地区" if others else first
    )


@task(task_display_name="核对并关闭", trigger_rule=TriggerRule.ALL_DONE, outlets=[needs_judged])
def close_intake(intake_id: int) -> dict[str, int]:
    """Check that every record is accounted for; the event that the quarter was judged follows only then."""
    with stage_run() as run:
        return _close(run, intake_id)


@task(task_display_name="核对并关闭", trigger_rule=TriggerRule.ALL_DONE, outlets=[needs_judged])
def close_reviews(sets: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Check, intake by intake, that every record is accounted for; one that is not does not keep the others open."""
    totals: dict[str, dict[str, int]] = {}
    incomplete: list[IntakeIncomplete] = []
    with stage_run() as run:
        for intake_id in _intakes(sets):
            try:
                totals[str(intake_id)] = _close(run, intake_id)
            except IntakeIncomplete as failure:
                incomplete.append(failure)
        if incomplete:
            raise IntakeIncomplete("".join(one.what for one in incomplete), incomplete[0].next_step)
    return totals


def _intakes(sets: list[dict[str, Any]]) -> list[int]:
    return list(dict.fromkeys(one["intake_id"] for one in sets))


def _close(run: StageRun, intake_id: int) -> dict[str, int]:
    from include import audit, intake

    header = intake.header(run.engine, intake_id)
    accounts = intake.close(run.engine, intake_id, run.day)
    totals = {
        name: sum(getattr(account, name) for account in accounts)
        for name in ("listed", "passed", "held", "returned", "superseded", "unreadable", "missed")
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
        get_current_context()["outlet_events"][needs_judged].add_partitions(header.quarter)
    return totals


@task(task_display_name="查找暂停地区", trigger_rule=TriggerRule.ALL_DONE)
def stopped_departments(opened: int | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The departments that are stopped (B08) and not decided yet: one question to a person for each, once.

    `opened`: an intake, or the sets of several; asked about are the quarters of these.
    """
    from include.gate import department_stop

    intake_ids = [opened] if isinstance(opened, int) else _intakes(opened)

    given = {name: value for name, value in (get_current_context()["dag_run"].conf or {}).items() if name == "now"}
    with stage_run() as run, run.engine.connect() as connection:
        waiting = {
            one for intake_id in intake_ids for one in department_stop.undecided(connection, intake_id=intake_id)
        }
    return [
        {
            "trigger_run_id": f"stopped__{quarter}__{department_code}",
            "conf": {"quarter": quarter, "department": department_code, **given},
        }
        for quarter, department_code in sorted(waiting)
    ]


def wire_intake() -> None:
    """Open, read the quarter, read and judge its departments set by set, close.

    All are read before any is judged, so that all see all. A department that was stopped is put to a person in a run of
    its own, once, for which nothing here waits.
    """
    intake_id: Any = open_intake()
    sets = pull_quarter(intake_id)
    pulled = pull_departments.partial(intake_id=intake_id).expand(department_codes=sets)
    judged = judge_departments.partial(intake_id=intake_id).expand(department_codes=sets)
    pull_reference() >> pulled >> judged >> close_intake(intake_id)
    _ask_about_stops(judged, intake_id)


def wire_review(kind: Literal["review", "major"]) -> None:
    """Ask what is new, read and judge it set by set, close; as `wire_intake`, for all quarters that are not finished."""
    sets: Any = open_reviews(kind)
    pulled = pull_departments.expand_kwargs(sets)
    judged = judge_departments.expand_kwargs(sets)
    pull_reference(sets) >> pulled >> judged >> close_reviews(sets)
    _ask_about_stops(judged, sets)


def _ask_about_stops(judged: Any, opened: Any) -> None:
    stopped = stopped_departments(opened)
    judged >> stopped
    TriggerDagRunOperator.partial(
        task_id="ask_a_person",
        task_display_name="请人决定",
        trigger_dag_id="decide_stopped_department",
        logical_date=None,
        skip_when_already_exists=True,
    ).expand_kwargs(stopped)

"""
### 重新审核 rejudge

Judges the stored payloads of a past quarter again, each with the inputs of its verdict: payload, moment, register, history, the
department's policy. Sends nothing and stores no verdict.

**By hand only**: trigger with `{"quarter": "2026Q3"}`; `departments` limits it. Under the same rule set all verdicts must be
reproduced. Under another one the page 重新审核对照 (console, `/green-finance/rejudgement/2026Q3`) lists what changed: do this
before new thresholds or rules go live.

**Triage**: red with needs named means that a verdict could not be reproduced: keep the database as it is and tell the
developers. Red because a register is missing: it was dropped after its retention; choose a later quarter.
"""

from __future__ import annotations

from airflow.sdk import dag, get_current_context, task

from green_finance.defaults import dag_defaults, departments_param, quarter_param
from green_finance.run import chosen_departments, stage_run


@task(task_display_name="重新审核")
def judge_again() -> dict[str, int]:
    """Judge the quarter again and publish what changed; returns counts."""
    from include import audit
    from include.gate import rejudgement_page
    from include.gate.rejudge import rejudge as judge_quarter_again

    params = get_current_context()["params"]
    with stage_run() as run:
        result = judge_quarter_again(
            run.engine,
            run.cipher,
            quarter=run.quarter(params["quarter"]),
            departments=chosen_departments(params["departments"]),
            policy=run.policy,
        )
        rejudgement_page.publish(run.engine, result, now=run.now, reports_dir=run.settings.reports_dir)
        with run.engine.begin() as connection:
            audit.note_use(
                connection,
                audit.Action.REJUDGE,
                act=run.act(),
                object_=result.quarter,
                details={"departments": list(result.departments), "judged": result.judged},
            )
        return {
            "judged": result.judged,
            "reproduced": result.reproduced,
            "changed": len(result.changed),
            "emptied": result.emptied,
        }


@dag(
    schedule=None,
    dag_display_name="重新审核 rejudge",
    description="重新审核以往季度，只比较不生效",
    doc_md=__doc__,
    params={"quarter": quarter_param(), "departments": departments_param()},
    **dag_defaults("审核", "人工"),
)
def rejudge():
    judge_again()


rejudge()

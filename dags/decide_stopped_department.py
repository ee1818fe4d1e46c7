"""
### 决定暂停地区 decide_stopped_department

Asks a person whether the pushes of a department continue, after too large a share of its needs was returned (B08). Until then
its passed needs wait; other departments are not affected. 继续推送 queues all that wait, for `deliver` to send; 维持暂停 keeps them
waiting.

**When**: the intakes trigger it once for each department that they stopped. The question is under 待办 (Required Actions) in
Airflow's menu, with the figures; a reason is required and goes into the audit trail with the id of the user who answered. If nobody
answers within the days of `hold_decision_working_days`, the stop is kept: silence releases nothing.

**In the console**: an operator decides on the page 暂停推送的地区 just as well. What is decided first stands; the other person is told so.

**By hand**: to decide on a kept stop, trigger again with `{"quarter": "2026Q3", "department": "330000"}`.

**Triage**: `decision` is skipped if the stop was decided before, or in the console before the answer came (its log says by whom). It
is red if the department was never stopped. The question is asked again after an answer without a reason, or one given in the very
second in which the question appeared. A continued department cannot be stopped again: withdraw single needs instead. The XCom of
this DAG holds only how many pushes were queued: question and answer do not pass through it.
"""

from __future__ import annotations

from airflow.sdk import Param, dag

from green_finance.defaults import QUARTER_PATTERN, dag_defaults, department_param
from green_finance.department_decision import ALL_AT_ONCE, DepartmentDecision


@dag(
    schedule=None,
    dag_display_name="决定暂停地区 decide_stopped_department",
    description="退回过多的地区是否继续推送，由人决定",
    doc_md=__doc__,
    params={
        "quarter": Param(type="string", pattern=QUARTER_PATTERN, title="季度", description="形如 2026Q3。"),
        "department": department_param(),
    },
    **{**dag_defaults("征集", "人工"), "max_active_runs": ALL_AT_ONCE},
)
def decide_stopped_department():
    DepartmentDecision(task_id="decision", task_display_name="人工决定")


decide_stopped_department()

"""The question to a person whether a stopped department (B08) goes on, as an Airflow task that waits for the answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param

from include.audit import LEAST_REASON
from include.reference import departments, policy

ALL_AT_ONCE = len(departments())
"""No department's question waits for another's answer."""
CONTINUE = "继续推送"
KEEP = "维持暂停"


class DepartmentDecision(HITLOperator):
    """Asks whether a stopped department's pushes go on; parks without a worker until somebody answers, with a reason.

    Silence releases nothing: after hold_decision_working_days (counted as calendar days) the stop is kept. An answer without
    a reason fails the attempt, and the next one asks again. The question is asked anew too when an answer comes so fast that
    the executor has not reported the parked task yet (apache/airflow#66374).
    """

    def __init__(self, *, task_id: str, **kwargs: Any) -> None:
        reason = Param(
            "",
            type="string",
            title="理由",
            description="必填，记入审计。例如：已与主管部门逐条核实，退回属实，其余可以推送。",
            source="task",
        )
        # Airflow puts the DAG's own params and default arguments into `kwargs`: these stand above them.
        question = {
            "options": [CONTINUE, KEEP],
            "defaults": KEEP,
            "params": {"reason": reason},
            "response_timeout": timedelta(days=policy().integer("hold_decision_working_days")),
            "retries": 3,
            "retry_delay": timedelta(seconds=5),
        }
        super().__init__(task_id=task_id, **{**kwargs, **question})

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """The answer; nobody's where the time ran out."""
        if event.get("timedout"):
            event = {**event, "params_input": {}}
        elif len(str((event.get("params_input") or {}).get("reason") or "").strip()) < LEAST_REASON:
            raise ValueError(f"理由不足{LEAST_REASON}个字，需重新作答。")
        return super().execute_complete(context, event)


def as_decision(answer: Mapping[str, Any]) -> dict[str, str]:
    """An answer of DepartmentDecision as arguments of breaker.decide: decision, actor, role, reason."""
    by = answer["responded_by_user"]
    if by is None:
        return {"decision": "kept", "actor": "system", "role": "system", "reason": "逾期无人决定，维持暂停"}
    return {
        "decision": "continued" if answer["chosen_options"] == [CONTINUE] else "kept",
        "actor": by["name"],
        "role": "operator",
        "reason": answer["params_input"]["reason"].strip(),
    }

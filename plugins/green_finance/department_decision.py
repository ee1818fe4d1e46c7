"""The question to a person whether a stopped department (B08) continues, as an Airflow task that waits for the answer.

Question and answer bypass XCom, which others may write: the question comes from the business database, and the answer
is recorded from Airflow's own record of it, with the id of the user who was logged in when answering.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.execution_time.hitl import HITLUser

from green_finance.run import stage_run
from include.audit import signed
from include.base.act import Act
from include.base.errors import InvalidRequest
from include.domain.roles import Role, display_name, person_id
from include.reference import departments, policy

if TYPE_CHECKING:
    from include.gate.department_stop import Decision, Stop

ALL_AT_ONCE = len(departments())
"""One department's question must not wait for another's answer."""
CONTINUE = "继续推送"
KEEP = "维持暂停"
CONTINUE_AFTER_ALL = "改为继续推送"
STILL_KEEP = "仍维持暂停"

# An answer says which state of the stop it was given for: a decision made meanwhile stands.
_OPTIONS = {"open": (CONTINUE, KEEP), "kept": (CONTINUE_AFTER_ALL, STILL_KEEP)}
_ASKED_ABOUT = {option: state for state, options in _OPTIONS.items() for option in options}
_DECISIONS: dict[str, Decision] = {
    CONTINUE: "continued",
    CONTINUE_AFTER_ALL: "continued",
    KEEP: "kept",
    STILL_KEEP: "kept",
}


class DepartmentDecision(HITLOperator):
    """Asks whether a stopped department's pushes continue; waits without a worker until somebody answers, with a
    reason.

    Department and quarter are the run's params. Skips if the department was continued already, or was decided elsewhere
    before the answer came. Silence releases nothing: after hold_decision_working_days (counted as calendar days) the
    stop is kept. An answer without a usable reason fails the attempt, and the next attempt asks again. The question is
    also repeated if an answer comes before the executor has reported the waiting task (apache/airflow#66374).
    """

    def __init__(self, *, task_id: str, **kwargs: Any) -> None:
        reason = Param(
            "",
            type="string",
            title="理由",
            description="必填，记入审计。例如：已与主管部门逐条核实，退回属实，其余可以推送。",
            source="task",
        )
        # Airflow puts the DAG's own params and default arguments into `kwargs`: these override them.
        question = {
            "subject": "暂停推送的地区，是否继续推送？",
            "options": list(_DECISIONS),
            "defaults": KEEP,
            "params": {"reason": reason},
            "response_timeout": timedelta(days=policy().integer("hold_decision_working_days")),
            "retries": 3,
            "retry_delay": timedelta(seconds=5),
        }
        super().__init__(task_id=task_id, **{**kwargs, **question})

    def execute(self, context: Any) -> Any:
        """Ask, with the current figures of the stop."""
        from include.gate import department_stop

        with stage_run() as run, run.engine.connect() as connection:
            stop = department_stop.stop_of(connection, **_which(context))
        if stop.state == "continued":
            raise AirflowSkipException("已决定继续推送，无需再决定。")
        go_on, keep = _OPTIONS[stop.state]
        self.options, self.defaults = [go_on, keep], [keep]
        self.subject, self.body = _question(stop)
        self.assigned_users = _operators()
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Record who decided what and why; without an answer in time, keep the stop in nobody's name. Returns how many
        pushes were queued."""
        by = None if event.get("timedout") else event.get("responded_by_user")
        if by is None:
            event = {**event, "params_input": {}}
        super().execute_complete(context, event)
        (option,) = event["chosen_options"]
        if by is None:
            nobody = Act.by_stage("system", datetime.now(UTC), "逾期无人决定，维持暂停")
            return self._record(context, "open", "kept", nobody)
        reason = str((event["params_input"] or {}).get("reason") or "")
        name = display_name(by["name"])
        try:
            act = signed(
                Act(actor_id=person_id(by["id"]), name=name, role=Role.OPERATOR, reason=reason, at=datetime.now(UTC))
            )
        except InvalidRequest as error:
            raise ValueError(f"{error.what}需重新作答。") from None
        return self._record(context, _ASKED_ABOUT[option], _DECISIONS[option], act)

    def _record(self, context: Any, seen: str, decision: Decision, act: Act) -> int:
        from include.gate import department_stop
        from include.store import people

        which = _which(context)
        with stage_run() as run, run.engine.begin() as connection:
            confined_to = people.grant_of(connection, act.actor_id).departments
            if confined_to is not None and which["department_code"] not in confined_to:
                raise ValueError("作答人员只负责其他地区，需由负责该地区的运维人员重新作答。")
            try:
                queued = department_stop.decide(
                    connection,
                    department_stop.SeenStop(**which, state=seen),
                    decision,
                    act=replace(act, at=run.now),
                    policy=run.policy,
                )
            except department_stop.DecidedMeanwhile as refusal:
                raise AirflowSkipException(f"本次作答未生效。{refusal}") from None
            if act.name:
                people.remember(connection, act.actor_id, act.name, run.now)
        return queued


def _operators() -> list[HITLUser] | None:
    """The users who may answer: the operators, because Airflow's simple auth manager would let its plain users answer
    too.

    None: whoever may edit what the DAG asks people; FAB and Keycloak grant that role by role.
    """
    if not conf.get("core", "auth_manager").endswith(".SimpleAuthManager"):
        return None
    users = [written.split(":") for written in conf.getlist("core", "simple_auth_manager_users")]
    return [HITLUser(id=name, name=name) for name, role, *_ in users if role in ("op", "admin")] or None


def _which(context: Any) -> dict[str, str]:
    return {"quarter": context["params"]["quarter"], "department_code": context["params"]["department"]}


def _question(stop: Stop) -> tuple[str, str]:
    name = departments()[stop.department_code].name
    before = f"此前由 {stop.decided_by} 决定维持暂停：{stop.reason}\n\n" if stop.state == "kept" else ""
    return (
        f"{name} {stop.quarter} 退回比例过高，是否继续推送？",
        f"已审核 **{stop.judged}** 条，退回 **{stop.returned}** 条（{100 * stop.returned / stop.judged:.1f}%），"
        f"{stop.opened_at:%Y-%m-%d %H:%M} 起暂停推送。现有 **{stop.waiting}** 条通过的需求等待推送。\n\n{before}"
        "选择继续后这些需求随即进入发件箱；选择维持则继续等待，以后可再次决定。须填写理由，并记入审计。"
        "也可以在运维台“暂停推送的地区”页面决定，以先作出的决定为准。",
    )

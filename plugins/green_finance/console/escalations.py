"""Stalled needs (逾期督办): who was told when, what comes next, taking one on; and the what-if of the ladder (升级试算)."""

from __future__ import annotations

from collections.abc import Hashable
from threading import Lock
from time import monotonic
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import OPERATORS, Admitted, CurrentOperator
from green_finance.console.pages import CurrentDay, business_now, done, engine, show
from green_finance.console.parameters import AnyDepartment, Quarter, Reason, Words
from include import escalation
from include.domain.policy_snapshot import PolicySnapshot
from include.domain.quarter import Quarter as QuarterOf
from include.domain.roles import Role
from include.domain.states import Stall
from include.escalation import what_if
from include.escalation.board import RULES
from include.escalation.what_if import words
from include.reference import institutions
from include.reference.calendar import china_calendar
from include.words.names import case_state
from include.words.states import word

router = APIRouter(prefix="/escalations")

_ROWS_A_PAGE = 50
_ROWS = 1_000
_RuleFilter = Annotated[Literal["", "S01", "S06", "S02"], Query()]
_TITLES = {rule: word(Stall, rule) for rule in RULES}


@router.get("", response_class=HTMLResponse)
def stalled(
    request: Request,
    access: Admitted,
    day: CurrentDay,
    department: AnyDepartment = "",
    rule: _RuleFilter = "",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> HTMLResponse:
    """Stalled needs, one row each, the longest overdue first."""
    with engine().connect() as connection:
        board = escalation.stalled_needs(
            connection,
            day=day,
            department=department,
            rule_id=rule,
            rows=_ROWS_A_PAGE,
            after=(page - 1) * _ROWS_A_PAGE,
        )
    return show(
        request,
        "escalations.html",
        needs=board.rows,
        total=board.total,
        page=page,
        last_page=-(-board.total // _ROWS_A_PAGE),
        chosen={"department": department, "rule": rule},
        departments=access.sees,
        titles=_TITLES,
        quiet_days=day.policy.integer("acknowledged_idle_working_days"),
        institutions=institutions(),
        state_label=case_state,
        may_operate=access.may_operate,
        may_report=bool(access.roles & {Role.OPERATOR, Role.COORDINATOR}),
    )


@router.post("")
def acknowledge(operator: CurrentOperator, need_id: Annotated[Words, Form()], note: Reason = "") -> RedirectResponse:
    """Record that the coordinators take it on; its ladder waits while the case is worked on."""
    with engine().begin() as connection:
        escalation.acknowledge(connection, need_id, act=operator.act(note))
    return done("escalations", "已记录认领，暂不升级。")


async def figures(request: Request) -> dict[str, str]:
    """The policy values to try, by the form's names; a blank one stays as it is."""
    form = await request.form()
    keys = [one.key for group in what_if.groups(what_if.in_force()) for one in group.parameters]
    return {key: value.strip() for key in keys if isinstance(value := form.get(key), str) and value.strip()}


@router.get("/what-if", response_class=HTMLResponse, tags=[*OPERATORS])
def what_if_form(request: Request) -> HTMLResponse:
    """The form, filled in with the values in force."""
    return _tried(request, what_if.in_force())


@router.post("/what-if", response_class=HTMLResponse)
def try_out(
    request: Request,
    operator: CurrentOperator,
    given: Annotated[dict[str, str], Depends(figures)],
    quarter: Annotated[Quarter, Form()],
    every: Annotated[bool, Form()] = False,
) -> HTMLResponse:
    """Who would have been notified when on a past quarter's cases under other values; nothing is sent, and the use is
    audited.

    It takes seconds of a processor: only for operators, one at a time each, for quarters up to a size; a repeated
    question is answered from memory for a while.
    """
    present = what_if.in_force()
    assumed = what_if.changed(present, given)
    of, now = QuarterOf.parse(quarter), business_now()
    key = (quarter, tuple(sorted(given.items())), operator.departments, now.date())
    with engine().begin() as turn:
        what_if.take_turn(turn, of, operator.actor)
        # In a transaction of its own: other people's acts wait for the audit trail's lock.
        with engine().begin() as connection:
            what_if.record_look(connection, of, present, assumed, act=operator.act())
        outcome = _answers.get(key)
        if outcome is None:
            outcome = what_if.what_if(engine(), of, assumed, present=present, now=now, calendar=china_calendar())
            _answers.keep(key, outcome)
    return _tried(request, assumed, outcome, every=every)


def _tried(
    request: Request, assumed: PolicySnapshot, outcome: what_if.WhatIf | None = None, *, every: bool = False
) -> HTMLResponse:
    present = what_if.in_force()
    with engine().connect() as connection:
        known = what_if.quarters(connection)
    differences = what_if.differences(present, assumed)
    rows = words.by_day(outcome) if outcome else []
    rows = rows if every else what_if.only_changed(rows)
    return show(
        request,
        "what_if.html",
        quarter=str(outcome.quarter) if outcome else "",
        quarters=known,
        every=every,
        groups=what_if.groups(assumed),
        in_force={one.key: one.value for group in what_if.groups(present) for one in group.parameters},
        differences=differences,
        changed={one.key for one, _ in differences},
        outcome=outcome,
        rows=rows[:_ROWS],
        total=len(rows),
        words=words,
    )


class _Answers:
    """The last few answers, each for some minutes, in this process."""

    _MOST, _SECONDS = 8, 600.0

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, what_if.WhatIf]] = {}
        self._lock = Lock()

    def get(self, key: Hashable) -> what_if.WhatIf | None:
        """The answer to this question, if it is fresh."""
        with self._lock:
            at, answer = self._kept.get(key, (0.0, None))
        return answer if monotonic() - at < self._SECONDS else None

    def keep(self, key: Hashable, answer: what_if.WhatIf) -> None:
        """Store an answer; the oldest is dropped."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (monotonic(), answer)
            while len(self._kept) > self._MOST:
                del self._kept[next(iter(self._kept))]


_answers = _Answers()

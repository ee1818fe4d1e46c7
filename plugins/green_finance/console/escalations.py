"""The what-if of the ladder (督办规则试算): who would have been told under other figures. The list: `stalled`."""

from __future__ import annotations

from collections.abc import Hashable
from threading import Lock
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse

from green_finance.console.access import OPERATORS, CurrentOperator
from green_finance.console.pages import business_now, engine, show
from green_finance.console.parameters import Quarter
from include.domain.policy_snapshot import PolicySnapshot
from include.domain.quarter import Quarter as QuarterOf
from include.escalation import what_if
from include.escalation.what_if import words
from include.reference.calendar import china_calendar

router = APIRouter(prefix="/escalations")

_ROWS = 1_000


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

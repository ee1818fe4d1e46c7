"""Several held needs decided at once: chosen in the worklist, looked at beforehand, decided with one reason."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from green_finance.console.access import OPERATORS, Admitted, CurrentOperator
from green_finance.console.hold_filter import Filter
from green_finance.console.holds import full_reason
from green_finance.console.pages import CurrentDay, done, engine, show
from green_finance.console.parameters import AnyCode, Ids, Reason, SeenHolds, Words
from include.base.act import Act
from include.base.errors import InvalidRequest
from include.domain.states import HoldDecision
from include.quarantine.late_needs import next_quarter
from include.quarantine.listing import all_ids
from include.quarantine.together import Seen, Together, Wish, decide_together, plan
from include.words.holds import HOLD_REASONS
from include.words.states import word

router = APIRouter(prefix="/holds")


@router.get("/together", response_class=HTMLResponse, tags=[*OPERATORS])
def preview(
    request: Request,
    access: Admitted,
    asked: Filter,
    day: CurrentDay,
    decision: HoldDecision,
    only: AnyCode = "",
    every: bool = False,
    hold: Annotated[Ids, Query()] = [],  # noqa: B006
) -> HTMLResponse:
    """What the decision would do to each chosen hold, or (`every`) to all of the filter; `only`: about this rule alone."""
    wish, act = Wish(decision, only), Act(actor_id=access.actor, role="", at=day.now)
    with engine().connect() as connection:
        ids = all_ids(connection, asked.chosen(day.today, access.actor, may_know=True)) if every else hold
        if not ids:
            raise InvalidRequest("没有选择要处理的需求。", "请返回待核实清单，勾选需求或“全选本条件下”后再预览。")
        planned = plan(connection, ids, wish, act=act)
    quarters = sorted({one.hold.quarter for one in planned})
    return show(
        request,
        "holds_together.html",
        asked=asked,
        wish=wish,
        decision=word(HoldDecision, decision),
        ready=[one for one in planned if not one.refusal],
        refused=[one for one in planned if one.refusal],
        reasons=HOLD_REASONS[decision],
        moves={quarter: next_quarter(quarter, day) for quarter in quarters}
        if decision is HoldDecision.NEXT_QUARTER
        else {},
    )


@router.post("/together", response_class=HTMLResponse)
def decide(
    request: Request,
    operator: CurrentOperator,
    asked: Filter,
    day: CurrentDay,
    decision: Annotated[HoldDecision, Form()],
    only: Annotated[AnyCode, Form()] = "",
    reason: Reason = "",
    picked: Annotated[Words, Form()] = "",
    hold: Annotated[SeenHolds, Form()] = [],  # noqa: B006
) -> Response:
    """Decide the holds as they were shown; which could not be decided is told by name, with why."""
    seen = [Seen(int(number), stamp) for number, _, stamp in (one.partition(" ") for one in hold)]
    act = operator.act(full_reason(picked, reason))
    result = decide_together(engine(), seen, Wish(decision, only), act=act, day=day)
    said = _in_words(result, decision)
    if not result.refused:
        return done(f"../holds?{asked.query}" if asked.query else "../holds", said)
    return show(request, "holds_decided.html", asked=asked, said=said, refused=result.refused)


def _in_words(result: Together, decision: HoldDecision) -> str:
    parts = [f"{word(HoldDecision, decision)}：已办结 {result.settled} 条"]
    if result.waiting:
        parts.append(f"{result.waiting} 条已记录您的同意，待另一位人员复核")
    if result.refused:
        parts.append(f"{len(result.refused)} 条未能办理")
    return "，".join(parts) + "。"

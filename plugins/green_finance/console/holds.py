"""Held needs (待核实): the worklist with its tabs and filter, one hold with its evidence, and the decisions on it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import Admitted, CurrentOperator
from green_finance.console.hold_filter import Asked, Filter
from green_finance.console.pages import CurrentDay, done, engine, show
from green_finance.console.parameters import Findings, Id, OptionalId, Reason, Words
from green_finance.console.reading import ReadsAs
from include.base.business_time import SHANGHAI
from include.base.errors import InvalidRequest
from include.domain.states import HoldDecision, HoldEvent, HoldState, HoldTab
from include.intake.view import amendments as amendments_of
from include.quarantine import stage as held
from include.quarantine.evidence import evidence, facts_of_hold
from include.quarantine.filed_content import filed_content
from include.quarantine.late_needs import LATE_RULE, deferred_to, next_quarter
from include.quarantine.listing import MOST_CHOSEN, figures, hold_of, holds_of, next_hold
from include.quarantine.together import Wish, decide_one
from include.quarantine.view import detail
from include.reference import departments
from include.reference.calendar import china_calendar
from include.reference.form import field_name
from include.store.needs import code_of
from include.words.filed import filed_in_words
from include.words.holds import HOLD_REASONS
from include.words.shown import INSIDERS, Reader, shown
from include.words.states import word, words

router = APIRouter(prefix="/holds")

_MOST_AMENDMENTS = 100
_SHOWN = 50
_DUES = (("today", "今日到期和已逾期"), ("late", "已逾期"))


@router.get("", response_class=HTMLResponse)
def held_needs(
    request: Request, access: Admitted, role: ReadsAs, asked: Filter, day: CurrentDay, after: OptionalId = None
) -> HTMLResponse:
    """The worklist by tabs and pages, the most urgent first; why a need is held only for insiders."""
    today, may_know = day.today, role in INSIDERS
    chosen = asked.chosen(today, access.actor, may_know=may_know)
    with engine().connect() as connection:
        counted = figures(connection, chosen, today=today)
        holds = holds_of(connection, chosen, at_most=_SHOWN, after=after)
    return show(
        request,
        "holds.html",
        holds=holds,
        figures=counted,
        follows=len(holds) == _SHOWN,
        after=after,
        remaining=lambda hold: _remaining(hold.decide_by, today),
        days_held=lambda hold: (today - hold.opened_at.astimezone(SHANGHAI).date()).days,
        today=today,
        asked=asked,
        tabs=words(HoldTab),
        may_know=may_know,
        may_operate=access.may_operate,
        dues=dict(_DUES),
        decisions=_decisions(asked.rule),
        states=words(HoldState),
        most=MOST_CHOSEN,
    )


def _decisions(rule_id: str) -> list[tuple[HoldDecision, str]]:
    """The decisions that several holds may be chosen for: about late needs also which quarter they count in."""
    late = (HoldDecision.THIS_QUARTER, HoldDecision.NEXT_QUARTER)
    return [(one, word(HoldDecision, one)) for one in HoldDecision if rule_id == LATE_RULE or one not in late]


def _remaining(decide_by: date, today: date) -> str:
    """How far away the day to decide by is, in words; counted in working days."""
    if decide_by == today:
        return "今日到期"
    if decide_by < today:
        return f"逾期 {china_calendar().working_days_after(decide_by, today)} 个工作日"
    return f"还剩 {china_calendar().working_days_after(today, decide_by)} 个工作日"


@router.get("/{quarantine_id}", response_class=HTMLResponse)
def held_need(
    request: Request, quarantine_id: Id, access: Admitted, role: ReadsAs, asked: Filter, day: CurrentDay
) -> HTMLResponse:
    """One hold: what the revision changed, and for insiders the findings with evidence, who agreed, and the decisions."""
    may_know = role in INSIDERS
    with engine().connect() as connection:
        hold, events = detail(connection, quarantine_id)
        filed = filed_content(connection, quarantine_id, role)
        uscc = code_of(connection, hold.need_id)
        changes = amendments_of(connection, hold.need_id, hold.revision, _MOST_AMENDMENTS + 1)
        facts = facts_of_hold(connection, quarantine_id, day=day, reader=role) if may_know else None
        following = next_hold(connection, asked.chosen(day.today, access.actor, may_know=may_know), quarantine_id)
        moved_to = deferred_to(connection, hold.need_id)
    amendments = [
        {
            "field": field_name(row.field),
            "values": None
            if row.personal
            else [_value(row.field, value, uscc, role) for value in (row.before, row.after)],
        }
        for row in changes[:_MOST_AMENDMENTS]
    ]
    is_late = any(one.rule_id == LATE_RULE and one.missing for one in hold.findings)
    return show(
        request,
        "hold.html",
        hold=hold,
        department=departments()[hold.department_code].name
        if hold.department_code in departments()
        else hold.department_code,
        state=word(HoldState, hold.state),
        events=[replace(event, reason=shown("reason", event.reason, uscc, role)) for event in events],
        may_know=may_know,
        event_names=words(HoldEvent),
        field_name=field_name,
        amendments=amendments,
        more_amendments=len(changes) > _MOST_AMENDMENTS,
        filed=filed,
        evidence={} if facts is None else {one.place: evidence(*one.place, facts) for one in hold.findings},
        remaining=_remaining(hold.decide_by, day.today),
        today=day.today,
        may_operate=access.may_operate,
        user=access.name,
        mine=[one for one in hold.findings if one.missing and not one.approved_already_by(access.actor)],
        asked=asked,
        following=following,
        moved_to=moved_to,
        next_quarter=next_quarter(hold.quarter, day) if is_late else None,
        reasons=HOLD_REASONS,
        decision_names=words(HoldDecision),
    )


@router.post("/{quarantine_id}/{decision}")
def decide(
    quarantine_id: Id,
    decision: HoldDecision,
    operator: CurrentOperator,
    asked: Filter,
    day: CurrentDay,
    reason: Reason = "",
    picked: Annotated[Words, Form()] = "",
    finding: Findings = [],  # noqa: B006
) -> RedirectResponse:
    """Agree to release the chosen findings, return the need with them, or say in which quarter a late need counts.

    The next hold of the filter follows, unless this person has more to decide about this one.
    """
    act = operator.act(full_reason(picked, reason))
    with engine().begin() as connection:
        chosen = asked.chosen(day.today, operator.actor, may_know=True)
        if decision is HoldDecision.RELEASE:
            decided = held.release(connection, quarantine_id, act=act, day=day, findings=_chosen(finding))
        elif decision is HoldDecision.CONFIRM:
            decided = held.confirm(connection, quarantine_id, act=act, day=day, findings=_chosen(finding))
        else:
            decided = decide_one(connection, hold_of(connection, quarantine_id), Wish(decision), act=act, day=day)
        mine = any(not one.approved_already_by(operator.actor) for one in decided.waiting)
        following = quarantine_id if mine else next_hold(connection, chosen, quarantine_id)
        name = hold_of(connection, quarantine_id).name
    return done(_address(following, asked), f"{name}：{decided.note}")


def _address(quarantine_id: int | None, asked: Asked) -> str:
    """The page of the hold, or the worklist if there is none, below /holds, as a decision's answer names it."""
    path = "../../holds" if quarantine_id is None else f"../{quarantine_id}"
    return f"{path}?{asked.query}" if asked.query else path


def full_reason(picked: str, written: str) -> str:
    """The reason picked and what was written beside it, as one."""
    return "；".join(one for one in (picked, written.strip()) if one)


def _chosen(values: list[str]) -> list[tuple[str, str]]:
    """Findings as the form names them: rule, a blank, the field."""
    if not values:
        raise InvalidRequest("没有选择要处理的问题。", "请返回上一页，至少勾选一个问题后重新提交。")
    return [(rule_id, field) for rule_id, _, field in (value.partition(" ") for value in values)]


def _value(field: str, value: str | None, uscc: str | None, role: Reader) -> str:
    """A value of the form (as JSON text) as this reader may see it."""
    return "（无）" if value is None else filed_in_words(field, json.loads(value, parse_float=Decimal), uscc, role)

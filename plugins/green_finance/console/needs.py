"""One need from filing to disbursement (需求全程): its state and everything that happened to it; and the search."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from green_finance.console.access import Admitted
from green_finance.console.pages import CurrentDay, engine, show
from green_finance.console.parameters import Words
from green_finance.console.reading import ReadsAs
from include import coordination, escalation, need_view
from include.base.business_time import SHANGHAI
from include.domain.states import ProgressStage, WithdrawalReason
from include.letters.weekly_summary.reoffers import reoffer_of_need
from include.withdrawals.two_persons import OWN_REASONS
from include.withdrawals.view import waiting_request_of
from include.words.reoffers import REOFFER_NOTE, reoffer_institution, reoffer_reason
from include.words.states import word
from include.words.withdrawals import EFFECTS, FALSE_INFORMATION_LATER

router = APIRouter(prefix="/needs")

_WEEKDAYS = "一二三四五六日"


@router.get("/{need_id}", response_class=HTMLResponse)
def need(
    request: Request, need_id: Words, access: Admitted, role: ReadsAs, day: CurrentDay, part: Words = ""
) -> HTMLResponse:
    """The head, other institutions to think of, and the timeline, newest first; `part`: only its entries of this stage.

    Reasons of holds, alerts and the audit trail only for those who may act.
    """
    today = day.today
    with engine().connect() as connection:
        head = need_view.need_head(connection, need_id, today=today, role=role)
        entries = need_view.timeline(connection, need_id, today=today, role=role)
        stalled = escalation.stalled_need(connection, need_id, day=day)
        reoffer = reoffer_of_need(connection, need_id, day=day)
        offered = coordination.offer(connection, need_id, access, day)
        withdrawal = waiting_request_of(connection, need_id)
    parts = Counter(entry.part for entry in entries)
    shown = [entry for entry in reversed(entries) if part in ("", entry.part)]
    by_day = groupby(shown, key=lambda entry: entry.at.astimezone(SHANGHAI).date())
    return show(
        request,
        "need.html",
        head=head,
        standing=need_view.standing(head, stalled),
        climbs=stalled is not None and bool(stalled.told),
        part=part,
        parts=parts,
        stage=word(ProgressStage, head.stage) if head.stage else "尚未告知",
        reoffer=reoffer,
        reoffer_reason=reoffer_reason,
        reoffer_institution=reoffer_institution,
        reoffer_note=REOFFER_NOTE,
        days=[(on, _WEEKDAYS[on.weekday()], list(of_day)) for on, of_day in by_day],
        count=len(shown),
        may_operate=access.may_operate,
        offer=offered,
        withdrawal=withdrawal,
        withdrawal_reasons={one: word(WithdrawalReason, one) for one in OWN_REASONS},
        withdrawal_effects=(*EFFECTS, FALSE_INFORMATION_LATER),
    )

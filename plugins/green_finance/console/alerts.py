"""Alerts (警示): findings after the gate that wait for a person to clear or confirm them."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import CurrentOperator, MayOperate
from green_finance.console.pages import done, engine, show
from green_finance.console.parameters import Id, Reason
from green_finance.console.reading import ReadsAs
from include.alerts.settling import settle_alert
from include.alerts.view import open_alerts
from include.domain.states import AlertState
from include.words.names import institution
from include.words.shown import INSIDERS, shown
from include.words.states import word, words

router = APIRouter(prefix="/alerts")


@router.get("", response_class=HTMLResponse)
def alerts(request: Request, operator: MayOperate, role: ReadsAs) -> HTMLResponse:
    """The open alerts, oldest first, each with the two ways to settle it."""
    with engine().connect() as connection:
        found = open_alerts(connection)
    return show(
        request,
        "alerts.html",
        alerts=found,
        may_operate=operator,
        shown=partial(shown, role=role),
        may_know=role in INSIDERS,
        bank=institution,
        decisions=words(AlertState),
    )


@router.post("/{alert_id}")
def settle(
    alert_id: Id,
    operator: CurrentOperator,
    decision: Annotated[Literal["cleared", "confirmed"], Form()],
    reason: Reason = "",
) -> RedirectResponse:
    """Clear or confirm one alert."""
    with engine().begin() as connection:
        settled = settle_alert(connection, alert_id, decision=decision, act=operator.act(reason))
    said = word(AlertState, decision)
    return done(
        "../alerts", f"已{said}警示。" if settled else f"已记录您同意{said}；还须由另一位人员作出同样的决定，方可生效。"
    )

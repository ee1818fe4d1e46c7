"""Alerts (警示): findings after the gate that persons clear or confirm, one or several at once; and what follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import partial
from itertools import groupby
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BeforeValidator, StringConstraints

from green_finance.console.access import Admitted, CurrentOperator
from green_finance.console.pages import CurrentDay, done, engine, show
from green_finance.console.parameters import AnyCode, AnyDepartment, Id, Ids, OptionalId, Reason
from green_finance.console.reading import ReadsAs
from include.alerts import view
from include.alerts.consequences import effect_on_money, offered_withdrawal
from include.alerts.settling import SeenAlert, SettledAlerts, settle_alert, settle_alerts
from include.base.business_time import SHANGHAI
from include.base.errors import InvalidRequest
from include.domain.people import same_person
from include.domain.states import AlertEvent, AlertState, WithdrawalReason
from include.reference.day import Day
from include.words.alerts import LIMITS, REASONS, WITHDRAWABLE
from include.words.names import institution
from include.words.shown import INSIDERS, Reader, shown
from include.words.states import word, words

router = APIRouter(prefix="/alerts")

AGES = (5, 10, 20, 40)
"""Working days since an alert was raised, to filter by."""

Wan = Annotated[
    Annotated[Decimal, Query(ge=0, le=10**10, decimal_places=2)] | None, BeforeValidator(lambda given: given or None)
]
"""An amount in 万元 that may be left empty."""
Back = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9=&._%-]{0,400}$")]
"""A filter as it stands in an address, to come back to."""
Seen = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}\.[0-9]{0,18}$")]
"""An alert and the event that brought its newest ground, as the page showed them."""
Decided = Literal["cleared", "confirmed"]


@dataclass(frozen=True)
class Filter:
    """The filter of the list, as it stands in the address."""

    tab: view.Tab = "open"
    rule: AnyCode = ""
    department: AnyDepartment = ""
    institution: AnyCode = ""
    state: Literal["", "cleared", "confirmed", "closed"] = ""
    age: Annotated[Annotated[int, Query(ge=1, le=250)] | None, BeforeValidator(lambda given: given or None)] = None
    least: Wan = None
    most: Wan = None

    def address(self, **changes: object) -> str:
        """The filter as a query string, with these changes."""
        return urlencode({name: value for name, value in (asdict(self) | changes).items() if value not in ("", None)})

    def chosen(self, person: str, day: Day) -> view.Chosen:
        """The filter as the view takes it, for this person."""
        return view.Chosen(
            tab=self.tab,
            person=person,
            rule_id=self.rule or None,
            department_code=self.department or None,
            institution_code=self.institution or None,
            state=(self.state or None) if self.tab == "done" else None,
            opened_before=view.opened_before(self.age, day) if self.age else None,
            least=self.least,
            most=self.most,
        )


Filtered = Annotated[Filter, Depends()]


@router.get("", response_class=HTMLResponse)
def alerts(
    request: Request, access: Admitted, role: ReadsAs, day: CurrentDay, by: Filtered, after: OptionalId = None
) -> HTMLResponse:
    """The chosen alerts by rule, with counts, what was reported, and for operators the choice of several."""
    from include.alerts.evidence import reported

    chosen = by.chosen(access.actor, day)
    with engine().connect() as connection:
        found = view.alert_page(connection, chosen, after=after)
        values: dict[str, Any] = {
            "tabs": view.tabs(connection, access.actor),
            "choices": view.choices(connection, chosen),
            "rules": view.count_by_rule(connection, chosen),
            "reported": reported(connection, found, role),
        }
    return show(
        request,
        "alerts.html",
        alerts=found,
        groups=[(rule_id, list(group)) for rule_id, group in groupby(found, key=lambda one: one.rule_id)],
        by=by,
        after=after,
        follows=len(found) == view.SHOWN,
        most_at_once=view.MOST_AT_ONCE,
        ages=AGES,
        may_operate=access.may_operate and by.tab != "done",
        **values,
        **_words(role, day),
    )


@router.get("/preview", response_class=HTMLResponse)
def preview(
    request: Request,
    operator: CurrentOperator,
    role: ReadsAs,
    day: CurrentDay,
    by: Filtered,
    decision: Decided,
    alert: Annotated[Ids, Query()] = [],  # noqa: B006
    everything: bool = False,
) -> HTMLResponse:
    """What one decision on the chosen alerts would do; asks for the reason."""
    with engine().connect() as connection:
        wanted = view.chosen_ids(connection, by.chosen(operator.actor, day)) if everything else alert
        found = view.these_alerts(connection, wanted)
        able = [one for one in found if one.state == "open" and not _has_agreed(one, decision, operator.actor)]
        money = effect_on_money(connection, able, decision)
    return show(
        request,
        "alerts_preview.html",
        decision=decision,
        alerts=able,
        unable=[one for one in found if one not in able],
        money=money,
        two_persons=sum(one.persons_required > 1 for one in able),
        suggestions=REASONS[decision],
        by=by,
        **_words(role, day),
    )


@router.get("/{alert_id}", response_class=HTMLResponse)
def one_alert(
    request: Request, alert_id: Id, access: Admitted, role: ReadsAs, day: CurrentDay, by: Filtered
) -> HTMLResponse:
    """One alert with the evidence of both sides, its history, what each decision does, and what a confirmed one leads to."""
    from include.alerts.evidence import evidence_of_alert

    with engine().connect() as connection:
        found, history = view.one_alert(connection, alert_id)
        follows = view.alert_page(connection, by.chosen(access.actor, day), after=alert_id)
        values: dict[str, Any] = {
            "evidence": evidence_of_alert(connection, found, day=day, reader=role),
            "effects": {one: effect_on_money(connection, [found], one) for one in ("cleared", "confirmed")},
            "confirmed": view.confirmed_count(connection, found.rule_id, found.quarter or ""),
        }
    return show(
        request,
        "alert.html",
        one=found,
        history=history,
        events=words(AlertEvent),
        by=by,
        following=next((one.alert_id for one in follows if one.alert_id != alert_id), None),
        may_operate=access.may_operate,
        suggestions={one: REASONS[one] for one in ("cleared", "confirmed")},
        has_agreed=lambda decision: _has_agreed(found, decision, access.actor),
        withdrawal_reasons={one: word(WithdrawalReason, one) for one in WITHDRAWABLE.values()},
        **values,
        **_words(role, day),
    )


@router.post("")
def settle_several(
    operator: CurrentOperator,
    decision: Annotated[Decided, Form()],
    seen: Annotated[list[Seen], Form()] = [],  # noqa: B006
    back: Annotated[Back, Form()] = "",
    reason: Reason = "",
) -> RedirectResponse:
    """Clear or confirm what the preview listed, for one reason."""
    if not 0 < len(seen) <= view.MOST_AT_ONCE:
        raise InvalidRequest(
            "没有可处理的警示，或一次勾选过多。", f"请返回列表重新勾选，一次至多 {view.MOST_AT_ONCE} 条。"
        )
    with engine().begin() as connection:
        result = settle_alerts(connection, [_seen(one) for one in seen], decision=decision, act=operator.act(reason))
        settled = view.these_alerts(connection, result.settled)
        money = effect_on_money(connection, settled, decision) if settled else ""
    offered = sum(offered_withdrawal(one) is not None for one in settled)
    address = "tab=done&state=confirmed" if offered else back
    return done(f"alerts?{address}" if address else "alerts", _told(result, decision, money, offered))


@router.post("/{alert_id}")
def settle(
    alert_id: Id,
    operator: CurrentOperator,
    decision: Annotated[Decided, Form()],
    newest_ground: Annotated[OptionalId, Form()] = None,
    back: Annotated[Back, Form()] = "",
    reason: Reason = "",
) -> RedirectResponse:
    """Clear or confirm one alert."""
    with engine().begin() as connection:
        settled = settle_alert(
            connection, alert_id, decision=decision, act=operator.act(reason), newest_ground=newest_ground
        )
        money = effect_on_money(connection, view.these_alerts(connection, [alert_id]), decision)
    said = word(AlertState, decision)
    note = f"已{said}警示。{money}" if settled else f"已记录您同意{said}；还须由另一位人员作出同样的决定，方可生效。"
    return done(f"{alert_id}?{back}" if back else f"{alert_id}", note)


def _words(role: Reader, day: Day) -> dict[str, Any]:
    """What each page of alerts says things with."""
    age: Callable[[Any], int] = lambda one: day.calendar.working_days_after(  # noqa: E731
        one.opened_at.astimezone(SHANGHAI).date(), day.today
    )
    return {
        "shown": partial(shown, role=role),
        "may_know": role in INSIDERS,
        "bank": institution,
        "decisions": words(AlertState),
        "limits": LIMITS,
        "age": age,
        "offered": offered_withdrawal,
        "reason_name": partial(word, WithdrawalReason),
    }


def _has_agreed(one: Any, decision: str, actor: str) -> bool:
    return any(agreed == decision and same_person(actor, other) for agreed, other, _ in one.agreed)


def _seen(text: str) -> SeenAlert:
    alert_id, _, ground = text.partition(".")
    return SeenAlert(int(alert_id), int(ground) if ground else None)


def _told(result: SettledAlerts, decision: Decided, money: str, offered: int) -> str:
    said = word(AlertState, decision)
    parts = [f"已{said} {len(result.settled)} 条警示。{money}"] if result.settled else []
    if result.agreed:
        parts.append(f"已记录您同意{said} {len(result.agreed)} 条，还须由另一位人员作出同样的决定。")
    if result.refused:
        parts.append(f"{len(result.refused)} 条未改动：{next(iter(result.refused.values()))}")
    if offered:
        parts.append(f"其中 {offered} 条可申请撤回需求，见下方“申请撤回”。")
    return "".join(parts)

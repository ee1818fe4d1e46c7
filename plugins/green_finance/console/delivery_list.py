"""All deliveries (发送记录) by filters, and stopping a channel by hand."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from annotated_types import Len
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console import lists
from green_finance.console.access import NationWideOperator
from green_finance.console.pages import done, engine, show
from green_finance.console.parameters import AnyCode, AnyDepartment, AnyQuarter, Reason, Words
from green_finance.console.reading import ReadsAs
from green_finance.console.sending import start_sending
from include.delivery import listing, stopping
from include.delivery.listing import DeliveryFilter, deliveries_page
from include.domain.outbox_states import DeliveryAction, DeliveryState, ErrorClass
from include.domain.states import Channel
from include.intake.view import newest_quarters
from include.words.shown import shown
from include.words.states import word, words

router = APIRouter(prefix="/deliveries")

_QUARTERS = 20


@router.get("/list", response_class=HTMLResponse)
def delivery_list(
    request: Request,
    role: ReadsAs,
    q: Words = "",
    channel: Channel | Literal[""] = "",
    action: DeliveryAction | Literal[""] = "",
    state: DeliveryState | Literal[""] = "",
    quarter: AnyQuarter = "",
    department: AnyDepartment = "",
    error_class: AnyCode = "",
    after: Annotated[str, Len(max_length=600)] = "",
) -> HTMLResponse:
    """What was sent, waits or was given up on: one page of it."""
    chosen = {
        "channel": channel,
        "action": action,
        "state": state,
        "quarter": quarter,
        "department": department,
        "error_class": error_class,
    }
    with engine().connect() as connection:
        page = deliveries_page(connection, DeliveryFilter(words=q, **chosen), after=after)
        quarters = newest_quarters(connection, _QUARTERS)
    values = {"q": q, **chosen}
    return show(
        request,
        "delivery_list.html",
        page=page,
        counted=listing.COUNTED,
        q=q,
        chosen=chosen,
        after=after,
        asked=lists.query(values),
        following=lists.query(values, after=page.following) if page.following else "",
        shown=partial(shown, role=role),
        choices={
            "channel": words(Channel),
            "action": words(DeliveryAction),
            "state": words(DeliveryState),
            "quarter": {one: one for one in quarters},
            "error_class": words(ErrorClass),
        },
    )


@router.post("/channels/{channel}/stop")
def stop_channel(channel: Channel, operator: NationWideOperator, reason: Reason = "") -> RedirectResponse:
    """Stop a channel until a person lets it go on."""
    with engine().begin() as connection:
        stopping.stop(connection, channel, act=operator.act(reason))
    return done("../../../deliveries", f"已暂停{word(Channel, channel)}，恢复前不再发送，内容保留在发件箱。")


@router.post("/channels/{channel}/resume")
def resume_channel(channel: Channel, operator: NationWideOperator, reason: Reason = "") -> RedirectResponse:
    """Let a channel send again."""
    with engine().begin() as connection:
        stopping.let_go_on(connection, channel, act=operator.act(reason))
    return done("../../../deliveries", f"已恢复{word(Channel, channel)}。{start_sending(operator.actor)}")

"""Sending again (重新发送): choose, preview, start, watch, and cancel."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console.access import OPERATORS, CurrentOperator, MayOperate
from green_finance.console.pages import business_now, done, engine, show
from green_finance.console.parameters import (
    MOST_ID,
    AnyCode,
    AnyDepartment,
    AnyQuarter,
    Id,
    Ids,
    Numbers,
    Reason,
    Words,
)
from green_finance.console.reading import ReadsAs
from green_finance.console.sending import start_sending
from include.base.errors import InvalidRequest
from include.delivery import rerun, rerun_jobs
from include.delivery.rerun import Selection
from include.domain.states import Channel, DeliveryAction, DeliveryState, ErrorClass, RerunState
from include.reference import department_short_name, departments
from include.words.shown import shown
from include.words.states import word, words

router = APIRouter(prefix="/reruns")


@dataclass(frozen=True, slots=True)
class Asked:
    """The form's fields as filled in; `delivery_ids` as text, those ticked on a list included."""

    channel: str = ""
    quarter: str = ""
    department: str = ""
    error_class: str = ""
    delivery_ids: str = ""
    failed_since: str = ""

    def selection(self) -> Selection:
        """The selection. Raises InvalidRequest."""
        return Selection(
            channel=_channel(self.channel),
            quarter=self.quarter or None,
            departments=(self.department,) if self.department else (),
            error_class=self.error_class or None,
            delivery_ids=_numbers(self.delivery_ids),
            failed_since=rerun.since(self.failed_since),
        )


def _as_form(
    channel: Annotated[AnyCode, Form()] = "",
    quarter: Annotated[AnyQuarter, Form()] = "",
    department: Annotated[AnyDepartment, Form()] = "",
    error_class: Annotated[AnyCode, Form()] = "",
    delivery_ids: Annotated[Numbers, Form()] = "",
    failed_since: Annotated[Words, Form()] = "",
) -> Asked:
    return Asked(channel, quarter, department, error_class, delivery_ids, failed_since)


def _as_query(
    channel: AnyCode = "",
    quarter: AnyQuarter = "",
    department: AnyDepartment = "",
    error_class: AnyCode = "",
    delivery_ids: Numbers = "",
    failed_since: Words = "",
    delivery_id: Annotated[Ids, Query()] = [],  # noqa: B006
) -> Asked:
    ticked = ",".join(map(str, delivery_id))
    return Asked(channel, quarter, department, error_class, delivery_ids or ticked, failed_since)


@router.get("", response_class=HTMLResponse)
def reruns(request: Request, operator: MayOperate, role: ReadsAs) -> HTMLResponse:
    """The form, and the re-runs so far."""
    with engine().connect() as connection:
        jobs = rerun_jobs.recent(connection)
    return show(
        request,
        "reruns.html",
        jobs=jobs,
        states=words(RerunState),
        shown=partial(shown, uscc=None, role=role),
        may_operate=operator,
        departments=departments(),
        names=words(Channel),
        error_classes=words(ErrorClass),
    )


@router.get("/preview", response_class=HTMLResponse, tags=[*OPERATORS])
def preview(request: Request, operator: MayOperate, asked: Annotated[Asked, Depends(_as_query)]) -> HTMLResponse:
    """What would be sent, what not and why; changes nothing."""
    with engine().connect() as connection:
        found = rerun.preview(connection, asked.selection())
    return show(
        request,
        "rerun_preview.html",
        asked=asked,
        request_key=uuid.uuid4().hex,
        found=found,
        criteria=_criteria(asked),
        counts=found.counts(),
        may_operate=operator,
        actions=words(DeliveryAction),
        states=words(DeliveryState),
        error_classes=words(ErrorClass),
    )


@router.post("")
def start(
    operator: CurrentOperator,
    asked: Annotated[Asked, Depends(_as_form)],
    reason: Reason = "",
    request_key: Annotated[Words, Form()] = "",
) -> RedirectResponse:
    """Make the selected deliveries due, and start sending; pressed twice, it acts once."""
    with engine().begin() as connection:
        started = rerun.rerun(
            connection,
            asked.selection(),
            actor=operator.actor,
            reason=reason,
            now=business_now(),
            request_key=request_key or None,
        )
    if started is None:
        raise InvalidRequest("所选内容中没有可以重新发送的。", "请返回预览，查看每条不能发送的原因。")
    return done(f"reruns/{started.job_id}", f"已将 {started.number} 条重新列入发送。{start_sending(operator.actor)}")


@router.get("/{job_id}", response_class=HTMLResponse)
def one_rerun(
    request: Request, job_id: Id, operator: MayOperate, role: ReadsAs, cancelling: bool = False
) -> HTMLResponse:
    """Progress of a re-run; the page refreshes itself while it runs, except for a user who is `cancelling`."""
    with engine().connect() as connection:
        job, items = rerun_jobs.progress(connection, job_id), rerun_jobs.items(connection, job_id)
    return show(
        request,
        "rerun.html",
        job=job,
        items=items,
        state=word(RerunState, job.state),
        cancelling=cancelling,
        shown=partial(shown, uscc=None, role=role),
        may_operate=operator,
        actions=words(DeliveryAction),
        states=words(DeliveryState),
        error_classes=words(ErrorClass),
    )


@router.post("/{job_id}/cancel")
def cancel(job_id: Id, operator: CurrentOperator, reason: Reason = "") -> RedirectResponse:
    """Take back what was not sent yet."""
    with engine().begin() as connection:
        taken_back = rerun_jobs.cancel(
            connection, job_id, actor=operator.actor, role=operator.role, reason=reason, now=business_now()
        )
    return done(f"../{job_id}", f"已取消：{taken_back} 条尚未发送的已恢复原状。")


def _criteria(asked: Asked) -> list[str]:
    """The selection, in words."""
    criteria = {
        "通道": word(Channel, channel) if (channel := _channel(asked.channel)) else "",
        "季度": asked.quarter,
        "主管部门": department_short_name(asked.department) if asked.department else "",
        "原因": word(ErrorClass, asked.error_class),
        "此时之后失败过": asked.failed_since.replace("T", " "),
        "发送编号": f"所选 {len(_numbers(asked.delivery_ids))} 个" if asked.delivery_ids else "",
    }
    return [f"{name} {value}" for name, value in criteria.items() if value]


def _channel(code: str) -> Channel | None:
    if not code:
        return None
    if code in words(Channel):
        return Channel(code)
    raise InvalidRequest(f"没有名为“{code[:40]}”的通道。", "请回到重新发送页面，重新选择。")


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.replace("，", ",").replace("、", ",").replace(" ", ",").split(",")
    if not all(part.isascii() and part.isdigit() and len(part) < 20 and int(part) <= MOST_ID for part in parts if part):
        raise InvalidRequest("发送编号只能是数字。", "请填写编号，多个编号之间用逗号分隔。")
    return tuple(int(part) for part in parts if part)

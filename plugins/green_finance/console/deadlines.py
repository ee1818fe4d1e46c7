"""Deadlines (时限): why each clock of a need is due when it is, how due days moved, and extensions by two persons."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console import lists
from green_finance.console.access import Admitted, CurrentOperator
from green_finance.console.pages import CurrentDay, done, engine, show
from green_finance.console.parameters import AnyCode, AnyDepartment, Id, Reason, Words
from green_finance.console.reading import ReadsAs
from include.base.errors import InvalidRequest
from include.domain.people import same_person
from include.matching import extensions
from include.matching.due import DueFilter, due_limits
from include.reference import departments, institutions
from include.store.needs import code_of
from include.words.names import case_state
from include.words.names import institution as institution_name
from include.words.shown import Reader, shown
from include.words.spreadsheet import Column

router = APIRouter(prefix="/deadlines")

_ROWS_A_PAGE = 100

Text = Annotated[Words, Form()]


@router.get("", response_class=HTMLResponse)
def deadlines(
    request: Request,
    access: Admitted,
    role: ReadsAs,
    day: CurrentDay,
    need_id: Words = "",
    department: AnyDepartment = "",
    institution: AnyCode = "",
    page: lists.PageNumber = 1,
) -> HTMLResponse:
    """What falls due until the end of the week, and requests that wait for a second person; for one need its clocks
    explained, and how they moved."""
    need_id = need_id.upper()
    with engine().connect() as connection:
        waiting = extensions.waiting_extensions(connection)
        reasons = {
            one.extension_id: shown("reason", one.reason, code_of(connection, one.need_id), role) for one in waiting
        }
        clocks = extensions.explained_clocks(connection, need_id, day.calendar) if need_id else []
        changes = extensions.due_date_changes(connection, need_id) if need_id else []
        due = (
            []
            if need_id
            else due_limits(
                connection,
                _this_week(day.today, department, institution),
                rows=_ROWS_A_PAGE,
                after=(page - 1) * _ROWS_A_PAGE,
            )
        )
    total = due[0].total if due else 0
    values = {"department": department, "institution": institution}
    return show(
        request,
        "deadlines.html",
        due=[(on, list(of_day)) for on, of_day in groupby(due, key=lambda one: one.due_on)],
        total=total,
        place=lists.numbered(values, page, total, _ROWS_A_PAGE),
        chosen=values,
        choices={
            "department": {code: departments()[code].short_name for code in access.sees},
            "institution": {code: one.name for code, one in institutions().items()},
        },
        company=lambda one: shown("enterprise.name", one.enterprise_name, one.uscc, role),
        need_id=need_id,
        waiting=waiting,
        reasons=reasons,
        clocks=clocks,
        changes=changes,
        most=day.policy.integer("extension_max_working_days"),
        today=day.now.date(),
        may_operate=access.may_operate,
        is_own=lambda one: same_person(one.requested_by, access.actor),
        bank=lambda code: institutions()[code].name if code in institutions() else code,
        step=lambda one: f"{case_state(one.from_type)} → {case_state(one.to_type)}",
    )


@router.get("/export/{form}")
def export_due(
    access: Admitted,
    role: ReadsAs,
    day: CurrentDay,
    form: Literal["csv", "xlsx"],
    department: AnyDepartment = "",
    institution: AnyCode = "",
) -> Response:
    """What falls due until the end of the week as a file."""
    wanted = _this_week(day.today, department, institution)
    with engine().connect() as connection:
        found = due_limits(connection, wanted, rows=lists.MOST_EXPORTED)
    asked = lists.query({"department": department, "institution": institution})
    return lists.export(access, "本周到期时限", form, _columns(role), found, asked)


def _this_week(today: date, department: str, institution: str) -> DueFilter:
    """Until Sunday: a make-up Saturday is a working day."""
    sunday = today + timedelta(days=6 - today.weekday())
    return DueFilter(since=today, until=sunday, department=department, institution=institution)


def _columns(role: Reader) -> tuple[Column[Any], ...]:
    return (
        Column("到期日", 12, lambda row: row.due_on),
        Column("需求编号", 17, lambda row: row.need_id),
        Column("企业", 34, lambda row: shown("enterprise.name", row.enterprise_name, row.uscc, role)),
        Column("主管部门", 10, lambda row: departments()[row.department_code].short_name),
        Column("机构", 30, lambda row: institution_name(row.institution_code)),
        Column("融资需求（万元）", 16, lambda row: row.financing_need),
        Column("环节", 24, lambda row: f"{case_state(row.from_type)} → {case_state(row.to_type)}"),
        Column("起算", 12, lambda row: row.day0),
    )


@router.post("")
def request_extension(
    operator: CurrentOperator,
    day: CurrentDay,
    need_id: Text = "",
    institution_code: Text = "",
    from_type: Text = "",
    to_type: Text = "",
    day0: Text = "",
    working_days: Text = "",
    reason: Reason = "",
) -> RedirectResponse:
    """Ask for more time on a running clock."""
    try:
        started, number = date.fromisoformat(day0), int(working_days)
    except ValueError:
        raise InvalidRequest("延期申请填写不完整。", "请在时限页面选择环节，填写工作日数（整数）后重新提交。") from None
    with engine().begin() as connection:
        extensions.request_extension(
            connection,
            extensions.StartedClock(
                need_id=need_id,
                institution_code=institution_code,
                from_type=from_type,
                to_type=to_type,
                day0=started,
            ),
            working_days=number,
            act=operator.act(reason),
            day=day,
        )
    return done(f"deadlines?need_id={need_id}", "已提交延期申请，须由另一人批准后生效。")


@router.post("/extensions/{extension_id}")
def decide_extension(
    extension_id: Id,
    operator: CurrentOperator,
    day: CurrentDay,
    decision: Annotated[Literal["approved", "refused"], Form()],
    reason: Reason = "",
) -> RedirectResponse:
    """Approve or refuse another person's request."""
    with engine().begin() as connection:
        need_id = extensions.decide_extension(
            connection,
            extension_id,
            approved=decision == "approved",
            act=operator.act(reason),
            day=day,
        )
    note = "已批准延期，到期日已重算。" if decision == "approved" else "已决定不批准延期，到期日不变。"
    return done(f"../../deadlines?need_id={need_id}", note)

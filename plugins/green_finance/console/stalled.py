"""Stalled needs (逾期督办): who was told when, what comes next, several taken on at once, and the list as a file."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from annotated_types import Len
from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from green_finance.console import lists
from green_finance.console.access import Admitted, CurrentOperator
from green_finance.console.pages import CurrentDay, done, engine, show
from green_finance.console.parameters import AnyAmount, AnyCode, AnyDepartment, Reason, Words
from green_finance.console.reading import ReadsAs
from include import escalation
from include.domain.roles import Role
from include.domain.states import Level, Stall
from include.escalation.board import RULES, YELLOW_WORKING_DAYS, Board, StalledFilter, StalledNeed
from include.reference import departments, institutions
from include.words.names import case_state, institution, region_name
from include.words.spreadsheet import Column
from include.words.states import word

router = APIRouter(prefix="/escalations")

_ROWS_A_PAGE = 50
_TITLES = {rule: word(Stall, rule) for rule in RULES}
_Needs = Annotated[list[Words], Len(max_length=200), Form()]


def wanted(
    q: Words = "",
    department: AnyDepartment = "",
    city: AnyDepartment = "",
    institution: AnyCode = "",
    rule: Literal["", "S01", "S06", "S02"] = "",
    level: Literal["", "none", "city", "province", "nation"] = "",
    light: Literal["", "yellow", "red"] = "",
    at_least: AnyAmount = "",
    at_most: AnyAmount = "",
) -> StalledFilter:
    """The filter in the address; amounts in 万元."""
    return StalledFilter(
        words=q,
        department=department,
        city=city,
        institution=institution,
        rule=rule,
        level=level if level in ("", "none") else Level(level),
        light=light,
        at_least=Decimal(at_least) if at_least else None,
        at_most=Decimal(at_most) if at_most else None,
    )


Wanted = Annotated[StalledFilter, Depends(wanted)]


@router.get("", response_class=HTMLResponse)
def stalled(
    request: Request, access: Admitted, role: ReadsAs, day: CurrentDay, chosen: Wanted, page: lists.PageNumber = 1
) -> HTMLResponse:
    """The stalled needs that match, one row each, the longest overdue first."""
    with engine().connect() as connection:
        board = escalation.stalled_needs(
            connection, day=day, wanted=chosen, role=role, rows=_ROWS_A_PAGE, after=(page - 1) * _ROWS_A_PAGE
        )
    values = _in_address(chosen)
    return show(
        request,
        "escalations.html",
        board=board,
        place=lists.numbered(values, page, board.total, _ROWS_A_PAGE),
        chosen=chosen,
        levels=_level_chips(board, values),
        lights=_light_chips(board, values),
        choices={
            "department": {code: departments()[code].short_name for code in access.sees},
            "city": {code: f"{region_name(code)}（{board.cities[code]:,}）" for code in sorted(board.cities) if code},
            "institution": {code: one.name for code, one in institutions().items()},
            "rule": _TITLES,
        },
        yellow_days=YELLOW_WORKING_DAYS,
        quiet_days=day.policy.integer("acknowledged_idle_working_days"),
        names=institution,
        region=region_name,
        state_label=case_state,
        may_operate=access.may_operate,
        may_report=bool(access.roles & {Role.OPERATOR, Role.COORDINATOR}),
    )


@router.get("/export/{form}")
def export_stalled(
    access: Admitted, role: ReadsAs, day: CurrentDay, chosen: Wanted, form: Literal["csv", "xlsx"]
) -> Response:
    """The stalled needs that match as a file."""
    with engine().connect() as connection:
        board = escalation.stalled_needs(connection, day=day, wanted=chosen, role=role, rows=lists.MOST_EXPORTED)
    return lists.export(access, "逾期督办", form, _COLUMNS, board.rows, lists.query(_in_address(chosen)))


@router.post("")
def acknowledge(operator: CurrentOperator, chosen: Wanted, need_id: _Needs = [], note: Reason = "") -> RedirectResponse:  # noqa: B006
    """Record that the coordinators take these needs on; their ladders wait while the cases are worked on."""
    with engine().begin() as connection:
        outcome = escalation.acknowledge_all(connection, need_id, act=operator.act(note))
    said = f"已记录认领 {len(outcome.taken)} 项，暂不升级。"
    if outcome.refused:
        said += f"另有 {len(outcome.refused)} 项已经办结或尚未提请，未作改动：{'、'.join(outcome.refused[:5])}。"
    asked = lists.query(_in_address(chosen))
    return done(f"escalations?{asked}" if asked else "escalations", said)


def _level_chips(board: Board, values: dict[str, object]) -> list[tuple[str, str, str, int]]:
    """Value, name, address and count of each level."""
    names: list[tuple[str, str, Level | None]] = [("none", "尚未提请", None)]
    names += [(level.value, f"已提请{word(Level, level)}", level) for level in Level]
    every = [("", "全部", lists.query(values, level=""), sum(board.levels.values()))]
    return every + [(one, name, lists.query(values, level=one), board.levels[of]) for one, name, of in names]


def _light_chips(board: Board, values: dict[str, object]) -> list[tuple[str, str, str, int]]:
    """Value, name, address and count of each light."""
    names = (("yellow", f"黄灯：逾期 {YELLOW_WORKING_DAYS} 个工作日以内", False), ("red", "红灯：逾期更久", True))
    every = [("", "全部", lists.query(values, light=""), sum(board.lights.values()))]
    return every + [(one, name, lists.query(values, light=one), board.lights[red]) for one, name, red in names]


def _in_address(chosen: StalledFilter) -> dict[str, object]:
    names = ("department", "city", "institution", "rule", "level", "light", "at_least", "at_most")
    return {"q": chosen.words, **{name: getattr(chosen, name) for name in names}}


def _told(row: StalledNeed) -> str:
    return "；".join(f"{one.at:%Y-%m-%d} {one.post}" for one in row.told)


_COLUMNS: tuple[Column[StalledNeed], ...] = (
    Column("需求编号", 17, lambda row: row.need_id),
    Column("企业", 34, lambda row: row.company),
    Column("重大", 6, lambda row: "是" if row.is_major else ""),
    Column("主管部门", 10, lambda row: departments()[row.department_code].short_name),
    Column("市", 12, lambda row: region_name(row.city_code) if row.city_code else ""),
    Column("机构", 30, lambda row: "、".join(institution(code) for code in row.institutions)),
    Column("融资需求（万元）", 16, lambda row: row.financing_need),
    Column("事由", 24, lambda row: row.title),
    Column("时限", 12, lambda row: row.due_on),
    Column("逾期（工作日）", 14, lambda row: row.overdue),
    Column("已提请", 44, _told),
    Column("认领", 24, lambda row: row.taken_on_by),
    Column("下一步", 30, lambda row: f"{row.next_on} 起提请{row.next_to}" if row.next_on else ""),
)

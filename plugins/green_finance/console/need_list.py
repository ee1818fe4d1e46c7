"""The list of needs (需求): filters in the address, pages, and the same list as a file."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from annotated_types import Len
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from green_finance.console import lists
from green_finance.console.access import Admitted
from green_finance.console.pages import CurrentDay, engine, show
from green_finance.console.parameters import AnyAmount, AnyCode, AnyDepartment, AnyQuarter, Words
from green_finance.console.reading import ReadsAs
from include import need_view
from include.domain.states import NeedStage, Reached, RecordOutcome
from include.intake.view import newest_quarters
from include.need_view import NeedFilter, NeedRow, Sort
from include.reference import departments, enum_labels, institutions, rules
from include.words.spreadsheet import Column
from include.words.states import word, words

router = APIRouter(prefix="/needs")

_QUARTERS = 20

After = Annotated[str, Len(max_length=600)]


AnyOutcome = Literal["", "passed", "held", "returned", "unjudged"]


def wanted(
    q: Words = "",
    quarter: AnyQuarter = "",
    department: AnyDepartment = "",
    institution: AnyCode = "",
    category: AnyCode = "",
    stage: NeedStage | Literal[""] = "",
    outcome: AnyOutcome = "",
    reached: Reached | Literal[""] = "",
    rule: AnyCode = "",
    overdue: bool = False,
    major: bool = False,
    at_least: AnyAmount = "",
    at_most: AnyAmount = "",
) -> NeedFilter:
    """The filter in the address; amounts in 万元."""
    return NeedFilter(
        words=q,
        quarter=quarter,
        department=department,
        institution=institution,
        category=category,
        stage=stage,
        outcome=outcome,
        reached=reached,
        rule=rule,
        overdue=overdue,
        major=major,
        at_least=Decimal(at_least) if at_least else None,
        at_most=Decimal(at_most) if at_most else None,
    )


Wanted = Annotated[NeedFilter, Depends(wanted)]


@router.get("", response_class=HTMLResponse)
def needs(
    request: Request,
    access: Admitted,
    role: ReadsAs,
    day: CurrentDay,
    chosen: Wanted,
    sort: Sort = Sort.NEWEST,
    after: After = "",
) -> HTMLResponse:
    """The needs that match, one page of them."""
    with engine().connect() as connection:
        page = need_view.needs_page(connection, chosen, day=day, role=role, sort=sort, after=after)
        quarters = newest_quarters(connection, _QUARTERS)
    values = _in_address(chosen) | {"sort": sort if sort is not Sort.NEWEST else ""}
    return show(
        request,
        "needs.html",
        page=page,
        counted=need_view.COUNTED,
        chosen=chosen,
        sort=sort,
        after=after,
        following=lists.query(values, after=page.following) if page.following else "",
        sorts=[(one, name, lists.query(values, sort=one if one is not Sort.NEWEST else "")) for one, name in _SORTS],
        asked=lists.query(values),
        may_know=access.may_operate,
        choices={
            "quarter": {one: one for one in quarters},
            "department": {code: departments()[code].short_name for code in access.sees},
            "institution": {code: one.name for code, one in institutions().items()},
            "category": enum_labels("project.category"),
            "stage": words(NeedStage),
            "reached": words(Reached),
            "outcome": {one: word(RecordOutcome, one) for one in _OUTCOMES},
            "rule": {code: f"{code} {one.message}" for code, one in rules().items() if one.scope in _SCOPES},
        },
        stage_word=lambda stage: word(NeedStage, stage),
    )


@router.get("/export/{form}")
def export_needs(
    access: Admitted,
    role: ReadsAs,
    day: CurrentDay,
    chosen: Wanted,
    form: Literal["csv", "xlsx"],
    sort: Sort = Sort.NEWEST,
) -> Response:
    """The needs that match as a file, as this reader may see them."""
    with engine().connect() as connection:
        rows = list(need_view.all_needs(connection, chosen, day=day, role=role, sort=sort, most=lists.MOST_EXPORTED))
    return lists.export(access, "需求", form, _COLUMNS, rows, lists.query(_in_address(chosen)))


def _in_address(chosen: NeedFilter) -> dict[str, object]:
    names = (
        "quarter",
        "department",
        "institution",
        "category",
        "stage",
        "outcome",
        "reached",
        "rule",
        "overdue",
        "major",
    )
    return {
        "q": chosen.words,
        **{name: getattr(chosen, name) for name in names},
        "at_least": chosen.at_least,
        "at_most": chosen.at_most,
    }


_SCOPES = frozenset({"record", "register", "history", "need", "case"})
_OUTCOMES = (RecordOutcome.PASSED, RecordOutcome.HELD, RecordOutcome.RETURNED, RecordOutcome.UNJUDGED)
_SORTS = ((Sort.NEWEST, "最近接收"), (Sort.AMOUNT, "金额由大到小"), (Sort.OVERDUE, "逾期最久"))

_COLUMNS: tuple[Column[NeedRow], ...] = (
    Column("需求编号", 17, lambda row: row.need_id),
    Column("版次", 6, lambda row: row.revision),
    Column("季度", 9, lambda row: row.quarter),
    Column("主管部门", 10, lambda row: row.department),
    Column("重大", 6, lambda row: "是" if row.is_major else ""),
    Column("企业", 34, lambda row: row.enterprise),
    Column("项目", 40, lambda row: row.project),
    Column("融资需求（万元）", 16, lambda row: row.financing_need),
    Column("阶段", 14, lambda row: word(NeedStage, row.stage)),
    Column("机构", 30, lambda row: "、".join(row.institutions)),
    Column("最早逾期时限", 13, lambda row: row.due_on),
    Column("逾期（工作日）", 14, lambda row: row.overdue_working_days if row.due_on else None),
)

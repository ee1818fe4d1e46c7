"""The tables of an edition: departments, branches and institutions, each with its totals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal

from include.circular.disclosure import ALL_INSTITUTIONS, NATION
from include.circular.editions.cells import Row, guarded
from include.circular.editions.model import Cell, Column, Table
from include.circular.editions.snapshot import Snapshot
from include.circular.figures import DepartmentFigures, NeedFigures
from include.domain.states import ManifestState
from include.reference import branches, departments, enum_labels, institutions, reason_codes, rules
from include.words.states import word

RANKED_FROM = 5
"""Pushed needs (or cases) from which on a rank says something."""

_REVIEW = (
    Column("推荐"),
    Column("通过"),
    Column("通过金额", "amount"),
    Column("退回补正"),
    Column("待核实"),
    Column("推送"),
)
_FINANCE = (
    Column("推送"),
    Column("有反馈"),
    Column("已联系"),
    Column("已受理"),
    Column("已授信"),
    Column("授信金额", "amount"),
    Column("授信率", "rate"),
    Column("已放款"),
    Column("放款金额", "amount"),
    Column("落地率", "rate"),
    Column("超期未推进"),
)
_CASES = (
    Column("对接"),
    Column("有反馈"),
    Column("已联系"),
    Column("已受理"),
    Column("已授信"),
    Column("授信金额", "amount"),
    Column("已签合同"),
    Column("已放款"),
    Column("放款金额", "amount"),
    Column("未达成"),
)
_RANKING = (
    Column("排名", "rank"),
    Column("上季排名", "rank"),
    Column("推送"),
    Column("授信率", "rate"),
    Column("授信率较上季", "change"),
    Column("落地率", "rate"),
    Column("落地率较上季", "change"),
)


def reporting(snapshot: Snapshot) -> Table:
    """What each department reported and what became of it at the gate."""
    rows = [
        (department_name(row.department_code), _manifest(row), *_review(_of(row, snapshot))) for row in _all(snapshot)
    ]
    total = ("全国", "", *_review(nation(snapshot)))
    return Table("各地区报送与核验", "项、亿元", (_name("地区"), _name("报送"), *_REVIEW), tuple(rows), total)


def financing(snapshot: Snapshot) -> Table:
    """How far the needs of each department came."""
    rows = [(department_name(row.department_code), *_finance(_of(row, snapshot))) for row in _all(snapshot)]
    return Table(
        "各地区对接与融资", "项、亿元", (_name("地区"), *_FINANCE), tuple(rows), ("全国", *_finance(nation(snapshot)))
    )


def by_branch(snapshot: Snapshot) -> Table:
    """The same by branch of the People's Bank; for readers who may see all."""
    found: dict[str, NeedFigures] = {code: NeedFigures() for code in branches()}
    for row in _all(snapshot):
        branch = departments()[row.department_code].branch_code
        found[branch] = _sum(found[branch], row.needs)
    rows = [
        (branches()[code].name.removeprefix("中国人民银行"), *_finance(Row(code, needs)))
        for code, needs in found.items()
    ]
    total = ("全国", *_finance(nation(snapshot)))
    return Table("中国人民银行各分行辖区对接与融资", "项、亿元", (_name("分行"), *_FINANCE), tuple(rows), total)


def by_institution(snapshot: Snapshot) -> Table:
    """How far the cases of each institution came."""
    rows = [
        (institution_name(one.institution_code), _institution_kind(one.institution_code), *_of_cases(row))
        for one, row in zip(snapshot.figures.institutions, institution_rows(snapshot), strict=True)
    ]
    total = ("合计", "", *_of_cases(Row(ALL_INSTITUTIONS, snapshot.figures.cases, snapshot.hidden)))
    return Table("各金融机构对接与融资", "项次、亿元", (_name("机构"), _name("类别"), *_CASES), tuple(rows), total)


def department_ranking(snapshot: Snapshot, previous: Snapshot | None) -> Table:
    """Departments by landing rate (落地率), with the change on the last quarter; for readers who may see all."""
    now = [Row(row.department_code, row.needs) for row in _all(snapshot)]
    before = [Row(row.department_code, row.needs) for row in _all(previous)] if previous else []
    return _ranking(
        "各地区落地率排名", "地区", [_Ranked(department_name(row.key), row, "pushed") for row in now], before
    )


def institution_ranking(snapshot: Snapshot, previous: Snapshot | None) -> Table:
    """Institutions by the share of their cases with a draw; for readers who may see all."""
    now = [Row(one.institution_code, one.cases) for one in snapshot.figures.institutions]
    before = [Row(one.institution_code, one.cases) for one in previous.figures.institutions] if previous else []
    ranked = [_Ranked(institution_name(row.key), row, "cases") for row in now]
    table = _ranking("各金融机构落地率排名", "机构", ranked, before)
    columns = tuple(Column("对接") if column.title == "推送" else column for column in table.columns)
    return Table(table.title, table.unit, columns, table.rows)


def refusals(snapshot: Snapshot, minimum: int) -> Table:
    """Why institutions declined, the five most frequent reasons, with what helps."""
    rows = [
        (
            reason_codes()[row.reason_code].name,
            guarded(row.events, row.needs, minimum),
            reason_codes()[row.reason_code].remedy,
        )
        for row in snapshot.figures.refusals
    ]
    return Table(
        "金融机构反馈未达成融资的主要原因", "项次", (_name("原因"), Column("次数"), _name("处置要点")), tuple(rows)
    )


def alerts(snapshot: Snapshot, minimum: int) -> Table:
    """Alerts against greenwashing by rule, and what became of them."""
    rows = [
        (
            rules()[row.rule_id].message if row.rule_id in rules() else row.rule_id,
            *(guarded(count, row.needs, minimum) for count in (row.opened, row.cleared, row.confirmed, row.closed)),
        )
        for row in snapshot.figures.soundness.alerts
    ]
    columns = (_name("情形"), Column("发现"), Column("排除"), Column("确认"), Column("已不成立"))
    return Table("防范“洗绿”“漂绿”警示", "件", columns, tuple(rows))


def nation(snapshot: Snapshot) -> Row:
    """The needs of the whole country."""
    return Row(NATION, snapshot.figures.needs, snapshot.hidden)


def department_rows(snapshot: Snapshot) -> list[Row]:
    """The needs of each department, in the order of the list."""
    return [_of(row, snapshot) for row in _all(snapshot)]


def institution_rows(snapshot: Snapshot) -> list[Row]:
    """The cases of each institution, in the order of the list."""
    return [Row(one.institution_code, one.cases, snapshot.hidden) for one in snapshot.figures.institutions]


def department_name(code: str) -> str:
    """The short name of a department."""
    return departments()[code].short_name


def institution_name(code: str) -> str:
    """The name of an institution; its code if it is not on the list."""
    return institutions()[code].name if code in institutions() else code


def _institution_kind(code: str) -> str:
    return enum_labels("institution.kind")[institutions()[code].kind] if code in institutions() else "其他机构"


def _all(snapshot: Snapshot) -> tuple[DepartmentFigures, ...]:
    return snapshot.figures.departments


def _of(row: DepartmentFigures, snapshot: Snapshot) -> Row:
    return Row(row.department_code, row.needs, snapshot.hidden)


def _name(title: str) -> Column:
    return Column(title, "text")


def _manifest(row: DepartmentFigures) -> str:
    return "零报送" if row.zero_return and row.manifest == "on_time" else word(ManifestState, row.manifest)


def _review(row: Row) -> tuple[Cell, ...]:
    return (
        row.count("recommended"),
        row.count("passed"),
        row.amount("passed"),
        *(row.count(name) for name in ("returned", "pending", "pushed")),
    )


def _finance(row: Row) -> tuple[Cell, ...]:
    return (
        *(row.count(name) for name in ("pushed", "answered", "contacted", "accepted", "approved")),
        row.amount("approved"),
        row.rate("approved", "pushed"),
        row.count("drawn"),
        row.amount("drawn"),
        row.rate("drawn", "pushed"),
        row.count("stalled"),
    )


def _of_cases(row: Row) -> tuple[Cell, ...]:
    return (
        *(row.count(name) for name in ("cases", "answered", "contacted", "accepted", "approved")),
        row.amount("approved"),
        row.count("contracted"),
        row.count("drawn"),
        row.amount("drawn"),
        row.count("declined"),
    )


def _sum(one: NeedFigures, other: NeedFigures) -> NeedFigures:
    return NeedFigures(
        **{field.name: getattr(one, field.name) + getattr(other, field.name) for field in fields(NeedFigures)}
    )


@dataclass(frozen=True, slots=True)
class _Ranked:
    name: str
    row: Row
    whole: str

    def rate(self, part: str) -> Decimal | None:
        found = self.row.rate(part, self.whole)
        return found if isinstance(found, Decimal) else None


def _ranking(title: str, of: str, now: Sequence[_Ranked], before: Iterable[Row]) -> Table:
    """Those with enough pushed needs by rank; those with fewer follow without one."""
    whole = now[0].whole if now else ""
    earlier = {row.key: _Ranked("", row, whole) for row in before}
    ranks, ranks_before = _ranks(now), _ranks(list(earlier.values()))
    ordered = sorted(now, key=lambda one: ranks.get(one.row.key, len(now) + 1))
    rows = [
        (
            one.name,
            ranks.get(one.row.key),
            ranks_before.get(one.row.key),
            one.row.number(whole),
            one.rate("approved"),
            _change(one, earlier.get(one.row.key), "approved"),
            one.rate("drawn"),
            _change(one, earlier.get(one.row.key), "drawn"),
        )
        for one in ordered
    ]
    return Table(title, "项、百分点", (_name(of), *_RANKING), tuple(rows))


def _ranks(rows: Sequence[_Ranked]) -> dict[str, int]:
    """By rate of draws, the highest first; ties share the rank."""
    rates = {one.row.key: one.rate("drawn") for one in rows if one.row.number(one.whole) >= RANKED_FROM}
    known = {key: rate for key, rate in rates.items() if rate is not None}
    return {key: 1 + sum(other > rate for other in known.values()) for key, rate in known.items()}


def _change(now: _Ranked, before: _Ranked | None, part: str) -> Decimal | None:
    """In percentage points."""
    if before is None:
        return None
    rate, rate_before = now.rate(part), before.rate(part)
    return None if rate is None or rate_before is None else (rate - rate_before) * 100

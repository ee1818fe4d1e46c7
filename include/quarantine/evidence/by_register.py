"""Evidence of rules that look into the register of green factories."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from include.domain.calendar import add_years
from include.quarantine.evidence.by_record import words
from include.quarantine.evidence.shapes import Evidence, Facts, Link
from include.reference import department_short_name
from include.reference.form import choice_labels, field_name
from include.register.in_use import RegisterRow
from include.words.shown import shown

_LEVEL = "enterprise.factory_level"


def active(facts: Facts) -> list[RegisterRow]:
    """The enterprise's rows that are in force on the day of the recommendation."""
    day = facts.judged_on
    return [
        row
        for row in facts.register
        if day is not None and row.listed_on <= day and (row.removed_on is None or day < row.removed_on)
    ]


def listed_name(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """DQ41: the name filed, and the names of the register."""
    names = [
        f"名单：{_name(facts, row.name)}"
        + (f"；曾用名：{'、'.join(_name(facts, alias) for alias in row.aliases)}" if row.aliases else "；没有曾用名")
        for row in active(facts)
    ]
    return (_against(facts, field, names),)


def listed_department(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """DQ55: the department that recommended, and those of the register."""
    return (_against(facts, field, [f"名单：{department_short_name(row.department_code)}" for row in active(facts)]),)


def listed_level(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """DQ57: the level filed, that of the register, and the levels that are pushed."""
    levels = choice_labels(_LEVEL)
    rows = [f"名单：{levels.get(row.level, row.level)}（{row.batch}）" for row in active(facts)]
    pushed = "、".join(levels.get(level, level) for level in facts.policy.listed("push_factory_levels"))
    found = _against(facts, field, rows)
    return (Evidence(label=found.label, filed=found.filed, compared=found.compared, limit=f"上推：{pushed}"),)


def bad_record(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """G14: removals from the register and needs withdrawn for false information, within the look-back."""
    years = facts.policy.integer("lookback_years")
    limit = f"近 {years} 年"
    day = facts.judged_on
    if day is None:
        return (Evidence(label=field_name(field), filed=words(facts, field), limit=limit),)
    since = add_years(day, -years)
    removed = [
        Evidence(
            label="曾被移出名单",
            filed=words(facts, field),
            compared=f"{_name(facts, row.name)}：{row.listed_on} 列入，{row.removed_on} 移出"
            f"（{department_short_name(row.department_code)}，{row.batch}）",
            limit=limit,
            links=_rows(facts),
        )
        for row in facts.register
        if row.removed_on is not None and since < row.removed_on <= day
    ]
    false = [
        Evidence(
            label="曾有虚假申报",
            filed=words(facts, field),
            compared=f"{need_id} 于 {on} 因虚假信息撤回",
            limit=limit,
            links=(Link("need", need_id, need_id),),
        )
        for need_id, on in facts.false_information
        if since < on <= day
    ]
    return (*removed, *false) or (Evidence(label=field_name(field), filed=words(facts, field), limit=limit),)


def _against(facts: Facts, field: str, rows: Iterable[str]) -> Evidence:
    return Evidence(
        label=field_name(field),
        filed=words(facts, field),
        compared="；".join(dict.fromkeys(rows)) or "名单中没有在册记录",
        limit=_as_of(facts.register_as_of),
        links=_rows(facts),
    )


def _rows(facts: Facts) -> tuple[Link, ...]:
    return (Link("enterprise", facts.uscc, "该企业的全部需求"),) if facts.uscc else ()


def _as_of(day: date | None) -> str:
    return f"{day} 的名单" if day else ""


def _name(facts: Facts, name: str) -> str:
    return shown("enterprise.name", name, facts.uscc, "public")

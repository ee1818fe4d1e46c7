"""Names from the reference data (institutions, rules, reasons, places, posts), as a reader may see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache

from stdnum import numdb

from include.domain.routing import NATION
from include.domain.states import Authority, CaseState, Level
from include.reference import branches, departments, institutions, reason_codes, rules
from include.words.shown import Reader, shown
from include.words.states import word, words


def case_state(code: str) -> str:
    """A state of the case path, or what an institution reported instead of one."""
    return words(CaseState).get(code) or shown("institution_code", code, None, "public")


def institution(code: str) -> str:
    """An institution by its name."""
    return institutions()[code].name if code in institutions() else shown("institution_code", code, None, "public")


def rule_text(rule_id: str) -> str:
    """A rule's sentence; its number if the rule no longer exists."""
    return rules()[rule_id].message if rule_id in rules() else rule_id


def rule(rule_id: str) -> str:
    """A rule with its number and its sentence."""
    return f"{rule_id} {rules()[rule_id].message}" if rule_id in rules() else rule_id


def reason(code: str | None) -> str:
    """A reason code of an institution."""
    known = reason_codes().get(code or "")
    return known.name if known else "其他"


OWNERS: Mapping[str, str] = {
    **words(Authority),
    "ENTERPRISE": "企业，由工信部门督促",
    "NONE": "无需处理，核实后结案",
}
"""Who can remove the cause that an institution names (reason_codes.csv)."""


OFFICES: Mapping[str, str] = {"approver": "项目审批有关部门", "guarantor": "政策性融资担保机构"}
"""Whom a letter about an obstruction may address besides enterprise and bank (playbooks.csv)."""


def post_label(authority: Authority, level: Level, region_code: str) -> str:
    """A post in full, e.g. 浙江 · 省级 · 人民银行."""
    return " · ".join((region_name(region_code), word(Level, level), word(Authority, authority)))


def office(authority: Authority, level: Level, region_code: str) -> str:
    """Whose post it is, as a letter addresses it, e.g. 江苏省工业和信息化厅, 中国人民银行江苏省分行, 苏州市工信部门."""
    if region_code == NATION:
        return _NATIONAL[authority]
    if authority is Authority.MIIT and region_code in departments():
        return departments()[region_code].name
    if authority is Authority.PBOC and level is Level.PROVINCE:
        branch = next((one for one in branches().values() if one.region_code == region_code), None)
        if branch is not None:
            return branch.name
    return f"{region_name(region_code)}{word(Authority, authority)}"


_NATIONAL: Mapping[Authority, str] = {
    Authority.MIIT: "工业和信息化部节能与综合利用司",
    Authority.PBOC: "中国人民银行信贷市场司",
}


@cache
def region_name(code: str) -> str:
    """The place that a region code stands for: a department's or branch's area, a city, or the nation."""
    if code == NATION:
        return "全国"
    if code in departments():
        return departments()[code].short_name
    branch = next((branch for branch in branches().values() if branch.region_code == code), None)
    if branch is not None:
        return branch.name
    parts = numdb.get("cn/loc").info(code)
    if not parts[-1][1]:
        return code
    name: str = parts[-1][1].get("county") or parts[-1][1].get("province") or code
    return name.split(",")[-1].split("]")[-1]


def filed_value(field: str, text: str | None, uscc: str | None, role: Reader) -> str:
    """A value of the form (JSON text) as this reader may see it."""
    if text is None:
        return "（无）"
    return shown(field, json.loads(text, parse_float=Decimal), uscc, role) or "（空）"

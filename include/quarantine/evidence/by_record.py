"""Evidence of rules that judge one record by itself."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from include.domain.identifiers import normalise_text
from include.quarantine.evidence.shapes import Evidence, Facts
from include.reference import word_list
from include.reference.classifications import catalogue_names
from include.reference.form import choice_labels, field_name
from include.words.amounts import exact_amount, half_up
from include.words.evidence import HEAD_FIELDS
from include.words.filed import filed_in_words, measured, named, number_of, with_separators
from include.words.names import region_name

_SAVING, _CARBON = "benefit.energy_saving_tce", "benefit.carbon_reduction_tco2"
_TOTAL = "finance.total_investment"


def value(facts: Facts, path: str) -> Any:
    """The filed value at a path without lists; None if there is none."""
    here: Any = facts.document
    for step in path.split("."):
        here = here.get(step) if isinstance(here, dict) else None
    return here


def words(facts: Facts, path: str) -> str:
    """The filed value in words, as this reader may see it."""
    return filed_in_words(path, value(facts, path), facts.uscc, facts.reader)


def figure(facts: Facts, path: str) -> Decimal | None:
    """The filed number; None if it is none."""
    return number_of(value(facts, path))


def head(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """DQ01: what was sent in the head, and what the field should be."""
    sent = words(facts, field) if facts.document else "（报文未能按编号入库，原文加密保存）"
    return (Evidence(label=field_name(field), filed=sent, limit=HEAD_FIELDS.get(field, "")),)


def county(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """DQ14: a county that the table of places does not know, in a known prefecture."""
    code = str(value(facts, field) or "")
    prefecture = f"{code[:4]}00"
    return (
        Evidence(
            label=field_name(field),
            filed=words(facts, field),
            compared=f"所属地市 {named(prefecture, region_name(prefecture))}；参考表中没有该县级代码",
        ),
    )


def catalogue(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """DQ17, DQ18: the entry of the catalogue, and the names of the levels above it."""
    return (Evidence(label=field_name(field), filed=words(facts, field), compared=_levels_of(facts)),)


def _levels_of(facts: Facts) -> str:
    parts = str(value(facts, "project.catalogue_code") or "").split(".")
    codes = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    known = catalogue_names()
    return "；".join(f"{code} {known.get(code, '（目录中没有）')}" for code in codes[:3])


def unit_of_money(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """DQ37: the amount, what it would be in another unit, and the usual span."""
    total = figure(facts, field)
    least, most = (facts.policy.decimal(f"unit_suspect_{end}") for end in ("min", "max"))
    compared = ""
    if total is not None:
        other = total / 10_000 if total > most else total * 10_000
        unit = "元" if total > most else "亿元"
        compared = f"如误以“{unit}”填报，实为 {exact_amount(other)}"
    need = figure(facts, "finance.financing_need")
    beside = "" if need is None else f"；融资需求 {exact_amount(need)}"
    return (
        Evidence(
            label=field_name(field),
            filed=f"{exact_amount(total)}{beside}",
            compared=compared,
            limit=f"{exact_amount(least)} 至 {exact_amount(most)}",
        ),
    )


def permit(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """DQ53: building has begun while the permit is in progress."""
    started = words(facts, "project.start_date")
    return (
        Evidence(
            label=field_name(field),
            filed=words(facts, field),
            compared=f"建设状态：{words(facts, 'project.construction_status')}；开工日期：{started}",
        ),
    )


def phrases_of(listed: str) -> Callable[[Facts, str], tuple[Evidence, ...]]:
    """DQ58 and part of G05: the words of this list that the use of funds contains."""

    def found(facts: Facts, field: str) -> tuple[Evidence, ...]:
        filed = value(facts, field)
        text = normalise_text(filed) if isinstance(filed, str) else ""
        # Sole proprietors' texts are not shown, so neither is what they contain.
        hidden = bool(filed) and words(facts, field).startswith("（")
        hits = [] if hidden else [phrase for phrase in word_list(listed) if phrase in text]
        return (
            Evidence(
                label=field_name(field),
                filed=words(facts, field),
                compared=f"含“{'”、“'.join(hits)}”" if hits else "",
            ),
        )

    return found


def trade(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """G05: an entry of level 5, 8 or 9, or a use of trade."""
    if field == "project.catalogue_code":
        return catalogue(facts, field)
    return phrases_of("trade_use")(facts, field)


def _ratio(facts: Facts, over: str, under: str) -> Decimal | None:
    first, second = figure(facts, over), figure(facts, under)
    return first / second if first is not None and second else None


def carbon_per_investment(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """G06b: carbon saved for each 万元 invested, above the limit."""
    most = facts.policy.decimal("carbon_per_investment_hold")
    return (_against_investment(facts, field, f"不超过 {measured(most, 'tCO2/万元')}"),)


def wrapping(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """G11: carbon saved for each 万元 invested, below the limit."""
    least = facts.policy.decimal("wrapping_min_carbon")
    return (_against_investment(facts, field, f"不低于 {measured(least, 'tCO2/万元')}"),)


def _against_investment(facts: Facts, field: str, limit: str) -> Evidence:
    ratio = _ratio(facts, _CARBON, _TOTAL)
    return Evidence(
        label=field_name(field),
        filed=words(facts, _CARBON),
        compared=f"总投资 {words(facts, _TOTAL)}；每万元投资减碳 {_rounded(ratio)} 吨",
        limit=limit,
    )


def saving_share(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """G06c: the share of the energy used before that is to be saved."""
    baseline = "benefit.baseline_energy_tce"
    share = _ratio(facts, _SAVING, baseline)
    return (
        Evidence(
            label=field_name(field),
            filed=words(facts, _SAVING),
            compared=f"改造前能耗 {words(facts, baseline)}；节能量占 {_percent(share)}",
            limit=f"不超过 {_percent(facts.policy.decimal('saving_share_hold'))}",
        ),
    )


def carbon_per_saving(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """G06d: carbon saved for each tonne of standard coal saved."""
    ratio = _ratio(facts, _CARBON, _SAVING)
    least, most = (facts.policy.decimal(f"ratio_hold_{end}") for end in ("min", "max"))
    return (
        Evidence(
            label=field_name(field),
            filed=words(facts, _CARBON),
            compared=f"节能量 {words(facts, _SAVING)}；每吨标准煤减碳 {_rounded(ratio)} 吨",
            limit=f"{with_separators(least)} 至 {with_separators(most)}",
        ),
    )


def nearly_built(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """G10: nearly everything is invested already."""
    share = _ratio(facts, field, _TOTAL)
    status = choice_labels("project.construction_status").get(str(value(facts, "project.construction_status")), "—")
    return (
        Evidence(
            label=field_name(field),
            filed=words(facts, field),
            compared=f"总投资 {words(facts, _TOTAL)}；已完成 {_percent(share)}；建设状态：{status}",
            limit=f"低于 {_percent(facts.policy.decimal('invested_share_hold'))}",
        ),
    )


def _rounded(ratio: Decimal | None) -> str:
    """To four decimals: limits have at most two."""
    return "—" if ratio is None else with_separators(half_up(ratio, "0.0001"))


def _percent(share: Decimal | None) -> str:
    return "—" if share is None else f"{with_separators(half_up(share * 100, '0.01'))}%"

"""Filed values (申报内容) in words: names beside codes, amounts and units as people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from include.reference import departments, institutions
from include.reference.classifications import catalogue_names, industry_names
from include.reference.form import FormField, all_fields, choice_labels
from include.words.amounts import NOTHING, exact_amount
from include.words.moments import moment
from include.words.names import region_name
from include.words.shown import NOT_OF_A_PERSON, PERSONAL, SOLE_PROPRIETOR, Reader, shown

UNITS: Mapping[str, str] = {
    "tce/a": "吨标准煤/年",
    "tCO2/a": "吨二氧化碳/年",
    "m3/a": "立方米/年",
    "t/a": "吨/年",
    "tCO2/tce": "吨二氧化碳/吨标准煤",
    "tCO2/万元": "吨二氧化碳/万元",
    "byte": "字节",
    "月": "个月",
}
"""Units of the form and of the policy, as people write them."""

_INDEX = re.compile(r"\[[0-9]{1,6}\]")
_NUMBER = re.compile(r"[0-9]{1,14}(?:[.][0-9]{1,6})?")
_ADDRESSES = (NOT_OF_A_PERSON, SOLE_PROPRIETOR, PERSONAL)
_WITH_INSTITUTION = frozenset({"finance.intended_institutions[]", "finance.existing_financing[].institution_code"})


def filed_in_words(path: str, value: Any, uscc: str | None, role: Reader) -> str:
    """A value of the form as this reader may see it; `path` is concrete or with `[]`. — if nothing was filled in."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return NOTHING
    if isinstance(value, bool):
        return "是" if value else "否"
    field = all_fields().get(_INDEX.sub("[]", path))
    text = shown(path, value, uscc, role) or NOTHING
    if field is None or text in _ADDRESSES:
        return text
    return _by_kind(field, text)


def number_of(value: Any) -> Decimal | None:
    """A filed number, exactly; None if it is none. Texts of digits count: amounts are filed as texts."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        return None
    try:
        return Decimal(str(value).strip())
    except InvalidOperation:
        return None


def with_separators(value: Decimal) -> str:
    """A number with separators of thousands, without empty decimals; at most six decimals."""
    text = f"{value:,.6f}"
    return text.rstrip("0").rstrip(".")


def measured(value: Decimal, unit: str) -> str:
    """A number with its unit, in words."""
    return f"{with_separators(value)} {UNITS.get(unit, unit)}".rstrip()


def named(code: str, name: str | None) -> str:
    """A code with its name."""
    return f"{name}（{code}）" if name and name != code else code


def _by_kind(field: FormField, text: str) -> str:
    if field.path == "department_code":
        return departments()[text].name if text in departments() else text
    if field.path in _WITH_INSTITUTION:
        return institutions()[text].name if text in institutions() else text
    match field.kind:
        case "region":
            return named(text, region_name(text))
        case "industry":
            return named(text, industry_names().get(text))
        case "catalogue":
            return named(text, catalogue_names().get(text))
        case "date-time":
            return _moment(text)
        case "amount":
            filed = number_of(text)
            return text if filed is None else exact_amount(filed)
        case "decimal" | "number" | "integer":
            filed = number_of(text)
            return text if filed is None or not field.unit else measured(filed, field.unit)
    return f"{choice_labels(field.path).get(text, text)} {field.unit}".rstrip()


def _moment(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment(at) if at.tzinfo else text

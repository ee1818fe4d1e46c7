"""The form (融资需求表): its fields, of what kind they are, which must be filled in, and what a reader calls them.

Read from form_fields.csv and enums.csv. A path with `[]` stands for each element of a list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

from include.reference import enum_labels, rows

OBJECTS = ("enterprise", "enterprise.contact", "project", "project.permits", "finance", "benefit")
"""Objects of the form below the head; an object precedes its children."""

LISTS = ("finance.methods", "finance.existing_financing", "finance.collateral")
"""Lists of the form that DQ13 and DQ12 look into, intended_institutions (DQ11) excepted."""

REQUIRED_LISTS = frozenset({"finance.methods"})

PERMITS = tuple(f"project.permits.{name}" for name in ("filing", "land", "environment", "energy_review", "safety"))

_JSON_TYPES = {
    "text": "string",
    "uscc": "string",
    "region": "string",
    "industry": "string",
    "mobile": "string",
    "email": "string",
    "project code": "string",
    "catalogue": "string",
    "date": "date",
    "integer": "integer",
    "number": "number",
}
_NOT_BELOW_THE_HEAD = ("review.", "attachments[]")

OTHER = "(other)"
"""The path of what the form does not know at the top of an item."""

GROUPS = {
    "": "表头",
    "enterprise": "企业信息",
    "enterprise.contact": "联系人信息",
    "project": "项目信息",
    "project.permits": "审批手续",
    "finance": "融资信息",
    "finance.methods": "融资方式",
    "finance.collateral": "增信方式",
    "finance.intended_institutions": "意向金融机构",
    "finance.existing_financing": "已获融资",
    "benefit": "环境效益",
    "review": "审核信息",
    "attachments": "附件",
    OTHER: "表单以外的内容",
}
"""Objects and lists of the form in Chinese; the head is the object at the empty path."""

_ELEMENT = re.compile(r"(?P<list>[^\[]+)\[(?P<index>[0-9]+)\](?P<rest>.*)")

Shape = Literal["object", "list", "value"]


@dataclass(frozen=True, slots=True)
class FormField:
    """A field; `kind`: text, enum, amount, decimal, region …; `unit` is empty where there is none."""

    path: str
    label: str
    kind: str
    unit: str
    required: bool
    personal: bool


@cache
def all_fields() -> Mapping[str, FormField]:
    """Every field by its path, in the order of the form: head, form, review, attachments."""
    return MappingProxyType(
        {
            row["path"]: FormField(
                row["path"],
                row["label_zh"],
                row["type"],
                row["unit"],
                required=row["required"] == "M",
                personal=row["classification"] != "general",
            )
            for row in rows("form_fields")
        }
    )


@cache
def shapes() -> Mapping[str, Shape]:
    """What the form has at each path; the item itself is the object at the empty path."""
    found: dict[str, Shape] = {"": "object"}
    for path in all_fields():
        for end in (index for index, character in enumerate(path) if character in ".["):
            # What comes before a dot is an object, what comes before a bracket a list.
            found.setdefault(path[:end], "object" if path[end] == "." else "list")
        found[path] = "value"
    return MappingProxyType(found)


@cache
def form_fields() -> Mapping[str, str]:
    """Path → kind of every field below the head, review and attachments."""
    return MappingProxyType(
        {
            path: field.kind
            for path, field in all_fields().items()
            if "." in path and not path.startswith(_NOT_BELOW_THE_HEAD)
        }
    )


def fields_of_kind(*kinds: str) -> tuple[str, ...]:
    """Paths of the fields of these kinds, in the order of the form."""
    return tuple(path for path, kind in form_fields().items() if kind in kinds)


@cache
def required_fields() -> frozenset[str]:
    """Paths that must be filled in if the object (or element) around them is given (DQ12)."""
    in_elements = {f"finance.existing_financing[].{name}" for name in ("institution_code", "amount", "status")}
    return frozenset(in_elements) | {path for path, field in all_fields().items() if field.required}


@cache
def expected_json_types() -> dict[str, str]:
    """Path → JSON type that DQ13 demands; choices (DQ05) and amounts (DQ06) have rules of their own."""
    types = {path: _JSON_TYPES[kind] for path, kind in form_fields().items() if kind in _JSON_TYPES}
    types |= dict.fromkeys(LISTS, "array")
    types |= {f"{path}[]": "object" for path in LISTS if path != "finance.collateral"}
    return types


def choice_labels(path: str) -> Mapping[str, str]:
    """Value → Chinese name of what the form offers for the field at `path`; empty where nothing is offered."""
    return enum_labels("project.permits.{each}" if path in PERMITS else path)


@cache
def choices(path: str) -> frozenset[str]:
    """The values that the form offers for the field at `path` (DQ05)."""
    return frozenset(choice_labels(path))


@cache
def direction_metrics() -> Mapping[str, frozenset[str]]:
    """Direction of a retrofit → names of the benefits of which it must claim one (DQ65)."""
    return MappingProxyType(
        {
            row["value"]: frozenset(row["metrics"].split(";"))
            for row in rows("enums")
            if row["field"] == "project.sub_direction"
        }
    )


def field_name(path: str) -> str:
    """What a reader calls the concrete path of a field, object, list or list element; the path itself if it has no name.

    融资方式 第2项 金额 for `finance.methods[1].amount`.
    """
    if element := _ELEMENT.fullmatch(path):
        group = GROUPS.get(element["list"], element["list"])
        label = _label(f"{element['list']}[]{element['rest']}", "").removeprefix(group)
        return f"{group} 第{int(element['index']) + 1}项 {label}".rstrip()
    name = GROUPS.get(path) or _label(path, path)
    return f"{GROUPS['project.permits']}：{name}" if path.startswith("project.permits.") else name


def _label(path: str, otherwise: str) -> str:
    field = all_fields().get(path)
    return field.label if field else otherwise

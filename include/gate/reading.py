"""Records read field by field: the columns below the head, lists unrolled into their elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from include.domain.identifiers import email_is_valid, mobile_is_valid, normalise_id, normalise_text
from include.gate.amounts import scaled_amount, scaled_benefit
from include.gate.columns import FieldValues, flag_values, is_blank, number_values, text_values
from include.gate.form import LISTS, OBJECTS, REQUIRED_LISTS, form_fields, required_fields

_SCALES: Mapping[str, Callable[[object], int]] = {"amount": scaled_amount, "decimal": scaled_benefit}
_NORMAL_FORMS: Mapping[str, Callable[[str], str]] = {
    "text": normalise_text,
    "uscc": normalise_id,
    "project code": normalise_id,
    "catalogue": normalise_text,
}
_CODE = re.compile(r"[A-Z0-9]+")
_NOTHING: Mapping[str, Any] = {}
_CONTACT = "enterprise.contact."
_NAME_LENGTH = range(2, 51)


@dataclass(frozen=True, slots=True)
class Filing:
    """A batch of records below their heads.

    `fields`: path → values; lists themselves and their elements included (`finance.methods`, `finance.methods[]`).
    `presence`: for each required field, object or list: whether it is there, asked where what holds it is there.
    `contacts`: for each contact field: whether it is well formed; the values themselves go no further than here.
    `intended`: the intended institutions as one text, `;` between codes, or `?` for what is no list of strings.
    """

    size: int
    fields: Mapping[str, FieldValues]
    presence: tuple[FieldValues, ...]
    contacts: tuple[FieldValues, ...]
    intended: FieldValues


def read_filing(records: Sequence[Mapping[str, Any]], wanted: Collection[str] | None = None) -> Filing:
    """Read the form below the head of each record, in the order given; of its single fields only those in `wanted`, if given."""
    fields: dict[str, FieldValues] = {}
    presence: list[FieldValues] = []
    contacts: list[FieldValues] = []
    everybody = np.ones(len(records), dtype=bool)
    parents: dict[str, tuple[Sequence[Mapping[str, Any]], NDArray[np.bool_]]] = {"": (records, everybody)}
    for path in OBJECTS:
        holder, name = _split(path)
        objects, held = parents[holder]
        values = [parent.get(name) for parent in objects]
        there = np.array([isinstance(value, dict) for value in values], dtype=bool)
        parents[path] = ([value if isinstance(value, dict) else _NOTHING for value in values], there)
        presence.append(flag_values(path, there, held))

    for path in (*form_fields(), *LISTS):
        if "[]" in path or (wanted is not None and path not in wanted):
            continue
        holder, name = _split(path)
        objects, held = parents[holder]
        values = [parent.get(name) for parent in objects]
        if path in LISTS:
            fields |= _read_list(path, values, presence)
            present = np.array([not _is_empty_list(value) for value in values]) & ~fields[path].absent
        else:
            fields[path] = _read_field(path, values)
            present = ~fields[path].absent
        if path in required_fields() or path in REQUIRED_LISTS:
            presence.append(flag_values(path, present, held))
        if path.startswith(_CONTACT):
            contacts.append(fields[path].recoded(partial(_contact_is_valid, name)))

    finance, _ = parents["finance"]
    intended = [_intended(parent.get("intended_institutions")) for parent in finance if wanted is None]
    return Filing(
        size=len(records),
        fields=fields,
        presence=tuple(presence),
        contacts=tuple(contacts),
        intended=text_values("finance.intended_institutions", intended),
    )


def _split(path: str) -> tuple[str, str]:
    holder, _, name = path.rpartition(".")
    return holder, name


def _read_field(path: str, values: Sequence[Any], **at: NDArray[np.int64]) -> FieldValues:
    """A field in the form in which rules look at it; what is no string stays a JSON type, or a malformed amount."""
    kind = form_fields()[path]
    if kind in ("integer", "number"):
        return number_values(path, values)
    read = text_values(path, values, **at)
    if kind in _SCALES:
        return read.recoded(_SCALES[kind])
    if kind in _NORMAL_FORMS:
        normalise = _NORMAL_FORMS[kind]
        return read.recoded(lambda value: normalise(value) if type(value) is str else value)
    return read


def _read_list(path: str, values: Sequence[Any], presence: list[FieldValues]) -> dict[str, FieldValues]:
    """A list of the form: the list itself, its elements, and the fields of its elements."""
    fields = {path: text_values(path, values)}
    needs, places, elements = [], [], []
    for need, value in enumerate(values):
        if isinstance(value, list):
            for place, element in enumerate(value):
                needs.append(need)
                places.append(place)
                elements.append(element)
    at = {"needs": np.array(needs, dtype=np.int64), "elements": np.array(places, dtype=np.int64)}
    element_path = f"{path}[]"
    if element_path in form_fields():
        fields[element_path] = text_values(element_path, elements, **at)
        return fields
    fields[element_path] = text_values(element_path, elements, **at)
    there = np.array([isinstance(element, dict) for element in elements], dtype=bool)
    everywhere = np.ones(len(elements), dtype=bool)
    presence.append(flag_values(element_path, there, everywhere, fields[element_path]))
    objects = [element if isinstance(element, dict) else _NOTHING for element in elements]
    for child in form_fields():
        if child.startswith(f"{element_path}."):
            field = _read_field(child, [element.get(child.rpartition(".")[2]) for element in objects], **at)
            fields[child] = field
            presence.append(flag_values(child, ~field.absent, there, field))
    return fields


def _is_empty_list(value: object) -> bool:
    return isinstance(value, list) and not value


def _contact_is_valid(name: str, value: object) -> bool:
    """DQ07; what is no string is DQ13's matter."""
    if not isinstance(value, str):
        return True
    match name:
        case "name":
            return len(normalise_text(value)) in _NAME_LENGTH
        case "mobile":
            return mobile_is_valid(value)
        case _:
            return email_is_valid(value)


def _intended(value: Any) -> str | None:
    if not value and (value is None or isinstance(value, list)):
        return None
    if isinstance(value, list):
        return ";".join(item if isinstance(item, str) and _CODE.fullmatch(item) else "?" for item in value)
    return value if isinstance(value, str) and is_blank(value) else "?"

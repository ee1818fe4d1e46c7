"""Reads records field by field: the columns below the head, lists unrolled into their elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from include.domain.characters import matching
from include.domain.identifiers import MOBILE, email_is_valid, mobile_is_valid, normalise_ids, normalise_texts
from include.gate.engine.amounts import scaled_amounts, scaled_benefits
from include.gate.engine.columns import (
    FieldValues,
    JsonType,
    Scale,
    amount_values,
    as_texts,
    flag_values,
    is_blank,
    members,
    number_values,
    of_texts,
    text_values,
)
from include.reference.form import LISTS, OBJECTS, REQUIRED_LISTS, form_fields, required_fields

_SCALES: Mapping[str, Scale] = {"amount": scaled_amounts, "decimal": scaled_benefits}
_FORMS: Mapping[str, Callable[[Sequence[str]], Sequence[str]]] = {
    "text": normalise_texts,
    "uscc": normalise_ids,
    "project code": normalise_ids,
    "catalogue": normalise_texts,
}
"""The normal form in which rules look at texts of a kind."""

_CODE = re.compile(r"[A-Z0-9]+")
_CONTACT = "enterprise.contact."
_NAME_LENGTH = range(2, 51)
_CONTACTS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "mobile": (MOBILE, mobile_is_valid),
    "email": ("[a-z0-9.]{1,40}@[a-z0-9]{1,40}[.][a-z]{2,10}(?:[.][a-z]{2,10})?", email_is_valid),
}
"""The usual spelling of a contact field, and the check for other spellings."""


@dataclass(frozen=True, slots=True)
class Filing:
    """A batch of records, without their heads.

    `fields`: path → values; lists and their elements included (`finance.methods`, `finance.methods[]`). `presence`: for
    each required field, object or list: whether it is present, if the object around it is. `contacts`: for each contact
    field whether it is well formed; the values themselves are not kept. `intended`: the intended institutions as one
    text, `;` between codes, or `?` if it is not a list of strings.
    """

    size: int
    fields: Mapping[str, FieldValues]
    presence: tuple[FieldValues, ...]
    contacts: tuple[FieldValues, ...]
    intended: FieldValues


def read_filing(records: Sequence[Mapping[str, Any]], wanted: frozenset[str] | None = None) -> Filing:
    """Read the form below the head of each record, in the given order; only the single fields in `wanted`, if given.

    Presence is reported for all objects, or for those with a wanted field.
    """
    fields: dict[str, FieldValues] = {}
    presence: list[FieldValues] = []
    contacts: list[FieldValues] = []
    read = _Objects(records, wanted)
    for path in OBJECTS:
        if not _names_in(path, wanted):
            continue
        there, held = read.open(path)
        presence.append(flag_values(path, there, held))

    for path in (*form_fields(), *LISTS):
        if "[]" in path or (wanted is not None and path not in wanted):
            continue
        values, held = read.field(path)
        if path in LISTS:
            fields |= _read_list(path, values, presence)
            present = ~fields[path].absent
            present[[at for at, value in enumerate(values) if not value and isinstance(value, list)]] = False
        else:
            fields[path] = _read_field(path, values)
            present = ~fields[path].absent
        if path in required_fields() or path in REQUIRED_LISTS:
            presence.append(flag_values(path, present, held))
        if path.startswith(_CONTACT):
            contacts.append(fields[path].recoded_to(_well_formed(path.removeprefix(_CONTACT), fields[path].distinct)))

    intended = [] if wanted is not None else _intended(read.field("finance.intended_institutions")[0])
    return Filing(
        size=len(records),
        fields=fields,
        presence=tuple(presence),
        contacts=tuple(contacts),
        intended=text_values("finance.intended_institutions", intended),
    )


class _Objects:
    """The objects of each record, each read once for all of its members."""

    def __init__(self, records: Sequence[Mapping[str, Any]], wanted: frozenset[str] | None) -> None:
        self._wanted = wanted
        self._held: dict[str, NDArray[np.bool_]] = {"": np.ones(len(records), dtype=bool)}
        self._members: dict[str, Mapping[str, Sequence[Any]]] = {"": self._looked_into("", records)}

    def open(self, path: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Open the objects at `path`: for each record whether it is present, and whether the object around it is."""
        values, held = self.field(path)
        there = _are(dict, values)
        nothing = dict.fromkeys(_names_in(path, self._wanted))
        objects = values if there.all() else [value if isinstance(value, dict) else nothing for value in values]
        self._held[path], self._members[path] = there, self._looked_into(path, objects)
        return there, held

    def _looked_into(self, path: str, objects: Sequence[Mapping[str, Any]]) -> Mapping[str, Sequence[Any]]:
        return _members(objects, _names_in(path, self._wanted))

    def field(self, path: str) -> tuple[Sequence[Any], NDArray[np.bool_]]:
        """The value at `path` in each record, and whether the object around it is present."""
        holder, _, name = path.rpartition(".")
        return self._members[holder][name], self._held[holder]


def _members(objects: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Mapping[str, Sequence[Any]]:
    return dict(zip(names, members(objects, names), strict=True))


@cache
def _names_in(path: str, wanted: frozenset[str] | None = None) -> tuple[str, ...]:
    """The form's members of an object or list element: fields, lists and objects; with `wanted`, only those on the way
    to it."""
    paths: Iterable[str] = (*OBJECTS, *form_fields(), *LISTS, "finance.intended_institutions")
    if wanted is not None:
        paths = (one for one in paths if any(field == one or field.startswith(f"{one}.") for field in wanted))
    split = (one.rpartition(".") for one in paths if not one.endswith("[]"))
    return tuple(dict.fromkeys(name for holder, _, name in split if holder == path))


def _are(kind: type, values: Sequence[Any]) -> NDArray[np.bool_]:
    """For each value whether it is of this JSON type."""
    if set(map(type, values)) == {kind}:
        return np.ones(len(values), dtype=bool)
    return np.fromiter((type(value) is kind for value in values), dtype=bool, count=len(values))


def _read_field(path: str, values: Sequence[Any], **at: NDArray[np.int64]) -> FieldValues:
    """A field in the form in which rules look at it; a value that is not a string becomes a JSON type, or a malformed
    amount."""
    kind = form_fields()[path]
    if kind in ("integer", "number"):
        return number_values(path, values)
    if kind in _SCALES:
        return amount_values(path, values, _SCALES[kind], **at)
    read = text_values(path, values, **at)
    return read.recoded_to(of_texts(_FORMS[kind], read.distinct)) if kind in _FORMS else read


def _read_list(path: str, values: Sequence[Any], presence: list[FieldValues]) -> dict[str, FieldValues]:
    """A list of the form: the list itself, its elements, and the fields of its elements."""
    fields = {path: text_values(path, values)}
    lists = values if _are(list, values).all() else [value if isinstance(value, list) else () for value in values]
    lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    needs = np.repeat(np.arange(len(lists)), lengths)
    places = np.arange(len(needs)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = {"needs": needs, "elements": places}
    elements = list(chain.from_iterable(lists))
    element_path = f"{path}[]"
    if element_path in form_fields():
        fields[element_path] = text_values(element_path, elements, **at)
        return fields
    # A null element is not absent: it is an element that is not an object.
    given = [JsonType.OTHER if element is None else element for element in elements]
    fields[element_path] = text_values(element_path, given, **at)
    there = _are(dict, elements)
    everywhere = np.ones(len(elements), dtype=bool)
    presence.append(flag_values(element_path, there, everywhere, fields[element_path]))
    names = _names_in(element_path)
    nothing = dict.fromkeys(names)
    objects = [element if isinstance(element, dict) else nothing for element in elements]
    for name, parts in _members(objects, names).items():
        child = f"{element_path}.{name}"
        fields[child] = field = _read_field(child, parts, **at)
        presence.append(flag_values(child, ~field.absent, there, field))
    return fields


def _well_formed(name: str, values: Sequence[Any]) -> NDArray[np.bool_]:
    """DQ07; a value that is not a string belongs to DQ13."""
    texts = as_texts(values)
    if name == "name":
        well_formed = np.array([len(text) in _NAME_LENGTH for text in texts], dtype=bool)
    else:
        usual, is_valid = _CONTACTS[name]
        well_formed = matching(usual, texts)
        for other in np.flatnonzero(~well_formed).tolist():
            well_formed[other] = is_valid(texts[other])
    well_formed[[at for at, value in enumerate(values) if not isinstance(value, str)]] = True
    return well_formed


def _intended(values: Sequence[Any]) -> list[str | None]:
    """The intended institutions of each record as one text; equal lists are joined once."""
    joined: dict[Any, str | None] = {}
    found = []
    for value in values:
        try:
            key = tuple(value) if type(value) is list else value
            if key not in joined:
                joined[key] = _joined(value)
            found.append(joined[key])
        except TypeError:  # Lists and objects cannot be keys.
            found.append(_joined(value))
    return found


def _joined(value: Any) -> str | None:
    if not value and (value is None or isinstance(value, list)):
        return None
    if isinstance(value, list):
        return ";".join(item if isinstance(item, str) and _CODE.fullmatch(item) else "?" for item in value)
    return value if isinstance(value, str) and is_blank(value) else "?"

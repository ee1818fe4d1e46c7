"""The form (融资需求表): its fields, their kinds, and which of them are required.

Read from form_fields.csv. A path with `[]` stands for each element of a list.
"""

from __future__ import annotations

from functools import cache

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
_NOT_OF_THE_FORM = ("review.", "attachments[]")


@cache
def form_fields() -> dict[str, str]:
    """Path → kind (text, enum, amount, decimal, region …) of every field below the head, review and attachments."""
    return {
        row["path"]: row["type"]
        for row in rows("form_fields")
        if "." in row["path"] and not row["path"].startswith(_NOT_OF_THE_FORM)
    }


def fields_of_kind(*kinds: str) -> tuple[str, ...]:
    """Paths of the fields of these kinds, in the order of the form."""
    return tuple(path for path, kind in form_fields().items() if kind in kinds)


@cache
def required_fields() -> frozenset[str]:
    """Paths that must be filled in if the object (or element) around them is given (DQ12)."""
    in_elements = {f"finance.existing_financing[].{name}" for name in ("institution_code", "amount", "status")}
    return frozenset(in_elements) | {row["path"] for row in rows("form_fields") if row["required"] == "M"}


@cache
def expected_json_types() -> dict[str, str]:
    """Path → JSON type that DQ13 demands; choices (DQ05) and amounts (DQ06) have rules of their own."""
    types = {path: _JSON_TYPES[kind] for path, kind in form_fields().items() if kind in _JSON_TYPES}
    types |= dict.fromkeys(LISTS, "array")
    types |= {f"{path}[]": "object" for path in LISTS if path != "finance.collateral"}
    return types


def choices(path: str) -> frozenset[str]:
    """The values that the form offers for the field at `path` (DQ05)."""
    return frozenset(enum_labels("project.permits.{each}" if path in PERMITS else path))

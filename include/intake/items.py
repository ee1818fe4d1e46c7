"""A listed item: read without trusting any of it, hashed, and turned into the rows that are kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from include.domain.canonical import canonical_sha256, read_json
from include.domain.identifiers import normalise_id, usable_need_id, usable_revision
from include.reference import departments

_AMOUNT = re.compile(r"[0-9]{1,10}([.][0-9]{1,2})?")
_QUARTER = re.compile(r"20[0-9]{2}Q[1-4]")
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item of a listing as it came; what it is known by is None where it is not usable.

    `readable`: it is a JSON object, a record. That is read anew where it is wanted: a department's records at once are many.
    """

    raw: bytes
    raw_sha256: str
    readable: bool
    need_id: str | None
    revision: int | None
    item_hash: str | None

    def record(self) -> dict[str, Any]:
        """The record, empty if it is none."""
        return read_record(self.raw) or {}


def read_record(raw: bytes) -> dict[str, Any] | None:
    """The record that the JSON of an item holds, numbers exactly; None if that is no object."""
    value = read_json(raw)
    return value if isinstance(value, dict) else None


def read_item(raw: bytes) -> Item:
    """Read the JSON of one item; nothing that stands in it is an error here."""
    record = read_record(raw)
    return Item(
        raw=raw,
        raw_sha256=hashlib.sha256(raw).hexdigest(),
        readable=record is not None,
        need_id=usable_need_id(record.get("need_id")) if record is not None else None,
        revision=usable_revision(record.get("revision")) if record is not None else None,
        item_hash=item_hash(record) if record is not None else None,
    )


def item_hash(record: Mapping[str, Any]) -> str:
    """SHA-256 of the item without updated_at as canonical JSON (RFC 8785)."""
    return canonical_sha256({name: value for name, value in record.items() if name != "updated_at"})


def version_row(
    item: Item, *, intake_id: int, listed_quarter: str, department_code: str, now: datetime
) -> dict[str, Any]:
    """The row of table `need_version`: what later stages ask for, and the document without the contact.

    A need whose own quarter is unusable (DQ01) counts in the quarter under which it was listed.
    """
    record = item.record()
    enterprise, project, finance = (_section(record, name) for name in ("enterprise", "project", "finance"))
    department = departments().get(department_code)
    uscc = _string(enterprise, "uscc")
    intended = finance.get("intended_institutions")
    return {
        "need_id": item.need_id,
        "revision": item.revision,
        "item_hash": item.item_hash,
        "raw_sha256": item.raw_sha256,
        "intake_id": intake_id,
        "quarter": _usable_quarter(record) or listed_quarter,
        "department_code": department_code,
        "branch_code": department.branch_code if department else None,
        "is_major": record.get("is_major") is True,
        "uscc": normalise_id(uscc) if uscc is not None else None,
        "enterprise_name": _string(enterprise, "name"),
        "city_code": _string(enterprise, "city_code"),
        "project_name": _string(project, "name"),
        "intended_institutions": [code for code in intended if isinstance(code, str)]
        if isinstance(intended, list)
        else [],
        "financing_need": _amount(finance, "financing_need"),
        "total_investment": _amount(finance, "total_investment"),
        "own_capital": _amount(finance, "own_capital"),
        "document": _encode(_without_contact(record)).decode(),
        "received_at": now,
    }


def _usable_quarter(record: Mapping[str, Any]) -> str | None:
    value = _string(record, "quarter")
    return value if value is not None and _QUARTER.fullmatch(value) else None


def _section(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _string(record: Mapping[str, Any], name: str) -> str | None:
    value = record.get(name)
    return value if isinstance(value, str) else None


def _amount(record: Mapping[str, Any], name: str) -> Decimal | None:
    value = record.get(name)
    return Decimal(value) if isinstance(value, str) and _AMOUNT.fullmatch(value) else None


def _without_contact(record: Mapping[str, Any]) -> dict[str, Any]:
    enterprise = record.get("enterprise")
    if not isinstance(enterprise, dict):
        return dict(record)
    return {**record, "enterprise": {name: value for name, value in enterprise.items() if name != "contact"}}


def contact_json(item: Item) -> bytes:
    """Name, mobile and e-mail of the contact as JSON, for encryption; null where absent or malformed."""
    given = _section(item.record(), "enterprise").get("contact")
    person = given if isinstance(given, dict) else {}
    return _encode({name: person.get(name) for name in ("name", "mobile", "email")})

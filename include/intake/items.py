"""A listed item: read without trusting any of it, and converted to the rows that are stored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from include.base.privacy import PersonalDataCipher
from include.domain.identifiers import normalise_id, shortened
from include.domain.identity import identity_of, usable_quarter
from include.domain.known_parts import known_part
from include.domain.pieces import SetAside, set_aside
from include.platforms.need_pages import ListedNeed, NeedPage
from include.reference import departments
from include.reference.classifications import CATALOGUE_VERSION

_AMOUNT = re.compile(r"[0-9]{1,10}([.][0-9]{1,2})?")
_NO_ADDRESS = "need_id 或 revision 缺失或不合约定"
_LONGEST_NAME, _LONGEST_CODE, _MOST_INSTITUTIONS = 200, 64, 100
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item of a listing as received; its identifiers are None if unusable. `set_aside`: the piece set aside, if it
    is no record."""

    raw: bytes
    raw_sha256: str
    set_aside: SetAside | None
    need_id: str | None
    revision: int | None
    item_hash: str | None

    @property
    def readable(self) -> bool:
        """Whether it is a record."""
        return self.set_aside is None

    def not_addressing(self) -> SetAside | None:
        """The piece that is set aside because no need can be addressed by it (DQ01); None if one can."""
        if self.set_aside is not None or (self.need_id is not None and self.revision is not None):
            return self.set_aside
        return set_aside(self.raw, _NO_ADDRESS)


def read_page(page: NeedPage, cipher: PersonalDataCipher) -> tuple[list[Item], Sequence[Mapping[str, Any]]]:
    """The items of a page, those that are no records last, and the contents of the records."""
    items = [_item(need, cipher) for need in page.items]
    items += [_unreadable(piece, cipher) for piece in page.set_aside]
    return items, [need.record for need in page.items]


def _item(need: ListedNeed, cipher: PersonalDataCipher) -> Item:
    known = identity_of(need.record, cipher)
    return Item(
        raw=need.raw,
        raw_sha256=cipher.keyed_sha256(need.raw),
        set_aside=None,
        need_id=known.need_id,
        revision=known.revision,
        item_hash=known.item_hash,
    )


def _unreadable(piece: SetAside, cipher: PersonalDataCipher) -> Item:
    """The item of an unusable piece: it is counted and stored, and nothing else."""
    return Item(
        raw=piece.raw,
        raw_sha256=cipher.keyed_sha256(piece.raw),
        set_aside=piece,
        need_id=None,
        revision=None,
        item_hash=None,
    )


def version_row(
    item: Item,
    record: Mapping[str, Any],
    *,
    intake_id: int,
    listed_quarter: str,
    department_code: str,
    now: datetime,
) -> dict[str, Any]:
    """The row of table `need_version`: columns for later stages, and the form's part of the document without the
    contact.

    Texts longer than the form allows are cut in the columns, so that pages that show them open in their usual time. A
    need whose own quarter is unusable (DQ01) counts in the quarter under which it was listed.
    """
    enterprise, project, finance = (_section(record, name) for name in ("enterprise", "project", "finance"))
    department = departments().get(department_code)
    uscc, city_code = _string(enterprise, "uscc"), _string(enterprise, "city_code")
    intended = finance.get("intended_institutions")
    return {
        "need_id": item.need_id,
        "revision": item.revision,
        "item_hash": item.item_hash,
        "raw_sha256": item.raw_sha256,
        "intake_id": intake_id,
        "quarter": usable_quarter(record.get("quarter")) or listed_quarter,
        "department_code": department_code,
        "branch_code": department.branch_code if department else None,
        "is_major": record.get("is_major") is True,
        "uscc": shortened(normalise_id(uscc), _LONGEST_CODE) if uscc is not None else None,
        "enterprise_name": _name(enterprise),
        "city_code": shortened(city_code, _LONGEST_CODE) if city_code is not None else None,
        "project_name": _name(project),
        "intended_institutions": [
            shortened(code, _LONGEST_CODE) for code in intended[:_MOST_INSTITUTIONS] if isinstance(code, str)
        ]
        if isinstance(intended, list)
        else [],
        "financing_need": _amount(finance, "financing_need"),
        "total_investment": _amount(finance, "total_investment"),
        "own_capital": _amount(finance, "own_capital"),
        "document": _encode(known_part(record)).decode(),
        "received_at": now,
        "catalogue_version": CATALOGUE_VERSION if _string(project, "catalogue_code") else None,
    }


def _name(section: Mapping[str, Any]) -> str | None:
    name = _string(section, "name")
    return shortened(name, _LONGEST_NAME) if name is not None else None


def _section(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _string(record: Mapping[str, Any], name: str) -> str | None:
    value = record.get(name)
    return value if isinstance(value, str) else None


def _amount(record: Mapping[str, Any], name: str) -> Decimal | None:
    value = record.get(name)
    return Decimal(value) if isinstance(value, str) and _AMOUNT.fullmatch(value) else None


def updated_at(record: Mapping[str, Any]) -> datetime | None:
    """When the record changed on the platform, as it says; None unless that is a moment with an offset."""
    try:
        moment = datetime.fromisoformat(str(record.get("updated_at")))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def contact_json(record: Mapping[str, Any]) -> bytes:
    """Name, mobile and e-mail of the contact as JSON, for encryption; null if absent or malformed."""
    given = _section(record, "enterprise").get("contact")
    person = given if isinstance(given, dict) else {}
    return _encode({name: person.get(name) for name in ("name", "mobile", "email")})

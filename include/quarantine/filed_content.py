"""What was filed (申报内容), for the person who decides on a hold: the form in words, without personal data.

Read from the stored document, which has no contact; each value passes `shown`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.reference.form import GROUPS, all_fields, field_name
from include.words.filed import filed_in_words
from include.words.shown import Reader

_PARTS = ("enterprise", "project", "finance", "benefit", "review", "")

# A hold on another content than the one stored first (DQ43) has no document of its own.
_DOCUMENT = sa.text(
    """
    select version.document, version.uscc
    from quarantine hold
    join judgement judged using (judgement_id)
    join need_version version on version.item_hash = judged.payload_sha256
    where hold.quarantine_id = :quarantine_id and version.need_id = hold.need_id and version.revision = hold.revision
    """
)


@dataclass(frozen=True, slots=True)
class Filed:
    """A filed field in words, with its concrete path."""

    path: str
    name: str
    value: str


def filed_content(connection: sa.Connection, quarantine_id: int, role: Reader) -> Mapping[str, tuple[Filed, ...]]:
    """Part of the form → its fields in the order of the form; empty if the record has no readable content of its own."""
    row = connection.execute(_DOCUMENT, {"quarantine_id": quarantine_id}).one_or_none()
    if row is None:
        return {}
    document = json.loads(row.document, parse_float=Decimal)
    parts: dict[str, list[Filed]] = {GROUPS[part]: [] for part in _PARTS}
    for field in all_fields().values():
        if field.personal or field.path.startswith("attachments"):
            continue
        title = GROUPS[field.path.partition(".")[0] if "." in field.path else ""]
        for path, value in _places(document, field.path):
            parts[title].append(Filed(path, field_name(path), filed_in_words(path, value, row.uscc, role)))
    return {title: tuple(fields) for title, fields in parts.items() if fields}


def _places(document: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The concrete paths of a field and their values; a list gives one for each element, none if it is empty or not a list."""
    found: list[tuple[str, Any]] = [("", document)]
    for step in path.split("."):
        name = step.removesuffix("[]")
        found = [(f"{at}.{name}".lstrip("."), here.get(name) if isinstance(here, dict) else None) for at, here in found]
        if step.endswith("[]"):
            found = [
                (f"{at}[{place}]", element)
                for at, here in found
                if isinstance(here, list)
                for place, element in enumerate(here)
            ]
    yield from found

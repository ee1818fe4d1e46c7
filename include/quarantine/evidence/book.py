"""Which function tells the evidence of which rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import sqlalchemy as sa

from include.quarantine.evidence import by_history, by_record, by_register
from include.quarantine.evidence.facts import facts_of
from include.quarantine.evidence.shapes import Evidence, Facts
from include.reference.day import Day
from include.words.shown import Reader

_BOOK: Mapping[str, Callable[[Facts, str], tuple[Evidence, ...]]] = {
    "DQ01": by_record.head,
    "DQ14": by_record.county,
    "DQ17": by_record.catalogue,
    "DQ18": by_record.catalogue,
    "DQ37": by_record.unit_of_money,
    "DQ41": by_register.listed_name,
    "DQ42": by_history.duplicate,
    "DQ43": by_history.another_content,
    "DQ52": by_history.late,
    "DQ53": by_record.permit,
    "DQ55": by_register.listed_department,
    "DQ57": by_register.listed_level,
    "DQ58": by_record.phrases_of("off_purpose"),
    "G01": by_history.same_code,
    "G05": by_record.trade,
    "G06b": by_record.carbon_per_investment,
    "G06c": by_record.saving_share,
    "G06d": by_record.carbon_per_saving,
    "G10": by_record.nearly_built,
    "G11": by_record.wrapping,
    "G12": by_history.rise,
    "G13": by_history.farmed,
    "G14": by_register.bad_record,
}
"""rule_id → evidence of a finding on a field. Every rule of the gate that holds has one (a test)."""

Place = tuple[str, str]
"""rule_id and field of a finding."""


def has_evidence(rule_id: str) -> bool:
    """Whether the evidence of this rule can be told from what was filed."""
    return rule_id in _BOOK


def evidence(rule_id: str, field: str, facts: Facts) -> tuple[Evidence, ...]:
    """The evidence of one finding; empty for rules about cases and events, whose evidence are feedback events."""
    told = _BOOK.get(rule_id)
    return told(facts, field) if told else ()


def evidence_of(
    connection: sa.Connection, need_id: str, places: Iterable[Place], *, day: Day, reader: Reader
) -> Mapping[Place, tuple[Evidence, ...]]:
    """The evidence of findings on the newest revision of a need, for an alert or a page of it."""
    facts = facts_of(connection, need_id, None, day=day, reader=reader)
    return {} if facts is None else {place: evidence(*place, facts) for place in places}

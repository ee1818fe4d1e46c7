"""Held needs (待核实) as a person sees them: findings, who agreed to what, who is still needed, and the history.

Read-only and without personal data: names of sole proprietors are masked (handbook, section 12).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.base.errors import NotFound
from include.domain.people import person_key, same_person
from include.reference import department_short_name, rules
from include.reference.form import field_name
from include.words.shown import shown

Place = tuple[str, str]
"""rule_id and field: what a release binds to, with need_id and revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldFinding:
    """What a person must decide, in the texts of the rule book; `missing`: how many further persons must agree."""

    rule_id: str
    field: str
    field_name: str
    message: str
    how_to_fix: str
    approved_by: tuple[str, ...]
    missing: int

    @property
    def place(self) -> Place:
        """What its release binds to."""
        return (self.rule_id, self.field)

    def approved_already_by(self, actor: str) -> bool:
        """Whether this person has agreed before, however the id was written."""
        return any(same_person(actor, name) for name in self.approved_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldEvent:
    """Who did what, when and why; without rule and field if it concerns the need as a whole."""

    kind: str
    rule_id: str
    field: str
    actor: str
    role: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldNeed:
    """A held record; need_id and revision are None if the platform's are not usable. Amount in 万元."""

    quarantine_id: int
    origin: str
    state: str
    need_id: str | None
    revision: int | None
    quarter: str
    department_code: str
    department: str
    enterprise: str
    project: str
    is_major: bool
    financing_need: Decimal | None
    opened_at: datetime
    decide_by: date
    settled_at: datetime | None
    findings: tuple[HoldFinding, ...]

    @property
    def name(self) -> str:
        """What people call the record."""
        return hold_name(self.quarantine_id, self.need_id, self.revision)


HELD = """
    select hold.*, version.enterprise_name, version.project_name, version.uscc, version.is_major, version.financing_need
    from quarantine hold left join need_version version using (need_id, revision)
"""
_ONE = sa.text(f"{HELD} where hold.quarantine_id = :quarantine_id")

_FINDINGS = sa.text(
    """
    select found.quarantine_id, found.rule_id, found.field, found.persons_required,
           array(
               select approval.actor from hold_approval approval
               where approval.quarantine_id = found.quarantine_id
                 and approval.rule_id = found.rule_id and approval.field = found.field
               order by approval.event_id
           ) as approved_by
    from quarantine_finding found
    where found.quarantine_id = any(:quarantine_ids)
    order by found.quarantine_id, found.rule_id, found.field
    """
)
_EVENTS = sa.text(
    """
    select kind, rule_id, field, actor, role, reason, at
    from quarantine_event where quarantine_id = :quarantine_id order by event_id
    """
)


def detail(connection: sa.Connection, quarantine_id: int) -> tuple[HeldNeed, tuple[HoldEvent, ...]]:
    """A held need, open or settled, and its history. Raises NotFound if there is none of this number."""
    row = connection.execute(_ONE, {"quarantine_id": quarantine_id}).mappings().one_or_none()
    if row is None:
        raise unknown_hold(quarantine_id)
    found = hold_findings(connection, [quarantine_id])
    events = connection.execute(_EVENTS, {"quarantine_id": quarantine_id}).mappings()
    return held_need(row, found[quarantine_id]), tuple(HoldEvent(**event) for event in events)


def hold_findings(connection: sa.Connection, quarantine_ids: Sequence[int]) -> Mapping[int, tuple[HoldFinding, ...]]:
    """quarantine_id → findings, by rule and field, with the approvals so far."""
    found: defaultdict[int, list[HoldFinding]] = defaultdict(list)
    for row in connection.execute(_FINDINGS, {"quarantine_ids": list(quarantine_ids)}):
        rule = rules()[row.rule_id]
        approved_by = _different(row.approved_by)
        found[row.quarantine_id].append(
            HoldFinding(
                rule_id=row.rule_id,
                field=row.field,
                field_name=field_name(row.field),
                message=rule.message,
                how_to_fix=rule.how_to_fix,
                approved_by=approved_by,
                missing=max(0, row.persons_required - len(approved_by)),
            )
        )
    return {quarantine_id: tuple(found[quarantine_id]) for quarantine_id in quarantine_ids}


def hold_name(quarantine_id: int, need_id: str | None, revision: int | None) -> str:
    """A held record by the number and revision of its need, or by its own number."""
    if need_id is None or revision is None:
        return f"待核实记录{quarantine_id}号"
    return f"{need_id} 第{revision}版"


def unknown_hold(quarantine_id: int) -> NotFound:
    """There is no held need of this number."""
    return NotFound(f"没有编号为{quarantine_id}的待核实记录。", "请从待核实清单中选择需要处理的记录。")


def _different(names: Iterable[str]) -> tuple[str, ...]:
    """The persons among these ids, in order."""
    return tuple({person_key(name): name for name in reversed(list(names))}.values())[::-1]


def held_need(row: Mapping[Any, Any], findings: tuple[HoldFinding, ...]) -> HeldNeed:
    """A row of HELD with its findings, as a person sees it."""
    return HeldNeed(
        quarantine_id=row["quarantine_id"],
        origin=row["origin"],
        state=row["state"],
        need_id=row["need_id"],
        revision=row["revision"],
        quarter=row["quarter"],
        department_code=row["department_code"],
        department=department_short_name(row["department_code"]),
        enterprise=shown("enterprise.name", row["enterprise_name"], row["uscc"], "public"),
        project=shown("project.name", row["project_name"], row["uscc"], "public"),
        is_major=bool(row["is_major"]),
        financing_need=row["financing_need"],
        opened_at=row["opened_at"],
        decide_by=row["decide_by"],
        settled_at=row["settled_at"],
        findings=findings,
    )

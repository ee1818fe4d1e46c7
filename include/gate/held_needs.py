"""Held needs (挂起) as a person sees them: what was found, who has agreed to what, who is still needed, and what happened.

By reading alone, and without personal data: names of sole proprietors are masked (handbook, section 12).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.errors import InvalidRequest
from include.gate.field_names import field_name
from include.gate.results import shown_enterprise, shown_project
from include.reference import Policy, department_short_name, rules

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
        """What a release of it binds to."""
        return (self.rule_id, self.field)

    def approved_already_by(self, actor: str) -> bool:
        """Whether this person has agreed before, however the name was written."""
        return actor.casefold() in (name.casefold() for name in self.approved_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldEvent:
    """Who did what, when and why; without rule and field where it concerns the need as a whole."""

    kind: str
    rule_id: str
    field: str
    actor: str
    role: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldNeed:
    """A held record; need_id and revision are None where the platform gave none that can be used. Amount in 万元."""

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
    findings: tuple[HoldFinding, ...]


_HELD = """
    select hold.*, version.enterprise_name, version.project_name, version.uscc, version.is_major, version.financing_need
    from quarantine hold left join need_version version using (need_id, revision)
"""
_OPEN = sa.text(
    f"""
    {_HELD}
    where hold.state = 'open' and hold.quarter = coalesce(:quarter, hold.quarter)
      and hold.department_code = coalesce(:department_code, hold.department_code)
    order by hold.decide_by, version.is_major desc nulls last, version.financing_need desc nulls last, hold.quarantine_id
    """
)
_ONE = sa.text(f"{_HELD} where hold.quarantine_id = :quarantine_id")

# An approval counts for every hold of the same revision, unless the finding was confirmed after it.
_FINDINGS = sa.text(
    """
    select hold.quarantine_id, found.rule_id, found.field,
           array(
               select event.actor
               from quarantine same join quarantine_event event using (quarantine_id)
               where (same.quarantine_id = hold.quarantine_id
                      or same.need_id = hold.need_id and same.revision = hold.revision)
                 and event.kind = 'approved' and event.rule_id = found.rule_id and event.field = found.field
                 and not exists (
                     select from quarantine other join quarantine_event later using (quarantine_id)
                     where (other.quarantine_id = hold.quarantine_id
                            or other.need_id = hold.need_id and other.revision = hold.revision)
                       and later.kind = 'confirmed' and later.rule_id = found.rule_id and later.field = found.field
                       and later.event_id > event.event_id
                 )
               order by event.event_id
           ) as approved_by
    from quarantine hold join quarantine_finding found using (quarantine_id)
    where hold.quarantine_id = any(:quarantine_ids)
    order by hold.quarantine_id, found.rule_id, found.field
    """
)
_EVENTS = sa.text(
    """
    select kind, rule_id, field, actor, role, reason, at
    from quarantine_event where quarantine_id = :quarantine_id order by event_id
    """
)


def open_list(
    connection: sa.Connection, policy: Policy, *, quarter: str | None = None, department_code: str | None = None
) -> list[HeldNeed]:
    """The needs that wait for a decision, of all quarters and departments unless limited.

    The most urgent first: by the day to decide by, then major ones, then by the money they ask for.
    """
    where = {"quarter": quarter, "department_code": department_code}
    rows = connection.execute(_OPEN.bindparams(**where)).mappings().all()
    found = hold_findings(connection, {row["quarantine_id"]: row["department_code"] for row in rows}, policy)
    return [_held_need(row, found[row["quarantine_id"]]) for row in rows]


def detail(connection: sa.Connection, quarantine_id: int, policy: Policy) -> tuple[HeldNeed, tuple[HoldEvent, ...]]:
    """A held need, open or settled, and its history. Raises InvalidRequest if there is none of this number."""
    row = connection.execute(_ONE, {"quarantine_id": quarantine_id}).mappings().one_or_none()
    if row is None:
        raise unknown_hold(quarantine_id)
    found = hold_findings(connection, {quarantine_id: row["department_code"]}, policy)
    events = connection.execute(_EVENTS, {"quarantine_id": quarantine_id}).mappings()
    return _held_need(row, found[quarantine_id]), tuple(HoldEvent(**event) for event in events)


def hold_findings(
    connection: sa.Connection, holds: Mapping[int, str], policy: Policy
) -> Mapping[int, tuple[HoldFinding, ...]]:
    """quarantine_id → what was found, by rule and field, with the approvals so far; `holds`: with its department_code."""
    policies = {quarantine_id: policy.of_department(code) for quarantine_id, code in holds.items()}
    found: defaultdict[int, list[HoldFinding]] = defaultdict(list)
    for row in connection.execute(_FINDINGS, {"quarantine_ids": list(policies)}):
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
                missing=max(0, _persons(row.rule_id, policies[row.quarantine_id]) - len(approved_by)),
            )
        )
    return {quarantine_id: tuple(found[quarantine_id]) for quarantine_id in policies}


def unknown_hold(quarantine_id: int) -> InvalidRequest:
    """There is no held need of this number."""
    return InvalidRequest(f"没有编号为{quarantine_id}的挂起记录。", "请从挂起清单中选择需要处理的记录。")


def _persons(rule_id: str, policy: Policy) -> int:
    """How many different persons must agree to release a finding of this rule (policy release_two_persons)."""
    return 2 if rule_id.startswith(policy.listed("release_two_persons")) else 1


def _different(names: Iterable[str]) -> tuple[str, ...]:
    """The persons among these names, in order; the same name in another case is the same person."""
    return tuple({name.casefold(): name for name in reversed(list(names))}.values())[::-1]


def _held_need(row: Mapping[Any, Any], findings: tuple[HoldFinding, ...]) -> HeldNeed:
    return HeldNeed(
        quarantine_id=row["quarantine_id"],
        origin=row["origin"],
        state=row["state"],
        need_id=row["need_id"],
        revision=row["revision"],
        quarter=row["quarter"],
        department_code=row["department_code"],
        department=department_short_name(row["department_code"]),
        enterprise=shown_enterprise(row["enterprise_name"], row["uscc"]),
        project=shown_project(row["project_name"], row["uscc"]),
        is_major=bool(row["is_major"]),
        financing_need=row["financing_need"],
        opened_at=row["opened_at"],
        decide_by=row["decide_by"],
        findings=findings,
    )

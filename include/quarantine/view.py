"""Held needs (挂起) as a person sees them: findings, who agreed to what, who is still needed, and the history.

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
    findings: tuple[HoldFinding, ...]


_HELD = """
    select hold.*, version.enterprise_name, version.project_name, version.uscc, version.is_major, version.financing_need
    from quarantine hold left join need_version version using (need_id, revision)
"""
# The most urgent first, as one key whose parts all ascend.
_URGENCY = (
    "hold.decide_by, not coalesce(version.is_major, false), -coalesce(version.financing_need, -1), hold.quarantine_id"
)
_CHOSEN = """
    hold.state = 'open' and hold.quarter = coalesce(:quarter, hold.quarter)
    and hold.department_code = coalesce(:department_code, hold.department_code)
    and hold.decide_by <= coalesce(:decide_by, hold.decide_by)
    and (:rule_id ::text is null or exists (
        select from quarantine_finding found
        where found.quarantine_id = hold.quarantine_id and found.rule_id = :rule_id
    ))
"""
_OPEN = sa.text(
    f"""
    {_HELD}
    where {_CHOSEN} and (:after ::bigint is null or ({_URGENCY}) > (
        select {_URGENCY.replace("hold.", "last.").replace("version.", "of_last.")}
        from quarantine last left join need_version of_last using (need_id, revision) where last.quarantine_id = :after
    ))
    order by {_URGENCY} limit :at_most
    """
)
_COUNTED = sa.text(
    f"""
    select count(*) as chosen, count(*) filter (where hold.decide_by < :today) as late,
           (select count(*) from quarantine where state = 'open') as everything
    from quarantine hold where {_CHOSEN}
    """
)
_CHOICES = sa.text(
    """
    select array(select distinct quarter from quarantine where state = 'open' order by quarter desc) as quarters,
           array(select distinct department_code from quarantine where state = 'open' order by 1) as departments,
           array(
               select distinct rule_id from quarantine_finding join quarantine using (quarantine_id)
               where state = 'open' order by rule_id
           ) as rules
    """
)
_ONE = sa.text(f"{_HELD} where hold.quarantine_id = :quarantine_id")

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Filter of the open holds; None: no restriction. `decide_by`: due by that day or before."""

    quarter: str | None = None
    department_code: str | None = None
    rule_id: str | None = None
    decide_by: date | None = None

    def parameters(self) -> dict[str, object]:
        """Parameters of the statements."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHolds:
    """How many holds are open, how many match the filter and are late, and the values to filter by."""

    everything: int
    chosen: int
    late: int
    quarters: Sequence[str]
    departments: Sequence[str]
    rules: Sequence[str]


def open_list(
    connection: sa.Connection,
    chosen: Chosen = Chosen(),
    *,
    at_most: int | None = None,
    after: int | None = None,
) -> list[HeldNeed]:
    """The matching holds; `after`: the id of the last one on the page before.

    The most urgent first: by the day to decide by, then major ones, then by amount.
    """
    asked = {**chosen.parameters(), "at_most": at_most, "after": after}
    rows = connection.execute(_OPEN, asked).mappings().all()
    found = hold_findings(connection, [row["quarantine_id"] for row in rows])
    return [_held_need(row, found[row["quarantine_id"]]) for row in rows]


def open_holds(connection: sa.Connection, chosen: Chosen, *, today: date) -> OpenHolds:
    """Figures of all open holds, whatever page is shown."""
    counted = connection.execute(_COUNTED, {**chosen.parameters(), "today": today}).one()
    return OpenHolds(**counted._mapping, **connection.execute(_CHOICES).one()._mapping)


def open_count(connection: sa.Connection) -> int:
    """How many holds are open."""
    number: int = connection.execute(sa.text("select count(*) from quarantine where state = 'open'")).scalar_one()
    return number


def detail(connection: sa.Connection, quarantine_id: int) -> tuple[HeldNeed, tuple[HoldEvent, ...]]:
    """A held need, open or settled, and its history. Raises NotFound if there is none of this number."""
    row = connection.execute(_ONE, {"quarantine_id": quarantine_id}).mappings().one_or_none()
    if row is None:
        raise unknown_hold(quarantine_id)
    found = hold_findings(connection, [quarantine_id])
    events = connection.execute(_EVENTS, {"quarantine_id": quarantine_id}).mappings()
    return _held_need(row, found[quarantine_id]), tuple(HoldEvent(**event) for event in events)


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


def unknown_hold(quarantine_id: int) -> NotFound:
    """There is no held need of this number."""
    return NotFound(f"没有编号为{quarantine_id}的挂起记录。", "请从挂起清单中选择需要处理的记录。")


def _different(names: Iterable[str]) -> tuple[str, ...]:
    """The persons among these ids, in order."""
    return tuple({person_key(name): name for name in reversed(list(names))}.values())[::-1]


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
        enterprise=shown("enterprise.name", row["enterprise_name"], row["uscc"], "public"),
        project=shown("project.name", row["project_name"], row["uscc"], "public"),
        is_major=bool(row["is_major"]),
        financing_need=row["financing_need"],
        opened_at=row["opened_at"],
        decide_by=row["decide_by"],
        findings=findings,
    )

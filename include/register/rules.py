"""Defects of the register itself (T01-T05), found by the register's suites.

A row that breaks T01 or T02 is stored but not used. A snapshot that shrank (T05) is stored but not used: the one in use
stays until an operator accepts the new one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from include.domain.identifiers import name_key, normalise_id, shortened
from include.reference import Policy, departments, enum_labels
from include.register.in_use import RegisterRow
from include.rule_book.suites import RuleBook

SNAPSHOT = -1
"""Instead of a row's ordinal: the snapshot as a whole."""

_UNUSABLE = frozenset({"T01", "T02"})
_NO_DAY = date.min
LONGEST_NAME, LONGEST_CODE, MOST_ALIASES = 400, 64, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterEntry(RegisterRow):
    """A row of the register as far as it can be read; `dates_sound`: its days are valid and in order."""

    dates_sound: bool

    def active_on(self, day: date) -> bool:
        """Whether the row is active on `day`."""
        return self.dates_sound and self.listed_on <= day and (self.removed_on is None or day < self.removed_on)


@dataclass(frozen=True, slots=True)
class RegisterFinding:
    """A rule that a row (or, at SNAPSHOT, the whole snapshot) breaks."""

    ordinal: int
    rule_id: str
    field: str
    severity: str

    @property
    def unusable(self) -> bool:
        """Whether the row must not be used."""
        return self.rule_id in _UNUSABLE


def read_entry(row: object) -> RegisterEntry:
    """Read an untrusted row; a value that is not text counts as empty, a long text is cut."""
    given: Mapping[str, Any] = row if isinstance(row, Mapping) else {}
    aliases = given.get("aliases")
    listed_on, removed_on = _day(given.get("listed_on")), _day(given.get("removed_on"))
    removed_soundly = given.get("removed_on") is None or removed_on is not None
    in_order = listed_on is not None and (removed_on is None or removed_on >= listed_on)
    return RegisterEntry(
        uscc=shortened(normalise_id(_text(given.get("uscc"))), LONGEST_CODE),
        name=shortened(_text(given.get("name")), LONGEST_NAME),
        aliases=[shortened(_text(alias), LONGEST_NAME) for alias in aliases[:MOST_ALIASES] if isinstance(alias, str)]
        if isinstance(aliases, list)
        else [],
        level=shortened(_text(given.get("level")), LONGEST_CODE),
        batch=shortened(_text(given.get("batch")), LONGEST_NAME),
        department_code=shortened(_text(given.get("department_code")), LONGEST_CODE),
        listed_on=listed_on or _NO_DAY,
        removed_on=removed_on,
        dates_sound=removed_soundly and in_order,
    )


def stored_differently(row: object) -> str | None:
    """Why the stored row differs from the received one, in Chinese without values; None if it does not."""
    if not isinstance(row, Mapping):
        return "名单行不是 JSON 对象"
    aliases = row.get("aliases")
    texts = [row.get(name) for name in ("uscc", "name", "level", "batch", "department_code")]
    if isinstance(aliases, list):
        texts += aliases[:MOST_ALIASES]
    too_long = any(isinstance(text, str) and len(text) > LONGEST_NAME for text in texts)
    if too_long or (isinstance(aliases, list) and len(aliases) > MOST_ALIASES):
        return f"名单行中有超过{LONGEST_NAME}字的文字或超过{MOST_ALIASES}个曾用名"
    return None


def judge_rows(entries: Sequence[RegisterEntry], policy: Policy) -> list[RegisterFinding]:
    """Findings of T01-T04 in the rows of a snapshot."""
    import pandas as pd

    book = RuleBook(policy)
    overlapping = _overlapping(entries)
    rows = pd.DataFrame(
        {
            "uscc": pd.Series([entry.uscc for entry in entries], dtype="str"),
            "dates_sound": pd.Series([entry.dates_sound for entry in entries], dtype="bool"),
            "overlaps": pd.Series([overlapping[ordinal] for ordinal in range(len(entries))], dtype="Int64"),
        }
    )
    fields = [
        (ordinal, field, known)
        for ordinal, entry in enumerate(entries)
        for field, known in (
            ("department_code", entry.department_code in departments()),
            ("level", entry.level in enum_labels("enterprise.factory_level")),
        )
    ]
    known = pd.DataFrame({"known": pd.Series([one[2] for one in fields], dtype="bool")})
    found = [
        RegisterFinding(ordinal, breach.rule.rule_id, breach.rule.field, breach.rule.severity)
        for breach in book.breaches("register", rows)
        for ordinal in breach.rows
    ]
    return found + [
        RegisterFinding(fields[at][0], breach.rule.rule_id, fields[at][1], breach.rule.severity)
        for breach in book.breaches("register_fields", known)
        for at in breach.rows
    ]


def judge_snapshot(active: int, active_before: int | None, policy: Policy) -> list[RegisterFinding]:
    """Findings of T05: `active` rows on the day of the snapshot against those of the snapshot in use (None: there is none)."""
    import pandas as pd

    before = active_before or 0
    counts = {"gone": 1, "in_use": 1} if active == 0 else {"gone": before - active, "in_use": before}
    frame = pd.DataFrame({name: pd.Series([count], dtype="Int64") for name, count in counts.items()})
    return [
        RegisterFinding(SNAPSHOT, breach.rule.rule_id, breach.rule.field, breach.rule.severity)
        for breach in RuleBook(policy).breaches("register_snapshot", frame)
    ]


def _overlapping(entries: Sequence[RegisterEntry]) -> Counter[int]:
    """Ordinal → 1 for rows of one factory, by credit code and name, whose memberships overlap (T03)."""
    by_factory: dict[tuple[str, str], list[int]] = {}
    for ordinal, entry in enumerate(entries):
        if entry.dates_sound and entry.uscc:
            by_factory.setdefault((entry.uscc, name_key(entry.name)), []).append(ordinal)
    return Counter(dict.fromkeys((at for ordinals in by_factory.values() for at in _of_one(entries, ordinals)), 1))


def _of_one(entries: Sequence[RegisterEntry], ordinals: Sequence[int]) -> Iterator[int]:
    """The rows of one factory that overlap another of its rows. A membership of no day overlaps none."""
    spans = sorted(
        (entry.listed_on, entry.removed_on or date.max, ordinal)
        for ordinal in ordinals
        for entry in (entries[ordinal],)
        if entry.removed_on is None or entry.listed_on < entry.removed_on
    )
    last_end = date.min
    for at, (begins, ends, ordinal) in enumerate(spans):
        if begins < last_end or (at + 1 < len(spans) and spans[at + 1][0] < ends):
            yield ordinal
        last_end = max(last_end, ends)


def _text(value: object) -> str:
    """The text without characters that PostgreSQL cannot store."""
    return value.replace("\0", "").encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _day(value: object) -> date | None:
    if not isinstance(value, str) or len(value) != len("2026-09-30") or value[4] + value[7] != "--":
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None

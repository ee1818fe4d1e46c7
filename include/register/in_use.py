"""The register of green factories (绿色工厂名单) as the gate uses it: which rows of a credit code are active on a day."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from include.base.errors import UserFacingError
from include.domain.identifiers import normalise_ids
from include.reference import Policy
from include.register.snapshots import has_rows, snapshot_in_use
from include.store.database import array_of

_SOUND = re.compile(r"[0-9A-Z]{18}")


class RegisterUnusable(UserFacingError):
    """There is no register on which a verdict could be based."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRow:
    """A row of the register: a factory's membership from `listed_on` until the day before `removed_on`."""

    uscc: str
    name: str
    aliases: Sequence[str]
    level: str
    batch: str
    department_code: str
    listed_on: date
    removed_on: date | None


class Register:
    """A snapshot of the register, removed rows included. `content_sha256` names it."""

    def __init__(self, rows: Mapping[str, Sequence[RegisterRow]], content_sha256: str) -> None:
        self._rows = rows
        self.content_sha256 = content_sha256

    @classmethod
    def of(cls, rows: Iterable[RegisterRow], content_sha256: str = "") -> Register:
        """The register of these rows; a factory may have several."""
        found: dict[str, list[RegisterRow]] = {}
        for row in rows:
            found.setdefault(row.uscc, []).append(row)
        return cls(found, content_sha256)

    def rows_of(self, uscc: str) -> Sequence[RegisterRow]:
        """Every row of a normalised credit code, active or not."""
        return self._rows.get(uscc, ())


def codes_of(records: Iterable[Mapping[str, Any]]) -> set[str]:
    """The credit codes that these records name, normalised, valid or not."""
    enterprises = (record.get("enterprise") for record in records)
    given = (enterprise.get("uscc") for enterprise in enterprises if isinstance(enterprise, dict))
    return set(normalise_ids([code for code in given if isinstance(code, str)]))


def load_register(connection: sa.Connection, codes: Collection[str], *, today: date, policy: Policy) -> Register:
    """The rows of these credit codes in the newest snapshot in use as of `today`.

    Raises RegisterUnusable if the snapshot is missing, empty or too old.
    """
    newest = snapshot_in_use(connection, today)
    if newest is None:
        raise RegisterUnusable(
            "没有可用的绿色工厂名单，无法审核。", "请先运行读取名单的任务 pull_reference，名单接收后再审核。"
        )
    age = (today - newest.as_of).days
    if age > policy.integer("register_max_age_days"):
        raise RegisterUnusable(
            f"绿色工厂名单停留在 {newest.as_of}，已过 {age} 天，无法据此审核。",
            "请重新运行读取名单的任务 pull_reference；如名单因数量骤减（T05）未启用，请由运维人员核实后确认启用。",
        )
    return register_of(connection, newest.content_sha256, codes)


def register_of(connection: sa.Connection, content_sha256: str, codes: Collection[str]) -> Register:
    """The rows of these credit codes in the register with this content.

    Raises RegisterUnusable if none of its rows, of whatever code, is usable.
    """
    if not has_rows(connection, content_sha256):
        raise RegisterUnusable("绿色工厂名单为空，无法审核。", "请联系平台核实名单接口，恢复后重新读取名单。")
    # Usable rows have valid codes (T01).
    wanted = array_of(code for code in codes if _SOUND.fullmatch(code))
    rows = connection.execute(_ROWS, {"content_sha256": content_sha256, "codes": wanted}).tuples()
    return Register.of(
        (
            RegisterRow(
                uscc=uscc,
                name=name,
                aliases=aliases,
                level=level,
                batch=batch,
                department_code=department_code,
                listed_on=listed_on,
                removed_on=removed_on,
            )
            for uscc, name, aliases, level, batch, department_code, listed_on, removed_on in rows
        ),
        content_sha256,
    )


_ROWS = sa.text(
    """
    select uscc, name, aliases, level, batch, department_code, listed_on, removed_on
    from listed_factory
    where content_sha256 = :content_sha256 and uscc = any(cast(:codes as text[]))
    """
)

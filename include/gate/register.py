"""The register of green factories (绿色工厂名单) as the gate asks it: which rows of a credit code count on a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from include.errors import UserFacingError
from include.reference import Policy
from include.store.register import snapshot_in_use
from include.store.tables import register_factory


class RegisterUnusable(UserFacingError):
    """There is no register that a verdict could rest on."""


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
        """Every row of a normalised credit code, in force or not."""
        return self._rows.get(uscc, ())


def load_register(connection: sa.Connection, *, today: date, policy: Policy) -> Register:
    """The newest snapshot in use as of `today`. Raises RegisterUnusable if it is missing or too old."""
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
    return register_of(connection, newest.content_sha256)


def register_of(connection: sa.Connection, content_sha256: str) -> Register:
    """The register with this content. Raises RegisterUnusable if none of its rows can be used."""
    rows = connection.execute(
        sa.select(
            register_factory.c.uscc,
            register_factory.c.name,
            register_factory.c.aliases,
            register_factory.c.level,
            register_factory.c.batch,
            register_factory.c.department_code,
            register_factory.c.listed_on,
            register_factory.c.removed_on,
        ).where((register_factory.c.content_sha256 == content_sha256) & register_factory.c.usable)
    ).mappings()
    found = [RegisterRow(**row) for row in rows]
    if not found:
        raise RegisterUnusable("绿色工厂名单为空，无法审核。", "请联系平台核实名单接口，恢复后重新读取名单。")
    return Register.of(found, content_sha256)

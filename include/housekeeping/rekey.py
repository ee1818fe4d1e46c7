"""Encrypts everything again under the newest key (更换密钥): `python -m include.housekeeping.rekey --actor … --reason …`.

Put the new key in front of the old one, restart all processes, then run this; afterwards the old key can be dropped.
Safe beside running tasks and safe to repeat: what is under the newest key already is left alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.business_time import BusinessClock
from include.base.errors import UserFacingError
from include.base.privacy import PersonalDataCipher
from include.base.settings import AUDIT_SECRET, Settings
from include.domain.roles import Role
from include.store import locks
from include.store.cipher import open_cipher
from include.store.database import acting_as, open_database
from include.store.grants import DatabaseRole
from include.store.locks import Lock
from include.store.sealed import SEALED, Sealed
from include.store.simulated_time import business_start
from include.store.tables import metadata

_BATCH = 1_000


class RekeyRefused(UserFacingError):
    """Another run is re-encrypting right now."""


@dataclass
class Rekeyed:
    """Result by table: re-encrypted rows, and rows that none of the given keys opens."""

    renewed: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether everything is under the newest key, so that the old ones can be dropped."""
        return not any(self.unreadable.values())


def rekey(engine: sa.Engine, cipher: PersonalDataCipher, *, tell: Callable[[str], None] = lambda _: None) -> Rekeyed:
    """Encrypt every ciphertext of every table under the newest key of `cipher`, batch by batch, each in its own
    transaction.

    `tell` is called with the progress. Raises RekeyRefused while another run does the same.
    """
    done = Rekeyed()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as guard:
        if not locks.try_for_session(guard, Lock.REKEY):
            raise RekeyRefused("另一次密钥更换正在进行。", "请等它结束后再运行。")
        try:
            for sealed in SEALED:
                _renew_table(engine, cipher, sealed, done, tell)
        finally:
            locks.release_session(guard)
    return done


def _renew_table(
    engine: sa.Engine, cipher: PersonalDataCipher, sealed: Sealed, done: Rekeyed, tell: Callable[[str], None]
) -> None:
    statements = _Statements.of(sealed)
    renewed = unreadable = 0
    after: Sequence[Any] | None = None
    while True:
        with engine.begin() as connection, acting_as(connection, DatabaseRole.PURGE):
            asked = {"newest": cipher.newest_header, "size": _BATCH}
            if after is not None:
                asked |= {f"after_{number}": value for number, value in enumerate(after)}
            rows = connection.execute(statements.first if after is None else statements.next, asked).all()
            if not rows:
                break
            anew = [row for row in (_anew(cipher, sealed, row) for row in rows) if row is not None]
            if anew:
                columns = list(zip(*anew, strict=True))
                given: dict[str, Any] = {f"key_{number}": list(values) for number, values in enumerate(columns[:-1])}
                connection.execute(statements.update, given | {"ciphertexts": list(columns[-1])})
        renewed += len(anew)
        unreadable += len(rows) - len(anew)
        after = rows[-1][:-1]
        tell(f"{sealed.table}：已重新加密 {renewed} 条")
    done.renewed[sealed.table], done.unreadable[sealed.table] = renewed, unreadable


def _anew(cipher: PersonalDataCipher, sealed: Sealed, row: sa.Row[Any]) -> tuple[Any, ...] | None:
    key, ciphertext = row[:-1], row[-1]
    place = sealed.place(*key)
    try:
        return (*key, cipher.encrypt(cipher.decrypt(ciphertext, place), place))
    except UserFacingError:
        return None


@dataclass(frozen=True)
class _Statements:
    """The statements that read a table's rows not under the newest key, in the order of their keys, and write them back."""

    first: sa.TextClause
    next: sa.TextClause
    update: sa.TextClause

    @classmethod
    def of(cls, sealed: Sealed) -> _Statements:
        keys = ", ".join(sealed.key)
        types = [metadata.tables[sealed.table].c[name].type.compile() for name in sealed.key]
        after = ", ".join(f":after_{number}" for number in range(len(sealed.key)))
        stale = f"""
            select {keys}, {sealed.column} from {sealed.table}
            where octet_length({sealed.column}) > 0
              and substring({sealed.column} from 1 for octet_length(cast(:newest as bytea))) <> cast(:newest as bytea)
        """
        rest = f"order by {keys} limit :size for update"
        arrays = ", ".join(f"cast(:key_{number} as {kind}[])" for number, kind in enumerate(types))
        same = " and ".join(f"stored.{name} = anew.{name}" for name in sealed.key)
        return cls(
            first=sa.text(f"{stale} {rest}"),
            next=sa.text(f"{stale} and ({keys}) > ({after}) {rest}"),
            update=sa.text(
                f"""
                update {sealed.table} stored set {sealed.column} = anew.ciphertext
                from unnest({arrays}, cast(:ciphertexts as bytea[])) anew ({keys}, ciphertext) where {same}
                """
            ),
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0: everything is under the newest key, 1: something could not be opened, 2: it could not start."""
    parser = argparse.ArgumentParser(
        prog="python -m include.housekeeping.rekey",
        description="用最新的密钥重新加密库中全部个人信息；完成后可删去旧密钥。",
    )
    parser.add_argument("--actor", required=True, help="操作人")
    parser.add_argument("--reason", required=True, help="理由，将记入审计")
    given = parser.parse_args(arguments)
    try:
        act = audit.signed(Act(actor_id=given.actor, role=Role.OPERATOR, reason=given.reason, at=datetime.now(UTC)))
        settings = Settings.from_environment()
        engine = open_database(settings)
        try:
            done = rekey(engine, open_cipher(engine, settings), tell=print)
            with engine.begin() as connection:
                now = BusinessClock.starting_at(business_start(engine, settings)).now()
                _record(connection, done, replace(act, at=now))
        finally:
            engine.dispose()
    except UserFacingError as error:
        print(error, file=sys.stderr)
        return 2
    return _report(done, audit_rests_on_it=not _has_audit_secret(settings))


def _has_audit_secret(settings: Settings) -> bool:
    fields = settings.connections.get("business_db")
    return fields is not None and bool(fields.extra.get(AUDIT_SECRET))


def _record(connection: sa.Connection, done: Rekeyed, act: Act) -> None:
    details: Mapping[str, Any] = {"renewed": done.renewed, "unreadable": done.unreadable}
    audit.record(connection, act=act, action="rekey", object_="personal_data", details=details)


def _report(done: Rekeyed, *, audit_rests_on_it: bool) -> int:
    print(f"共重新加密 {sum(done.renewed.values())} 条。")
    if done.complete and audit_rests_on_it:
        print(
            "全部数据已使用最新密钥；但没有设置 audit_secret，以往审计记录的封印仍由旧密钥核验：请把旧密钥保留在最后一位。"
        )
        return 0
    if done.complete:
        print("全部数据已使用最新密钥；确认所有服务均已重启后，可从连接 business_db 的 extra 中删去旧密钥。")
        return 0
    for table, number in done.unreadable.items():
        if number:
            print(
                f"{table}：有 {number} 条无法解密，保持原样。请补上原来的密钥后重新运行；若密钥齐全，请通知审计人员核查。"
            )
    return 1


if __name__ == "__main__":
    sys.exit(main())

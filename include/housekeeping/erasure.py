"""Erases the personal data of needs on request (个人信息删除请求, 个人信息保护法第四十七条), as the purge does at the end of the term.

`python -m include.housekeeping.erasure --need-id FN… --actor … --reason …` reports what would be erased; `--execute` erases it. Have
the filer correct or withdraw the need on the green platform first: what is still listed there is read again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.business_time import BusinessClock
from include.base.errors import InvalidRequest, UserFacingError
from include.base.privacy import PersonalDataCipher
from include.base.settings import Settings
from include.domain.identifiers import normalise_id
from include.domain.push_payload import personal_values
from include.domain.roles import Role
from include.housekeeping.purge import Purged, purge
from include.store.cipher import open_cipher
from include.store.database import acting_as, open_database
from include.store.grants import DatabaseRole
from include.store.locks import Lock, hold
from include.store.sealed import CONTACT, RAW_PAYLOAD, SET_ASIDE, Sealed
from include.store.simulated_time import business_start

_SHORTEST_CLUE = 6
"""Least length of a value by which a piece without a need is recognised as the person's; a name alone is too common."""
_NAMED = 5


class ErasureRefused(UserFacingError):
    """A need is still in process: erasing its contact now would break a push half-way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What was erased, or in a dry run would have been."""

    need_ids: Sequence[str]
    purged: Purged
    beside: int


def needs_of(connection: sa.Connection, *, need_ids: Sequence[str] = (), uscc: str | None = None) -> list[str]:
    """The requested needs, by number or by the credit code of the enterprise. Raises InvalidRequest if there are none."""
    asked = {"need_ids": list(need_ids), "uscc": normalise_id(uscc) if uscc else None}
    found = list(connection.execute(_NEEDS, asked).scalars())
    missing = sorted({*need_ids} - {*found})
    if missing or not found:
        named = f"：{'、'.join(one[:40] for one in missing[:_NAMED])}" if missing else ""
        raise InvalidRequest(f"没有找到要删除的需求{named}。", "请核对需求编号或统一社会信用代码后重试。")
    return found


def erase(
    engine: sa.Engine, cipher: PersonalDataCipher, need_ids: Sequence[str], *, act: Act, execute: bool
) -> Erasure:
    """Erase the personal data of these needs wherever it is stored; without `execute`, only report how much there is.

    One transaction, with an audit entry for each need. Erasing again finds nothing. Raises ErasureRefused if a need is
    still in process, InvalidRequest if actor or reason is missing.
    """
    act = audit.signed(act)
    with engine.connect() as connection, connection.begin() as transaction:
        hold(connection, Lock.HOUSEKEEPING)
        _refuse_unfinished(connection, need_ids)
        clues = _clues(connection, cipher, need_ids)
        with acting_as(connection, DatabaseRole.PURGE):
            beside = sum(_empty_beside(connection, cipher, sealed, source, clues) for sealed, source in _BESIDE)
            purged = purge(connection, cipher, need_ids)
        done = Erasure(need_ids=list(need_ids), purged=purged, beside=beside)
        for need_id in need_ids:
            audit.record(
                connection,
                act=act,
                action="erase_personal_data",
                object_=need_id,
                details={**asdict(purged), "beside": beside, "needs": len(need_ids)},
            )
        if not execute:
            transaction.rollback()
    return done


_NEEDS = sa.text(
    """
    select distinct need_id from need_version
    where need_id = any(cast(:need_ids as text[])) or uscc = :uscc
    order by need_id
    """
)

# --- What cannot be erased yet ---------------------------------------------------------------------------------------

_UNFINISHED = sa.text(
    """
    with live as (select need_id, revision, item_hash from live_need where need_id = any(:need_ids))
    select distinct need_id, 'push' as why from delivery
    where need_id = any(:need_ids) and action = 'push' and state in ('pending', 'unknown', 'held')
    union
    select need_id, 'hold' from quarantine where need_id = any(:need_ids) and state = 'open'
    union
    select need_id, 'gate' from live
    where not exists (select from judgement judged where judged.payload_sha256 = live.item_hash)
    union
    select need_id, 'waiting' from live
    where exists (
        select from judgement judged where judged.payload_sha256 = live.item_hash and judged.verdict = 'passed'
    ) and not exists (
        select from delivery push
        where push.need_id = live.need_id and push.revision = live.revision and push.action = 'push'
    )
    order by need_id, why
    """
)
_WHY = {
    "push": (
        "推送尚未完成",
        "请等待投递完成，或在控制台“投递”页关闭仍待处理的推送（已推送的内容由信贷市场服务平台另行删除）",
    ),
    "hold": ("仍待核实", "请先在控制台“待核实”作出决定"),
    "gate": ("尚未审核", "请等待本季度审核完成"),
    "waiting": ("审核通过、等待推送", "请先在绿色平台撤回该需求，或等待推送完成"),
}


def _refuse_unfinished(connection: sa.Connection, need_ids: Sequence[str]) -> None:
    found = connection.execute(_UNFINISHED, {"need_ids": list(need_ids)}).all()
    if not found:
        return
    named = "；".join(f"{row.need_id} {_WHY[row.why][0]}" for row in found[:_NAMED])
    more = f"等共 {len(found)} 项" if len(found) > _NAMED else ""
    steps = "；".join(dict.fromkeys(_WHY[row.why][1] for row in found))
    raise ErasureRefused(f"现在不能删除：{named}{more}。", f"{steps}，然后重新运行。")


# --- What belongs to no need, and is about the same person -----------------------------------------------------------

_BESIDE = (
    (SET_ASIDE, "set_aside"),
    (
        RAW_PAYLOAD,
        """
        raw_payload where not exists (
            select from intake_item item join need_version using (need_id) where item.raw_sha256 = raw_payload.raw_sha256
        )
        """,
    ),
)


def _clues(connection: sa.Connection, cipher: PersonalDataCipher, need_ids: Sequence[str]) -> list[bytes]:
    """Values by which a piece is recognised as about one of these needs or its contact: numbers, mobiles, addresses."""
    clues = set(need_ids)
    for row in connection.execute(_CONTACTS, {"need_ids": list(need_ids)}):
        try:
            values = personal_values(cipher.decrypt(row.ciphertext, CONTACT.place(row.need_id, row.revision)))
        except UserFacingError:
            continue
        clues |= {value.strip() for value in values if len(value.strip()) >= _SHORTEST_CLUE and value.isascii()}
    return sorted(clue.encode() for clue in clues)


def _empty_beside(
    connection: sa.Connection, cipher: PersonalDataCipher, sealed: Sealed, source: str, clues: Sequence[bytes]
) -> int:
    keys = ", ".join(sealed.key)
    rows = connection.execute(
        sa.text(
            f"select * from (select {keys}, {sealed.column} from {source}) kept where octet_length({sealed.column}) > 0"
        )
    )
    found = [dict(zip(sealed.key, key, strict=True)) for key in _about(cipher, sealed, rows, clues)]
    if found:
        where = " and ".join(f"{name} = :{name}" for name in sealed.key)
        connection.execute(sa.text(f"update {sealed.table} set {sealed.column} = '' where {where}"), found)
    return len(found)


def _about(
    cipher: PersonalDataCipher, sealed: Sealed, rows: sa.CursorResult[Any], clues: Sequence[bytes]
) -> Iterator[Sequence[Any]]:
    for row in rows:
        key = row[:-1]
        try:
            raw = cipher.decrypt(row[-1], sealed.place(*key))
        except UserFacingError:
            continue
        if any(clue in raw for clue in clues):
            yield key


_CONTACTS = sa.text("select need_id, revision, ciphertext from contact where need_id = any(:need_ids)")

# --- The command -----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0: erased, or reported; 2: refused."""
    parser = argparse.ArgumentParser(
        prog="python -m include.housekeeping.erasure",
        description="应个人请求删除需求中的个人信息（个人信息保护法第四十七条）。默认只演练，不作改动。",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--need-id", action="append", default=[], metavar="FN…", help="需求编号，可多次给出")
    which.add_argument("--uscc", help="企业的统一社会信用代码：该企业的全部需求")
    parser.add_argument("--actor", required=True, help="操作人")
    parser.add_argument("--reason", required=True, help="理由，将记入审计；请勿填写联系人信息")
    parser.add_argument("--execute", action="store_true", help="真正删除；不加则只演练")
    given = parser.parse_args(arguments)
    try:
        settings = Settings.from_environment()
        engine = open_database(settings)
        try:
            with engine.connect() as connection:
                need_ids = needs_of(connection, need_ids=given.need_id, uscc=given.uscc)
            done = erase(
                engine,
                open_cipher(engine, settings),
                need_ids,
                act=Act(
                    actor_id=given.actor,
                    role=Role.OPERATOR,
                    reason=given.reason,
                    at=BusinessClock.starting_at(business_start(engine, settings)).now(),
                ),
                execute=given.execute,
            )
        finally:
            engine.dispose()
    except UserFacingError as error:
        print(error, file=sys.stderr)
        return 2
    counts = done.purged
    print(
        f"需求 {len(need_ids)} 项：联系人 {counts.contacts} 条，原始报文 {counts.payloads} 份，"
        f"文字 {counts.texts} 处，其他留存 {done.beside} 份。"
    )
    print("已删除，并已记入审计。" if given.execute else "以上为演练，未作改动；确认无误后加 --execute 运行。")
    return 0


if __name__ == "__main__":
    sys.exit(main())

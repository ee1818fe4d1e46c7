"""The chain of audit entries: adding and sealing an entry, verifying the whole chain."""

from __future__ import annotations

import hashlib
import hmac
import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

import sqlalchemy as sa

from include.base.act import Act
from include.base.errors import ConfigurationError, InvalidRequest
from include.store.database import audit_keys
from include.store.locks import Lock, hold
from include.store.tables import audit_entry

GENESIS = "0" * 64
LEAST_REASON = 4
"""Characters; a shorter reason for a manual act says nothing."""
LONGEST_REASON = 500
"""Characters; people will not read more."""
ACCEPTED = "accept_audit_history"
_ROWS_AT_ONCE = 5_000


# --- Adding ----------------------------------------------------------------------------------------------------------


def record(
    connection: sa.Connection, *, act: Act, action: str, object_: str, details: Mapping[str, Any] | None = None
) -> None:
    """Append an entry in the caller's transaction, so that act and entry are committed together.

    Never put personal data into `details`. Raises ConfigurationError if the connection's engine has no key.
    """
    keys = audit_keys(connection)
    if not keys:
        raise ConfigurationError(
            "没有可用的审计封印密钥，不能记入审计。",
            "请在连接 business_db 的 extra 中设置 audit_secret 后重试。",
        )
    hold(connection, Lock.AUDIT_CHAIN)
    last = head(connection)
    entry = {
        "entry_id": last.count + 1,
        "at": act.at,
        "actor": act.actor_id,
        "role": act.role,
        "action": action,
        "object": object_,
        "reason": act.reason,
        "details": json.dumps(details or {}, ensure_ascii=False, sort_keys=True),
        "previous_hash": last.hash,
        "key_id": key_id(keys[0]),
    }
    connection.execute(audit_entry.insert().values(**entry, entry_hash=_seal(entry, keys[0])))


def signed(act: Act) -> Act:
    """The act with actor and reason on one line each, as events and entries store them.

    Raises InvalidRequest without a name, or if the reason is shorter than LEAST_REASON, longer than LONGEST_REASON, or
    holds invisible characters (control, format and bidi characters, lone surrogates): a reader of the entry must see
    what was written.
    """
    actor, reason = " ".join(act.actor_id.split()), " ".join(act.reason.split())
    if not actor:
        raise InvalidRequest("没有写明由谁处理。", "请登录后以本人名义重新提交。")
    if len(reason) < LEAST_REASON:
        raise InvalidRequest(
            f"理由不足{LEAST_REASON}个字。", "请写明核实情况后重新提交，理由将记入审计；请勿填写联系人信息。"
        )
    if len(reason) > LONGEST_REASON:
        raise InvalidRequest(f"理由有{len(reason)}个字，超过{LONGEST_REASON}个字。", "请精简后重新提交。")
    if any(unicodedata.category(one) in ("Cc", "Cf", "Cs") for one in actor + reason):
        raise InvalidRequest(
            "理由中有看不见的字符（控制字符或改变文字方向的字符）。",
            "请删去后重新提交；从其他软件粘贴的，请改为手工输入。",
        )
    return replace(act, actor_id=actor, reason=reason)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: its number of entries, and the hash of the last one."""

    count: int
    hash: str

    def __str__(self) -> str:
        return f"{self.count}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse "123:hash", the form in mails and files. Raises InvalidRequest for anything else."""
        count, _, digest = text.strip().partition(":")
        if not (
            count.isascii()
            and count.isdigit()
            and len(count) < 19
            and len(digest) == 64
            and set(digest) <= _HEXADECIMAL
        ):
            raise InvalidRequest(
                f"“{text[:80]}”不是审计首部。", "请照邮件或文件中的原样填写，形式为“条数:64位十六进制”。"
            )
        return cls(int(count), digest)


_HEXADECIMAL = frozenset("0123456789abcdef")


def head(connection: sa.Connection) -> Head:
    """The head of the stored chain; for an empty chain 0 and GENESIS."""
    last = connection.execute(
        sa.select(audit_entry.c.entry_id, audit_entry.c.entry_hash).order_by(audit_entry.c.entry_id.desc()).limit(1)
    ).one_or_none()
    return Head(last.entry_id, last.entry_hash) if last else Head(0, GENESIS)


# --- Walking ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """The place where the chain breaks."""

    entry_id: int
    problem: str


def verify(connection: sa.Connection, heads: Iterable[Head] = ()) -> ChainBreak | None:
    """Verify the whole chain with the engine's keys; returns the first entry that was edited, removed, moved or sealed
    by others.

    `heads`: handed out before; each must still be in its place. A lost tail, and entries from before there was a key,
    pass only if a person accepted them (`accept`).
    """
    walk = _Walk(connection, heads)
    return walk.broken or walk.unaccepted()


def accept(connection: sa.Connection, *, act: Act, heads: Iterable[Head] = ()) -> tuple[Head, ...]:
    """Accept what cannot be verified: entries from before there was a key, and `heads` of a tail that a restored backup
    lacks.

    The acceptance is an entry, sealed like any other. Returns the accepted heads; empty, with no entry, if there is
    nothing to accept. Raises InvalidRequest as `signed` does, or if an entry itself is broken: that is never accepted.
    """
    act = signed(act)
    hold(connection, Lock.AUDIT_CHAIN)
    walk = _Walk(connection, heads)
    if walk.broken:
        raise InvalidRequest(
            f"审计链从第{walk.broken.entry_id}条记录起不再连续：{walk.broken.problem}。",
            "这不能确认接受，请通知审计人员核查。",
        )
    found = walk.vouched_by_nothing()
    if found:
        details = {"heads": list(map(str, found))}
        record(connection, act=act, action=ACCEPTED, object_="audit", details=details)
    return found


class _Walk:
    """A walk through the chain, from its first entry to its end or to the first break (`broken`)."""

    def __init__(self, connection: sa.Connection, heads: Iterable[Head]) -> None:
        self._keys = {key_id(key): key for key in audit_keys(connection)}
        self._expected: defaultdict[int, set[str]] = defaultdict(set)
        for one in heads:
            self._expected[one.count].add(one.hash)
        self._last = self._unsealed = Head(0, GENESIS)
        self._accepted: set[str] = set()
        self._replaced: list[Head] = []
        self.broken: ChainBreak | None = None
        self._compare_with_heads()
        statement = sa.select(audit_entry).order_by(audit_entry.c.entry_id)
        for row in connection.execute(statement, execution_options={"yield_per": _ROWS_AT_ONCE}).mappings():
            problem = self._problem(row)
            if problem is not None:
                self.broken = ChainBreak(self._last.count + 1, problem)
                return
            self._last = Head(row["entry_id"], row["entry_hash"])
            if row["key_id"] is None:
                self._unsealed = self._last
            elif row["action"] == ACCEPTED:
                self._accepted.update(json.loads(row["details"])["heads"])
            self._compare_with_heads()

    def unaccepted(self) -> ChainBreak | None:
        """The first thing that cannot be verified and that nobody accepted."""
        for one in self.vouched_by_nothing():
            if one == self._unsealed:
                return ChainBreak(1, f"前{one.count}条记录没有密钥封印，也没有人确认接受")
            if one.count <= self._last.count:
                return ChainBreak(one.count, "记录与库外留存的首部不符，已被替换")
            return ChainBreak(
                self._last.count + 1, f"库外留存的首部为{one.count}条，库中只有{self._last.count}条，尾部缺失"
            )
        return None

    def vouched_by_nothing(self) -> tuple[Head, ...]:
        """The end of the entries without a key, and the heads that are not in the chain, unless somebody accepted them."""
        unsealed = [self._unsealed] if self._unsealed.count else []
        cut = [
            Head(count, hash_)
            for count, hashes in self._expected.items()
            if count > self._last.count
            for hash_ in hashes
        ]
        found = (one for one in unsealed + self._replaced + cut if str(one) not in self._accepted)
        return tuple(sorted(found, key=lambda one: (one != self._unsealed, one.count)))

    def _problem(self, row: sa.RowMapping) -> str | None:
        entry = {name: value for name, value in row.items() if name != "entry_hash"}
        if entry["entry_id"] != self._last.count + 1:
            return "缺少记录"
        named = entry["key_id"]
        if named is None and self._unsealed != self._last:
            return "记录没有密钥封印"
        if named is not None and named not in self._keys:
            return f"封印密钥 {named} 不在已配置的密钥之内"
        seal = _unkeyed(entry) if named is None else _seal(entry, self._keys[named])
        if entry["previous_hash"] != self._last.hash or not hmac.compare_digest(row["entry_hash"], seal):
            return "记录被改动"
        return None

    def _compare_with_heads(self) -> None:
        hashes = self._expected.get(self._last.count, set())
        self._replaced += [Head(self._last.count, hash_) for hash_ in hashes - {self._last.hash}]


# --- Sealing ---------------------------------------------------------------------------------------------------------


def key_id(key: str) -> str:
    """The id of a key in entries; it reveals nothing of the key."""
    return hashlib.sha256(b"audit key id\0" + key.encode()).hexdigest()[:12]


def _seal(entry: Mapping[str, Any], key: str) -> str:
    return hmac.new(key.encode(), _canonical(entry), hashlib.sha256).hexdigest()


def _unkeyed(entry: Mapping[str, Any]) -> str:
    """The hash of entries from before there was a key."""
    return hashlib.sha256(_canonical({name: value for name, value in entry.items() if name != "key_id"})).hexdigest()


def _canonical(entry: Mapping[str, Any]) -> bytes:
    at: datetime = entry["at"]
    return json.dumps({**entry, "at": at.astimezone(UTC).isoformat()}, ensure_ascii=False, sort_keys=True).encode()

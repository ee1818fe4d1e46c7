"""The audit trail (审计): who did what, when, why. Append-only and hash-chained.

Each entry seals the one before, so that an edit, a deletion or a reordering is found by `verify`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from include.errors import InvalidRequest
from include.store.tables import audit_entry

GENESIS = "0" * 64
LEAST_REASON = 4
"""Characters: a shorter reason for a manual act says nothing."""
_CHAIN_LOCK = 4902026


def record(
    connection: sa.Connection,
    *,
    actor: str,
    role: str,
    action: str,
    object_: str,
    reason: str,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Append an entry in the caller's transaction, so that an act and its entry stand or fall together.

    Never put personal data into `details`.
    """
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CHAIN_LOCK)))
    last = connection.execute(
        sa.select(audit_entry.c.entry_id, audit_entry.c.entry_hash).order_by(audit_entry.c.entry_id.desc()).limit(1)
    ).one_or_none()
    entry = {
        "entry_id": last.entry_id + 1 if last else 1,
        "at": now,
        "actor": actor,
        "role": role,
        "action": action,
        "object": object_,
        "reason": reason,
        "details": json.dumps(details or {}, ensure_ascii=False, sort_keys=True),
        "previous_hash": last.entry_hash if last else GENESIS,
    }
    connection.execute(audit_entry.insert().values(**entry, entry_hash=_seal(entry)))


def signed(actor: str, reason: str) -> tuple[str, str]:
    """Who acts and why, on one line each, as events and entries keep them.

    Raises InvalidRequest without a name, or if the reason is shorter than LEAST_REASON: a manual act has both.
    """
    actor, reason = " ".join(actor.split()), " ".join(reason.split())
    if not actor:
        raise InvalidRequest("没有写明由谁处理。", "请登录后以本人名义重新提交。")
    if len(reason) < LEAST_REASON:
        raise InvalidRequest(
            f"理由不足{LEAST_REASON}个字。", "请写明核实情况后重新提交，理由将记入审计；请勿填写联系人信息。"
        )
    return actor, reason


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """Where the chain no longer holds."""

    entry_id: int
    problem: str


def verify(connection: sa.Connection) -> ChainBreak | None:
    """Walk the whole chain; the first entry that was edited, removed or moved, or None."""
    previous_hash = GENESIS
    expected_id = 1
    for row in connection.execute(sa.select(audit_entry).order_by(audit_entry.c.entry_id)).mappings():
        entry = dict(row)
        entry_hash = entry.pop("entry_hash")
        if entry["entry_id"] != expected_id:
            return ChainBreak(expected_id, "缺少记录")
        if entry["previous_hash"] != previous_hash or entry_hash != _seal(entry):
            return ChainBreak(expected_id, "记录被改动")
        previous_hash = entry_hash
        expected_id += 1
    return None


def _seal(entry: Mapping[str, Any]) -> str:
    at: datetime = entry["at"]
    fields = {**entry, "at": at.astimezone(UTC).isoformat()}
    return hashlib.sha256(json.dumps(fields, ensure_ascii=False, sort_keys=True).encode()).hexdigest()

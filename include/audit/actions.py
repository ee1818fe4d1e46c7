"""Names of audited acts that belong to no stage of the loop, and an entry for looks and exports."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from include.audit.chain import record


class Action(StrEnum):
    """What somebody did, or what was found to have changed."""

    POLICY_CHANGED = "policy_changed"
    RULES_CHANGED = "rules_changed"
    KEYS_CHANGED = "keys_changed"
    EXPORTED = "export"
    TRIED_OUT = "what_if"
    LOOKED = "look_at_personal_data"
    REJUDGED = "rejudge"
    DRY_RUN = "dry_run"


def note_use(
    connection: sa.Connection,
    action: Action,
    *,
    actor: str,
    role: str,
    object_: str,
    reason: str = "",
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Record that somebody exported, tried or looked at `object_`; `details` says which parts, never their values."""
    record(
        connection,
        actor=actor,
        role=role,
        action=action,
        object_=object_,
        reason=reason or _REASONS[action],
        now=now,
        details=details,
    )


_REASONS: Mapping[Action, str] = {
    Action.EXPORTED: "导出",
    Action.TRIED_OUT: "升级试算",
    Action.LOOKED: "查看个人信息",
    Action.REJUDGED: "重新审核",
    Action.DRY_RUN: "试运行，不产生结论",
}

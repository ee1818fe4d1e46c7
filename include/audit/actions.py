"""Names of audited acts that belong to no stage of the loop, and an entry for looks and exports."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from include.audit.chain import record
from include.base.act import Act


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
    connection: sa.Connection, action: Action, *, act: Act, object_: str, details: Mapping[str, Any] | None = None
) -> None:
    """Record that somebody exported, tried or looked at `object_`; `details` says which parts, never their values."""
    record(connection, act=act.because(act.reason or _REASONS[action]), action=action, object_=object_, details=details)


_REASONS: Mapping[Action, str] = {
    Action.EXPORTED: "导出",
    Action.TRIED_OUT: "升级试算",
    Action.LOOKED: "查看个人信息",
    Action.REJUDGED: "重新审核",
    Action.DRY_RUN: "试运行，不产生结论",
}

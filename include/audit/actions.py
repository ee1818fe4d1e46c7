"""The names under which acts stand in the audit trail, and an entry for what changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from include.audit.chain import record
from include.base.act import Act
from include.domain.audited import Action
from include.words.acts import ACTS


def note_use(
    connection: sa.Connection, action: Action, *, act: Act, object_: str, details: Mapping[str, Any] | None = None
) -> None:
    """Record that somebody exported, tried or looked at `object_`; `details` says which parts, never their values."""
    record(connection, act=act.because(act.reason or ACTS[action]), action=action, object_=object_, details=details)

"""Changes of what all verdicts and deadlines depend on: policy, rule set and keys, recorded when first seen."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa

from include.audit.chain import key_id, record
from include.base.act import Act
from include.base.settings import Settings
from include.domain.audited import Action
from include.reference import Policy
from include.store.locks import Lock, hold
from include.store.tables import audit_entry
from include.words.acts import ACTS

_WHAT = {Action.POLICY_CHANGED: "policy", Action.RULES_CHANGED: "ruleset", Action.KEYS_CHANGED: "keys"}


def note_configuration(
    engine: sa.Engine, settings: Settings, policy: Policy, ruleset_version: str, *, act: Act
) -> tuple[Action, ...]:
    """Add an entry, with old and new value, for each of policy, rule set and keys that this database has not seen.

    Keys appear by their ids, which reveal nothing of them. Returns what had changed.
    """
    found: dict[Action, Any] = {
        Action.POLICY_CHANGED: policy_sha256(policy),
        Action.RULES_CHANGED: ruleset_version,
        Action.KEYS_CHANGED: {
            "audit": [key_id(key) for key in settings.audit_keys],
            "personal_data": [key_id(key) for key in settings.personal_data_keys],
            "action_link": [key_id(key.decode()) for key in settings.action_link_keys],
        },
    }
    with engine.begin() as connection:
        hold(connection, Lock.CONFIGURATION)
        changed = {
            action: (before, value) for action, value in found.items() if (before := _last(connection, action)) != value
        }
        for action, (before, value) in changed.items():
            record(
                connection,
                act=act.because(f"{ACTS[action]}：与上次运行时不同" if before is not None else "首次记录"),
                action=action,
                object_=_WHAT[action],
                details={"old": before, "new": value},
            )
    return tuple(changed)


def policy_sha256(policy: Policy) -> str:
    """Hash of every value of the policy, the departments' own included."""
    own = {code: dict(values) for code, values in policy.of_departments.items()}
    written = json.dumps([dict(policy.values), own], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()


def _last(connection: sa.Connection, action: Action) -> Any:
    details = connection.execute(
        sa.select(audit_entry.c.details)
        .where(audit_entry.c.action == action)
        .order_by(audit_entry.c.entry_id.desc())
        .limit(1)
    ).scalar()
    return None if details is None else json.loads(details)["new"]

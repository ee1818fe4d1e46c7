"""The names under which acts stand in the audit trail (审计); their Chinese names are in include/words/acts.py."""

from __future__ import annotations

from enum import StrEnum, auto


class Action(StrEnum):
    """What somebody did, or what was found to have changed."""

    ACCEPT_AUDIT_HISTORY = auto()
    ACKNOWLEDGE_BREACH = auto()
    AGREE_ALERT_CLEARED = auto()
    AGREE_ALERT_CONFIRMED = auto()
    ALERT_CLEARED = auto()
    ALERT_CONFIRMED = auto()
    APPROVE_EXTENSION = auto()
    APPROVE_HOLD_RELEASE = auto()
    CANCEL_RERUN = auto()
    CLOSE_DELIVERIES = auto()
    CLOSE_INTAKE = auto()
    CONFIRM_HOLD = auto()
    CONFIRM_WITHDRAWAL = auto()
    DEPARTMENT_STOP_CONTINUED = auto()
    DEPARTMENT_STOP_KEPT = auto()
    DROP_REGISTER_SNAPSHOTS = auto()
    DRY_RUN = auto()
    ERASE_PERSONAL_DATA = auto()
    EXPORT_LIST = auto()
    GRANT = auto()
    KEYS_CHANGED = auto()
    OBSTRUCTION_ACKNOWLEDGED = auto()
    OBSTRUCTION_IN_PROGRESS = auto()
    OBSTRUCTION_RESOLVED = auto()
    OBSTRUCTION_UNRESOLVABLE = auto()
    POLICY_CHANGED = auto()
    PUBLISH_CIRCULAR = auto()
    PURGE_PERSONAL_DATA = auto()
    REFUSE_EXTENSION = auto()
    REGISTER_ACCEPTED = auto()
    REJUDGE = auto()
    REJECT_WITHDRAWAL = auto()
    REKEY = auto()
    RELEASE_HOLD = auto()
    REQUEST_EXTENSION = auto()
    REQUEST_WITHDRAWAL = auto()
    RERUN_DELIVERIES = auto()
    RULES_CHANGED = auto()
    SIGN_OFF_PUSHES = auto()
    TAKE_BACK_WITHDRAWAL = auto()
    TRY_ESCALATION = auto()
    VIEW_PERSONAL_DATA = auto()
    WITHDRAW_NEEDS = auto()

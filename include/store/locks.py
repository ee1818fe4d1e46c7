"""Every advisory lock of the business database. In pg_locks, `classid` is the lock and `objid` the hash of its subject.

Two subjects with the same hash only wait for each other unnecessarily.
"""

from __future__ import annotations

from enum import IntEnum, unique

import sqlalchemy as sa


@unique
class Lock(IntEnum):
    """What only one transaction, or one session, does at a time; in brackets what there is a lock for each of."""

    MIGRATION = 4902001
    AUDIT_CHAIN = 4902002
    AUDIT_HEADS = 4902003
    CONFIGURATION = 4902004
    REGISTER = 4902005
    REGISTER_WATCH = 4902006
    GATE = 4902008  # [department]
    SIGN_OFF = 4902009  # [quarter]
    MATCHING = 4902010
    MATCHING_PART = 4902021  # [part]; beside a share of MATCHING
    FEEDBACK = 4902022
    OBSTRUCTIONS = 4902011
    ESCALATION = 4902012
    WHAT_IF = 4902013  # [person]
    RECONCILIATION = 4902014  # [quarter]
    PAGE = 4902015  # [kind and quarter]
    RERUN = 4902016  # [request]
    HOUSEKEEPING = 4902017
    REKEY = 4902018  # of a session
    WORKER_PRESENT = 4902019  # [worker], of a session
    WITHDRAWAL = 4902041  # [need]
    WORKER_SLOT = 4902020  # [channel and number], of a session


def hold(connection: sa.Connection, lock: Lock, of: str = "") -> None:
    """Wait for the lock, and hold it until the transaction ends."""
    connection.execute(sa.text(f"select {holding(lock, ':of')}"), {"of": of})


def try_hold(connection: sa.Connection, lock: Lock, of: str = "") -> bool:
    """Take the lock until the transaction ends, unless somebody else holds it; returns whether it is held."""
    held: bool = connection.execute(
        sa.text("select pg_try_advisory_xact_lock(:lock, hashtext(:of))"), {"lock": lock.value, "of": of}
    ).scalar_one()
    return held


def try_for_session(connection: sa.Connection, lock: Lock, of: str = "") -> bool:
    """Take the lock until the session ends or releases it, unless somebody else holds it; returns whether it is held."""
    held: bool = connection.execute(
        sa.text("select pg_try_advisory_lock(:lock, hashtext(:of))"), {"lock": lock.value, "of": of}
    ).scalar_one()
    return held


def release_session(connection: sa.Connection) -> None:
    """Release all locks of the session; those of its transaction stay."""
    connection.execute(sa.text("select pg_advisory_unlock_all()"))


def holding(lock: Lock, of: str = "''") -> str:
    """SQL: an expression that does as `hold`; `of` is an SQL text."""
    return f"pg_advisory_xact_lock({lock.value}, hashtext({of}))"


def sharing(lock: Lock) -> str:
    """SQL: hold a share of the lock until the transaction ends. Shares go together; `hold` waits for all of them."""
    return f"pg_advisory_xact_lock_shared({lock.value}, hashtext(''))"

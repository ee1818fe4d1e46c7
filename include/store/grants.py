"""Who may do what in the business database: its roles, and their rights on each table. Explained in
docs/database-roles.md.

Applied whenever the schema changes, from this one table. A table without an entry fails a test, and only its owner may
use it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import StrEnum

import psycopg
import sqlalchemy as sa

from include.base.errors import ConfigurationError
from include.store.confinement import WITHIN
from include.store.sealed import SEALED
from include.store.tables.base import history_of, metadata


class DatabaseRole(StrEnum):
    """The role of a session; roles have no login, logins are their members."""

    OWNER = "gff_owner"
    """Owns everything, for migrations alone."""
    PIPELINE = "gff_pipeline"
    """The tasks: adds to history, keeps state."""
    CONSOLE = "gff_console"
    """The console: reads what is not sealed, and writes what its acts write."""
    WITHIN = WITHIN
    """Users of the console who are confined to departments (include/store/confinement.py): like CONSOLE, with fewer rows."""
    PURGE = "gff_purge"
    """Empties and deletes personal data after its retention, drops old registers, re-encrypts under a new key."""
    AUDITOR = "gff_auditor"
    """Reads the audit trail and records acceptances."""


RUNNING = tuple(role for role in DatabaseRole if role is not DatabaseRole.OWNER)
"""The roles of everything that runs: none owns anything."""

# r: select, a: insert, w: update, d: delete, as PostgreSQL abbreviates them; of pipeline, console, purge and auditor.
# On history, w only for columns that may change later; without a letter in his column, the auditor has no right.
_RIGHTS: Mapping[str, tuple[str, str, str, str]] = {
    # Intake
    "intake": ("ra", "r", "r", ""),
    "listing": ("ra", "r", "r", ""),
    "listing_cursor": ("raw", "r", "", ""),
    "intake_item": ("ra", "r", "r", ""),
    "manifest_entry": ("ra", "r", "r", ""),
    "raw_payload": ("ra", "r", "rw", ""),
    "need_version": ("ra", "r", "rw", ""),
    "contact": ("ra", "r", "rwd", ""),
    "amendment": ("ra", "r", "rw", ""),
    "need_fingerprint": ("ra", "r", "rw", ""),
    "withdrawal_notice": ("ra", "ra", "r", ""),
    "withdrawal_request": ("ra", "ra", "r", "r"),
    "withdrawal_decision": ("ra", "ra", "r", "r"),
    "waiting_withdrawal": ("r", "r", "", "r"),
    "set_aside": ("raw", "r", "rw", ""),
    "newest_need": ("r", "r", "r", ""),
    "live_need": ("r", "r", "r", ""),
    "need_state": ("r", "r", "r", ""),
    "need_stage": ("r", "r", "r", ""),
    "listed_factory": ("r", "r", "", ""),
    "effective_outcome": ("r", "r", "r", ""),
    "holding_alert": ("r", "r", "", ""),
    "sound_case": ("r", "r", "", ""),
    # Register, coordinators
    "register_snapshot": ("raw", "rw", "rd", ""),
    "register_factory": ("ra", "r", "rd", ""),
    "register_finding": ("ra", "r", "", ""),
    "coordinator": ("rawd", "r", "r", ""),
    # Gate
    "judgement": ("ra", "r", "r", ""),
    "finding": ("ra", "r", "r", ""),
    "batch_finding": ("ra", "r", "", ""),
    "newest_batch_finding": ("r", "r", "", ""),
    "quarantine": ("raw", "rw", "r", ""),
    "quarantine_finding": ("ra", "r", "r", ""),
    "quarantine_event": ("ra", "ra", "r", ""),
    "deferred_need": ("ra", "ra", "r", ""),
    "department_stop": ("raw", "rw", "r", ""),
    "department_close": ("ra", "r", "r", ""),
    "dry_run_judgement": ("rad", "r", "", ""),
    "push_wait": ("ra", "ra", "r", ""),
    "push_signature": ("ra", "ra", "", "r"),
    "signed_push": ("ra", "ra", "", "r"),
    "push_unsigned": ("r", "r", "", ""),
    "hold_approval": ("r", "r", "", "r"),
    # Alerts
    "alert": ("raw", "raw", "r", ""),
    "alert_event": ("ra", "ra", "r", ""),
    "alert_ground": ("rad", "rad", "", ""),
    "alert_agreement": ("r", "r", "", "r"),
    # Outbox
    "delivery": ("raw", "raw", "rw", "r"),
    "delivery_attempt": ("ra", "ra", "rw", "r"),
    "delivered_push": ("rw", "rw", "r", "r"),
    "open_return": ("r", "r", "", ""),
    "stopped_department": ("r", "r", "", ""),
    "moved_need": ("r", "r", "", ""),
    "pushable_need": ("r", "r", "", ""),
    "unclosed_need": ("r", "r", "", ""),
    "signable_push": ("r", "r", "", ""),
    "channel_state": ("raw", "raw", "", ""),
    "rerun_job": ("raw", "raw", "", ""),
    "rerun_item": ("ra", "ra", "", ""),
    # Feedback and cases
    "feedback_event": ("ra", "r", "rw", ""),
    "feedback_moment": ("ra", "ra", "r", ""),
    "arrived_push": ("r", "r", "r", ""),
    "counted_feedback": ("r", "r", "r", ""),
    "feedback_cursor": ("ra", "r", "", ""),
    "event_finding": ("ra", "ra", "r", ""),
    "waiting_feedback": ("rad", "rad", "r", ""),
    "matching_case": ("rawd", "rawd", "r", ""),
    "case_clock": ("rawd", "rawd", "r", ""),
    "case_policy": ("ra", "ra", "", ""),
    "policy_snapshot": ("ra", "ra", "", "r"),
    "due_date_change": ("ra", "ra", "", ""),
    "deadline_extension": ("ra", "ra", "r", ""),
    "deadline_extension_decision": ("ra", "ra", "", ""),
    # Coordination
    "obstruction_ticket": ("raw", "rw", "r", ""),
    "obstruction_event": ("ra", "ra", "rw", ""),
    "coordinator_act": ("r", "ra", "rw", ""),
    "escalation_round": ("raw", "r", "", ""),
    "escalation_step": ("ra", "r", "", ""),
    "escalation_waiting": ("rawd", "r", "", ""),
    "escalation_acknowledgement": ("ra", "ra", "rw", ""),
    # Records
    "reconciliation_finding": ("raw", "r", "r", ""),
    "report": ("ra", "ra", "", "r"),
    "audit_entry": ("ra", "ra", "ra", "ra"),
    # People, secrets, time
    "person": ("raw", "raw", "r", "r"),
    "console_grant": ("r", "rawd", "", "r"),
    "stored_secret": ("ra", "", "rw", ""),
    "simulated_time": ("raw", "r", "r", "r"),
    "last_run": ("raw", "r", "", ""),
    "alembic_version": ("r", "r", "r", "r"),
}
_OWNERS_ALONE = ("raw_payload", "console_grant", "stored_secret")
"""Tables closed to confined users."""
_WORDS = {"r": "select", "a": "insert", "w": "update", "d": "delete"}


def rights(table: str, role: DatabaseRole) -> str:
    """What `role` may do with `table`, as PostgreSQL's letters."""
    pipeline, console, purge, auditor = _RIGHTS.get(table, ("", "", "", ""))
    within = "" if table in _OWNERS_ALONE else console
    return {
        DatabaseRole.OWNER: "rawd",
        DatabaseRole.PIPELINE: pipeline,
        DatabaseRole.CONSOLE: console,
        DatabaseRole.WITHIN: within,
        DatabaseRole.PURGE: purge,
        DatabaseRole.AUDITOR: auditor,
    }[role]


def known_tables() -> frozenset[str]:
    """The tables and views that the roles have rights on."""
    return frozenset(_RIGHTS)


def grants() -> Iterator[str]:
    """The statements that give the roles their rights, and revoke all others."""
    tables = sorted(_RIGHTS)
    to_all = ", ".join(RUNNING)
    yield f"grant usage on schema public to {to_all}"
    yield f"revoke all on {', '.join(tables)} from public, {to_all}"
    for role in RUNNING:
        alike: defaultdict[str, list[str]] = defaultdict(list)
        for table in tables:
            for letter in rights(table, role):
                alike[f"{_WORDS[letter]}{_columns(table, letter, role)}"].append(table)
        for right, on in alike.items():
            yield f"grant {right} on {', '.join(on)} to {role}"
    yield "revoke all on function analyze_fingerprints() from public"
    yield f"grant execute on function analyze_fingerprints() to {DatabaseRole.PIPELINE}"


def _columns(table: str, letter: str, role: DatabaseRole) -> str:
    """The columns that a right is limited to, in brackets; empty: no limit.

    The console does not read ciphertexts, and of history only the columns that may change can be updated.
    """
    if letter == "r" and role in (DatabaseRole.CONSOLE, DatabaseRole.WITHIN):
        sealed = {place.column for place in SEALED if place.table == table}
        if sealed:
            return _listed(column.name for column in metadata.tables[table].columns if column.name not in sealed)
    if letter == "w" and table in metadata.tables and (history := history_of(metadata.tables[table])) is not None:
        return _listed((*history.sealed, *history.purged, *history.once))
    return ""


def _listed(columns: Iterator[str] | tuple[str, ...]) -> str:
    return f" ({', '.join(columns)})"


# --- Applying --------------------------------------------------------------------------------------------------------


class RolesMissing(ConfigurationError):
    """The server lacks a role, or the login is not a member of it."""


def ensure_roles(connection: sa.Connection) -> None:
    """Create roles that the server lacks, and make the login a member.

    Raises RolesMissing if a role is missing or the login cannot act as the owner; other roles may belong to other
    logins.
    """
    login = connection.execute(sa.text("select quote_ident(session_user)")).scalar_one()
    for role in DatabaseRole:
        kind = _KINDS.get(role, "nologin")
        if not connection.execute(_IS_THERE, {"role": role}).scalar_one() and not _done(
            connection, _CREATE.format(role=role, kind=kind)
        ):
            raise RolesMissing(
                f"业务数据库缺少角色 {role}，登录用户 {login} 无权创建。",
                f"请由数据库管理员执行：create role {role} {kind}（说明见 docs/database-roles.md），然后重试。",
            )
        if (
            role in _KINDS
            and not connection.execute(_BYPASSES, {"role": role}).scalar_one()
            and not _done(connection, f"alter role {role} bypassrls")
        ):
            raise RolesMissing(
                f"数据库角色 {role} 缺少属性 bypassrls，登录用户 {login} 无权设置。",
                f"请由数据库管理员执行：alter role {role} bypassrls（说明见 docs/database-roles.md），然后重试。",
            )
        member = is_member(connection, role) or _done(connection, f"grant {role} to {login}")
        if role is DatabaseRole.OWNER and not member:
            raise RolesMissing(
                f"业务数据库需要升级，登录用户 {login} 不是所有者角色 {role} 的成员。",
                "请用数据库所有者的账号运行 python -m include.store.migrate（说明见 docs/database-roles.md），然后重试。",
            )


def is_member(connection: sa.Connection, role: DatabaseRole) -> bool:
    """Whether the login of `connection` may act as `role`, which exists."""
    found: bool = connection.execute(_IS_MEMBER, {"role": role}).scalar_one()
    return found


def apply(connection: sa.Connection) -> None:
    """Make the owner own everything, and give the roles exactly their rights."""
    database = connection.execute(sa.text("select quote_ident(current_database())")).scalar_one()
    everybody = ", ".join(DatabaseRole)
    connection.execute(sa.text(f"grant usage, create on schema public to {DatabaseRole.OWNER}"))
    connection.execute(sa.text(f"grant connect, temporary on database {database} to {everybody}"))
    for statement in connection.execute(_HAND_OVER, {"ours": sorted(_RIGHTS), "owner": DatabaseRole.OWNER}).scalars():
        connection.execute(sa.text(statement))
    for statement in grants():
        connection.execute(sa.text(statement))


def _done(connection: sa.Connection, statement: str) -> bool:
    """Execute a statement if the login may."""
    try:
        with connection.begin_nested():
            connection.execute(sa.text(statement))
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
        return False
    return True


# Row security is for confined users only, and COPY, by which bulk rows are loaded, refuses tables that filter.
_KINDS: Mapping[DatabaseRole, str] = {DatabaseRole.PIPELINE: "nologin bypassrls"}
_IS_THERE = sa.text("select exists (select from pg_roles where rolname = :role)")
# Roles belong to the server: another database of it may be creating this one right now.
_CREATE = """
do $$ begin
    create role {role} {kind};
exception when duplicate_object or unique_violation then null;
end $$
"""
_BYPASSES = sa.text("select rolbypassrls from pg_roles where rolname = :role")
_IS_MEMBER = sa.text(
    """
    select pg_has_role(
        session_user, :role, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end
    )
    """
)
_HAND_OVER = sa.text(
    """
    select format('alter %s %s owner to %I', case relkind when 'v' then 'view' else 'table' end, oid::regclass, cast(:owner as text))
    from pg_class
    where relnamespace = 'public'::regnamespace and relname = any(:ours) and relkind in ('r', 'v')
      and relowner <> (select oid from pg_roles where rolname = cast(:owner as text))
    union all
    select format('alter routine %s owner to %I', oid::regprocedure, cast(:owner as text))
    from pg_proc
    where pronamespace = 'public'::regnamespace and proowner = (select oid from pg_roles where rolname = current_user)
      and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e')
    """
)

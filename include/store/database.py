"""The engine of the business database, its migrations, and bulk rows: COPY, payloads, arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg import sql

from include.base.connection_fields import authority
from include.base.errors import ConfigurationError
from include.base.settings import Settings
from include.reference import policy
from include.store import grants, schema
from include.store.grants import DatabaseRole
from include.store.locks import Lock, hold
from include.store.tables import metadata

MIGRATIONS = Path(__file__).parent / "migrations"
_AUDIT_KEYS = "audit_keys"
_ROLE = "database_role"
# random_page_cost 1.1 fits SSD and cached data; the default 4.0 assumes spinning disks and would scan whole tables
# where a hundred keys are looked up. JIT is off: no statement runs as long as compiling it takes. Plans are made for
# the actual parameters: a plan made for few rows would take hours on many.
_SESSION = (
    f"-c timezone={policy().text('timezone')} -c random_page_cost=1.1 -c jit=off -c plan_cache_mode=force_custom_plan"
)


def connect(url: sa.URL | str, *, role: DatabaseRole | None = None, audit_keys: Sequence[str] = ()) -> sa.Engine:
    """An engine for `url`, whose query may hold libpq options; it does not connect yet.

    `role`: the role of its sessions; None: the login itself. `audit_keys`: keys that seal audit entries, newest first.
    """
    given = sa.make_url(url).query
    as_role = f" -c role={role}" if role else ""
    return sa.create_engine(
        url,
        pool_pre_ping=True,
        # Error texts go to logs: they name the statement, never the values that people and platforms sent.
        hide_parameters=True,
        connect_args={
            "connect_timeout": given.get("connect_timeout", 10),
            # Later options win: time zone and plans stay as the queries need them.
            "options": f"{given.get('options', '')} {_SESSION}{as_role}".lstrip(),
        },
        execution_options={_AUDIT_KEYS: tuple(audit_keys), _ROLE: role},
    )


def audit_keys(connection: sa.Connection) -> tuple[str, ...]:
    """The engine's keys that seal audit entries, newest first."""
    keys: tuple[str, ...] = connection.get_execution_options().get(_AUDIT_KEYS, ())
    return keys


@contextmanager
def acting_as(connection: sa.Connection, role: DatabaseRole) -> Iterator[None]:
    """Act as `role` inside the block, within one transaction; without effect if the engine runs as the login itself."""
    if connection.get_execution_options().get(_ROLE) is None:
        yield
        return
    own = connection.execute(sa.text("select current_setting('role')")).scalar_one()
    connection.execute(_ACT_AS, {"role": role})
    yield
    connection.execute(_ACT_AS, {"role": own})


_ACT_AS = sa.text("select set_config('role', :role, true)")


def open_database(settings: Settings, role: DatabaseRole = DatabaseRole.PIPELINE) -> sa.Engine:
    """The business database at the newest schema, as `role`; an empty or older one is migrated first, if the login may.

    Raises ConfigurationError if it cannot be reached, lacks the role, or has another version that the login may not
    migrate.
    """
    engine = connect(settings.business_db_url, role=role, audit_keys=settings.audit_keys)
    try:
        if not _is_newest(engine):
            engine.dispose()
            _prepare(settings.business_db_url, role)
    except sa.exc.OperationalError as error:
        engine.dispose()
        url = engine.url
        raise ConfigurationError(
            f"无法连接业务数据库 {authority(url.host or '', url.port)}/{url.database}：{_first_line(error)}",
            "请确认数据库已启动（本机演示环境：make up），并核对连接 business_db 的地址、用户和密码。",
        ) from None
    return engine


def _prepare(url: sa.URL, role: DatabaseRole) -> None:
    """Migrate as the login itself, and check that it may act as `role`."""
    login = connect(url)
    try:
        migrate(login)
        with login.connect() as connection:
            if not grants.is_member(connection, role):
                raise grants.RolesMissing(
                    f"登录用户 {url.username} 不是数据库角色 {role} 的成员。",
                    f"请由数据库管理员执行：grant {role} to {url.username}（说明见 docs/database-roles.md），然后重试。",
                )
    finally:
        login.dispose()


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to the newest state; safe to call by several processes at once.

    An empty database gets the tables as they are defined now; an older one runs the migrations that it lacks. What stands beside the
    tables (include/store/schema) is then made anew. `engine` is the login itself: it owns the tables or may act as their owner.
    Raises ConfigurationError where it may not, or where no migration leads from the database's tables to those of this code.
    """
    if _is_newest(engine):
        return
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.begin() as connection:
            hold(connection, Lock.MIGRATION)
            revision, version = _state(connection)
            if (revision, version) == _newest():
                return
            grants.ensure_roles(connection)
            config.attributes["connection"] = connection
            schema.clear(connection)
            if revision is None:
                metadata.create_all(connection, checkfirst=False)
                command.stamp(config, "head")
            else:
                _upgrade(connection, config)
            schema.make(connection)
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
        raise ConfigurationError(
            f"业务数据库需要升级，登录用户 {engine.url.username} 无权升级。",
            "请用数据库所有者的账号运行 python -m include.store.migrate（说明见 docs/database-roles.md），然后重试。",
        ) from None


def _upgrade(connection: sa.Connection, config: Config) -> None:
    try:
        command.upgrade(config, "head")
    except CommandError as error:  # The database's revision is unknown to this code.
        differences = str(error)
    else:
        differences = str(compare_metadata(MigrationContext.configure(connection), metadata) or "")
    if differences:
        raise ConfigurationError(
            f"业务数据库的表与此版本程序不一致，且没有相应的升级脚本：{differences[:300]}",
            "演示或开发环境请执行 make clean 后重新启动；正式环境请改用与数据库相符的程序版本，或联系开发人员补充升级脚本。",
        )


def _is_newest(engine: sa.Engine) -> bool:
    """Whether the schema is that of this code; False also if the engine's role cannot be taken."""
    try:
        with engine.connect() as connection:
            return _state(connection) == _newest()
    except (sa.exc.OperationalError, sa.exc.ProgrammingError):
        if engine.get_execution_options().get(_ROLE) is None:
            raise
        return False


@cache
def _newest() -> tuple[str | None, str | None]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config).get_current_head(), schema.version()


def _state(connection: sa.Connection) -> tuple[str | None, str | None]:
    """The revision of the tables and the version of the objects beside them; None if absent."""
    if connection.execute(sa.text("select to_regclass('alembic_version')")).scalar() is None:
        return None, None
    revision = connection.execute(sa.text("select version_num from alembic_version")).scalar()
    return revision, schema.made_version(connection)


def copy_rows(connection: sa.Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Load `rows` into `table` by COPY, within the transaction of `connection`.

    Values must have the types of their columns; a JSON document is given as its text.
    """
    driver = _driver(connection)
    named = sql.SQL(", ").join(map(sql.Identifier, columns))
    with driver.cursor() as cursor:
        cursor.execute(sql.SQL("select {} from {} limit 0").format(named, sql.Identifier(table)))
        types = [column.type_code for column in cursor.description or ()]
        # The binary format is quicker, but it would take the text of a document for a JSON string.
        binary = _JSON_TYPES.isdisjoint(types)
        statement = sql.SQL("copy {} ({}) from stdin (format {})").format(
            sql.Identifier(table), named, sql.SQL("binary" if binary else "text")
        )
        with cursor.copy(statement) as copy:
            if binary:
                copy.set_types(types)
            for row in rows:
                copy.write_row(row)


_JSON_TYPES = frozenset(psycopg.adapters.types[name].oid for name in ("json", "jsonb"))


def fetch_rows(
    connection: sa.Connection, statement: sa.TextClause, parameters: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows of `statement`; bytes are not converted, which for payloads takes a third of the time."""
    compiled = statement.compile(dialect=connection.dialect)
    with _driver(connection).cursor(binary=True) as cursor:
        return cursor.execute(compiled.string, compiled.construct_params(dict(parameters))).fetchall()


def statement_beside(module: str, name: str) -> sa.TextClause:
    """The SQL statement in the file `name` beside a module (its `__file__`): for those that are too long to stand in it."""
    return sa.text(Path(module).with_name(name).read_text(encoding="utf-8"))


def array_of(values: Iterable[str | int]) -> str:
    """These values as a PostgreSQL array literal: for many values far cheaper to pass than a list.

    Raises ValueError for U+0000, which PostgreSQL's text cannot hold.
    """
    given = list(map(str, values))
    if not given:
        return "{}"
    written = "\0".join(given)
    if written.count("\0") != len(given) - 1:
        raise ValueError("PostgreSQL holds no U+0000")
    if "\\" in written or '"' in written:
        written = written.replace("\\", "\\\\").replace('"', '\\"')
    return '{"' + written.replace("\0", '","') + '"}'


def _driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    return driver


def _first_line(error: sa.exc.OperationalError) -> str:
    return str(error.orig).strip().splitlines()[0][:200]

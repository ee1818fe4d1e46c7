"""What each role of the database may do, proved as logins without any right of their own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import ConfigurationError
from include.base.settings import Settings
from include.local.postgres import PostgresServer
from include.store import grants
from include.store.database import acting_as, connect, migrate, open_database
from include.store.grants import RUNNING, DatabaseRole, RolesMissing
from include.store.sealed import SEALED
from include.store.tables import metadata
from include.store.tables.base import history_of
from tests.support.rows import AUDIT_KEYS, add_need, moment

PASSWORD = "a password of the tests"

Login = Callable[..., sa.URL]


@pytest.fixture
def login(database_url: str) -> Iterator[Login]:
    """Makes a login without rights of its own, a member of the roles it is given, and gives the database's URL for it."""
    superuser = connect(database_url)
    made: list[str] = []

    def make(*roles: DatabaseRole) -> sa.URL:
        name = f"login_{uuid.uuid4().hex[:10]}"
        with superuser.begin() as connection:
            connection.execute(sa.text(f"create role {name} login password '{PASSWORD}'"))
            for role in roles:
                connection.execute(sa.text(f"grant {role} to {name}"))
        made.append(name)
        return sa.make_url(database_url).set(username=name, password=PASSWORD)

    yield make
    with superuser.begin() as connection:
        for name in made:
            connection.execute(sa.text(f"drop owned by {name} cascade"))
            connection.execute(sa.text(f"drop role {name}"))
    superuser.dispose()


def _refused(engine: sa.Engine, statement: str) -> bool:
    try:
        with engine.begin() as connection:
            connection.execute(sa.text(statement))
    except sa.exc.ProgrammingError as error:
        return "permission denied" in str(error.orig) or "must be owner" in str(error.orig)
    return False


@pytest.fixture
def as_role(login: Login) -> Iterator[Callable[[DatabaseRole], sa.Engine]]:
    """An engine of a login that is a member of the one role alone, as that role."""
    engines: list[sa.Engine] = []

    def make(role: DatabaseRole) -> sa.Engine:
        engines.append(connect(login(role), role=role, audit_keys=AUDIT_KEYS))
        return engines[-1]

    yield make
    for engine in engines:
        engine.dispose()


@pytest.mark.parametrize("role", RUNNING)
@pytest.mark.parametrize(
    "statement",
    [
        "delete from audit_entry",
        "update audit_entry set reason = ''",
        "truncate audit_entry",
        "drop table audit_entry",
        "alter table audit_entry disable trigger all",
        "alter table audit_entry add column more text",
        "drop trigger only_added_to on audit_entry",
        "create or replace function refuse_change_of_history() returns trigger language plpgsql as 'begin return new; end'",
        "set local session_replication_role = replica",
        "set local role gff_owner",
        "create table public.own (number int)",
        "create function public.own() returns int language sql as 'select 1'",
        "copy audit_entry to program 'cat'",
        "copy (select 1) to '/tmp/own'",
        "update judgement set verdict = 'passed'",
        "delete from judgement",
        "update delivery_attempt set outcome = ''",
        "delete from delivery",
        "update alembic_version set version_num = ''",
        "select rolpassword from pg_authid",
    ],
)
def test_no_role_that_runs_may_change_history_or_what_guards_it(
    as_role: Callable[[DatabaseRole], sa.Engine], role: DatabaseRole, statement: str
) -> None:
    assert _refused(as_role(role), statement)


@pytest.mark.parametrize("role", [DatabaseRole.CONSOLE, DatabaseRole.WITHIN, DatabaseRole.AUDITOR])
def test_neither_console_nor_auditor_read_what_is_sealed(
    as_role: Callable[[DatabaseRole], sa.Engine], role: DatabaseRole
) -> None:
    engine = as_role(role)
    for place in SEALED:
        assert _refused(engine, f"select {place.column} from {place.table}")
        assert _refused(engine, f"select * from {place.table}")


def test_a_confined_user_reads_no_raw_payload_no_grant_and_no_secret(
    as_role: Callable[[DatabaseRole], sa.Engine],
) -> None:
    engine = as_role(DatabaseRole.WITHIN)
    for table in ("raw_payload", "console_grant", "stored_secret"):
        assert _refused(engine, f"select count(*) from {table}")


def test_the_auditor_reads_the_audit_trail_and_no_need(as_role: Callable[[DatabaseRole], sa.Engine]) -> None:
    engine = as_role(DatabaseRole.AUDITOR)
    with engine.begin() as connection:
        audit.record(
            connection,
            act=Act(actor_id="a", role="r", reason="w", at=moment("2026-10-01 09:00")),
            action="x",
            object_="o",
        )
        assert audit.verify(connection) is None
    for table in ("need_version", "feedback_event", "contact", "finding"):
        assert _refused(engine, f"select count(*) from {table}")


def test_only_the_purge_empties_what_is_sealed_and_deletes_contacts(
    database: sa.Engine, as_role: Callable[[DatabaseRole], sa.Engine]
) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
    emptying = (
        "delete from contact",
        "update raw_payload set ciphertext = ''",
        "update need_version set document = '{}'",
    )
    for role in RUNNING:
        engine = as_role(role)
        assert {_refused(engine, statement) for statement in emptying} == {role is not DatabaseRole.PURGE}
    assert _refused(as_role(DatabaseRole.PURGE), "update need_version set quarter = '2026Q4'")


def test_the_pipeline_analyses_fingerprints_and_uses_temporary_tables(
    as_role: Callable[[DatabaseRole], sa.Engine],
) -> None:
    engine = as_role(DatabaseRole.PIPELINE)
    with engine.begin() as connection:
        connection.execute(sa.text("select analyze_fingerprints()"))
        connection.execute(sa.text("create temporary table more (like need_version including storage) on commit drop"))
        connection.execute(sa.text("analyze more"))
    assert _refused(as_role(DatabaseRole.CONSOLE), "select analyze_fingerprints()")


# --- The table of rights -----------------------------------------------------------------------------------------------------


def test_every_table_and_view_has_its_entry_among_the_rights(database: sa.Engine) -> None:
    """Whoever adds a table or view adds a row to `_RIGHTS` in include/store/grants.py."""
    found = sa.inspect(database)
    assert {*found.get_table_names(), *found.get_view_names()} == grants.known_tables()


def test_the_database_gives_each_role_exactly_its_rights(database: sa.Engine) -> None:
    query = sa.text(
        "select grantee, table_name, privilege_type from information_schema.role_table_grants"
        " where grantee like 'gff\\_%' and grantee <> 'gff_owner' and table_schema = 'public'"
    )
    superuser = connect(database.url)
    with superuser.connect() as connection:
        given = {(row.grantee, row.table_name, row.privilege_type.lower()) for row in connection.execute(query)}
    superuser.dispose()
    whole = {
        (str(role), table, right.split()[1])
        for statement in grants.grants()
        if (right := statement.partition(" on ")[0]).startswith("grant")
        and "(" not in right
        and "table" not in statement
        for role in RUNNING
        if statement.endswith(f" to {role}")
        for table in statement.partition(" on ")[2].partition(" to ")[0].split(", ")
        if table in grants.known_tables()
    }
    assert given == whole
    assert not {one for one in given if one[2] in ("truncate", "references", "trigger", "maintain")}


def test_nobody_but_the_owner_deletes_or_changes_history(database: sa.Engine) -> None:
    for table in metadata.sorted_tables:
        history = history_of(table)
        if history is None:
            continue
        for role in RUNNING:
            allowed = grants.rights(table.name, role)
            assert "d" not in allowed, (table.name, role)
            if not (history.sealed or history.purged or history.once):
                assert "w" not in allowed, (table.name, role)


def test_everything_belongs_to_the_owner(database: sa.Engine) -> None:
    with database.connect() as connection:
        others = connection.execute(
            sa.text(
                "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'S')"
                " and pg_get_userbyid(relowner) <> 'gff_owner' union all"
                " select proname from pg_proc where pronamespace = 'public'::regnamespace"
                " and pg_get_userbyid(proowner) <> 'gff_owner'"
            )
        ).scalars()
        assert list(others) == []


# --- Opening -----------------------------------------------------------------------------------------------------------------


def _settings(url: sa.URL) -> Settings:
    given = {
        "conn_type": "postgres",
        "host": url.host,
        "port": url.port,
        "schema": url.database,
        "login": url.username,
        "password": url.password,
    }
    return Settings.from_environment(
        {"AIRFLOW_CONN_BUSINESS_DB": json.dumps(given), "AIRFLOW__CORE__FERNET_KEY": "k" * 44}
    )


def test_a_session_is_its_role_and_may_be_another_of_its_login_for_a_while(login: Login) -> None:
    engine = open_database(_settings(login(DatabaseRole.PIPELINE, DatabaseRole.PURGE)))
    who = sa.text("select current_user")
    with engine.begin() as connection:
        assert connection.execute(who).scalar() == "gff_pipeline"
        with acting_as(connection, DatabaseRole.PURGE):
            assert connection.execute(who).scalar() == "gff_purge"
        assert connection.execute(who).scalar() == "gff_pipeline"
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), engine.begin() as connection:
        connection.execute(sa.text("set local role gff_owner"))
    engine.dispose()


def test_a_login_that_is_no_member_is_told_what_an_administrator_must_do(login: Login) -> None:
    url = login(DatabaseRole.CONSOLE)
    with pytest.raises(RolesMissing, match=f"grant gff_pipeline to {url.username}"):
        open_database(_settings(url))


def test_an_old_schema_is_left_to_a_login_that_may_migrate(login: Login, database_url: str) -> None:
    superuser = connect(database_url)
    with superuser.begin() as connection:
        connection.execute(sa.text("comment on function refuse_change_of_history() is 'of an older version'"))
    with pytest.raises(ConfigurationError, match=r"python -m include\.store\.migrate"):
        open_database(_settings(login(DatabaseRole.PIPELINE)))
    owner = connect(login(DatabaseRole.OWNER))
    migrate(owner)
    owner.dispose()
    open_database(_settings(login(DatabaseRole.PIPELINE))).dispose()
    superuser.dispose()


def test_a_login_that_owns_an_empty_database_migrates_it_without_being_superuser(
    postgres: PostgresServer, login: Login
) -> None:
    """An administrator made the roles before, and the login a member of them."""
    name = f"own_{uuid.uuid4().hex[:10]}"
    url = login(*DatabaseRole).set(database=name)
    superuser = connect(postgres.url("postgres")).execution_options(isolation_level="AUTOCOMMIT")
    with superuser.connect() as connection:
        connection.execute(sa.text(f"create database {name} owner {url.username}"))
    engine = open_database(_settings(url))
    with engine.begin() as connection:
        add_need(connection, 1)
    assert _refused(engine, "delete from judgement")
    engine.dispose()
    with superuser.connect() as connection:
        connection.execute(sa.text(f"drop database {name} with (force)"))
    superuser.dispose()

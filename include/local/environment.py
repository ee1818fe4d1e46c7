"""The environment of the embedded stack, built only here: folders, ports, secrets, and every variable.

`.local/env.sh` has the same variables for a shell; there, a variable that is set already wins.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from cryptography.fernet import Fernet

from include.base.errors import ConfigurationError
from include.base.settings import environment_name
from include.local.postgres import PostgresServer

ROOT = Path(__file__).resolve().parents[2]
AIRFLOW_DATABASE = "airflow"
# Runs of `airflow dags test` have a metadata database of their own: the scheduler would take over a run in its own.
SHELL_DATABASE = "airflow_shell"
BUSINESS_DATABASE = "greenfin"
METADATA_URL = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
# Least privilege: Airflow's login owns its own databases, the pipeline's is a member of the roles that it runs as.
AIRFLOW_LOGIN = "airflow"
BUSINESS_LOGIN = "greenfin_app"
_PLATFORMS = ("AIRFLOW_CONN_GREEN_PLATFORM", "AIRFLOW_CONN_CREDIT_MARKET")
SANDBOX = "GFF_SANDBOX"
"""1: both platforms are the sandbox, and time may be simulated."""
ROLES = {"admin": "admin", "operator": "op", "reviewer": "op", "viewer": "viewer"}

_LOOPBACK = "127.0.0.1"

# Variables of this list are put before the shell's value; every other one gives way to it.
_PREPENDED = {"PATH": ":", "PYTHONPATH": ":", "NO_PROXY": ",", "no_proxy": ","}


@dataclass(frozen=True, slots=True)
class Layout:
    """The stack's folders; `local` is `.local/` in the checkout."""

    local: Path = ROOT / ".local"

    @property
    def airflow_home(self) -> Path:
        """AIRFLOW_HOME."""
        return self.local / "airflow"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data."""
        return self.local / "postgres"

    @property
    def mail(self) -> Path:
        """The mailbox: one .eml a mail."""
        return self.local / "mail"

    @property
    def logs(self) -> Path:
        """A log for each service; Airflow's task logs in `airflow/`."""
        return self.local / "logs"

    @property
    def reports(self) -> Path:
        """Published circulars."""
        return self.local / "reports"

    @property
    def run(self) -> Path:
        """Locks, and the state of what runs."""
        return self.local / "run"

    @property
    def env_file(self) -> Path:
        """The variables for a shell."""
        return self.local / "env.sh"

    @property
    def stays(self) -> Path:
        """Exists while PostgreSQL should go on running after a demo, because `make up` or `make env` started it."""
        return self.run / "postgres-stays"

    def create(self) -> None:
        """Make the folders."""
        for folder in (self.local, self.airflow_home, self.mail, self.logs, self.reports, self.run):
            folder.mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports of the stack; GFF_PORT_<NAME> chooses another, which is then kept until `make clean`."""

    airflow: int = 8080
    green: int = 8601
    market: int = 8602
    mailbox: int = 8603
    smtp: int = 8625
    postgres: int = 8632

    @classmethod
    def chosen(cls, layout: Layout, environ: Mapping[str, str] = os.environ) -> Self:
        """GFF_PORT_<NAME>, else the port chosen before, else the default.

        Raises ConfigurationError for a value that is no port, or a port chosen twice.
        """
        file = layout.local / "ports.json"
        kept: dict[str, int] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        asked = {
            item.name: environ[variable] for item in fields(cls) if environ.get(variable := _port_variable(item.name))
        }
        for name, text in asked.items():
            if not (text.isascii() and text.isdigit() and 1024 <= int(text) <= 65535):
                raise ConfigurationError(
                    f"{_port_variable(name)}={text[:20]} 不是可用的端口。", "请取 1024 到 65535 之间的整数。"
                )
        ports = cls(**{**kept, **{name: int(text) for name, text in asked.items()}})
        numbers = asdict(ports)
        if len(set(numbers.values())) < len(numbers):
            raise ConfigurationError(
                "有两项服务选了同一个端口：" + "、".join(f"{name}={port}" for name, port in numbers.items()) + "。",
                "请用 GFF_PORT_AIRFLOW、GFF_PORT_POSTGRES 等环境变量为它们分别指定端口。",
            )
        if asked:
            layout.local.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(numbers), encoding="utf-8")
        return ports


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Secrets:
    """The secrets of this installation, generated once."""

    fernet_key: str = field(default_factory=lambda: Fernet.generate_key().decode())
    jwt_secret: str = field(default_factory=lambda: secrets.token_urlsafe(64))
    api_secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    admin_password: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    operator_password: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    reviewer_password: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    viewer_password: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    business_db_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    airflow_db_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    action_link_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    green_client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    market_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    market_next_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @classmethod
    def load(cls, layout: Layout) -> Self:
        """Those of `.local/secrets.json`; missing ones are generated now. Only the owner can read the file."""
        file = layout.local / "secrets.json"
        known: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        names = {item.name for item in fields(cls)}
        found = cls(**{name: value for name, value in known.items() if name in names})
        if set(known) != names:
            write_private(file, json.dumps(asdict(found), indent=2) + "\n")
        return found

    def passwords(self) -> dict[str, str]:
        """Airflow's users and their passwords."""
        return {
            "admin": self.admin_password,
            "operator": self.operator_password,
            "reviewer": self.reviewer_password,
            "viewer": self.viewer_password,
        }


# The sandbox's side of the credentials, and the sender of mails.
GREEN_CLIENT_ID = "green-factory-pipeline"
MARKET_APP_ID = "GFF"
MARKET_KEY_ID = "k1"
MARKET_ALGORITHM = "HMAC-SM3"
SENDER = "green-finance@pipeline.example"


@dataclass(frozen=True, slots=True)
class Environment:
    """The stack's environment: folders, ports, secrets and PostgreSQL."""

    layout: Layout
    ports: Ports
    secrets: Secrets
    postgres: PostgresServer

    @classmethod
    def of(cls, layout: Layout, environ: Mapping[str, str] = os.environ) -> Self:
        """The environment of `layout`: missing folders and secrets are made; PostgreSQL is not started yet."""
        layout.create()
        ports = Ports.chosen(layout, environ)
        return cls(layout, ports, Secrets.load(layout), PostgresServer(layout.postgres, ports.postgres))

    @property
    def airflow_url(self) -> str:
        """Airflow's address."""
        return f"http://{_LOOPBACK}:{self.ports.airflow}"

    @property
    def green_url(self) -> str:
        """The sandbox's green platform."""
        return f"http://{_LOOPBACK}:{self.ports.green}"

    @property
    def market_url(self) -> str:
        """The sandbox's credit-market platform."""
        return f"http://{_LOOPBACK}:{self.ports.market}"

    @property
    def mailbox_url(self) -> str:
        """The sandbox's mailbox."""
        return f"http://{_LOOPBACK}:{self.ports.mailbox}"

    def metadata_url(self, database: str) -> str:
        """URL of Airflow's metadata database, for its own login."""
        return self.postgres.url(database, AIRFLOW_LOGIN, self.secrets.airflow_db_password)

    def connections(self) -> dict[str, str]:
        """The four connections as AIRFLOW_CONN_<NAME>, in JSON."""
        ports, known = self.ports, self.secrets
        values: dict[str, dict[str, Any]] = {
            "green_platform": {
                "conn_type": "http",
                "host": self.green_url,
                "login": GREEN_CLIENT_ID,
                "password": known.green_client_secret,
            },
            "credit_market": {
                "conn_type": "http",
                "host": self.market_url,
                "login": MARKET_APP_ID,
                "password": known.market_secret,
                "extra": {"key_id": MARKET_KEY_ID, "algorithm": MARKET_ALGORITHM},
            },
            "business_db": {
                "conn_type": "postgres",
                "host": _LOOPBACK,
                "port": ports.postgres,
                "schema": BUSINESS_DATABASE,
                "login": BUSINESS_LOGIN,
                "password": known.business_db_password,
                "extra": {"action_link_secret": known.action_link_secret},
            },
            "smtp_default": {
                "conn_type": "smtp",
                "host": _LOOPBACK,
                "port": ports.smtp,
                "extra": {"disable_ssl": True, "disable_tls": True, "from_email": SENDER},
            },
        }
        return {environment_name(name): json.dumps(value) for name, value in values.items()}

    def airflow(self) -> dict[str, str]:
        """Airflow's own variables."""
        layout, known = self.layout, self.secrets
        return {
            "AIRFLOW_HOME": str(layout.airflow_home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__CORE__DEFAULT_TIMEZONE": "Asia/Shanghai",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__FERNET_KEY": known.fernet_key,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.airflow_url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in ROLES.items()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords_file),
            METADATA_URL: self.metadata_url(AIRFLOW_DATABASE),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(layout.logs / "airflow"),
            "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(
                layout.logs / "airflow" / "dag_processor"
            ),
            "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            # Simulated time: schedules would follow the real clock (docs/adr/0005-simulated-time.md).
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
            "AIRFLOW__API__HOST": _LOOPBACK,
            "AIRFLOW__API__PORT": str(self.ports.airflow),
            "AIRFLOW__API__BASE_URL": self.airflow_url,
            "AIRFLOW__API__INSTANCE_NAME": "绿厂融通",
            "AIRFLOW__API__SECRET_KEY": known.api_secret_key,
            "AIRFLOW__API_AUTH__JWT_SECRET": known.jwt_secret,
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }

    def variables(self) -> dict[str, str]:
        """Every variable of the stack; those of _PREPENDED hold only the part that is prepended. PostgreSQL must have
        been started once."""
        return {
            "PATH": str(Path(sys.executable).parent),
            "PYTHONPATH": str(ROOT),
            "NO_PROXY": f"{_LOOPBACK},localhost",
            "no_proxy": f"{_LOOPBACK},localhost",
            # Without compiled files each Airflow process takes three times as long to start.
            "PYTHONDONTWRITEBYTECODE": "",
            "GX_ANALYTICS_ENABLED": "false",
            SANDBOX: "1",
            "GFF_REPORTS_DIR": str(self.layout.reports),
            **self.airflow(),
            **self.connections(),
        }

    def sandbox(self) -> dict[str, str]:
        """The sandbox's side of the secrets."""
        known = self.secrets
        return {
            "GFF_SANDBOX_GREEN_SECRET": known.green_client_secret,
            "GFF_SANDBOX_MARKET_SECRET": known.market_secret,
            "GFF_SANDBOX_MARKET_SECRET_NEXT": known.market_next_secret,
        }

    def for_services(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The environment of the stack's own processes: our variables win, except a connection that was given."""
        given = {name: environ[name] for name in self.connections() if environ.get(name)}
        joined = {**_joined(environ, self.variables()), **given}
        return {**joined, SANDBOX: "1" if self.plays_on_sandbox(joined) else "0"}

    def for_demo(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The same for a demo, which plays on the sandbox alone, whatever connections were given."""
        inherited = {name: value for name, value in environ.items() if name != "GFF_NOW"}
        return _joined(inherited, self.variables())

    def plays_on_sandbox(self, variables: Mapping[str, str]) -> bool:
        """Whether `variables` name the sandbox and no real platform."""
        ours = self.connections()
        return all(variables[name] == ours[name] for name in _PLATFORMS)

    def for_shell(self) -> dict[str, str]:
        """The variables of `.local/env.sh`."""
        return {**self.variables(), METADATA_URL: self.metadata_url(SHELL_DATABASE)}

    def write_env_file(self) -> Path:
        """Write `.local/env.sh`: one `export NAME=value` a line, for bash, dash and zsh."""
        # First of all: once ours are exported, a given platform can no longer be distinguished.
        lines = [f'export {SANDBOX}="${{{SANDBOX}:-${{{name}:+0}}}}"' for name in _PLATFORMS]
        lines += [f"export {name}={_shell_value(name, value)}" for name, value in self.for_shell().items()]
        write_private(self.layout.env_file, "\n".join(lines) + "\n")
        return self.layout.env_file

    def write_airflow_files(self) -> None:
        """Write what Airflow reads from AIRFLOW_HOME: users' passwords, local settings."""
        write_private(self._passwords_file, json.dumps(self.secrets.passwords()))
        settings = self.layout.airflow_home / "config" / "airflow_local_settings.py"
        settings.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(__file__).with_name(settings.name), settings)

    @property
    def _passwords_file(self) -> Path:
        return self.layout.airflow_home / "passwords.json"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    making = path.with_name(path.name + ".making")
    making.unlink(missing_ok=True)
    with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    making.replace(path)


def _joined(environ: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    joined = {**environ, **ours}
    for name, separator in _PREPENDED.items():
        if environ.get(name):
            joined[name] = ours[name] + separator + environ[name]
    return joined


def _shell_value(name: str, value: str) -> str:
    quoted = "".join("\\" + letter if letter in '\\"$`' else letter for letter in value)
    separator = _PREPENDED.get(name)
    if separator is not None:
        return f'"{quoted}${{{name}:+{separator}${name}}}"'
    # A closing brace would end the expansion, and bash wants single quotes in it balanced.
    quoted = quoted.replace("}", "\\}").replace("'", "$(printf '\\047')")
    return f'"${{{name}:-{quoted}}}"'


def _port_variable(name: str) -> str:
    return f"GFF_PORT_{name.upper()}"

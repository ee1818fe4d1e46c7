"""Settings: what a deployment must say, read in one place.

The four connections (`green_platform`, `credit_market`, `business_db`, `smtp_default`) are all that need be set, each as
AIRFLOW_CONN_<NAME> (JSON or URI) or, inside Airflow, as a connection of that name. Secrets never appear in a repr.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy import URL

from include.errors import ConfigurationError

CONNECTION_IDS = ("green_platform", "credit_market", "business_db", "smtp_default")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFields:
    """A connection as Airflow knows it."""

    conn_type: str | None = None
    host: str | None = None
    schema: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    port: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Read the value of AIRFLOW_CONN_<NAME>, JSON or URI."""
        try:
            return cls._from_json(text) if text.lstrip().startswith("{") else cls._from_uri(text)
        except (ValueError, TypeError, AttributeError):
            raise ConfigurationError(
                f"连接 {name} 的内容无法识别。",
                f"请检查环境变量 {environment_name(name)}：应为 JSON 对象或连接 URI（格式见 README“接入真实平台”）。",
            ) from None

    @classmethod
    def _from_json(cls, text: str) -> Self:
        value = json.loads(text)
        extra = value.get("extra") or {}
        port = value.get("port")
        return cls(
            conn_type=value.get("conn_type"),
            host=value.get("host"),
            schema=value.get("schema"),
            login=value.get("login"),
            password=value.get("password"),
            port=None if port in (None, "") else int(port),
            extra=json.loads(extra) if isinstance(extra, str) else dict(extra),
        )

    @classmethod
    def _from_uri(cls, text: str) -> Self:
        parts = urlsplit(text)
        query = dict(parse_qsl(parts.query))
        extra = json.loads(query.pop("__extra__")) if "__extra__" in query else query
        return cls(
            conn_type=parts.scheme,
            host=unquote(parts.hostname) if parts.hostname else None,
            schema=unquote(parts.path[1:]) or None,
            login=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            port=parts.port,
            extra=extra,
        )

    def base_url(self) -> str:
        """The host as a base URL: as it stands, or put together from host, schema and port."""
        host = (self.host or "").rstrip("/")
        if "://" in host:
            return host
        scheme = self.schema or "https"
        return f"{scheme}://{host}" + (f":{self.port}" if self.port else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class GreenPlatform:
    """How to reach the green platform (工业节能与绿色发展管理平台)."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    ca: str | None = None
    rate_per_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A secret that signs requests to the credit-market platform."""

    key_id: str
    secret: str = field(repr=False)
    algorithm: str = "HMAC-SHA256"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditMarket:
    """How to reach the credit-market platform (信贷市场服务平台)."""

    base_url: str
    app_id: str
    secret: str = field(repr=False)
    key_id: str
    algorithm: str = "HMAC-SHA256"
    next_key: SigningKey | None = None
    ca: str | None = None
    rate_per_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """How to hand over mails (Airflow's SMTP connection as it is); `operator_email` gets what operators must look at."""

    host: str
    port: int
    login: str | None
    password: str | None = field(repr=False)
    from_email: str
    operator_email: str
    use_ssl: bool
    use_starttls: bool
    timeout_s: float = 30.0
    ca: str | None = None
    rate_per_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a stage needs to know of its surroundings."""

    connections: Mapping[str, ConnectionFields]
    fernet_key: str | None = field(default=None, repr=False)
    business_start: datetime | None = None
    sandbox: bool = False
    reports_dir: Path | None = None
    api_base_url: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read AIRFLOW_CONN_*, AIRFLOW__CORE__FERNET_KEY, GFF_NOW, GFF_SANDBOX, GFF_REPORTS_DIR and Airflow's API base_url."""
        connections = {
            name: ConnectionFields.parse(name, environ[environment_name(name)])
            for name in CONNECTION_IDS
            if environ.get(environment_name(name))
        }
        return cls.given(connections, environ.get("AIRFLOW__CORE__FERNET_KEY"), environ)

    @classmethod
    def given(
        cls,
        connections: Mapping[str, ConnectionFields],
        fernet_key: str | None,
        environ: Mapping[str, str] = os.environ,
    ) -> Self:
        """Settings with these connections; the rest (GFF_*) from the environment."""
        reports_dir = environ.get("GFF_REPORTS_DIR")
        return cls(
            connections=connections,
            fernet_key=fernet_key,
            business_start=business_moment(environ.get("GFF_NOW")),
            sandbox=environ.get("GFF_SANDBOX") == "1",
            reports_dir=Path(reports_dir) if reports_dir else None,
            api_base_url=environ.get("AIRFLOW__API__BASE_URL", ""),
        )

    @property
    def console_url(self) -> str:
        """Where mails link to: `console_url` of smtp_default's extra, else /green-finance under Airflow; empty: nowhere."""
        given = (
            self.connections["smtp_default"].extra.get("console_url") if "smtp_default" in self.connections else None
        )
        return str(given or (f"{self.api_base_url.rstrip('/')}/green-finance" if self.api_base_url else "")).rstrip("/")

    @property
    def business_db_url(self) -> URL:
        """Address of the business database."""
        fields = self._connection("business_db", "host、port、schema（库名）、login、password")
        return URL.create(
            "postgresql+psycopg",
            username=fields.login,
            password=fields.password,
            host=fields.host,
            port=fields.port,
            database=fields.schema,
        )

    @property
    def green_platform(self) -> GreenPlatform:
        """The green platform."""
        name = "green_platform"
        fields = self._connection(name, "host（平台地址）、login（client id）、password（client secret）")
        return GreenPlatform(
            base_url=fields.base_url(),
            client_id=_required(name, "login", fields.login),
            client_secret=_required(name, "password", fields.password),
            ca=fields.extra.get("ca"),
            rate_per_s=_rate(fields),
        )

    @property
    def credit_market(self) -> CreditMarket:
        """The credit-market platform."""
        name = "credit_market"
        fields = self._connection(
            name, "host（平台地址）、login（app id）、password（密钥）、extra（key_id、algorithm）"
        )
        extra = fields.extra
        next_key = extra.get("next_key")
        return CreditMarket(
            base_url=fields.base_url(),
            app_id=_required(name, "login", fields.login),
            secret=_required(name, "password", fields.password),
            key_id=_required(name, "extra.key_id", extra.get("key_id")),
            algorithm=extra.get("algorithm", "HMAC-SHA256"),
            next_key=SigningKey(**next_key) if next_key else None,
            ca=extra.get("ca"),
            rate_per_s=_rate(fields),
        )

    @property
    def mail_server(self) -> MailServer:
        """The mail server."""
        fields = self._connection("smtp_default", "host、port、extra（from_email，必要时 disable_ssl、disable_tls）")
        use_ssl = not _truthy(fields.extra.get("disable_ssl"))
        use_starttls = not use_ssl and not _truthy(fields.extra.get("disable_tls"))
        from_email = _required("smtp_default", "extra.from_email", fields.extra.get("from_email"))
        return MailServer(
            host=_required("smtp_default", "host", fields.host),
            port=fields.port or (465 if use_ssl else 587 if use_starttls else 25),
            login=fields.login or None,
            password=fields.password or None,
            from_email=from_email,
            operator_email=fields.extra.get("operator_email") or from_email,
            use_ssl=use_ssl,
            use_starttls=use_starttls,
            timeout_s=float(fields.extra.get("timeout", 30)),
            ca=fields.extra.get("ca"),
            rate_per_s=_rate(fields),
        )

    @property
    def personal_data_keys(self) -> tuple[str, ...]:
        """Keys for personal data, newest first: `personal_data_key` of business_db's extra, else Airflow's Fernet key."""
        business_db = self.connections.get("business_db")
        given = (business_db.extra.get("personal_data_key") if business_db else None) or self.fernet_key
        if not given:
            raise ConfigurationError(
                "没有可用的个人信息加密密钥。",
                "请在连接 business_db 的 extra 中设置 personal_data_key，或设置环境变量 AIRFLOW__CORE__FERNET_KEY。",
            )
        return tuple(part.strip() for part in str(given).split(",") if part.strip())

    @property
    def audit_keys(self) -> tuple[str, ...]:
        """Keys that seal the audit, newest first: `audit_secret` of business_db's extra, else the keys for personal data."""
        business_db = self.connections.get("business_db")
        given = business_db.extra.get("audit_secret") if business_db else None
        if not given:
            return tuple(f"audit:{key}" for key in self.personal_data_keys)
        return tuple(part.strip() for part in str(given).split(",") if part.strip())

    def _connection(self, name: str, needed: str) -> ConnectionFields:
        fields = self.connections.get(name)
        if fields is None or not fields.host:
            raise ConfigurationError(
                f"缺少连接 {name}。",
                f"请在 Airflow“管理 → 连接”中新建 {name}，或设置环境变量 {environment_name(name)}，填写 {needed}。",
            )
        return fields


def environment_name(connection_id: str) -> str:
    """The environment variable that gives a connection to Airflow."""
    return f"AIRFLOW_CONN_{connection_id.upper()}"


def business_moment(text: str | None) -> datetime | None:
    """Read an RFC 3339 moment (GFF_NOW, or a run's conf `now`); None if not given."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigurationError(
            f"业务时间“{text[:40]}”无法识别。", "请写成带时区的时间，例如 2026-09-30T18:00:00+08:00。"
        )
    return moment


def _required(connection_id: str, name: str, value: str | None) -> str:
    if not value:
        raise ConfigurationError(
            f"连接 {connection_id} 缺少 {name}。",
            f"请在 Airflow“管理 → 连接”或环境变量 {environment_name(connection_id)} 中补充。",
        )
    return value


def _rate(fields: ConnectionFields) -> float | None:
    """Requests (or mails) a second that the receiver takes, of all workers together; None: as many as come."""
    given = fields.extra.get("rate_per_s")
    return float(given) if given else None


def _truthy(value: object) -> bool:
    return str(value).lower() in {"true", "1", "yes"}

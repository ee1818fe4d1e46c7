"""Settings: everything that a deployment configures, read in one place.

The four connections (`green_platform`, `credit_market`, `business_db`, `smtp_default`) are all that must be set, each
as AIRFLOW_CONN_<NAME> (JSON or URI) or, inside Airflow, as a connection of that name. Secrets never appear in a repr,
and have names that Airflow hides. An unusable value raises ConfigurationError when a stage reads it.
"""

from __future__ import annotations

import hmac
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from sqlalchemy import URL

from include.base.connection_fields import (
    ConnectionFields,
    GivenConnection,
    authority,
    environment_name,
    is_loopback,
    refuse_short_keys,
)
from include.base.errors import ConfigurationError
from include.base.libpq_options import libpq_options

__all__ = [
    "CONNECTION_IDS",
    "UNHIDDEN_PERSONAL_DATA_KEY",
    "ConnectionFields",
    "CreditMarket",
    "GreenPlatform",
    "MailServer",
    "Settings",
    "SigningKey",
    "business_moment",
    "environment_name",
]

log = logging.getLogger(__name__)

CONNECTION_IDS = ("green_platform", "credit_market", "business_db", "smtp_default")
PLATFORMS = ("green_platform", "credit_market")

# Airflow hides an extra from its API, pages and logs only if its name says that it is a secret.
PERSONAL_DATA_SECRET = "personal_data_secret"
AUDIT_SECRET = "audit_secret"
ACTION_LINK_SECRET = "action_link_secret"
PERSONAL_DATA_ALGORITHM = "personal_data_algorithm"
UNHIDDEN_PERSONAL_DATA_KEY = "personal_data_key"
"""The name of PERSONAL_DATA_SECRET until 2026-11: still read, but Airflow does not hide it."""

_OURS = {PERSONAL_DATA_SECRET, UNHIDDEN_PERSONAL_DATA_KEY, PERSONAL_DATA_ALGORITHM, AUDIT_SECRET, ACTION_LINK_SECRET}
MAX_ANSWER_MB = 64
_RATES = (0.001, 1e9)
_WAIT_S = (0.1, 3600)
_ANSWER_MB = (1, 4096)

_SIGNING_KEY = ("key_id", "secret", "algorithm")


@dataclass(frozen=True, slots=True, kw_only=True)
class GreenPlatform:
    """How to reach the green platform (工业节能与绿色发展管理平台)."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    ca: str | None = None
    rate_per_s: float | None = None
    max_answer_mb: float = MAX_ANSWER_MB
    """Limit of one answer after decompression, in MiB."""


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
    max_answer_mb: float = MAX_ANSWER_MB
    """Limit of one answer after decompression, in MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """How to hand over mails (Airflow's SMTP connection); `operator_email` gets what operators must look at."""

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

    @property
    def address(self) -> str:
        """Host and port as shown to a person."""
        return authority(self.host, self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a stage needs to know about its environment."""

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
    def may_move_time(self) -> bool:
        """Whether a run may be given its moment: GFF_SANDBOX is set, and all platforms are on loopback.

        Real data must never meet an invented moment: it would be purged as if its retention were over.
        """
        return self.sandbox and _on_this_machine(self.connections)

    @property
    def console_url(self) -> str:
        """Base URL of links in mails: `console_url` of smtp_default's extra, else /green-finance under Airflow; empty:
        no links."""
        given = (
            self.connections["smtp_default"].extra.get("console_url") if "smtp_default" in self.connections else None
        )
        return str(given or (f"{self.api_base_url.rstrip('/')}/green-finance" if self.api_base_url else "")).rstrip("/")

    @property
    def business_db_url(self) -> URL:
        """Address of the business database, with the libpq options of its extra as the query."""
        given = self._connection("business_db", "host、port、schema（库名）、login、password")
        return URL.create(
            "postgresql+psycopg",
            username=given.fields.login,
            password=given.fields.password,
            host=given.host,
            port=given.port,
            database=given.fields.schema,
            query=libpq_options(given, _OURS, {UNHIDDEN_PERSONAL_DATA_KEY}),
        )

    @property
    def green_platform(self) -> GreenPlatform:
        """The green platform."""
        given = self._connection("green_platform", "host（平台地址）、login（client id）、password（client secret）")
        return GreenPlatform(
            base_url=given.base_url,
            client_id=given.required("login", given.fields.login),
            client_secret=given.required("password", given.fields.password),
            ca=given.text("ca"),
            rate_per_s=_rate(given),
            max_answer_mb=_max_answer_mb(given),
        )

    @property
    def credit_market(self) -> CreditMarket:
        """The credit-market platform."""
        given = self._connection(
            "credit_market", "host（平台地址）、login（app id）、password（密钥）、extra（key_id、algorithm）"
        )
        return CreditMarket(
            base_url=given.base_url,
            app_id=given.required("login", given.fields.login),
            secret=given.required("password", given.fields.password),
            key_id=given.required("extra.key_id", given.fields.extra.get("key_id")),
            algorithm=given.text("algorithm") or "HMAC-SHA256",
            next_key=_next_key(given),
            ca=given.text("ca"),
            rate_per_s=_rate(given),
            max_answer_mb=_max_answer_mb(given),
        )

    @property
    def mail_server(self) -> MailServer:
        """The mail server."""
        given = self._connection("smtp_default", "host、port、extra（from_email，必要时 disable_ssl、disable_tls）")
        use_ssl = not given.flag("disable_ssl")
        use_starttls = not use_ssl and not given.flag("disable_tls")
        if given.fields.password and not (
            use_ssl or use_starttls or is_loopback(given.host) or given.flag("allow_plaintext")
        ):
            raise ConfigurationError(
                "连接 smtp_default 会不加密地传送登录密码。",
                "请在其 extra 中去掉 disable_ssl 或 disable_tls；确有其他加密手段时，设置 allow_plaintext 为 true。",
            )
        from_email = given.required("extra.from_email", given.address("from_email"))
        return MailServer(
            host=given.required("host", given.host),
            port=given.port or (465 if use_ssl else 587 if use_starttls else 25),
            login=given.fields.login or None,
            password=given.fields.password or None,
            from_email=from_email,
            operator_email=given.address("operator_email") or from_email,
            use_ssl=use_ssl,
            use_starttls=use_starttls,
            timeout_s=given.number("timeout", *_WAIT_S) or 30.0,
            ca=given.text("ca"),
            rate_per_s=_rate(given),
        )

    @property
    def personal_data_keys(self) -> tuple[str, ...]:
        """Keys for personal data, newest first: of business_db's extra, else Airflow's Fernet keys.

        Raises ConfigurationError if there is none, or one is too short.
        """
        given = self._business_db()
        keys = given.secrets(PERSONAL_DATA_SECRET) if given else ()
        if given and (unhidden := given.secrets(UNHIDDEN_PERSONAL_DATA_KEY)):
            log.warning(
                "连接 business_db 的 extra.%s 会在 Airflow 中显示给操作员，请改名为 %s。",
                UNHIDDEN_PERSONAL_DATA_KEY,
                PERSONAL_DATA_SECRET,
            )
            keys = tuple(dict.fromkeys((*keys, *unhidden)))
        if not keys:
            keys = tuple(part.strip() for part in (self.fernet_key or "").split(",") if part.strip())
            refuse_short_keys("环境变量 AIRFLOW__CORE__FERNET_KEY", keys)
        if not keys:
            raise ConfigurationError(
                "没有可用的个人信息加密密钥。",
                f"请在连接 business_db 的 extra 中设置 {PERSONAL_DATA_SECRET}，或设置环境变量 AIRFLOW__CORE__FERNET_KEY。",
            )
        return keys

    @property
    def personal_data_algorithm(self) -> str:
        """The algorithm that encrypts new personal data (AES-256-GCM or SM4-GCM)."""
        given = self._business_db()
        return (given.text(PERSONAL_DATA_ALGORITHM) if given else None) or "AES-256-GCM"

    @property
    def audit_keys(self) -> tuple[str, ...]:
        """Keys that seal the audit trail, newest first: of business_db's extra, else derived from those for personal
        data.

        Raises ConfigurationError as `personal_data_keys` does.
        """
        given = self._business_db()
        return (given.secrets(AUDIT_SECRET) if given else ()) or tuple(
            hmac.digest(key.encode(), b"green-factory-finance audit", "sha256").hex() for key in self.personal_data_keys
        )

    @property
    def action_link_keys(self) -> tuple[bytes, ...]:
        """Keys that sign action links, newest first; empty: mails carry none. Raises ConfigurationError for a short one."""
        given = self._business_db()
        return tuple(key.encode() for key in given.secrets(ACTION_LINK_SECRET)) if given else ()

    def _business_db(self) -> GivenConnection | None:
        fields = self.connections.get("business_db")
        return None if fields is None else GivenConnection("business_db", fields)

    def _connection(self, name: str, needed: str) -> GivenConnection:
        fields = self.connections.get(name)
        if fields is None or not fields.host:
            raise ConfigurationError(
                f"缺少连接 {name}。",
                f"请在 Airflow“管理 → 连接”中新建 {name}，或设置环境变量 {environment_name(name)}，填写 {needed}。",
            )
        return GivenConnection(name, fields)


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


def _rate(given: GivenConnection) -> float | None:
    """Requests (or mails) a second that the receiver accepts, from all workers together; None (or 0): no limit."""
    return None if given.fields.extra.get("rate_per_s") in (0, "0") else given.number("rate_per_s", *_RATES)


def _max_answer_mb(given: GivenConnection) -> float:
    return given.number("max_answer_mb", *_ANSWER_MB) or MAX_ANSWER_MB


def _next_key(given: GivenConnection) -> SigningKey | None:
    value = given.fields.extra.get("next_key")
    if value is None or value in ("", {}):
        return None
    if not isinstance(value, Mapping) or not set(value) <= set(_SIGNING_KEY):
        raise ConfigurationError(
            "连接 credit_market 的 extra.next_key 无法使用。",
            '请写成 {"key_id": "…", "secret": "…", "algorithm": "HMAC-SM3"}，其中 algorithm 可以省略。',
        )
    algorithm = value.get("algorithm") or "HMAC-SHA256"
    return SigningKey(
        key_id=given.required("extra.next_key.key_id", value.get("key_id")),
        secret=given.required("extra.next_key.secret", value.get("secret")),
        algorithm=given.required("extra.next_key.algorithm", algorithm),
    )


def _on_this_machine(connections: Mapping[str, ConnectionFields]) -> bool:
    """Whether all platforms are on this machine."""
    given = (GivenConnection(name, connections[name]) for name in PLATFORMS if name in connections)
    try:
        return all(one.is_here for one in given)
    except ConfigurationError:
        return False

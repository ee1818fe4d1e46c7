"""A connection as Airflow knows it, with strict reading of its fields: an unusable field is named, and none is dropped
silently.

Its secrets are `password` and those extras that `secrets` reads; no message repeats the value of either.
"""

from __future__ import annotations

import ipaddress
import json
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from include.base.addresses import is_address
from include.base.errors import ConfigurationError

SHORTEST_KEY = 16
"""Least characters of a key that encrypts or seals."""


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
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise ConfigurationError(
                f"连接 {name} 的内容无法识别。",
                f"请检查环境变量 {environment_name(name)}：应为 JSON 对象或连接 URI（格式见 docs/integration.md）。",
            ) from None

    @classmethod
    def _from_json(cls, text: str) -> Self:
        value = json.loads(text)
        extra = value.get("extra") or {}
        port = value.get("port")
        return cls(
            conn_type=_text_or_none(value.get("conn_type")),
            host=_text_or_none(value.get("host")),
            schema=_text_or_none(value.get("schema")),
            login=_text_or_none(value.get("login")),
            password=_text_or_none(value.get("password")),
            port=None if port in (None, "") else int(port),
            extra=dict(json.loads(extra) if isinstance(extra, str) else extra),
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
            extra=dict(extra),
        )


@dataclass(frozen=True, slots=True)
class GivenConnection:
    """One connection, read field by field; each method raises ConfigurationError for an unusable value."""

    name: str
    fields: ConnectionFields

    @property
    def host(self) -> str:
        """The host alone, for a socket: an IPv6 address without brackets."""
        host = (self.fields.host or "").strip()
        return host[1:-1] if host.startswith("[") and host.endswith("]") else host

    @property
    def port(self) -> int | None:
        """The port, if one is given."""
        port = self.fields.port
        if port is not None and not 0 < port < 65536:
            raise self._unusable("port", "应为 1 到 65535 之间的整数")
        return port

    @property
    def base_url(self) -> str:
        """The host as a base URL: as given, or composed of host, schema and port."""
        url, host = self._url()
        if url.startswith("http:") and not is_loopback(host) and not self.flag("allow_plaintext"):
            raise ConfigurationError(
                f"连接 {self.name} 的地址是不加密的 http://，凭据和个人信息会以明文传输。",
                "请改用 https://；确有其他加密手段（如专线）时，在该连接的 extra 中设置 allow_plaintext 为 true。",
            )
        return url

    @property
    def is_here(self) -> bool:
        """Whether the base URL points to this machine."""
        return is_loopback(self._url()[1])

    def _url(self) -> tuple[str, str]:
        url = (self.fields.host or "").strip()
        if "://" not in url:
            name, slash, path = url.partition("/")
            name = name[1:-1] if name.startswith("[") and name.endswith("]") else name
            url = f"{self.fields.schema or 'https'}://{authority(name, self.port)}{slash}{path}"
        scheme, separator, rest = url.partition("://")
        url = f"{scheme.lower()}{separator}{rest.rstrip('/')}"
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable or parts.query or parts.fragment or _has_odd_characters(url) or " " in url:
            raise self._unusable("host", "应为平台地址，例如 https://platform.example:8443")
        if parts.username is not None or parts.password is not None:
            raise self._unusable("host", "其中不能写用户和密码，请分别填写 login 和 password")
        return url, parts.hostname or ""

    def required(self, what: str, value: object) -> str:
        """`value` of the field `what`, which must be a non-empty text."""
        if value is None or value == "":
            raise ConfigurationError(f"连接 {self.name} 缺少 {what}。", self._where())
        return self._text(what, value)

    def text(self, key: str) -> str | None:
        """An extra that is text; None if it is not given."""
        value = self.fields.extra.get(key)
        return None if value is None or value == "" else self._text(f"extra.{key}", value)

    def secrets(self, key: str) -> tuple[str, ...]:
        """The secrets of an extra, separated by commas, newest first; each has at least SHORTEST_KEY characters."""
        found = tuple(part.strip() for part in (self.text(key) or "").split(",") if part.strip())
        refuse_short_keys(f"连接 {self.name} 的 extra.{key}", found)
        return found

    def flag(self, key: str) -> bool:
        """An extra that switches something on."""
        return str(self.fields.extra.get(key)).lower() in {"true", "1", "yes"}

    def number(self, key: str, least: float, most: float) -> float | None:
        """An extra that is a number from `least` to `most`; None if it is not given."""
        value = self.fields.extra.get(key)
        if value is None or value == "":
            return None
        try:
            found = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            found = math.nan
        if not least <= found <= most:
            raise self._unusable(f"extra.{key}", f"应为 {least:g} 到 {most:g} 之间的数")
        return found

    def address(self, key: str) -> str | None:
        """An extra that is one plain e-mail address; None if it is not given."""
        found = self.text(key)
        if found is not None and not is_address(found):
            raise self._unusable(f"extra.{key}", "应为一个邮箱地址，不带姓名，也不能是多个地址")
        return found

    def _text(self, what: str, value: object) -> str:
        if not isinstance(value, str):
            raise self._unusable(what, "应为文字")
        if _has_odd_characters(value):
            raise self._unusable(what, "其中有控制字符")
        return value

    def _unusable(self, what: str, should: str) -> ConfigurationError:
        return ConfigurationError(f"连接 {self.name} 的 {what} 无法使用：{should}。", self._where())

    def _where(self) -> str:
        return f"请在 Airflow“管理 → 连接”或环境变量 {environment_name(self.name)} 中改正或补充。"


def environment_name(connection_id: str) -> str:
    """The environment variable that gives a connection to Airflow."""
    return f"AIRFLOW_CONN_{connection_id.upper()}"


def authority(host: str, port: int | None = None) -> str:
    """Host and port for a URL or a reader: an IPv6 address in brackets."""
    shown = f"[{host.replace('%', '%25')}]" if ":" in host and _ip(host) else host
    return shown if port is None else f"{shown}:{port}"


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine."""
    found = _ip(host)
    return host == "localhost" or (found is not None and found.is_loopback)


def refuse_short_keys(where: str, keys: tuple[str, ...]) -> None:
    """Raise ConfigurationError if a key is so short that it can be guessed."""
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise ConfigurationError(
            f"{where} 中有密钥不足 {SHORTEST_KEY} 个字符，容易被猜出。",
            '请换成随机生成的密钥，例如命令 python -c "import secrets; print(secrets.token_urlsafe(32))" 的输出。',
        )


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _has_odd_characters(text: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _text_or_none(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError("not text")
    return value

"""Options of libpq that the connection `business_db` may carry in its extra (sslmode, sslrootcert …)."""

from __future__ import annotations

from collections.abc import Set

from include.base.connection_fields import GivenConnection
from include.base.errors import ConfigurationError

# The libpq options that business_db's extra may set; the others (host, user, password …) are fields of the connection.
LIBPQ_OPTIONS = frozenset(
    {
        "application_name",
        "channel_binding",
        "connect_timeout",
        "gssencmode",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "krbsrvname",
        "load_balance_hosts",
        "options",
        "require_auth",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcertmode",
        "sslcrl",
        "sslcrldir",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslrootcert",
        "sslsni",
        "target_session_attrs",
        "tcp_user_timeout",
    }
)


def libpq_options(given: GivenConnection, ours: Set[str], unsaid: Set[str]) -> dict[str, str]:
    """The options in the extra of `given` together with `ours`, as text. Raises ConfigurationError for any other name.

    `unsaid`: deprecated names among `ours`, accepted but not offered in messages.
    """
    unknown = sorted(set(given.fields.extra) - ours - LIBPQ_OPTIONS)
    if unknown:
        raise ConfigurationError(
            f"连接 business_db 的 extra 中有不认识的设置：{'、'.join(name[:40] for name in unknown[:5])}。",
            f"请改正或删除；可以使用的有 {'、'.join(sorted(ours - unsaid | LIBPQ_OPTIONS))}。",
        )
    given.number("connect_timeout", 1, 600)
    found: dict[str, str] = {}
    for name in sorted(set(given.fields.extra) - ours):
        value = given.fields.extra[name]
        if isinstance(value, int):
            found[name] = str(int(value))
        elif (text := given.text(name)) is not None:
            found[name] = text
    return found

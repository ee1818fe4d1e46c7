from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from psycopg.pq import Conninfo

from include.base.errors import ConfigurationError
from include.base.libpq_options import LIBPQ_OPTIONS
from include.base.settings import ConnectionFields, MailServer, Settings, business_moment
from include.store.database import connect, open_database

GREEN = json.dumps({"conn_type": "http", "host": "http://127.0.0.1:8601", "login": "id", "password": "hush-hush"})
MARKET = json.dumps(
    {
        "conn_type": "http",
        "host": "127.0.0.1",
        "schema": "http",
        "port": 8602,
        "login": "GFF",
        "password": "hush-hush",
        "extra": json.dumps({"key_id": "k1", "algorithm": "HMAC-SM3", "next_key": {"key_id": "k2", "secret": "later"}}),
    }
)


def test_a_connection_is_read_from_json_or_uri_alike() -> None:
    as_uri = "http://GFF:hush-hush@127.0.0.1:8602/http?__extra__=" + json.dumps({"key_id": "k1"}).replace('"', "%22")
    fields = ConnectionFields.parse("credit_market", as_uri)
    assert Settings(connections={"credit_market": fields}).credit_market.base_url == "http://127.0.0.1:8602"
    assert fields.extra == {"key_id": "k1"}
    market = Settings.from_environment({"AIRFLOW_CONN_CREDIT_MARKET": MARKET}).credit_market
    assert market.base_url == "http://127.0.0.1:8602"
    assert (market.algorithm, market.next_key and market.next_key.key_id) == ("HMAC-SM3", "k2")


def test_a_missing_connection_is_named_with_the_way_to_set_it() -> None:
    with pytest.raises(ConfigurationError, match=r"缺少连接 green_platform.*AIRFLOW_CONN_GREEN_PLATFORM"):
        _ = Settings.from_environment({}).green_platform


def test_a_garbled_connection_is_named_without_its_content() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment({"AIRFLOW_CONN_GREEN_PLATFORM": '{"password": "hush-hush"'})
    assert "green_platform" in str(caught.value)
    assert "hush-hush" not in str(caught.value)


def test_secrets_are_masked_in_every_repr() -> None:
    settings = Settings.from_environment(
        {
            "AIRFLOW_CONN_GREEN_PLATFORM": GREEN,
            "AIRFLOW_CONN_CREDIT_MARKET": MARKET,
            "AIRFLOW__CORE__FERNET_KEY": "hush-hush",
        }
    )
    shown = repr(settings) + repr(settings.green_platform) + repr(settings.credit_market)
    assert "hush-hush" not in shown
    assert "later" not in shown


NEW_KEY, OLD_KEY, OLDEST_KEY = "new-key-new-key-new", "old-key-old-key-old", "oldest-key-oldest-key"
FERNET = "fernet-key-fernet-key"


def _keys_of(extra: dict[str, object], fernet: str | None = FERNET) -> Settings:
    return Settings(connections={"business_db": ConnectionFields(host="h", extra=extra)}, fernet_key=fernet)


def test_the_personal_data_keys_of_the_database_come_before_airflows() -> None:
    assert _keys_of({"personal_data_secret": f"{NEW_KEY}, {OLD_KEY}"}).personal_data_keys == (NEW_KEY, OLD_KEY)
    assert Settings.from_environment({"AIRFLOW__CORE__FERNET_KEY": FERNET}).personal_data_keys == (FERNET,)
    with pytest.raises(ConfigurationError, match="personal_data_secret"):
        _ = Settings.from_environment({}).personal_data_keys


def test_the_name_that_airflow_does_not_hide_is_still_read_behind_the_one_that_it_hides() -> None:
    assert _keys_of({"personal_data_key": f"{OLD_KEY},{OLDEST_KEY}"}).personal_data_keys == (OLD_KEY, OLDEST_KEY)
    both = _keys_of({"personal_data_secret": f"{NEW_KEY},{OLD_KEY}", "personal_data_key": f"{OLD_KEY},{OLDEST_KEY}"})
    assert both.personal_data_keys == (NEW_KEY, OLD_KEY, OLDEST_KEY)


def test_the_trail_is_sealed_with_keys_of_its_own_or_with_ones_made_of_those_for_personal_data() -> None:
    assert _keys_of({"audit_secret": f"{NEW_KEY},{OLD_KEY}"}).audit_keys == (NEW_KEY, OLD_KEY)
    derived = _keys_of({"personal_data_secret": f"{NEW_KEY},{OLD_KEY}"}).audit_keys
    assert derived == _keys_of({"personal_data_secret": f"{NEW_KEY},{OLD_KEY}"}).audit_keys
    assert len(set(derived)) == 2 and set(derived).isdisjoint({NEW_KEY, OLD_KEY})


def test_action_links_have_keys_of_their_own_or_none() -> None:
    two = _keys_of({"action_link_secret": f"{NEW_KEY},{OLD_KEY}"}).action_link_keys
    assert two == (NEW_KEY.encode(), OLD_KEY.encode())
    assert _keys_of({"audit_secret": NEW_KEY, "personal_data_secret": OLD_KEY}).action_link_keys == ()
    with pytest.raises(ConfigurationError, match=r"action_link_secret.*16 个字符"):
        _ = _keys_of({"action_link_secret": "short"}).action_link_keys


@pytest.mark.parametrize("name", ["personal_data_secret", "personal_data_key", "audit_secret"])
@pytest.mark.parametrize("short", ["x", "fifteen-letters", f"{NEW_KEY},x"])
def test_a_short_key_is_refused_without_being_shown(name: str, short: str) -> None:
    settings = _keys_of({name: short})
    with pytest.raises(ConfigurationError, match=f"{name}.*16 个字符") as caught:
        _ = settings.audit_keys if name == "audit_secret" else settings.personal_data_keys
    assert NEW_KEY not in str(caught.value) and "fifteen" not in str(caught.value)


def test_a_short_key_of_airflow_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"AIRFLOW__CORE__FERNET_KEY.*16 个字符"):
        _ = _keys_of({}, "short").personal_data_keys


def test_business_time_needs_an_offset() -> None:
    assert business_moment(None) is None
    with pytest.raises(ConfigurationError, match="2026-09-30T18:00:00"):
        business_moment("2026-09-30 18:00")


def test_tls_is_on_for_mails_unless_switched_off() -> None:
    def server(extra: dict[str, object]) -> tuple[int, bool, bool]:
        text = json.dumps({"conn_type": "smtp", "host": "mail", "extra": {"from_email": "a@b.cn", **extra}})
        mail = Settings.from_environment({"AIRFLOW_CONN_SMTP_DEFAULT": text}).mail_server
        return mail.port, mail.use_ssl, mail.use_starttls

    assert server({}) == (465, True, False)
    assert server({"disable_ssl": True}) == (587, False, True)
    assert server({"disable_ssl": True, "disable_tls": True}) == (25, False, False)


# --- The database ----------------------------------------------------------------------------------------------------


def _database(url: sa.URL, extra: dict[str, object]) -> Settings:
    fields = ConnectionFields(
        host=url.host, port=url.port, schema=url.database, login=url.username, password=url.password, extra=extra
    )
    return Settings(connections={"business_db": fields}, fernet_key=FERNET)


def test_what_libpq_may_be_told_reaches_it(database: sa.Engine) -> None:
    extra: dict[str, object] = {
        "personal_data_secret": NEW_KEY,
        "sslmode": "disable",
        "application_name": "green-finance",
        "connect_timeout": 7,
        "keepalives": True,
        "keepalives_idle": "33",
        "target_session_attrs": "read-write",
        "options": "-c statement_timeout=98s -c timezone=UTC",
        "sslrootcert": "",
    }
    engine = connect(_database(database.url, extra).business_db_url)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        told = driver.info.get_parameters()
        assert connection.execute(sa.text("show statement_timeout")).scalar() == "98s"
        assert connection.execute(sa.text("show timezone")).scalar() == "Asia/Shanghai"
        assert connection.execute(sa.text("show application_name")).scalar() == "green-finance"
    engine.dispose()
    assert told.items() >= {"sslmode": "disable", "connect_timeout": "7", "keepalives_idle": "33"}.items()
    # psycopg leaves out what equals the default.
    assert told.get("keepalives", "1") == "1" and told["target_session_attrs"] == "read-write"
    assert not any(NEW_KEY in value for value in told.values())


def test_a_demand_for_encryption_is_kept(database: sa.Engine) -> None:
    settings = _database(database.url, {"sslmode": "verify-full", "sslrootcert": "/nowhere/root.pem"})
    with pytest.raises(ConfigurationError, match="无法连接业务数据库"):
        open_database(settings)


def test_what_libpq_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"business_db.*不认识的设置：sslmod。.*sslmode"):
        _ = _database(sa.make_url("postgresql://h/d"), {"sslmod": "verify-full"}).business_db_url
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    assert known >= LIBPQ_OPTIONS


@pytest.mark.parametrize("value", [["a"], {"a": 1}, 1.5, "a\x00b", "a\nb"])
def test_an_option_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="application_name"):
        _ = _database(sa.make_url("postgresql://h/d"), {"application_name": value}).business_db_url


# --- Addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "::1", "schema": "http", "port": 8601}, "http://[::1]:8601"),
        ({"host": "[::1]", "schema": "http", "port": 8601}, "http://[::1]:8601"),
        ({"host": "2001:db8::7"}, "https://[2001:db8::7]"),
        ({"host": "https://[2001:db8::7]:8443/"}, "https://[2001:db8::7]:8443"),
        ({"host": "platform.example:8443"}, "https://platform.example:8443"),
        ({"host": "platform.example/api/", "port": 8443}, "https://platform.example:8443/api"),
        ({"host": "http://localhost:8601"}, "http://localhost:8601"),
        ({"host": "http://10.0.0.7", "extra": {"allow_plaintext": True}}, "http://10.0.0.7"),
    ],
)
def test_an_address_is_put_together_of_what_is_given(fields: dict[str, Any], url: str) -> None:
    given = ConnectionFields(login="id", password="hush-hush", **fields)
    assert Settings(connections={"green_platform": given}).green_platform.base_url == url
    market = replace(given, extra={**given.extra, "key_id": "k1"})
    assert Settings(connections={"credit_market": market}).credit_market.base_url == url


@pytest.mark.parametrize(
    "fields",
    [
        {"host": "http://platform.example"},
        {"host": "HTTP://platform.example"},
        {"host": "platform.example", "schema": "http"},
        {"host": "127.0.0.1.platform.example", "schema": "http"},
        {"host": "ftp://platform.example"},
        {"host": "platform.example", "schema": "htps"},
        {"host": "https://[::1"},
        {"host": "https://platform.example:99999"},
        {"host": "platform.example", "port": 99999},
        {"host": "platform.example", "port": -1},
        {"host": "https://user:hush-hush@platform.example"},
        {"host": "https://platform.example/?a=b"},
        {"host": "https://platform.example\r\nX-Evil: 1"},
        {"host": "https://platform .example"},
        {"host": "https://"},
    ],
)
def test_an_address_that_would_not_do_is_refused(fields: dict[str, Any]) -> None:
    given = ConnectionFields(login="id", password="hush-hush", **fields)
    with pytest.raises(ConfigurationError, match="green_platform") as caught:
        _ = Settings(connections={"green_platform": given}).green_platform
    assert "hush-hush" not in str(caught.value)


def test_an_ipv6_address_is_one_for_the_database_and_the_mail_server_too() -> None:
    for host in ("::1", "[::1]"):
        found = Settings(
            connections={
                "business_db": ConnectionFields(host=host, port=5432, schema="db"),
                "smtp_default": ConnectionFields(host=host, extra={"from_email": "a@b.cn"}),
            }
        )
        assert found.business_db_url.host == "::1"
        assert "[::1]:5432" in str(found.business_db_url)
        assert (found.mail_server.host, found.mail_server.address) == ("::1", "[::1]:465")
    closed = ConnectionFields(host="::1", port=9, schema="db", extra={"connect_timeout": 2})
    with pytest.raises(ConfigurationError, match=re.escape("[::1]:9/db")):
        open_database(Settings(connections={"business_db": closed}, fernet_key=FERNET))


def test_an_address_in_a_uri_may_be_ipv6() -> None:
    fields = ConnectionFields.parse("green_platform", "http://id:hush-hush@[::1]:8601/http")
    assert Settings(connections={"green_platform": fields}).green_platform.base_url == "http://[::1]:8601"


# --- Mail ------------------------------------------------------------------------------------------------------------


def _mail(host: str = "mail.example", password: str | None = None, **extra: object) -> MailServer:
    fields = ConnectionFields(host=host, login="me", password=password, extra={"from_email": "a@b.cn", **extra})
    return Settings(connections={"smtp_default": fields}).mail_server


def test_a_password_goes_to_the_mail_server_in_clear_only_where_that_is_said() -> None:
    plain = {"disable_ssl": True, "disable_tls": True}
    with pytest.raises(ConfigurationError, match=r"smtp_default.*不加密.*allow_plaintext") as caught:
        _mail(password="hush-hush", **plain)
    assert "hush-hush" not in str(caught.value)
    assert _mail(password="hush-hush", **plain, allow_plaintext=True).password == "hush-hush"
    assert _mail("127.0.0.1", password="hush-hush", **plain).password == "hush-hush"
    assert _mail("::1", password="hush-hush", **plain).password == "hush-hush"
    assert _mail(**plain).password is None
    assert _mail(password="hush-hush", disable_ssl=True).use_starttls


@pytest.mark.parametrize("key", ["from_email", "operator_email"])
@pytest.mark.parametrize(
    "value",
    ["a@b.cn, c@d.cn", "a@b.cn,c@d.cn", "绿厂融通 <a@b.cn>", "a@b.cn\r\nBcc: c@d.cn", "nobody", ["a@b.cn"], 5, True],
)
def test_a_sender_and_an_operator_have_one_plain_address_each(key: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"smtp_default 的 extra.{key}"):
        _mail(**{key: value})


# --- Figures ---------------------------------------------------------------------------------------------------------

BAD_FIGURES: list[object] = [
    "NaN",
    float("nan"),
    "inf",
    -1,
    "-0.5",
    "fast",
    "1,5",
    True,
    [1],
    {},
    10**400,
    1e-300,
]


@pytest.mark.parametrize("value", BAD_FIGURES)
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("green_platform", "rate_per_s"),
        ("credit_market", "rate_per_s"),
        ("smtp_default", "rate_per_s"),
        ("smtp_default", "timeout"),
        ("green_platform", "max_answer_mb"),
        ("credit_market", "max_answer_mb"),
        ("business_db", "connect_timeout"),
    ],
)
def test_a_figure_that_is_none_is_refused_by_name(name: str, key: str, value: object) -> None:
    extra = {"key_id": "k1", "from_email": "a@b.cn"} if name != "business_db" else {}
    fields = ConnectionFields(host="h.example", login="id", password="hush-hush", extra={**extra, key: value})
    settings = Settings(connections={name: fields})
    of = {"smtp_default": "mail_server", "business_db": "business_db_url"}.get(name, name)
    with pytest.raises(ConfigurationError, match=f"{name} 的 extra.{key}"):
        getattr(settings, of)


def test_figures_may_be_given_as_text_and_left_out() -> None:
    fields = ConnectionFields(
        host="h.example", login="id", password="p", extra={"rate_per_s": "20", "max_answer_mb": "128", "ca": ""}
    )
    green = Settings(connections={"green_platform": fields}).green_platform
    assert (green.rate_per_s, green.max_answer_mb, green.ca) == (20, 128, None)
    bare = Settings(connections={"green_platform": replace(fields, extra={})}).green_platform
    assert (bare.rate_per_s, bare.max_answer_mb) == (None, 64)
    for no_limit in (0, "0", ""):
        assert (
            Settings(
                connections={"smtp_default": replace(fields, extra={"from_email": "a@b.cn", "rate_per_s": no_limit})}
            ).mail_server.rate_per_s
            is None
        )
    assert (_mail().timeout_s, _mail(timeout="9").timeout_s) == (30, 9)


@pytest.mark.parametrize("value", ["k2", ["k2"], {"key_id": "k2"}, {"key_id": "k2", "secret": 5}, {"id": "k2"}, 7])
def test_a_next_key_that_is_none_is_refused(value: object) -> None:
    fields = ConnectionFields(host="h.example", login="id", password="p", extra={"key_id": "k1", "next_key": value})
    with pytest.raises(ConfigurationError, match=r"credit_market.*next_key"):
        _ = Settings(connections={"credit_market": fields}).credit_market


@pytest.mark.parametrize(
    "text",
    [
        '{"host": 5}',
        '{"password": ["hush-hush"]}',
        '{"extra": [1]}',
        '{"extra": "[1]"}',
        '{"port": "x"}',
        "http://[::1",
    ],
)
def test_a_connection_of_other_types_is_garbled_too(text: str) -> None:
    with pytest.raises(ConfigurationError, match="green_platform 的内容无法识别"):
        Settings.from_environment({"AIRFLOW_CONN_GREEN_PLATFORM": text})


def test_time_is_not_simulated_where_a_platform_is_elsewhere() -> None:
    def sandbox(host: str) -> bool:
        text = json.dumps({"conn_type": "http", "host": host})
        return Settings.from_environment({"GFF_SANDBOX": "1", "AIRFLOW_CONN_CREDIT_MARKET": text}).may_move_time

    assert Settings.from_environment({"GFF_SANDBOX": "1"}).may_move_time
    assert sandbox("http://127.0.0.1:8601") and sandbox("localhost") and sandbox("http://[::1]:8601") and sandbox("::1")
    assert not sandbox("https://platform.example") and not sandbox("platform.example") and not sandbox("https://[")

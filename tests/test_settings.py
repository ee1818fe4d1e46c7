from __future__ import annotations

import json

import pytest

from include.errors import ConfigurationError
from include.settings import ConnectionFields, Settings, business_moment

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
    assert fields.base_url() == "http://127.0.0.1:8602"
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


def test_the_personal_data_key_of_the_database_comes_before_airflows() -> None:
    database = json.dumps({"conn_type": "postgres", "host": "h", "extra": {"personal_data_key": "new, old"}})
    environment = {"AIRFLOW_CONN_BUSINESS_DB": database, "AIRFLOW__CORE__FERNET_KEY": "fernet"}
    assert Settings.from_environment(environment).personal_data_keys == ("new", "old")
    assert Settings.from_environment({"AIRFLOW__CORE__FERNET_KEY": "fernet"}).personal_data_keys == ("fernet",)
    with pytest.raises(ConfigurationError, match="personal_data_key"):
        _ = Settings.from_environment({}).personal_data_keys


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

"""The environment of the embedded stack: complete, private, and in a shell it gives way to what is set already."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from include.base.errors import ConfigurationError
from include.base.settings import Settings
from include.local.environment import Environment, Layout, Ports, Secrets, _shell_value

SHELLS = [shell for shell in ("bash", "dash", "zsh", "sh") if shutil.which(shell)]


def _sourced(shell: str, file: Path, **given: str) -> dict[str, str]:
    done = subprocess.run(
        [shell, "-c", '. "$0" && exec env -0', str(file)],
        env={"PATH": "/usr/bin:/bin", **given},
        capture_output=True,
        check=True,
    )
    return dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if line)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_gets_every_variable_as_it_is(environment: Environment, shell: str) -> None:
    found = _sourced(shell, environment.write_env_file())
    for name, value in environment.for_shell().items():
        if name == "PATH":
            assert found[name] == f"{value}:/usr/bin:/bin"
        else:
            assert found[name] == value, name


def test_a_shell_keeps_airflows_books_apart_from_the_schedulers(environment: Environment) -> None:
    name = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
    shell, services = environment.for_shell(), environment.for_services({})
    assert shell[name] != services[name]
    assert shell["AIRFLOW_CONN_BUSINESS_DB"] == services["AIRFLOW_CONN_BUSINESS_DB"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_variable_that_is_set_wins(environment: Environment, shell: str) -> None:
    connection = '{"conn_type": "http", "host": "https://green.example"}'
    found = _sourced(shell, environment.write_env_file(), AIRFLOW_CONN_GREEN_PLATFORM=connection, GFF_SANDBOX="0")
    assert found["AIRFLOW_CONN_GREEN_PLATFORM"] == connection
    assert found["GFF_SANDBOX"] == "0"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("platform", ["AIRFLOW_CONN_GREEN_PLATFORM", "AIRFLOW_CONN_CREDIT_MARKET"])
def test_time_is_simulated_only_where_both_platforms_are_the_sandbox(
    environment: Environment, shell: str, platform: str
) -> None:
    real = json.dumps({"conn_type": "http", "host": "https://real.example", "login": "a", "password": "b"})
    file = environment.write_env_file()
    assert _sourced(shell, file)["GFF_SANDBOX"] == "1"
    assert _sourced(shell, file, **{platform: real})["GFF_SANDBOX"] == "0"
    assert environment.for_services({})["GFF_SANDBOX"] == "1"
    for inherited in ({}, {"GFF_SANDBOX": "1"}):
        services = environment.for_services({platform: real, **inherited})
        assert services["GFF_SANDBOX"] == "0"
        assert not Settings.from_environment({**services, "GFF_SANDBOX": "1"}).may_move_time


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("value", ["}", "it's", '{"a": {"b": "$x `y` \\\\z"}}', "a b;c&d", "绿厂", "!x"])
def test_any_value_survives_a_shell(tmp_path: Path, shell: str, value: str) -> None:
    file = tmp_path / "env.sh"
    file.write_text(f"export GFF_TRIAL={_shell_value('GFF_TRIAL', value)}\n", encoding="utf-8")
    assert _sourced(shell, file)["GFF_TRIAL"] == value


def test_the_file_is_private_and_holds_export_lines_alone(environment: Environment) -> None:
    file = environment.write_env_file()
    assert file.stat().st_mode & 0o777 == 0o600
    assert all(line.startswith("export ") for line in file.read_text(encoding="utf-8").splitlines())


def test_the_pipeline_reads_its_connections_from_it(environment: Environment) -> None:
    settings = Settings.from_environment(environment.variables())
    assert settings.business_db_url.port == environment.ports.postgres
    assert settings.green_platform.base_url == environment.green_url
    assert (settings.credit_market.key_id, settings.credit_market.algorithm) == ("k1", "HMAC-SM3")
    assert not settings.mail_server.use_ssl and not settings.mail_server.use_starttls
    assert settings.sandbox
    assert settings.personal_data_keys == (environment.secrets.fernet_key,)


def test_secrets_are_made_once_and_kept_private(layout: Layout) -> None:
    layout.create()
    first = Secrets.load(layout)
    assert Secrets.load(layout) == first
    assert (layout.local / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert len(first.jwt_secret) >= 64
    assert first.fernet_key not in repr(first)


def test_a_secret_that_a_newer_version_needs_is_added(layout: Layout) -> None:
    layout.create()
    first = Secrets.load(layout)
    known = json.loads((layout.local / "secrets.json").read_text())
    del known["viewer_password"]
    (layout.local / "secrets.json").write_text(json.dumps(known))
    second = Secrets.load(layout)
    assert second.fernet_key == first.fernet_key
    assert Secrets.load(layout) == second


def test_a_chosen_port_is_kept_for_the_next_command(layout: Layout) -> None:
    assert Ports.chosen(layout, {}).airflow == 8080
    assert Ports.chosen(layout, {"GFF_PORT_AIRFLOW": "18080"}).airflow == 18080
    assert Ports.chosen(layout, {}).airflow == 18080


@pytest.mark.parametrize("value", ["80", "70000", "acht", "８０８０", "-1"])
def test_a_value_that_is_no_port_is_refused(layout: Layout, value: str) -> None:
    with pytest.raises(ConfigurationError, match="GFF_PORT_AIRFLOW"):
        Ports.chosen(layout, {"GFF_PORT_AIRFLOW": value})


def test_two_services_on_one_port_are_refused(layout: Layout) -> None:
    with pytest.raises(ConfigurationError, match="同一个端口"):
        Ports.chosen(layout, {"GFF_PORT_AIRFLOW": "8601"})


def test_services_take_a_connection_that_was_given_and_a_demo_does_not(environment: Environment) -> None:
    given = {"AIRFLOW_CONN_GREEN_PLATFORM": "{}", "AIRFLOW_HOME": "/elsewhere", "GFF_NOW": "2020-01-01T00:00:00+08:00"}
    services = environment.for_services(given)
    assert services["AIRFLOW_CONN_GREEN_PLATFORM"] == "{}"
    assert services["AIRFLOW_HOME"] == str(environment.layout.airflow_home)
    demo = environment.for_demo(given)
    assert demo["AIRFLOW_CONN_GREEN_PLATFORM"] == environment.connections()["AIRFLOW_CONN_GREEN_PLATFORM"]
    assert "GFF_NOW" not in demo

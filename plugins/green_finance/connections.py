"""Airflow's connections as the settings of the pipeline."""

from __future__ import annotations

from dataclasses import replace

from airflow.sdk import BaseHook
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from include.base.settings import CONNECTION_IDS, UNHIDDEN_PERSONAL_DATA_KEY, ConnectionFields, Settings


def settings() -> Settings:
    """The settings, with each connection as Airflow has it; a missing one raises only when a stage needs it."""
    found = Settings.given(
        {name: fields for name in CONNECTION_IDS if (fields := _connection(name)) is not None},
        conf.get("core", "fernet_key", fallback=None) or None,
    )
    return replace(found, api_base_url=conf.get("api", "base_url", fallback="") or "")


def all_are_set() -> bool:
    """Whether Airflow has each connection that the pipeline needs."""
    return all(_connection(name) is not None for name in CONNECTION_IDS)


def _connection(name: str) -> ConnectionFields | None:
    try:
        connection = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None
    extra = connection.extra_dejson
    # Airflow hides values in logs by their names; this old name is not one of those.
    mask_secret(extra.get(UNHIDDEN_PERSONAL_DATA_KEY))
    return ConnectionFields(
        conn_type=connection.conn_type,
        host=connection.host,
        schema=connection.schema,
        login=connection.login,
        password=connection.password,
        port=connection.port,
        extra=extra,
    )

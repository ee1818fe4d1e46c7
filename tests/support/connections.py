"""Airflow's four connections to a business database and a sandbox."""

from __future__ import annotations

import json

import sqlalchemy as sa

from include.sandbox.server import Sandbox


def connections_to(business: sa.URL, sandbox: Sandbox, personal_data_secret: str) -> dict[str, str]:
    """Each connection as a variable that Airflow reads."""
    connections = {
        "business_db": {
            "conn_type": "postgres",
            "host": business.host,
            "port": business.port,
            "login": business.username,
            "password": business.password,
            "schema": business.database,
            "extra": {"personal_data_secret": personal_data_secret},
        },
        "green_platform": {
            "conn_type": "http",
            "host": sandbox.green_url,
            "login": sandbox.green_client_id,
            "password": sandbox.green_client_secret,
        },
        "credit_market": {
            "conn_type": "http",
            "host": sandbox.market_url,
            "login": sandbox.market_app_id,
            "password": sandbox.market_secret,
            "extra": {"key_id": sandbox.market_key_id, "algorithm": "HMAC-SM3"},
        },
        "smtp_default": {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": sandbox.smtp_port,
            "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "pipeline@green-finance.example"},
        },
    }
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()}

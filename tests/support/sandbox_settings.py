"""The connections to a sandbox that runs in the tests' own process."""

from __future__ import annotations

import json

from include.base.settings import ConnectionFields, Settings
from include.sandbox.server import Sandbox


def sandbox_settings(sandbox: Sandbox) -> Settings:
    """The connections to a sandbox in this process."""
    return Settings(
        connections={
            "green_platform": ConnectionFields(
                host=sandbox.green_url, login=sandbox.green_client_id, password=sandbox.green_client_secret
            ),
            "credit_market": ConnectionFields(
                host=sandbox.market_url,
                login=sandbox.market_app_id,
                password=sandbox.market_secret,
                extra={"key_id": sandbox.market_key_id, "algorithm": sandbox.market_algorithm},
            ),
            "smtp_default": ConnectionFields(
                host="127.0.0.1",
                port=sandbox.smtp_port,
                extra={
                    "disable_ssl": True,
                    "disable_tls": True,
                    "from_email": "pipeline@green-finance.example",
                    "operator_email": "operator@green-finance.example",
                },
            ),
        },
        fernet_key=json.dumps({"quarters": sandbox.scenario.quarter}),
        sandbox=True,
    )

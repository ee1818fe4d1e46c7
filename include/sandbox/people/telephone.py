"""The telephone: how a coordinator reaches a bank."""

from __future__ import annotations

import requests

_TIMEOUT_S = 30.0


class Telephone:
    """Rings banks through the control plane of the sandbox at `market_url`."""

    def __init__(self, market_url: str) -> None:
        self._calls = f"{market_url}/_sandbox/calls"
        self._session = requests.Session()
        self._session.trust_env = False

    def ring(self, need_id: str, institution_code: str = "") -> bool:
        """Ring a bank about a need (without a code: ask around who would take it); whether anybody moved."""
        asked = {"need_id": need_id, "institution_code": institution_code}
        answer = self._session.post(self._calls, json=asked, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        return bool(answer.json()["moved"])

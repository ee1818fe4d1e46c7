"""The embedded stack's client of the running sandbox: its clock, the market's ledger, the received mails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email import message_from_binary_file
from typing import Any

import requests

from include.base.errors import UserFacingError
from include.local.environment import Environment

_TIMEOUT_S = 30.0


class SandboxSilent(UserFacingError):
    """The sandbox did not answer."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the market holds of a revision of a need; `effects`: how often it took effect."""

    need_id: str
    revision: int
    state: str
    effects: int
    quarter: str = ""


class SandboxClient:
    """The control plane of the sandbox."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._session = requests.Session()
        self._session.trust_env = False

    def answers(self) -> bool:
        """Whether the sandbox is up."""
        try:
            return self._session.get(f"{self._environment.market_url}/_sandbox/state", timeout=5).ok
        except requests.RequestException:
            return False

    def set_clock(self, now: datetime) -> None:
        """Move simulated time to `now` (aware); the banks answer up to it."""
        self._call("POST", f"{self._environment.green_url}/_sandbox/clock", json={"now": now.isoformat()})

    def make_trouble(self, kind: str) -> None:
        """Plant a trouble of a play: the mail server fails, or the market refuses the next push."""
        if kind == "mail_outage":
            self._call(
                "POST", f"{self._environment.green_url}/_sandbox/mail-faults", json={"kind": "421", "count": 100}
            )
        else:
            fault = {"path": "/v1/need-batches", "kind": "rejected", "count": 1}
            self._call("POST", f"{self._environment.market_url}/_sandbox/faults", json=fault)

    def end_trouble(self) -> None:
        """Everything works again."""
        self._call("DELETE", f"{self._environment.market_url}/_sandbox/faults")
        self._call("DELETE", f"{self._environment.green_url}/_sandbox/mail-faults")

    def ledger(self) -> list[LedgerEntry]:
        """Everything that the market holds or held."""
        items = self._call("GET", f"{self._environment.market_url}/_sandbox/ledger")["items"]
        names = ("need_id", "revision", "state", "effects", "quarter")
        return [LedgerEntry(**{name: item[name] for name in names}) for item in items]

    def message_ids(self) -> list[str]:
        """The Message-ID of each mail of the outbox that arrived; Airflow's own notes about a failed run have none."""
        found = []
        for path in sorted(self._environment.layout.mail.glob("*.eml")):
            with path.open("rb") as file:
                found.append(message_from_binary_file(file)["Message-ID"])
        return [str(one) for one in found if one is not None]

    def _call(self, method: str, url: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer = self._session.request(method, url, timeout=_TIMEOUT_S, **arguments)
            answer.raise_for_status()
            if not answer.content:
                return {}
        except requests.RequestException as error:
            raise SandboxSilent(
                f"沙箱平台没有应答（{type(error).__name__}）。", "请查看 .local/logs/sandbox.log 后重新运行。"
            ) from None
        found: dict[str, Any] = answer.json()
        return found

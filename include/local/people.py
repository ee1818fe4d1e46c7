"""The people of a demonstration: officers at the console, coordinators with their mails, each over his own door."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from include.base.errors import UserFacingError
from include.local.environment import Environment
from include.sandbox.people.mail_readers import MailReaders
from include.sandbox.people.officers import Officers
from include.sandbox.people.pages import Browser, PageRefused
from include.sandbox.people.telephone import Telephone

OFFICERS, COORDINATORS = "officers", "coordinators"
_SEED = 490


class PersonHindered(UserFacingError):
    """A page that a person needs is broken."""


class People:
    """Who acts between the runs. Everybody is logged in from the start."""

    def __init__(self, environment: Environment) -> None:
        passwords = environment.secrets.passwords()
        first, second = (
            Browser.logged_in(environment.airflow_url, user, passwords[user]) for user in ("operator", "reviewer")
        )
        self._officers = Officers(f"{environment.airflow_url}/green-finance/", first, second, _SEED)
        self._readers = MailReaders(environment.mailbox_url, Telephone(environment.market_url), _SEED)

    def work(self, who: str, moment: datetime) -> Counter[str]:
        """Let the officers or the coordinators do a day's work; returns what they did. Raises PersonHindered."""
        try:
            return self._officers.work() if who == OFFICERS else self._readers.work(moment.date())
        except PageRefused as refusal:
            raise PersonHindered(f"演示中的人员无法办理：{refusal}", "请查看 .local/logs/api-server.log。") from None

    @property
    def done(self) -> Counter[str]:
        """What everybody did so far, by kind."""
        return self._officers.done + self._readers.done

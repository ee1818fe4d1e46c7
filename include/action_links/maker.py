"""The links in mails: the address of the page on which the recipient acts without a login."""

from __future__ import annotations

from dataclasses import dataclass, field

from include.action_links.tokens import LinkSubject, expires_on, mint
from include.base.settings import Settings
from include.reference.day import Day


@dataclass(frozen=True, slots=True)
class LinkMaker:
    """Makes the links of mails. Without a key, or without an address of the console, mails carry none."""

    key: bytes | None = field(repr=False)
    console_url: str

    @classmethod
    def of(cls, settings: Settings) -> LinkMaker:
        """With the newest key of the settings."""
        return cls(next(iter(settings.action_link_keys), None), settings.console_url)

    def action_link(self, coordinator_id: str, subject: LinkSubject, *, idempotency_key: str, day: Day) -> str:
        """The page for this recipient of the mail with this key; empty if mails carry no links."""
        if self.key is None or not self.console_url:
            return ""
        token = mint(
            self.key,
            coordinator_id=coordinator_id,
            subject=subject,
            expires_on=expires_on(day),
            idempotency_key=idempotency_key,
        )
        return f"{self.console_url}/act/{token}"

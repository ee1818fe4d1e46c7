"""Coordinators who read their mails: they open the links for their items, take them on, ring the bank, and report.

A coordinator has no login. He knows what his mail says: the links in it, and what the page behind a link shows. Most
react to a mail, some do not; an obstruction is taken on at once and settled some working days later.
"""

from __future__ import annotations

import email
import email.policy
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from email.message import EmailMessage

from include.reference import institutions
from include.reference.calendar import china_calendar
from include.sandbox.people.pages import Browser, Page, PageRefused
from include.sandbox.people.telephone import Telephone

_LINK = re.compile(r"https?://[^\s<>\"'，。；）]+/act/[A-Za-z0-9_.\-]+")
_NEED = re.compile(r"FN[0-9]{12}")
_REACTS, _USES_LINK = 0.85, 0.35
_SETTLED_AFTER = (2, 4)
"""Working days from taking an obstruction on to its settlement."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as its reader sees it."""

    number: int
    to: str
    subject: str
    text: str

    @property
    def links(self) -> list[str]:
        """The action links in it, each once."""
        return list(dict.fromkeys(_LINK.findall(self.text)))


@dataclass(slots=True)
class MailReaders:
    """All coordinators with their mailboxes at `mailbox_url`; `done` counts what they did, by kind."""

    mailbox_url: str
    telephone: Telephone
    seed: int
    browser: Browser = field(default_factory=Browser)
    done: Counter[str] = field(default_factory=Counter)
    _read: int = 0
    _promised: list[tuple[date, str]] = field(default_factory=list)
    _known: set[tuple[str, str]] = field(default_factory=set)

    def work(self, today: date) -> Counter[str]:
        """Keep what was promised for today, then read the new mails; returns what was done."""
        before = Counter(self.done)
        due = sorted(link for day, link in self._promised if day <= today)
        self._promised = [(day, link) for day, link in self._promised if day > today]
        for link in due:
            self._press(link, "settled", "已协调解决，请机构确认。", "办结梗阻")
        for letter in self.new_letters():
            for link in letter.links:
                self._react(link, today)
        return self.done - before

    def new_letters(self) -> list[Letter]:
        """The mails that arrived since the last look."""
        found = []
        while (letter := self._letter(self._read + 1)) is not None:
            self._read += 1
            found.append(letter)
        return found

    def _letter(self, number: int) -> Letter | None:
        raw = self.browser.fetched(f"{self.mailbox_url}/mails/{number}/raw")
        if raw is None:
            return None
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        part = message.get_body(("plain",))
        text = "" if part is None else str(part.get_content())
        return Letter(number, str(message["To"] or ""), str(message["Subject"] or ""), text)

    def _react(self, link: str, today: date) -> None:
        page = self._open(link)
        if page is None:
            return
        need = _NEED.search(page.text)
        bank = next((code for code, one in institutions().items() if one.name in page.text), "")
        about = (need[0] if need else link, bank)
        chance = random.Random(f"{self.seed}:{about}:coordinator")
        obstruction = "梗阻" in page.text
        if about in self._known or (not obstruction and chance.random() >= _REACTS):
            return
        self._known.add(about)
        if obstruction:
            if self._press(link, "taken_on", "已受理，正在协调。", "受理梗阻"):
                day = china_calendar().add_working_days(today, chance.randint(*_SETTLED_AFTER)).day
                self._promised.append((day, link))
            return
        if chance.random() < _USES_LINK:
            self._press(link, "contacted", "已联系机构，请其尽快办理。", "已联系机构")
        if need is not None and self.telephone.ring(need[0], bank):
            self.done["机构恢复办理"] += 1

    def _open(self, link: str) -> Page | None:
        try:
            return self.browser.open(link)
        except PageRefused as refusal:
            if refusal.status >= 500:
                raise
            return None

    def _press(self, link: str, act: str, remark: str, kind: str) -> bool:
        """Open a link's page again and press the button for an act; whether it was there."""
        page = self._open(link)
        form = next((one for one in page.forms if one.offers(act)), None) if page else None
        if form is None:
            return False
        try:
            self.browser.send(form, act, **({name: remark for name in _REMARKS if name in form.fields}))
        except PageRefused as refusal:
            if refusal.status >= 500:
                raise
            return False
        self.done[kind] += 1
        return True


_REMARKS = ("remark", "note", "reason")

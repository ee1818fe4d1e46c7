"""Mails (邮件) by SMTP, each handed over at most once.

SMTP has no idempotency key. So a row `started` is committed before each conversation; if it broke off after the data
was handed over, the mail stays `unknown` and is not repeated automatically. Each mail has a row of its own: with one
row for a set, a killed worker would leave the whole set in doubt instead of one mail.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from include.base.errors import PlatformUnavailable
from include.base.settings import MailServer
from include.delivery.claim import LEASE
from include.delivery.mail_connection import away, connect
from include.delivery.mail_message import MailMessage, mail_message
from include.delivery.outcomes import Claim, Result, State, lost, unavailable
from include.platforms.http import OutcomeUnknown
from include.words.shown import scrubbed

_TAKEN, _FORWARDED = 250, 251


class MailSender:
    """Hands mails over to the server, many on one connection; implements `Sender`. Use as a context manager."""

    at_once = 20

    def __init__(
        self,
        engine: sa.Engine,
        server: MailServer,
        worker: str,
        clock: Callable[[], datetime],
        pace: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._server = server
        self._worker = worker
        self._clock = clock
        self._pace = pace
        self._smtp: smtplib.SMTP | None = None
        self._marks: sa.Connection | None = None

    def __enter__(self) -> Self:
        self._marks = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()
        if self._marks is not None:
            self._marks.close()

    def send(self, claims: Sequence[Claim]) -> Iterator[list[Result]]:
        """Hand over each mail; the result of one is recorded before the next is begun."""
        for claim in claims:
            try:
                message = mail_message(
                    claim.idempotency_key, claim.body, sender=self._server.from_email, at=self._clock()
                )
            except (ValueError, KeyError, TypeError):
                yield [_result(claim, "held", "not_sent", "rejected", detail="邮件内容无法成文")]
                continue
            try:
                smtp = self._connected()
            except PlatformUnavailable as error:
                yield [unavailable(claim, error)]
                raise
            self._pace()
            if self._begin(claim):
                yield [self._hand_over(smtp, claim, message)]

    def _begin(self, claim: Claim) -> bool:
        """Record that the conversation begins, if the mail is still ours; committed when this returns."""
        assert self._marks is not None, "used as a context manager"
        asked = {"id": claim.delivery_id, "worker": self._worker, "lease": LEASE, "now": self._clock()}
        return self._marks.execute(_BEGIN, asked).rowcount == 1

    def _hand_over(self, smtp: smtplib.SMTP, claim: Claim, message: MailMessage) -> Result:
        try:
            code, text = self._envelope(smtp, message.recipients)
        except (smtplib.SMTPException, OSError):
            self._hang_up()
            return unavailable(claim, away(self._server, "连接中断"))
        if code == _TAKEN:
            try:
                code, text = _reply(smtp.data(message.content))
            except smtplib.SMTPDataError as error:
                code, text = _reply((error.smtp_code, error.smtp_error))
            except (smtplib.SMTPException, OSError):
                self._hang_up()
                return lost(claim, OutcomeUnknown("邮件服务器", "正文交出后连接中断"))
            if code == _TAKEN:
                return _result(claim, "delivered", "accepted")
        return self._refused(smtp, claim, code, scrubbed(text, *message.recipients))

    def _envelope(self, smtp: smtplib.SMTP, recipients: Sequence[str]) -> tuple[int, str]:
        """Send sender and recipients; returns the first reply that refuses one, else the last."""
        code, text = _reply(smtp.mail(self._server.from_email))
        for recipient in recipients:
            if code != _TAKEN:
                break
            code, text = _reply(smtp.rcpt(recipient))
            code = _TAKEN if code == _FORWARDED else code
        return code, text

    def _refused(self, smtp: smtplib.SMTP, claim: Claim, code: int, detail: str) -> Result:
        """4yz: later; 5yz: never. In either case nothing was handed over."""
        try:
            smtp.rset()
        except (smtplib.SMTPException, OSError):
            self._hang_up()
        if code < 500:
            return _result(claim, "pending", "deferred", "deferred", code, detail)
        return _result(claim, "held", "rejected", "rejected", code, detail)

    def _connected(self) -> smtplib.SMTP:
        if self._smtp is None:
            self._smtp = connect(self._server)
        return self._smtp

    def _hang_up(self) -> None:
        if self._smtp is None:
            return
        smtp, self._smtp = self._smtp, None
        try:
            smtp.quit()
        except (smtplib.SMTPException, OSError):
            smtp.close()


def _reply(reply: tuple[int, bytes | str]) -> tuple[int, str]:
    code, text = reply
    return code, text if isinstance(text, str) else text.decode(errors="backslashreplace")


def _result(
    claim: Claim,
    state: State,
    outcome: str,
    error_class: str | None = None,
    code: int | None = None,
    detail: str | None = None,
) -> Result:
    return Result(
        claim=claim,
        kind="send",
        outcome=outcome,
        state=state,
        error_class=error_class,
        detail=f"{code} {detail}" if code else detail,
    )


# One statement in autocommit: a mail costs one round trip to the database before its conversation.
_BEGIN = sa.text(
    """
    with kept as (
        update delivery set lease_until = clock_timestamp() + :lease
        where delivery_id = :id and lease_owner = :worker and state = 'pending'
        returning delivery_id
    )
    insert into delivery_attempt (delivery_id, kind, worker, attempted_at, outcome)
    select delivery_id, 'send', :worker, :now, 'started' from kept
    """
)

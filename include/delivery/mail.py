"""Mails (邮件) by SMTP, each handed over at most once.

SMTP has no idempotency key. So a row `started` is committed before each conversation; if it broke off after the data
was handed over, the mail stays `unknown` and is not repeated automatically. Each mail has a row of its own: with one
row for a set, a killed worker would leave the whole set in doubt instead of one mail.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import BinaryIO, Self

import sqlalchemy as sa

from include.base.errors import ConfigurationError, CredentialsRefused, PlatformUnavailable
from include.base.settings import MailServer
from include.delivery.claim import LEASE
from include.delivery.mail_message import MailMessage, mail_message
from include.delivery.outcomes import Claim, Result, State, lost, unavailable
from include.platforms.http import OutcomeUnknown
from include.words.shown import scrubbed

_TAKEN, _FORWARDED = 250, 251
_LONGEST_LINE = 8192
_MOST_LINES = 100


class _BoundedReplies(smtplib.SMTP):
    """SMTP with bounded replies: the standard library reads the lines of one for as long as the server sends some."""

    # Missing in the standard library's type stubs.
    file: BinaryIO | None

    def getreply(self) -> tuple[int, bytes]:
        """The code and text of a reply; raises SMTPServerDisconnected if there is none."""
        if self.file is None:
            assert self.sock is not None, "asked after a command was sent"
            self.file = self.sock.makefile("rb")
        lines: list[bytes] = []
        while len(lines) < _MOST_LINES:
            try:
                line = self.file.readline(_LONGEST_LINE + 1)
            except OSError:
                line = b""
            if not line or len(line) > _LONGEST_LINE:
                break
            lines.append(line[4:].strip(b" \t\r\n"))
            if line[3:4] != b"-" or not line[:3].isdigit():
                return int(line[:3]) if line[:3].isdigit() else -1, b"\n".join(lines)
        self.close()
        raise smtplib.SMTPServerDisconnected("no reply, or one without an end")


class _BoundedRepliesOverTls(_BoundedReplies, smtplib.SMTP_SSL):
    """The same on a connection that is encrypted from its beginning."""


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
            return unavailable(claim, self._away("连接中断"))
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
            self._smtp = self._connect()
        return self._smtp

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        smtp: smtplib.SMTP | None = None
        trust = self._trust() if server.use_ssl or server.use_starttls else None
        try:
            if server.use_ssl:
                smtp = _BoundedRepliesOverTls(server.host, server.port, timeout=server.timeout_s, context=trust)
            else:
                smtp = _BoundedReplies(server.host, server.port, timeout=server.timeout_s)
            if server.use_starttls:
                smtp.starttls(context=trust)
            smtp.ehlo_or_helo_if_needed()
            if server.login:
                smtp.login(server.login, server.password or "")
            return smtp
        except smtplib.SMTPNotSupportedError:
            wanted = "登录" if server.login and not server.use_starttls else "STARTTLS 或登录"
            problem: Exception = ConfigurationError(
                f"邮件服务器 {server.address} 不支持{wanted}。",
                "请核对连接 smtp_default 的 disable_ssl、disable_tls、login 与邮件服务器是否一致。",
            )
        except smtplib.SMTPAuthenticationError:
            problem = CredentialsRefused(
                f"邮件服务器 {server.address} 拒绝了登录。", "请核对连接 smtp_default 的 login 和 password。"
            )
        except ssl.SSLError:
            problem = self._away("加密连接失败（证书或 disable_ssl、disable_tls 设置）")
        except (smtplib.SMTPException, OSError):
            problem = self._away("无法连接")
        if smtp is not None:
            smtp.close()
        raise problem

    def _trust(self) -> ssl.SSLContext:
        """Certificates are always verified: by the system's authorities, or by the connection's own (extra.ca)."""
        try:
            return ssl.create_default_context(cafile=self._server.ca)
        except OSError:
            raise ConfigurationError(
                f"邮件服务器 {self._server.address} 的根证书文件不存在或无法读取。",
                "请核对连接 smtp_default 的 extra.ca。",
            ) from None

    def _away(self, reason: str) -> PlatformUnavailable:
        return PlatformUnavailable(
            f"邮件服务器（{self._server.address}）暂时不可用：{reason}。",
            "请确认连接 smtp_default 的 host、port 和网络；未发出的邮件会自动补发。",
        )

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

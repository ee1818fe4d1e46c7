"""Mails (邮件) by SMTP, each handed over at most once.

SMTP knows no idempotency key. So a row `started` is committed before each conversation; where it broke off after the data was
handed over, the mail stays `unknown` and is not repeated by itself.
"""

from __future__ import annotations

import hashlib
import json
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from include.delivery.claim import LEASE
from include.delivery.outcomes import Claim, Result, State, lost, unavailable
from include.errors import ConfigurationError, CredentialsRefused, PlatformUnavailable
from include.platforms.http import OutcomeUnknown, scrubbed
from include.settings import MailServer
from include.store.tables import delivery_attempt

MESSAGE_ID_DOMAIN = "green-factory-financing"
_POLICY = SMTP.clone(cte_type="7bit")
_TAKEN, _FORWARDED = 250, 251


def message_id(idempotency_key: str) -> str:
    """The Message-ID of the mail with this key: the same whenever and by whomever it is sent."""
    return f"<{hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]}@{MESSAGE_ID_DOMAIN}>"


class MailSender:
    """Hands mails over to the server, many on one connection; implements `Sender`. Use as a context manager."""

    at_once = 20

    def __init__(self, engine: sa.Engine, server: MailServer, worker: str, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._server = server
        self._worker = worker
        self._clock = clock
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()

    def send(self, claims: Sequence[Claim]) -> Iterator[list[Result]]:
        """Hand over each mail; the result of one is recorded before the next is begun."""
        for claim in claims:
            try:
                message = self._message(claim)
            except (ValueError, KeyError, TypeError):
                yield [_result(claim, "held", "not_sent", "rejected", detail="邮件内容无法成文")]
                continue
            try:
                smtp = self._connected()
            except PlatformUnavailable as error:
                yield [unavailable(claim, error)]
                raise
            if self._begin(claim):
                yield [self._hand_over(smtp, claim, message)]

    def _message(self, claim: Claim) -> EmailMessage:
        body: dict[str, Any] = json.loads(claim.body)
        message = EmailMessage(policy=_POLICY)
        message["From"] = self._server.from_email
        message["To"] = ", ".join(body["to"])
        message["Subject"] = body["subject"]
        message["Date"] = format_datetime(self._clock())
        message["Message-ID"] = message_id(claim.idempotency_key)
        message["Auto-Submitted"] = "auto-generated"
        if body.get("list_id"):
            message["List-Id"] = f"<{body['list_id']}>"
        if body.get("references"):
            earlier = [message_id(key) for key in body["references"]]
            message["In-Reply-To"] = earlier[-1]
            message["References"] = " ".join(earlier)
        message.set_content(body["text"], cte="base64")
        if body.get("html"):
            message.add_alternative(body["html"], subtype="html", cte="base64")
        return message

    def _begin(self, claim: Claim) -> bool:
        """Note that the conversation begins, if the mail is still ours."""
        with self._engine.begin() as connection:
            ours = connection.execute(_KEEP, {"id": claim.delivery_id, "worker": self._worker, "lease": LEASE}).rowcount
            if ours:
                connection.execute(
                    sa.insert(delivery_attempt).values(
                        delivery_id=claim.delivery_id,
                        kind="send",
                        worker=self._worker,
                        attempted_at=self._clock(),
                        outcome="started",
                    )
                )
        return bool(ours)

    def _hand_over(self, smtp: smtplib.SMTP, claim: Claim, message: EmailMessage) -> Result:
        recipients: list[str] = json.loads(claim.body)["to"]
        try:
            code, text = self._envelope(smtp, recipients)
        except (smtplib.SMTPException, OSError):
            self._hang_up()
            return unavailable(claim, self._away("连接中断"))
        if code == _TAKEN:
            try:
                code, text = _reply(smtp.data(message.as_bytes()))
            except smtplib.SMTPDataError as error:
                code, text = _reply((error.smtp_code, error.smtp_error))
            except (smtplib.SMTPException, OSError):
                self._hang_up()
                return lost(claim, OutcomeUnknown("邮件服务器", "正文交出后连接中断"))
            if code == _TAKEN:
                return _result(claim, "delivered", "accepted")
        return self._refused(smtp, claim, code, scrubbed(text, *recipients))

    def _envelope(self, smtp: smtplib.SMTP, recipients: Sequence[str]) -> tuple[int, str]:
        """Sender and recipients; the first reply that refuses one of them, else the last."""
        code, text = _reply(smtp.mail(self._server.from_email))
        for recipient in recipients:
            if code != _TAKEN:
                break
            code, text = _reply(smtp.rcpt(recipient))
            code = _TAKEN if code == _FORWARDED else code
        return code, text

    def _refused(self, smtp: smtplib.SMTP, claim: Claim, code: int, detail: str) -> Result:
        """4yz: later; 5yz: never. Nothing was taken over in either case."""
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
        try:
            if server.use_ssl:
                smtp = smtplib.SMTP_SSL(
                    server.host, server.port, timeout=server.timeout_s, context=ssl.create_default_context()
                )
            else:
                smtp = smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)
            if server.use_starttls:
                smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
            if server.login:
                smtp.login(server.login, server.password or "")
            return smtp
        except smtplib.SMTPNotSupportedError:
            wanted = "登录" if server.login and not server.use_starttls else "STARTTLS 或登录"
            problem: Exception = ConfigurationError(
                f"邮件服务器 {server.host}:{server.port} 不支持{wanted}。",
                "请核对连接 smtp_default 的 disable_ssl、disable_tls、login 与邮件服务器是否一致。",
            )
        except smtplib.SMTPAuthenticationError:
            problem = CredentialsRefused(
                f"邮件服务器 {server.host}:{server.port} 拒绝了登录。", "请核对连接 smtp_default 的 login 和 password。"
            )
        except ssl.SSLError:
            problem = self._away("加密连接失败（证书或 disable_ssl、disable_tls 设置）")
        except (smtplib.SMTPException, OSError):
            problem = self._away("无法连接")
        if smtp is not None:
            smtp.close()
        raise problem

    def _away(self, reason: str) -> PlatformUnavailable:
        return PlatformUnavailable(
            f"邮件服务器（{self._server.host}:{self._server.port}）暂时不可用：{reason}。",
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
    return code, text if isinstance(text, str) else text.decode(errors="replace")


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


_KEEP = sa.text(
    """
    update delivery set lease_until = clock_timestamp() + :lease
    where delivery_id = :id and lease_owner = :worker and state = 'pending'
    """
)

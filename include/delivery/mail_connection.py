"""Connections to the mail server, and one mail handed over beside the outbox."""

from __future__ import annotations

import smtplib
import ssl
from typing import BinaryIO

from include.base.errors import ConfigurationError, CredentialsRefused, PlatformUnavailable
from include.base.settings import MailServer
from include.delivery.mail_message import MailMessage

_LONGEST_LINE = 8192
_MOST_LINES = 100


def hand_over(server: MailServer, message: MailMessage) -> None:
    """Hand over one mail now: only where the outbox may be what failed.

    Raises smtplib.SMTPException if it is refused, and what `connect` raises.
    """
    smtp = connect(server)
    try:
        smtp.sendmail(server.from_email, message.recipients, message.content)
    finally:
        smtp.close()


def connect(server: MailServer) -> smtplib.SMTP:
    """A connection, logged in. Raises PlatformUnavailable, CredentialsRefused or ConfigurationError."""
    smtp: smtplib.SMTP | None = None
    trust = _trust(server) if server.use_ssl or server.use_starttls else None
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
        problem = away(server, "加密连接失败（证书或 disable_ssl、disable_tls 设置）")
    except (smtplib.SMTPException, OSError):
        problem = away(server, "无法连接")
    if smtp is not None:
        smtp.close()
    raise problem


def _trust(server: MailServer) -> ssl.SSLContext:
    """Certificates are always verified: by the system's authorities, or by the connection's own (extra.ca)."""
    try:
        return ssl.create_default_context(cafile=server.ca)
    except OSError:
        raise ConfigurationError(
            f"邮件服务器 {server.address} 的根证书文件不存在或无法读取。",
            "请核对连接 smtp_default 的 extra.ca。",
        ) from None


def away(server: MailServer, reason: str) -> PlatformUnavailable:
    """The error for people about a server that cannot be reached."""
    return PlatformUnavailable(
        f"邮件服务器（{server.address}）暂时不可用：{reason}。",
        "请确认连接 smtp_default 的 host、port 和网络；未发出的邮件会自动补发。",
    )


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

"""The mailbox: what is sent over SMTP can be read as a file and on a page, and nothing in a mail can run there."""

from __future__ import annotations

import email
import email.policy
import re
import smtplib
from email.message import EmailMessage
from pathlib import Path

import requests

from include.sandbox.mailbox import Mailbox
from include.sandbox.server import Sandbox


def _send(sandbox: Sandbox, to: str, subject: str, text: str, html: str | None = None) -> None:
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = "督办系统 <pipeline@green-finance.example>"
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = "Mon, 12 Oct 2026 08:30:00 +0800"
    message["Message-ID"] = f"<{abs(hash(subject))}@green-finance.example>"
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=5) as server:
        server.send_message(message)


def _page(sandbox: Sandbox, path: str = "/") -> str:
    response = requests.get(sandbox.mailbox_url + path, timeout=5)
    assert response.status_code == 200
    return response.text


def test_a_mail_is_kept_as_a_file_in_memory_and_on_the_page(sandbox: Sandbox, tmp_path: Path) -> None:
    _send(
        sandbox,
        "pboc-330000-1@coordination.example",
        "对接督办摘要（10月12日）",
        "逾期 3 项",
        "<p>逾期 <b>3</b> 项</p>",
    )
    (mail,) = sandbox.mails()
    assert mail["subject"] == "对接督办摘要（10月12日）"
    assert mail["to"] == ["pboc-330000-1@coordination.example"]
    (path,) = (tmp_path / "mail").glob("*.eml")
    assert str(path) == mail["path"]
    assert email.message_from_bytes(path.read_bytes(), policy=email.policy.default)["Subject"] == mail["subject"]
    listing = _page(sandbox)
    assert "对接督办摘要（10月12日）" in listing
    assert "2026-10-12 08:30" in listing
    one = _page(sandbox, "/mails/1")
    assert "逾期 3 项" in one
    assert "<iframe sandbox" in one
    raw = requests.get(f"{sandbox.mailbox_url}/mails/1/raw", timeout=5)
    assert raw.content == path.read_bytes()
    assert raw.headers["Content-Type"] == "message/rfc822"


def test_mails_are_found_by_recipient_and_by_text(sandbox: Sandbox) -> None:
    _send(sandbox, "a@coordination.example", "甲", "需求 FN202603000001")
    _send(sandbox, "b@coordination.example", "乙", "需求 FN202603000002")
    assert re.findall("<strong>(.)</strong>", _page(sandbox)) == ["乙", "甲"]
    assert re.findall("<strong>(.)</strong>", _page(sandbox, "/?to=a@coord")) == ["甲"]
    assert re.findall("<strong>(.)</strong>", _page(sandbox, "/?text=fn202603000002")) == ["乙"]
    assert "没有符合条件的邮件" in _page(sandbox, "/?text=丙")


def test_an_attachment_can_be_downloaded_and_never_runs(sandbox: Sandbox) -> None:
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"], message["Subject"] = "a@example.test", "b@example.test", "附件"
    message.set_content("见附件")
    content = b"<script>alert(1)</script>"
    message.add_attachment(content, maintype="text", subtype="html", filename="待办 事项.html")
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=5) as server:
        server.send_message(message)
    assert sandbox.mails()[0]["attachments"] == ["待办 事项.html"]
    assert '<a href="/mails/1/attachments/0">待办 事项.html</a>' in _page(sandbox, "/mails/1")
    found = requests.get(f"{sandbox.mailbox_url}/mails/1/attachments/0", timeout=5)
    assert found.content == content and found.headers["Content-Type"] == "application/octet-stream"
    assert found.headers["Content-Disposition"].startswith("attachment;")
    assert requests.get(f"{sandbox.mailbox_url}/mails/1/attachments/1", timeout=5).status_code == 404


def test_an_empty_mailbox_says_what_will_come(sandbox: Sandbox) -> None:
    assert "还没有收到邮件" in _page(sandbox)


def test_nothing_in_a_mail_runs_on_the_page(sandbox: Sandbox) -> None:
    attack = "<script>alert(1)</script>"
    _send(sandbox, "a@coordination.example", attack, attack, f"<p>你好</p>{attack}")
    for path in ("/", "/mails/1"):
        assert attack not in _page(sandbox, path)
    response = requests.get(f"{sandbox.mailbox_url}/mails/1/html", timeout=5)
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


def test_many_mails_come_in_pages(tmp_path: Path, sandbox: Sandbox) -> None:
    for number in range(53):
        _send(sandbox, "a@coordination.example", f"第{number:02d}封", "正文")
    assert "第 1 页，共 2 页" in _page(sandbox)
    assert re.findall("<strong>第(..)封</strong>", _page(sandbox, "/?page=2")) == ["02", "01", "00"]
    for path in ("/mails/54", "/mails/0", "/mails/first", "/other"):
        response = requests.get(sandbox.mailbox_url + path, timeout=5)
        assert response.status_code == 404
        assert "返回邮件列表" in response.text


def test_mails_of_an_earlier_run_are_still_there(tmp_path: Path) -> None:
    first = Mailbox(tmp_path)
    first.store(b"To: a@b.example\r\nSubject: =?utf-8?b?5pep?=\r\n\r\nhi\r\n", ("a@b.example",))
    second = Mailbox(tmp_path)
    second.store(b"Subject: later\r\n\r\nhi\r\n", ("c@d.example",))
    assert [mail.subject for mail in Mailbox(tmp_path).mails] == ["早", "later"]

"""A mail as bytes: what any mail program reads back, and what can never become a header."""

from __future__ import annotations

import base64
import email
import email.policy
import json
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.delivery.mail_message import MOST_ATTACHED, mail_message, message_id
from tests.support.outbox import NOW

SENDER = "绿厂融通 <robot@example.test>"
plain = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=120)


def made(sender: str = SENDER, **told: Any) -> bytes:
    body = {"to": ["a@example.test"], "subject": "提醒", "text": "您好", **told}
    return mail_message("digest:1", json.dumps(body), sender=sender, at=NOW).content


def read(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)  # type: ignore[return-value]


@given(subject=plain, text=st.text(st.characters(exclude_categories=["Cs"]), max_size=500), html=plain)
def test_whatever_is_said_is_read_back(subject: str, text: str, html: str) -> None:
    content = made(subject=subject, text=text, html=html)
    message = read(content)
    assert message.defects == []
    assert message["Subject"].split() == subject.split()
    bodies = [part.get_payload(decode=True) for part in message.iter_parts()]
    assert bodies == [text.encode(), html.encode()]
    assert content.isascii() and b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 78


def test_a_sender_may_bear_a_chinese_name_and_recipients_may_be_many() -> None:
    many = [f"coordinator{number:03d}@example.test" for number in range(100)]
    message = read(made(to=many))
    assert message["From"].addresses[0].display_name == "绿厂融通"
    assert [one.addr_spec for one in message["To"].addresses] == many


def test_a_mail_without_html_is_one_plain_part() -> None:
    message = read(made())
    assert message.get_content_type() == "text/plain" and message.get_content() == "您好"
    assert message["Message-ID"] == message_id("digest:1")


def attachment(content: bytes = b"1", **changes: str) -> dict[str, str]:
    told = {"filename": "a.xlsx", "content_type": "application/octet-stream"}
    return {**told, "base64": base64.b64encode(content).decode(), **changes}


@given(
    content=st.binary(max_size=300), name=st.text(st.sampled_from("待办事项_江苏 .xlsx'\"%;=a")).map("表{}表".format)
)
def test_a_file_is_read_back_with_its_name_beside_both_texts(content: bytes, name: str) -> None:
    message = read(made(html="<p>您好</p>", attachments=[attachment(content, filename=name)]))
    assert message.defects == [] and message.get_content_type() == "multipart/mixed"
    (file,) = message.iter_attachments()
    assert file.get_filename() == name and file.get_payload(decode=True) == content
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None and "您好" in part.get_content()


@pytest.mark.parametrize(
    "file",
    [
        attachment(filename="a\r\nX-Evil: 1"),
        attachment(filename="../a.xlsx"),
        attachment(filename=""),
        attachment(content_type="text/html\r\nX-Evil: 1"),
        attachment(base64="not base64!"),
        attachment(bytes(MOST_ATTACHED + 1)),
    ],
    ids=["line end", "path", "no name", "header in type", "no base64", "too large"],
)
def test_a_file_that_no_mail_should_carry_is_refused(file: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        made(attachments=[file])


@pytest.mark.parametrize(
    "told",
    [
        {"subject": "两行\r\nBcc: someone@else.example"},
        {"subject": "两行\u2028"},
        {"to": ["a@example.test\nBcc: b@example.test"]},
        {"to": ["张三@example.test"]},
        {"list_id": "x\r\ny"},
    ],
)
def test_nothing_can_start_a_header_of_its_own(told: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        made(**told)

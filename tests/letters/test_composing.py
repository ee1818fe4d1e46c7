from __future__ import annotations

import re
from collections.abc import Sequence
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.letters import composing
from include.letters.digest import compose_digest
from tests.support.digests import TODAY, contents, line, obstruction


def digest(**changes: Any) -> dict[str, Any]:
    told = contents(**{"newly_overdue": (line(1),), "obstructions": (obstruction(2),), **changes})
    return compose_digest(told, to="post@example.test", console_url="")


def failure(*, to: Sequence[str] = ("post@example.test",), subject: str = "运行失败") -> dict[str, Any]:
    """A mail without a builder of its own."""
    told = {"title": "推送", "task": "send", "run_id": "run", "link": "", "waiting": []}
    return composing.compose("run_failed", to=to, subject=subject, list_id="operator", today=TODAY, **told)


class _Elements(HTMLParser):
    """Collects what a mail client would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_the_html_needs_nothing_from_outside_and_runs_nothing() -> None:
    unlinked = {"link": "", "action_link": ""}
    html = digest(newly_overdue=(line(1, **unlinked),), obstructions=(obstruction(2, **unlinked),))["html"]
    seen = _Elements()
    seen.feed(html)
    assert seen.tags.isdisjoint({"script", "img", "link", "style", "iframe", "svg", "form"})
    assert seen.attributes.isdisjoint({"src", "href", "onclick", "onerror", "class"})
    assert "http" not in html and "url(" not in html


@pytest.mark.parametrize(
    "template", sorted(Path(composing.__file__).with_name("templates").glob("*.html")), ids=lambda one: one.name
)
def test_every_template_keeps_to_what_outlook_and_webmail_show(template: Path) -> None:
    """Tables with styles at each cell; nothing that Outlook's Word or a webmail's filter drops, nothing loaded from outside."""
    markup = template.read_text(encoding="utf-8")
    unsafe = "<style|<script|<img|<link|<svg|<form|class=|src=|url\\(|flex|grid|float:|position:|@media|rem;|calc\\("
    assert re.findall(unsafe, markup) == []
    widths = [int(width) for width in re.findall(r"(?<!max-)width:([0-9]+)px", markup)]
    assert all(width <= 130 for width in widths), "a column must leave room beside it on a phone"


@pytest.mark.parametrize(
    "name", ["digest", "handover", "late_reminder", "operator", "reminder", "run_failed", "weekly"]
)
def test_every_mail_has_a_plain_text_of_its_own(name: str) -> None:
    folder = Path(composing.__file__).with_name("templates")
    assert (folder / f"{name}.html").exists() and "<" not in (folder / f"{name}.txt").read_text("utf-8").replace(
        "< ", ""
    )


@given(st.text(max_size=40))
def test_a_subject_is_one_line_of_bounded_length(name: str) -> None:
    body = failure(subject=name)
    message = EmailMessage()
    message["Subject"] = body["subject"]
    assert len(body["subject"]) <= composing.SUBJECT_LIMIT
    assert body["subject"].startswith(composing.PREFIX)
    assert body["html"].count("<") == failure()["html"].count("<")


@pytest.mark.parametrize("to", [[], ["a@b.cn\r\nBcc: x@y.cn"], ["某人 <a@b.cn>"], ["a@b.cn", "bad"]])
def test_a_recipient_that_is_not_one_plain_address_is_refused(to: list[str]) -> None:
    with pytest.raises(ValueError, match="plain e-mail address"):
        failure(to=to)


def test_a_subject_cannot_start_a_header_of_its_own() -> None:
    assert failure(subject="提醒\r\nBcc: x@y.cn")["subject"] == "【绿厂融通】提醒 Bcc: x@y.cn"


def test_columns_of_plain_text_stand_below_each_other_whatever_the_script() -> None:
    widths = {
        sum(2 if ord(character) > 255 else 1 for character in composing.padded(text, 14))
        for text in ("审核通过", "Q3", "已放款A")
    }
    assert widths == {14}

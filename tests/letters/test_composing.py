from __future__ import annotations

import re
from datetime import date
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.letters import composing
from include.letters.composing import Reason, Subject
from include.words.shown import public
from include.words.stalls import asked, due_label, why
from tests.support.breaches import breach

TODAY = date(2026, 10, 12)


def reason(**changes: Any) -> Reason:
    fields: dict[str, Any] = {
        "title": "推送后机构尚未接收",
        "since": date(2026, 9, 30),
        "due_label": "约定时限",
        "due_on": date(2026, 10, 9),
        "provisional": False,
        "overdue_working_days": 2,
        "asked": asked(breach("S01")),
        "act_by": date(2026, 10, 16),
        "climbs_to": "省级（工信部门和人民银行）",
        "note": "",
    }
    return Reason(**{**fields, **changes})


def subject(number: int = 1, **changes: Any) -> Subject:
    fields: dict[str, Any] = {
        "need_id": f"FN{number:012d}",
        "company": "青禾精密铸造有限公司",
        "institution": "中国工商银行",
        "state": "已推送",
        "is_major": False,
        "link": "",
        "reasons": (reason(),),
    }
    return Subject(**{**fields, **changes})


def digest(**changes: Any) -> dict[str, Any]:
    context: dict[str, Any] = {
        "to": ["post@example.test"],
        "subject": "融资对接提醒：1项需协调",
        "list_id": "escalation",
        "today": TODAY,
        "recipient": "浙江 · 省级 · 人民银行",
        "urgent": False,
        "detailed": [subject()],
        "brief": [],
        "still_open": [],
        "still_open_total": 0,
        "any_provisional": False,
    }
    given = {**context, **changes}
    shown = len(given["detailed"]) + len(given["brief"])
    return composing.compose("breaches", **{"total": shown, "rest": [], **given})


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
    html = digest(brief=[subject(2)], still_open=[subject(3)], still_open_total=1)["html"]
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


@pytest.mark.parametrize("name", ["breaches", "digest", "operator", "reminder", "run_failed", "weekly"])
def test_every_mail_has_a_plain_text_of_its_own(name: str) -> None:
    folder = Path(composing.__file__).with_name("templates")
    assert (folder / f"{name}.html").exists() and "<" not in (folder / f"{name}.txt").read_text("utf-8").replace(
        "< ", ""
    )


def test_a_link_leads_to_the_need_and_nowhere_else() -> None:
    link = "https://airflow.example/green-finance/needs/FN000000000001"
    body = digest(detailed=[subject(link=link)], brief=[subject(2, link=link)], still_open=[], still_open_total=0)
    assert body["html"].count("href=") == body["html"].count(f'<a href="{link}"') == 2
    assert link in body["text"]


def test_text_and_html_tell_the_same_subjects() -> None:
    body = digest(detailed=[subject(1), subject(2)], brief=[subject(3)], still_open=[subject(4)], still_open_total=7)
    for form in (body["text"], body["html"]):
        for number in (1, 2, 3, 4):
            assert form.count(f"FN{number:012d}") == 1
        assert "列出逾期最久的 1 项" in form


def test_every_text_ends_lines_and_leaves_no_template_marks() -> None:
    body = digest(detailed=[subject(is_major=True, reasons=(reason(note="市级暂无在岗协调人，转由您协调。"),))])
    for form in (body["text"], body["html"]):
        assert "{{" not in form and "{%" not in form and "None" not in form
        assert "重大" in form and "暂无在岗协调人" in form
    assert "\n\n\n\n" not in body["text"]


@given(st.text(max_size=40))
def test_whatever_stands_in_a_name_stays_text(name: str) -> None:
    shown = public(name)
    body = digest(detailed=[subject(company=shown)], subject=name)
    assert "\n" not in shown and "\r" not in shown
    message = EmailMessage()
    message["Subject"] = body["subject"]
    assert len(body["subject"]) <= composing.SUBJECT_LIMIT
    assert body["subject"].startswith(composing.PREFIX)
    plain = digest()["html"]
    assert body["html"].count("<") == plain.count("<")


@pytest.mark.parametrize("to", [[], ["a@b.cn\r\nBcc: x@y.cn"], ["某人 <a@b.cn>"], ["a@b.cn", "bad"]])
def test_a_recipient_that_is_not_one_plain_address_is_refused(to: list[str]) -> None:
    with pytest.raises(ValueError, match="plain e-mail address"):
        digest(to=to)


def test_a_subject_cannot_start_a_header_of_its_own() -> None:
    assert digest(subject="提醒\r\nBcc: x@y.cn")["subject"] == "【绿厂融通】提醒 Bcc: x@y.cn"


def test_the_day_of_a_count_that_was_filled_is_not_called_a_limit() -> None:
    counted = reason(title=why(breach("S03")), due_label=due_label(breach("S03")))
    text = digest(detailed=[subject(reasons=(counted,))])["text"]
    assert "触发日期：2026年10月9日（周五），已过 2 个工作日" in text
    assert "约定时限：" not in text and "逾期 2" not in text


def test_a_count_that_was_filled_is_not_called_late_in_a_list_either() -> None:
    counted = reason(title=why(breach("S03")), due_label=due_label(breach("S03")))
    body = digest(detailed=[], brief=[subject(reasons=(counted,)), subject(2)])
    for form in (body["text"], body["html"]):
        assert form.count("已过 2 个工作日") == 1 and form.count("逾期 2 个工作日") == 1


def test_columns_of_plain_text_stand_below_each_other_whatever_the_script() -> None:
    widths = {
        sum(2 if ord(character) > 255 else 1 for character in composing.padded(text, 14))
        for text in ("审核通过", "Q3", "已放款A")
    }
    assert widths == {14}

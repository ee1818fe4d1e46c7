"""People of the sandbox: what they read on a page, which form they fill in, and when departments correct."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

import pytest

from include.reference.calendar import china_calendar
from include.sandbox.people.pages import page_of
from include.sandbox.people.resubmission import IN_TIME, Resubmissions
from include.sandbox.platforms.filing import FiledNeed

ADDRESS = "http://console.example/green-finance/holds/7"
PAGE = """
<html><head><style>p { color: red }</style></head><body>
<h1>某某公司</h1><p>企业 <a href="../needs/FN202603000001">FN202603000001</a></p><script>alert("no")</script>
<form method="get" action="deadlines"><input name="need_id" value="FN1"></form>
<form method="post"><input type="hidden" name="form_token" value="secret">
<label><input type="checkbox" name="finding" value="G06b a" checked> one</label>
<label><input type="checkbox" name="finding" value="DQ37 b"> two</label>
<select name="picked"><option value="">不选</option><option value="x">x</option></select>
<textarea name="reason"></textarea>
<button type="submit" formaction="7/release?tab=all">核实通过</button>
<button type="submit" formaction="7/confirm">确认退回</button>
</form>
<form method="post" action="../act">
<button name="what" value="taken_on">受理</button><button name="what" value="settled">已解决</button>
</form>
</body></html>
"""


def test_a_person_reads_the_text_and_the_links_of_a_page() -> None:
    page = page_of(ADDRESS, PAGE)
    assert "某某公司" in page.text
    assert "alert" not in page.text and "color" not in page.text
    assert page.linked("needs/FN[0-9]{12}") == ["http://console.example/green-finance/needs/FN202603000001"]


def test_a_form_is_sent_with_what_it_holds_to_where_its_button_says() -> None:
    form = next(one for one in page_of(ADDRESS, PAGE).forms if one.offers("release"))
    assert form.choices["finding"] == ["G06b a", "DQ37 b"]
    address, sent = form.filled("release", {"reason": "已核实"})
    assert address == "http://console.example/green-finance/holds/7/release?tab=all"
    assert sent == [("form_token", "secret"), ("finding", "G06b a"), ("picked", ""), ("reason", "已核实")]
    _, sent = form.filled("confirm", {"finding": form.choices["finding"], "reason": "属实"})
    assert [value for name, value in sent if name == "finding"] == ["G06b a", "DQ37 b"]


def test_a_button_with_a_value_is_pressed_by_it_and_is_part_of_what_is_sent() -> None:
    form = page_of(ADDRESS, PAGE).form("/act")
    assert form is not None and form.offers("settled") and not form.offers("needs_time")
    assert form.filled("settled", {}) == ("http://console.example/green-finance/act", [("what", "settled")])


def test_a_form_is_known_by_the_link_before_it_and_may_only_ask() -> None:
    first = page_of(ADDRESS, PAGE).forms[0]
    assert first.near.endswith("FN202603000001")
    assert first.method == "get" and first.fields == {"need_id": ["FN1"]}


RETURNED = datetime.fromisoformat("2026-10-08T09:00:00+08:00")


def _need(number: int) -> FiledNeed:
    item: Mapping[str, object] = {"need_id": f"FN{number:012d}", "review": {}}
    return FiledNeed(f"FN{number:012d}", 1, "330000", "2026Q3", "returned", False, RETURNED, RETURNED, item)


def _corrected_on(share: float, needs: int = 2000) -> list[date]:
    filed = [_need(number) for number in range(needs)]
    people = Resubmissions(1, {need.need_id: need.item for need in filed}, share)
    for need in filed:
        people.note_return(need, RETURNED)
    found = people.due(RETURNED.replace(month=12))
    assert all(one.revision == 2 and one.status == "recommended" for one in found)
    assert people.due(RETURNED.replace(month=12)) == [], "each comes once"
    return [one.updated_at.date() for one in found]


def test_departments_correct_four_returns_of_five_in_time_and_half_of_those_within_three_days() -> None:
    after = [china_calendar().working_days_after(RETURNED.date(), day) for day in _corrected_on(IN_TIME)]
    in_time = [days for days in after if days < 10]
    assert len(in_time) / 2000 == pytest.approx(0.80, abs=0.03)
    assert sum(days <= 3 for days in in_time) / len(in_time) == pytest.approx(0.5, abs=0.05)
    late = len(after) - len(in_time)
    assert late / 2000 == pytest.approx(0.05, abs=0.02)


def test_a_need_of_which_the_correction_is_unknown_stays_returned_and_without_people_all_do() -> None:
    people = Resubmissions(1, {}, 1.0)
    people.note_return(replace(_need(1)), RETURNED)
    assert people.due(RETURNED.replace(month=12)) == []
    assert _corrected_on(0.0) == []

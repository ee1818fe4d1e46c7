from __future__ import annotations

from datetime import date

from include.reference import reason_codes
from include.reference.support_tools import support_tools, tools_for


def test_a_tool_is_named_from_its_first_to_its_last_day() -> None:
    named = [
        [one.code for one in tools_for("R04", day)]
        for day in (date(2026, 1, 18), date(2026, 1, 19), date(2027, 12, 31))
    ]
    assert named == [[], ["guarantee_2026"], ["guarantee_2026"]]
    assert tools_for("R04", date(2028, 1, 1)) == ()


def test_a_tool_without_a_last_day_stays() -> None:
    assert [one.code for one in tools_for("R13", date(2040, 1, 1))] == ["retrofit_relending"]


def test_every_tool_helps_with_an_obstruction_that_exists() -> None:
    for tool in support_tools():
        assert set(tool.reason_codes) <= reason_codes().keys()

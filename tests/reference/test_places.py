from __future__ import annotations

import pytest
from stdnum import numdb

from include.reference import rows
from include.reference.places import county_overrides, loc_status


@pytest.mark.parametrize(
    ("code", "year", "status"),
    [
        ("330106", 2026, "current"),
        ("330198", 2026, "unknown"),
        ("110103", 2026, "retired"),
        ("110103", 2010, "current"),
        ("110101", 2026, "current"),
        ("130502", 2026, "current"),
        ("500101", 2026, "current"),
        ("999999", 2026, "unknown"),
        ("", 2026, "unknown"),
    ],
)
def test_places_are_looked_up_in_their_time(code: str, year: int, status: str) -> None:
    assert loc_status(code, year) == status


def test_what_the_overrides_list_is_known_and_the_table_of_counties_lacks_it() -> None:
    for code in county_overrides():
        assert loc_status(code, 2026) == "current"
        assert not any("county" in properties for _, properties in numdb.get("cn/loc").info(code))


def test_every_override_lies_under_its_parent() -> None:
    for row in rows("county_overrides"):
        assert row["code"][:4] + "00" == row["parent"] and loc_status(row["parent"], 2026) == "current"

"""Re-offers read from a real database: which needs, and what their own results put first."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from include.letters.weekly_summary.reoffers import Reoffer, reoffer_of_need, reoffers_of_quarters
from include.reference import institutions
from include.reference.day import Day
from include.store import tables
from tests.support.reoffers import add_alert, pushed_need, refused_need
from tests.support.rows import add_case, add_need, add_withdrawal, moment, need_id, rewrite

DAY = Day.in_force(moment("2026-11-04 09:00"))


def found(engine: sa.Engine) -> list[Reoffer]:
    with engine.connect() as connection:
        return reoffers_of_quarters(connection, ["2026Q3"], day=DAY)


def named(one: Reoffer) -> list[str]:
    return [suggestion.institution_code for suggestion in one.suggestions]


def test_a_refused_and_a_silent_need_are_found_and_nobody_asked_is_named(database: sa.Engine) -> None:
    with database.begin() as connection:
        refused_need(connection)
        pushed_need(connection, 2)
        pushed_need(connection, 3)
        add_case(connection, 3, "ICBC", state="visited")
    assert [(one.need_id, one.occasion.cause) for one in found(database)] == [
        (need_id(1), "declined"),
        (need_id(2), "silence"),
    ]
    assert len(named(found(database)[0])) == 3 and not {"ICBC", "CCB"} & set(named(found(database)[0]))


def test_an_institution_that_was_ever_intended_is_not_named_even_without_a_case(database: sa.Engine) -> None:
    with database.begin() as connection:
        refused_need(connection)
        version = tables.need_version
        every = [code for code in institutions() if code not in ("EXIM", "BOB")]
        rewrite(connection, sa.update(version).values(intended_institutions=every))
        add_need(connection, 1, revision=2)
    assert set(named(found(database)[0])) == {"EXIM", "BOB"}


def test_kinds_that_paid_out_for_such_needs_in_the_province_come_first(database: sa.Engine) -> None:
    with database.begin() as connection:
        refused_need(connection)
        paid = ((10, "BOB", "330000"), (11, "NBCB", "330000"), (12, "PSBC", "330000"), (13, "CITIC", "110000"))
        for number, institution, department_code in paid:
            pushed_need(connection, number, department_code=department_code)
            add_case(connection, number, institution, state="drawn", drawn="100")
        # Another category, and money that an alert holds back, prove nothing.
        pushed_need(connection, 14, category="zero_carbon_factory")
        pushed_need(connection, 15)
        for number in (14, 15):
            add_case(connection, number, "CMB", state="drawn", drawn="100")
        add_alert(connection, 15, "CMB")
    kinds = [institutions()[code].kind for code in named(found(database)[0])]
    assert kinds == ["city", "city", "city"]
    assert found(database)[0].suggestions[0].landed == 2


@pytest.mark.parametrize("end", ["withdrawn", "approved", "alert", "not pushed"])
def test_no_institution_is_named_for_a_need_that_is(database: sa.Engine, end: str) -> None:
    with database.begin() as connection:
        refused_need(connection)
        if end == "withdrawn":
            add_withdrawal(connection, 1)
        elif end == "approved":
            add_case(connection, 1, "ABC", state="credit_approved", approved="10")
        elif end == "alert":
            add_alert(connection, 1, "ICBC")
        else:
            connection.execute(sa.update(tables.delivery).values(state="pending"))
    assert found(database) == []


def test_one_need_is_looked_at_alone(database: sa.Engine) -> None:
    with database.begin() as connection:
        refused_need(connection)
        refused_need(connection, 2)
        one = reoffer_of_need(connection, need_id(2), day=DAY)
        assert one is not None and one.need_id == need_id(2)
        assert reoffer_of_need(connection, "FN9", day=DAY) is None

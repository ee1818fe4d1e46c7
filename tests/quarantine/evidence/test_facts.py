"""The facts of evidence, read from what intake and the gate stored."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from include.quarantine.evidence import evidence, evidence_of, facts_of, facts_of_hold
from include.reference.day import Day
from tests.support.clean_need import CHECKED_AT, clean_need
from tests.support.taken_in import filed, judge, take_in

DAY = Day.in_force(CHECKED_AT)


def test_a_finding_against_another_need_shows_the_one_that_came_first(database: sa.Engine) -> None:
    code = {"project__project_code": "2106-330100-04-02-777777"}
    first = filed(1, **code)
    second = filed(2, **code, submitted_at="2026-09-11T09:30:00+08:00")
    records = [first, second]
    intake_id = take_in(database, "run", records, now=CHECKED_AT)
    judge(database, intake_id, now=CHECKED_AT)
    with database.connect() as connection:
        place = ("G01", "project.project_code")
        (told,) = evidence_of(connection, second["need_id"], [place], day=DAY, reader="operator")[place]
        later = facts_of(connection, second["need_id"], 1, day=DAY, reader="operator")
        earlier = facts_of(connection, first["need_id"], None, day=DAY, reader="operator")
    assert [link.key for link in told.links] == [first["need_id"]]
    assert told.comparisons[0].pairs
    assert later is not None and [one.earlier for one in later.others] == [True]
    assert earlier is not None and [one.earlier for one in earlier.others] == [False]
    assert earlier.register and earlier.register_as_of == date(2026, 9, 30)


def test_a_record_that_is_not_stored_has_facts_without_a_document(database: sa.Engine) -> None:
    intake_id = take_in(database, "run", [clean_need({"need_id": "FX1"})], now=CHECKED_AT)
    judge(database, intake_id, now=CHECKED_AT)
    with database.connect() as connection:
        (quarantine_id,) = connection.execute(sa.text("select quarantine_id from quarantine")).scalars()
        found = facts_of_hold(connection, quarantine_id, day=DAY, reader="operator")
    (told,) = evidence("DQ01", "need_id", found)
    assert "未能按编号入库" in told.filed and "FN 加 12 位数字" in told.limit


def test_two_contents_of_one_revision_are_told_with_the_moments_they_came(database: sa.Engine) -> None:
    first = clean_need()
    for run, record in (("one", first), ("two", clean_need({"enterprise.debt_ratio": 46}))):
        judge(database, take_in(database, run, [record], now=CHECKED_AT), now=CHECKED_AT)
    with database.connect() as connection:
        found = facts_of(connection, first["need_id"], 1, day=DAY, reader="operator")
    assert found is not None
    (told,) = evidence("DQ43", "revision", found)
    assert told.compared.count("接收") == 2 and told.compared.startswith("先存 ")

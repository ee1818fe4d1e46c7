"""One bad record in a listing of needs: it alone is set aside, its neighbours are judged exactly as without it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from include import intake
from include.letters import reminders, weekly_summary
from include.platforms.filed import filed
from include.reference import departments, policy
from include.reference.day import Day
from tests.hostile.green import (
    CIPHER,
    NOW,
    QUARTER,
    ZHEJIANG,
    Green,
    Verdicts,
    client_of,
    coordinator,
    reported,
    set_aside,
    sound_need,
    take_in,
    written,
)
from tests.support.rows import moment

Spoil = Callable[[dict[str, Any]], bytes]


def with_property(raw: bytes) -> Spoil:
    """A property that no form knows, in front of all others."""
    return lambda need: b'{"x": ' + raw + b", " + written(need)[1:]


def instead_of(value: bytes, raw: bytes) -> Spoil:
    """Other bytes for some of the record's own."""

    def spoil(need: dict[str, Any]) -> bytes:
        assert written(need).count(value) == 1
        return written(need).replace(value, raw)

    return spoil


def spoilt_name(raw: bytes) -> Spoil:
    return lambda need: written(need).replace(need["enterprise"]["name"].encode(), raw)


PILLS: dict[str, Spoil] = {
    "debt_ratio of 5,000 digits": instead_of(b'"debt_ratio": 45', b'"debt_ratio": ' + b"4" * 5_000),
    "debt_ratio with an exponent of 20 digits": instead_of(
        b'"debt_ratio": 45', b'"debt_ratio": 1e99999999999999999999'
    ),
    "negative exponent": instead_of(b'"debt_ratio": 45', b'"debt_ratio": 1e-99999999999999999999'),
    "debt_ratio NaN": instead_of(b'"debt_ratio": 45', b'"debt_ratio": NaN'),
    "debt_ratio -Infinity": instead_of(b'"debt_ratio": 45', b'"debt_ratio": -Infinity'),
    "nesting of 1,000": with_property(b"[" * 1_000 + b"]" * 1_000),
    "nesting of 100,000": with_property(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "a raw tab": spoilt_name("浙江\t青禾".encode()),
    "a raw U+0000": spoilt_name("浙江\0青禾".encode()),
    "half a character": spoilt_name(rb"\ud83d"),
    "half a character as a key": with_property(rb'{"\udc00": 1}'),
    "GBK bytes": spoilt_name("浙江青禾".encode("gbk")),
    "a cut byte": spoilt_name("浙江青禾".encode()[:-1]),
    "more than 1 MiB": with_property(b'"' + b"a" * 2**20 + b'"'),
    "no object": lambda need: written([need]),
    "null": lambda need: b"null",
    "another status": lambda need: written({**need, "status": "draft"}),
    "another quarter": lambda need: written({**need, "quarter": "2019Q4"}),
    "another department": lambda need: written({**need, "department_code": "440000"}),
}
NEIGHBOURS = (1, 2)


@pytest.fixture(scope="module")
def expected() -> Verdicts:
    """How two needs are judged that nobody disturbs: one is sound, the amounts of the other do not add up."""
    return {
        "FN202603000001": ("passed", ()),
        "FN202603000002": ("returned", ("DQ06 finance.own_capital",)),
    }


def neighbours(status: str = "recommended") -> list[bytes]:
    needs = [sound_need(1, status=status), sound_need(2, status=status, finance__own_capital="两千")]
    return [written(need) for need in needs]


@pytest.mark.parametrize("spoil", PILLS.values(), ids=PILLS)
def test_a_record_that_cannot_be_used_is_set_aside_alone(database: sa.Engine, spoil: Spoil, expected: Verdicts) -> None:
    first, last = neighbours()
    green = Green(
        needs={"recommended": [first, spoil(sound_need(9)), last]}, manifest=[written(reported(ZHEJIANG, 3, "5000.00"))]
    )
    assert take_in(database, green) == expected
    kept = set_aside(database)
    assert [source for source, _, _ in kept] == [f"needs/{QUARTER}/{ZHEJIANG}/recommended"]
    with database.connect() as connection:
        readable = connection.execute(sa.text("select readable from intake_item order by 1")).scalars().all()
        pushes = connection.execute(sa.text("select need_id from delivery where action = 'push'")).scalars().all()
    assert readable == [False, True, True]
    assert pushes == ["FN202603000001"]
    # What was unreadable comes whole: nothing is left to see to, and it is judged.
    green.needs["recommended"][1] = written(sound_need(9))
    assert take_in(database, green, "run-2") == expected | {"FN202603000009": ("passed", ())}
    assert set_aside(database) == []


def test_all_of_them_at_once_spoil_no_withdrawal(database: sa.Engine) -> None:
    pills = [spoil(sound_need(9, status="withdrawn")) for spoil in PILLS.values()]
    other = written(sound_need(3, status="withdrawn", revision=2**31))
    green = Green(needs={"withdrawn": [*pills, other, *neighbours("withdrawn")]}, manifest=[written(reported())])
    take_in(database, green)
    with database.connect() as connection:
        withdrawn = connection.execute(sa.text("select need_id from withdrawal_notice order by 1")).scalars().all()
    # A withdrawal of any department belongs to the listing.
    assert withdrawn == [f"FN20260300000{number}" for number in (1, 2, 9)]
    kept = [(source, known) for source, _, known in set_aside(database)]
    assert len(kept) == len(PILLS)
    assert {source for source, _ in kept} == {f"needs/{QUARTER}/withdrawn"}
    assert (f"needs/{QUARTER}/withdrawn", "FN202603000003") in kept


@pytest.mark.parametrize("status", ["submitted", "returned"])
def test_all_of_them_at_once_spoil_no_count_of_what_lies_on_the_platform(status: str) -> None:
    pills = [spoil(sound_need(9, status=status)) for spoil in PILLS.values()]
    strange = [
        written(sound_need(3, status=status, submitted_at="9999-12-31T23:59:59-08:00")),
        written(sound_need(4, status=status, submitted_at="0001-01-01T00:00:00+08:00")),
        written(sound_need(5, status=status, revision=10**199)),
    ]
    green = Green(needs={status: [*pills, *strange, *neighbours(status)]})
    with client_of(green) as client:
        found = filed(client, QUARTER, ZHEJIANG, "submitted" if status == "submitted" else "returned", policy())
    assert found.need_ids == tuple(f"FN20260300000{number}" for number in (1, 2, 3, 4, 5))
    assert len(found.set_aside) == len(PILLS)
    assert found.number == len(PILLS) + 5
    assert str(found.oldest) == "2026-09-10"


def test_reminders_and_weekly_letters_go_out_and_keep_what_they_could_not_read(database: sa.Engine) -> None:
    pill = PILLS["GBK bytes"]
    green = Green(
        needs={
            status: [pill(sound_need(9, status=status)), *neighbours(status)]
            for status in ("submitted", "returned", "recommended")
        },
        manifest=[b'{"department_code": "440000", "recommended": NaN}', written(reported())],
        coordinators=[written(coordinator(0, level="nation", region_code="000000"))],
    )
    with client_of(green) as client:
        intake.pull_coordinators(database, client, CIPHER, now=NOW)
        told = reminders.remind(database, client, CIPHER, QUARTER, day=Day.in_force(moment("2026-09-22 09:00")))
        assert told == len(departments())
        monday = Day.in_force(moment("2026-09-21 08:45"))
        letters = weekly_summary.summarise(database, client, CIPHER, day=monday)
    assert letters.summaries >= 1
    needs = f"needs/{QUARTER}/{ZHEJIANG}"
    assert [(source, known) for source, _, known in set_aside(database)] == [
        (f"manifest/{QUARTER}", "440000"),
        (f"{needs}/recommended", "FN202603000009"),
        (f"{needs}/returned", "FN202603000009"),
        (f"{needs}/submitted", "FN202603000009"),
    ]


WHOLE_NUMBERS = {
    "60.0": (b"60.0", ("passed", ())),
    "6e1": (b"6e1", ("passed", ())),
    "6.00E+1": (b"6.00E+1", ("passed", ())),
    "60.5": (b"60.5", ("returned", ("DQ13 finance.term_months",))),
    "as text": (b'"60"', ("returned", ("DQ13 finance.term_months",))),
}


@pytest.mark.parametrize(("term", "verdict"), WHOLE_NUMBERS.values(), ids=WHOLE_NUMBERS)
def test_a_number_is_whole_however_it_is_written(
    database: sa.Engine, term: bytes, verdict: tuple[str, tuple[str, ...]]
) -> None:
    listed = instead_of(b'"term_months": 60', b'"term_months": ' + term)(sound_need(1))
    listed = listed.replace(b'"revision": 1', b'"revision": 1.0')
    green = Green(needs={"recommended": [listed]}, manifest=[written(reported(ZHEJIANG, 1, "2500.00"))])
    assert take_in(database, green) == {"FN202603000001": verdict}
    if verdict[0] == "passed":
        with database.connect() as connection:
            stored = connection.execute(
                sa.text("select revision, document from delivery join need_version using (need_id, revision)")
            )
            revision, document = stored.one()
        assert (revision, json.loads(document)["finance"]["term_months"]) == (1, 60)


@pytest.mark.parametrize(
    "revision", [b"2147483648", b"1" * 200, b"1e999", b"1.5"], ids=["2**31", "200 digits", "1e999", "1.5"]
)
def test_a_revision_that_no_table_holds_is_held_and_stops_nobody(
    database: sa.Engine, revision: bytes, expected: Verdicts
) -> None:
    listed = instead_of(b'"revision": 1,', b'"revision": ' + revision + b",")(sound_need(9))
    green = Green(needs={"recommended": [listed, *neighbours()]}, manifest=[written(reported(ZHEJIANG, 3, "7500.00"))])
    assert take_in(database, green) == expected | {"FN202603000009": ("held", ("DQ01 revision",))}


LONG = {
    "enterprise.name": ("甲" * 30_000, "DQ10 enterprise.name"),
    "project.name": ("乙" * 30_000, "DQ10 project.name"),
    "enterprise.uscc": ("9" * 6_000, "DQ02 enterprise.uscc"),
    "enterprise.city_code": ("3" * 6_000, "DQ03 enterprise.city_code"),
    "finance.use_of_funds": ("丙" * 100_000, "DQ10 finance.use_of_funds"),
    "finance.intended_institutions": (["ICBC" * 1_000] * 200, "DQ11 finance.intended_institutions"),
}


@pytest.mark.parametrize(("path", "value", "finding"), [(path, *rest) for path, rest in LONG.items()], ids=LONG)
def test_a_text_of_any_length_is_judged_and_stored_with_a_bound(
    database: sa.Engine, path: str, value: object, finding: str, expected: Verdicts
) -> None:
    listed = written(sound_need(9, **{path: value}))
    green = Green(needs={"recommended": [listed, *neighbours()]}, manifest=[written(reported(ZHEJIANG, 3, "7500.00"))])
    found = take_in(database, green)
    assert finding in found.pop("FN202603000009")[1]
    assert found == expected
    with database.connect() as connection:
        columns = "enterprise_name, project_name, uscc, city_code, array_to_string(intended_institutions, '')"
        row = connection.execute(
            sa.text(f"select {columns}, document from need_version where need_id = 'FN202603000009'")
        ).one()
    assert all(len(text) <= 6_400 for text in row[:-1])
    assert max(map(len, row[:4])) <= 200
    assert (value if isinstance(value, str) else value[0]) in row.document  # type: ignore[index]


def test_a_moment_beyond_every_table_is_held(database: sa.Engine, expected: Verdicts) -> None:
    far = {
        3: {"submitted_at": "9999-12-31T23:59:59-08:00"},
        4: {"updated_at": "294277-01-01T00:00:00+08:00"},
        5: {"submitted_at": "2026-09-10T09:30:00." + "1" * 5_000 + "+08:00"},
        6: {"project__end_date": "9999-12-31"},
        7: {"need_id": "FN" + "1" * 3_000},
    }
    listed = [written(sound_need(number, **changes)) for number, changes in far.items()]
    green = Green(
        needs={"recommended": [*listed, *neighbours()]}, manifest=[written(reported(ZHEJIANG, 7, "17500.00"))]
    )
    found = take_in(database, green)
    assert {number: found[f"FN20260300000{number}"][0] for number in (3, 4, 5, 6)} == {
        3: "held",
        4: "held",
        5: "passed",
        6: "returned",
    }
    assert found[None] == ("held", ("DQ01 need_id",))
    assert found | expected == found


def test_a_page_in_gb18030_is_judged_as_if_it_were_in_utf_8(database: sa.Engine, expected: Verdicts) -> None:
    green = Green(
        needs={"recommended": [*neighbours(), written(sound_need(3)), written(sound_need(4)), written(sound_need(5))]},
        manifest=[written(reported(ZHEJIANG, 5, "10000.00"))],
        needs_type="application/json; charset=GBK",
        needs_encoded=lambda body: body.decode().encode("gb18030"),
    )
    found = take_in(database, green)
    assert found == expected | {f"FN20260300000{number}": ("passed", ()) for number in (3, 4, 5)}
    with database.connect() as connection:
        name = connection.execute(sa.text("select min(enterprise_name) from need_version")).scalar_one()
    assert name == sound_need(1)["enterprise"]["name"]
    assert set_aside(database) == []


def test_of_a_page_in_gb18030_that_does_not_say_so_nothing_is_stored_and_nothing_returned(database: sa.Engine) -> None:
    listed = [written(sound_need(number)) for number in range(1, 6)]
    green = Green(
        needs={"recommended": listed},
        manifest=[written(reported(ZHEJIANG, 5, "12500.00"))],
        needs_encoded=lambda body: body.decode().encode("gb18030"),
    )
    assert take_in(database, green) == {}
    with database.connect() as connection:
        for table in ("need_version", "delivery"):
            assert connection.execute(sa.text(f"select count(*) from {table}")).scalar_one() == 0
    assert {known for _, _, known in set_aside(database)} == {f"FN20260300000{number}" for number in range(1, 6)}

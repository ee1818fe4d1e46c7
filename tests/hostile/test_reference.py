"""One bad row of the register, of the coordinators or of the manifest: it alone is not used, and the intake goes on."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sqlalchemy as sa

from include import intake
from include.base.errors import IntakeIncomplete
from include.domain.routing import Place
from include.domain.states import IntakeKind
from include.reference import departments, policy
from include.reference.day import Day
from include.store.coordinators import network
from include.store.tables import coordinator as coordinator_table
from tests.hostile.green import (
    CIPHER,
    NOW,
    QUARTER,
    ZHEJIANG,
    Green,
    client_of,
    coordinator,
    factory,
    reported,
    set_aside,
    sound_need,
    take_in,
    written,
)

FACTORY = written(factory(9))
NAME = factory(9)["name"].encode()

# What stands in the register instead of a factory, whether its bytes are kept, and what T01-T04 say of it.
ROWS: dict[str, tuple[bytes, bool, str]] = {
    "uscc of 6,000 characters": (written(factory(9, uscc=random.Random(490).randbytes(3_000).hex())), True, "T01"),
    "uscc of 6,000 Chinese characters": (written(factory(9, uscc="甲乙" * 3_000)), True, "T01"),
    "null": (b"null", True, "T01"),
    "a list": (b"[[]]", True, "T01"),
    "name NaN": (FACTORY.replace(b'"%b"' % NAME, b"NaN"), True, "T01"),
    "half a character": (FACTORY.replace(NAME, rb"\ud83d"), True, "T01"),
    "GBK bytes": (FACTORY.replace(NAME, NAME.decode().encode("gbk")), True, "T01"),
    "a raw tab": (FACTORY.replace(NAME, b"a\tb"), True, "T01"),
    "5,000 digits": (FACTORY.replace(b'"%b"' % NAME, b"7" * 5_000), True, "T01"),
    "an exponent of 20 digits": (FACTORY.replace(b'"%b"' % NAME, b"1e99999999999999999999"), True, "T01"),
    "nesting of 1,000": (FACTORY.replace(b"[]", b"[" * 1_000 + b"]" * 1_000), True, "T01"),
    "more than 1 MiB": (written(factory(9, name="甲" * 400_000)), True, "T01"),
    "uscc null": (written(factory(9, uscc=None)), False, "T01"),
    "uscc a number": (written(factory(9, uscc=91330100)), False, "T01"),
    "listed in the year 10000": (written(factory(9, listed_on="10000-01-01")), False, "T02"),
    "listed_on null": (written(factory(9, listed_on=None)), False, "T02"),
    "removed on no day": (written(factory(9, removed_on="2026-02-30")), False, "T02"),
    "name of 300,000 characters": (written(factory(9, name="甲" * 300_000)), True, ""),
    "aliases by the thousand": (written(factory(9, aliases=["曾用名"] * 10_000)), True, ""),
    "an alias of 100,000 characters": (written(factory(9, aliases=["甲" * 100_000])), True, ""),
    "aliases no list": (written(factory(9, aliases={"a": 1})), False, ""),
    "U+0000 in the name": (FACTORY.replace(NAME, rb"a\u0000b"), False, ""),
    "a department of 6,000 characters": (written(factory(9, department_code="3" * 6_000)), True, "T04"),
}


@pytest.mark.parametrize(("row", "kept", "rule"), ROWS.values(), ids=ROWS)
def test_a_row_of_the_register_that_cannot_be_used_stops_no_intake(
    database: sa.Engine, row: bytes, kept: bool, rule: str
) -> None:
    factories = [written(factory(1)), row, written(factory(2))]
    green = Green(
        needs={"recommended": [written(sound_need(1)), written(sound_need(2))]},
        factories=factories,
        manifest=[written(reported(ZHEJIANG, 2, "5000.00"))],
    )
    assert take_in(database, green) == {f"FN20260300000{number}": ("passed", ()) for number in (1, 2)}
    assert [source for source, _, _ in set_aside(database)] == ["register"] * kept
    with database.connect() as connection:
        found = connection.execute(sa.text("select distinct rule_id from register_finding where ordinal = 1"))
        usable = connection.execute(sa.text("select usable from register_factory order by ordinal")).scalars().all()
        longest = connection.execute(sa.text("select max(length(f::text)) from register_factory f")).scalar_one()
    assert rule in {"", *found.scalars()}
    assert usable == [True, rule in ("", "T04"), True]
    assert longest < 25_000
    green.factories[1] = written(factory(9))
    take_in(database, green, "run-2")
    assert set_aside(database) == []


def test_the_same_unreadable_row_is_the_same_register(database: sa.Engine) -> None:
    green = Green(factories=[ROWS["half a character"][0], written(factory(1))])
    with client_of(green) as client:
        for day in (1, 2):
            intake.pull_register(database, client, CIPHER, NOW.date().replace(day=day), NOW, policy())
    with database.connect() as connection:
        assert connection.execute(sa.text("select count(*) from register_factory")).scalar_one() == 2
        assert connection.execute(sa.text("select times_seen from set_aside")).scalar_one() == 2


def without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


COORDINATORS: dict[str, bytes] = {
    "email null": written(coordinator(9, email=None)),
    "no email": written(without(coordinator(9), "email")),
    "email empty": written(coordinator(9, email="")),
    "email of 300 characters": written(coordinator(9, email="a" * 300 + "@example.test")),
    "email with a line break": written(coordinator(9, email="a@example.test\r\nBcc: b@example.test")),
    "email two addresses": written(coordinator(9, email="a@example.test, b@example.test")),
    "on_duty Y": written(coordinator(9, on_duty="Y")),
    "on_duty null": written(coordinator(9, on_duty=None)),
    "no authority": written(without(coordinator(9), "authority")),
    "another authority": written(coordinator(9, authority="CBIRC")),
    "another level": written(coordinator(9, level="county")),
    "id null": written(coordinator(9, coordinator_id=None)),
    "id of 6,000 characters": written(coordinator(9, coordinator_id="甲" * 6_000)),
    "id of another": written(coordinator(0, email="other@example.test")),
    "region a number": written(coordinator(9, region_code=330000)),
    "role of 6,000 characters": written(coordinator(9, role="处" * 6_000)),
    "null": b"null",
    "a list": b"[]",
    "NaN": b'{"coordinator_id": NaN}',
    "half a character": written(coordinator(9)).replace("节能处".encode(), rb"\ud83d"),
    "GBK bytes": written(coordinator(9)).replace("节能处".encode(), "节能处".encode("gbk")),
    "5,000 digits": written(coordinator(9))[:-1] + b', "x": ' + b"1" * 5_000 + b"}",
    "nesting of 1,000": written(coordinator(9))[:-1] + b', "x": ' + b"[" * 1_000 + b"]" * 1_000 + b"}",
}


@pytest.mark.parametrize("row", COORDINATORS.values(), ids=COORDINATORS)
def test_a_coordinator_that_cannot_be_used_is_reported_and_all_others_used(database: sa.Engine, row: bytes) -> None:
    sound = [written(coordinator(number)) for number in range(3)]
    green = Green(coordinators=[*sound[:2], row, sound[2]])
    with client_of(green) as client:
        assert intake.pull_coordinators(database, client, CIPHER, now=NOW) == 3
        assert [source for source, _, _ in set_aside(database)] == ["coordinators"]
        with database.connect() as connection:
            listed = network(connection)
        for number in range(3):
            place = Place(city_code=None, department_code=f"{33 + number}0000", branch_region=None)
            holder = listed.holder("MIIT", "province", place)
            assert holder is not None
            assert holder.email == f"xt{number}@example.test"
        green.coordinators[2] = written(coordinator(4))
        assert intake.pull_coordinators(database, client, CIPHER, now=NOW) == 4
    assert set_aside(database) == []


@pytest.mark.parametrize("listed", [[], list(COORDINATORS.values())[:3]], ids=["an empty list", "nothing usable"])
def test_the_last_good_list_of_coordinators_is_not_lost_without_a_word(
    database: sa.Engine, listed: list[bytes]
) -> None:
    green = Green()
    with client_of(green) as client:
        intake.pull_coordinators(database, client, CIPHER, now=NOW)
        green.coordinators = listed
        assert intake.pull_coordinators(database, client, CIPHER, now=NOW) == 0
    with database.connect() as connection:
        kept = connection.execute(sa.select(sa.func.count()).select_from(coordinator_table)).scalar_one()
    assert kept == 3
    assert "名单中没有可用的协调人，沿用上一次的名单" in [problem for _, problem, _ in set_aside(database)]


OTHERS = [code for code in departments() if code != ZHEJIANG]

MANIFEST: dict[str, bytes] = {
    "need null": written(reported(need=None)),  # type: ignore[arg-type]
    "need with a comma": written(reported(need="1,234.50")),
    "need NaN": written(reported(need="NaN")),
    "need bare NaN": written(reported()).replace(b'"0.00"', b"NaN"),
    "need a number": written(reported()).replace(b'"0.00"', b"0.00"),
    "need of 5,000 digits": written(reported(need="1" * 5_000)),
    "need infinite": written(reported(need="Infinity")),
    "recommended 3,000,000,000": written(reported(recommended=3_000_000_000)),
    "recommended -1": written(reported(recommended=-1)),
    "recommended 1.5": written(reported()).replace(b'"recommended": 0', b'"recommended": 1.5'),
    "recommended a text": written(reported(recommended="0")),  # type: ignore[arg-type]
    "recommended of 5,000 digits": written(reported()).replace(b'"recommended": 0', b'"recommended": ' + b"1" * 5_000),
    "zero_return a text": written(reported(zero_return="false")),
    "reported in the year 9999": written(reported(reported_at="9999-12-31T23:59:59-08:00")),
    "reported without an offset": written(reported(reported_at="2026-09-29T17:00:00")),
    "reported never": written(without(reported(), "reported_at")),
    "nesting of 1,000": written(reported())[:-1] + b', "x": ' + b"[" * 1_000 + b"]" * 1_000 + b"}",
    "GBK bytes": written(reported())[:-1] + b', "x": "' + "浙江".encode("gbk") + b'"}',
}


def close_all(database: sa.Engine, green: Green, codes: list[str]) -> dict[str, set[str]]:
    """Read the manifest and the departments and close; rules of the batch, by department."""
    request = intake.IntakeRequest(
        run_id=f"run-{len(codes)}", kind=IntakeKind.QUARTERLY, quarter=QUARTER, departments=tuple(codes), dry_run=False
    )
    intake_id = intake.begin(database, request, NOW)
    with client_of(green) as client:
        intake.pull_manifest(database, client, CIPHER, intake_id, QUARTER, Day.in_force(NOW))
        for code in codes:
            intake.pull_department(
                database, client, CIPHER, intake_id=intake_id, department_code=code, day=Day.in_force(NOW)
            )
    intake.close(database, intake_id, Day.in_force(NOW))
    with database.connect() as connection:
        rows = connection.execute(
            sa.text(
                "select department_code, array_agg(rule_id) as rules from batch_finding where intake_id = :intake_id"
                " group by 1"
            ),
            {"intake_id": intake_id},
        )
        return {row.department_code: set(row.rules) for row in rows}


@pytest.mark.parametrize("row", MANIFEST.values(), ids=MANIFEST)
def test_a_row_of_the_manifest_that_cannot_be_used_is_b09_and_the_other_departments_close(
    database: sa.Engine, row: bytes
) -> None:
    green = Green(manifest=[*(written(reported(code)) for code in OTHERS[:18]), row])
    green.manifest += [written(reported(code)) for code in OTHERS[18:]]
    assert close_all(database, green, list(departments())) == {ZHEJIANG: {"B09"}}
    assert [(source, known) for source, _, known in set_aside(database)] == [(f"manifest/{QUARTER}", ZHEJIANG)]
    with database.connect() as connection:
        read = connection.execute(sa.text("select count(*) from manifest_entry")).scalar_one()
    assert read == 36


@pytest.mark.parametrize("row", [b"null", b"[]", b'{"department_code": null}'])
def test_a_row_of_the_manifest_of_nobody_is_b09_of_the_batch(database: sa.Engine, row: bytes) -> None:
    green = Green(manifest=[*(written(reported(code)) for code in departments()), row])
    assert close_all(database, green, list(departments())) == {"": {"B09"}}


def test_a_manifest_of_another_quarter_is_b09_and_accuses_nobody_of_silence(database: sa.Engine) -> None:
    green = Green(manifest=[written(reported(code)) for code in departments()], manifest_quarter="2026Q2")
    told = close_all(database, green, list(departments()))
    assert told[""] == {"B09"}
    assert {rule for rules in told.values() for rule in rules} == {"B09"}


def test_a_difference_between_listing_and_manifest_is_still_red(database: sa.Engine) -> None:
    green = Green(manifest=[written(reported(ZHEJIANG, 2, "5000.00"))], needs={"recommended": []})
    with pytest.raises(IntakeIncomplete, match="浙江：清单 2 条，接收 0 条（B02）"):
        close_all(database, green, [ZHEJIANG])

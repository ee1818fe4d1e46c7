"""From listings to stored needs, and from stored JSON to stored verdicts: the intake and the gate on a database of their own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import pandas as pd
import sqlalchemy as sa

from include import intake
from include.base.privacy import PersonalDataCipher
from include.domain.states import IntakeKind
from include.gate import stage
from include.local.postgres import PostgresServer
from include.platforms.green_platform import GreenPlatformClient, NeedPage
from include.reference.day import Day
from include.store.database import connect, copy_rows, migrate
from include.store.tables import register_snapshot
from tests.bench.generated import CHECKED_AT, needs, register_row

CIPHER = PersonalDataCipher(["key of the benchmarks"])
_PAGE = 500


class _Listing:
    """A department's listing from a file with one item a line."""

    def __init__(self, lines: Path) -> None:
        self._lines = lines

    def need_listing(self, **_: object) -> Iterator[NeedPage]:
        with self._lines.open("rb") as lines:
            while items := [line.rstrip() for line in islice(lines, _PAGE)]:
                yield NeedPage.of(items, 0)


def read_listings(size: int, clock: Any) -> None:
    """Read the listings of `size` needs and store them; the platform answers at once, with pages that are not parsed yet."""
    with _database() as (database, folder):
        _taken_in(database, size, folder, clock)


def judge_stored(size: int, clock: Any) -> None:
    """Judge `size` stored needs as one set; register and history are read from the database too."""
    with _database() as (database, folder):
        intake_id, departments = _taken_in(database, size, folder, None)
        # What the intake wrote goes to the disk before the clock runs.
        with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("checkpoint"))
        with clock.running():
            summary = stage.judge_departments(
                database, CIPHER, intake_id=intake_id, department_codes=departments, day=Day.in_force(CHECKED_AT)
            )
        if summary.judged != size:
            raise SystemExit(f"{summary.judged} of {size} needs were judged")


def store_as_documented(clock: Any, tables: Iterator[tuple[str, pd.DataFrame]]) -> None:
    """Store frames by `DataFrame.to_sql` as they come, as a user would instead of the stage; the clock runs while they come."""
    with _database() as (database, _), clock.running():
        for name, table in tables:
            table.to_sql(name, database, if_exists="append", index=False)


@contextmanager
def _database() -> Iterator[tuple[sa.Engine, Path]]:
    with tempfile.TemporaryDirectory(prefix="bench-") as home, PostgresServer(Path(home)) as server:
        server.create_database("bench")
        database = connect(server.url("bench"))
        migrate(database)
        yield database, Path(home)
        database.dispose()


def _taken_in(database: sa.Engine, size: int, folder: Path, clock: Any) -> tuple[int, list[str]]:
    with ExitStack() as files:
        listed: dict[str, BinaryIO] = {}
        for need in needs(size):
            code = need["department_code"]
            if code not in listed:
                listed[code] = files.enter_context((folder / code).open("wb"))
            listed[code].write(json.dumps(need, ensure_ascii=False).encode() + b"\n")
    request = intake.IntakeRequest(
        run_id="bench", kind=IntakeKind.QUARTERLY, quarter="2026Q3", departments=tuple(sorted(listed)), dry_run=False
    )
    intake_id = intake.begin(database, request, CHECKED_AT - timedelta(minutes=10))
    with clock.running() if clock else nullcontext():
        for department in listed:
            client = cast(GreenPlatformClient, _Listing(folder / department))
            intake.pull_department(
                database, client, CIPHER, intake_id=intake_id, department_code=department, day=Day.in_force(CHECKED_AT)
            )
    with database.begin() as connection:
        names = ("uscc", "name", "aliases", "level", "batch", "department_code", "listed_on")
        copy_rows(
            connection,
            "register_factory",
            ("content_sha256", "ordinal", *names),
            (
                ("bench", at, row.uscc, row.name, [], row.level, row.batch, row.department_code, date(2024, 3, 1))
                for at, row in enumerate(map(register_row, needs(size)))
            ),
        )
        connection.execute(
            sa.insert(register_snapshot).values(
                as_of=CHECKED_AT.date(), content_sha256="bench", row_count=size, taken_at=CHECKED_AT
            )
        )
    return intake_id, sorted(listed)

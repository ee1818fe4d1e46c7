"""Whatever the platform shows within the overlap is read by a review, in whatever order reviews succeed and fail."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, cast

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include import intake
from include.domain.states import IntakeKind
from include.intake import cursor
from include.platforms.green_platform import GreenPlatformClient, NeedPage
from include.reference.day import Day
from tests.support.platform import ZHEJIANG
from tests.support.rows import moment, need_id
from tests.support.taken_in import CIPHER, filed

_YEARS = count(2026, 2)
"""Each example lives in a quarter of its own, out of reach of the others."""


@dataclass(frozen=True)
class Filing:
    """Recommended so many hours after the start, and shown by the platform so many hours later, still dated then."""

    at: int
    shown_after: int


@dataclass
class Platform:
    """A listing that shows what it shows at its time, and filters by its own dates."""

    records: Sequence[tuple[datetime, datetime, bytes]]
    quarter: str
    now: datetime

    def need_listing(self, **asked: Any) -> Iterator[NeedPage]:
        since = asked.get("updated_since")
        items = [
            raw
            for updated, shown, raw in self.records
            if shown <= self.now and (since is None or updated >= since) and asked["quarter"] == self.quarter
        ]
        listed = asked["status"] == "recommended" and asked.get("department") in (None, ZHEJIANG)
        yield NeedPage.of(items if listed else [], len(items) if listed else 0)


@pytest.mark.parametrize("kind", [IntakeKind.REVIEW, IntakeKind.MAJOR])
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    filings=st.lists(
        st.builds(Filing, st.integers(0, 96), st.integers(0, int(cursor.OVERLAP / timedelta(hours=1)) - 1)),
        min_size=1,
        max_size=5,
    ),
    reviews=st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=1, max_size=5),
)
def test_what_is_shown_within_the_overlap_is_read(
    database: sa.Engine, kind: IntakeKind, filings: list[Filing], reviews: list[tuple[int, bool]]
) -> None:
    year = next(_YEARS)
    start = moment(f"{year}-08-03 08:00")
    first = (year - 2000) * 10
    records = [_record(number, start, one, year) for number, one in enumerate(filings, first)]
    platform = Platform(records, f"{year}Q3", start)
    for hours, succeeds in [*reviews, (140, True)]:
        platform.now += timedelta(hours=hours)
        _review(database, platform, kind, succeeds=succeeds)
    with database.connect() as connection:
        judged = connection.execute(
            sa.text("select need_id from judgement where quarter = :quarter"), {"quarter": platform.quarter}
        ).scalars()
        assert sorted(judged) == [need_id(number) for number in range(first, first + len(filings))]


def _record(number: int, start: datetime, one: Filing, year: int) -> tuple[datetime, datetime, bytes]:
    updated = start + timedelta(hours=one.at)
    record = filed(number, quarter=f"{year}Q3", updated_at=updated.isoformat())
    return updated, updated + timedelta(hours=one.shown_after), json.dumps(record, ensure_ascii=False).encode()


def _review(database: sa.Engine, platform: Platform, kind: IntakeKind, *, succeeds: bool) -> None:
    day = Day.in_force(platform.now)
    client = cast(GreenPlatformClient, platform)
    request = intake.ReviewRequest(run_id=f"{kind}/{platform.now.isoformat()}", kind=kind)
    for one in intake.open_reviews(database, client, CIPHER, request, day):
        for code in one.department_codes:
            intake.pull_department(database, client, CIPHER, intake_id=one.intake_id, department_code=code, day=day)
        if succeeds:
            with database.begin() as connection:
                connection.execute(_JUDGE, {"intake_id": one.intake_id, "now": platform.now})
            intake.close(database, one.intake_id, day)


# Stands for the gate, which is not what is tried here.
_JUDGE = sa.text(
    """
    insert into judgement (intake_id, need_id, revision, quarter, department_code, verdict, ruleset_version,
                           payload_sha256, judged_at)
    select item.intake_id, need_id, revision, quarter, item.department_code, 'passed', 'v', item_hash, :now
    from intake_item item join intake using (intake_id) where intake_id = :intake_id
    on conflict do nothing
    """
)

"""Needs that are pushed and what institutions report of them: a feed in pages, and what was folded from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from include.base.privacy import PersonalDataCipher
from include.domain.pieces import SetAside
from include.matching import FeedbackSummary, collect_feedback, open_cases
from include.reference.day import Day
from include.store import tables
from tests.support.rows import add_delivery, add_need, moment, need_id, rewrite

CIPHER = PersonalDataCipher(["key of the matching tests"])
PUSHED = moment("2026-10-08 09:00")
NOW = moment("2026-10-20 08:00")
NEED = need_id(1)
USCC = "91330100MA2TE5T013"


@dataclass
class Page:
    items: Sequence[Any]
    next_cursor: str
    has_more: bool
    set_aside: Sequence[SetAside] = ()


@dataclass
class Feed:
    """A feed of `events` in pages of `size`; its cursor is the number of events before it."""

    events: list[Any]
    size: int = 3
    asked: list[str | None] = field(default_factory=list)

    def feedback(self, after: str | None, limit: int) -> Page:
        self.asked.append(after)
        start = int(after or 0)
        end = min(start + min(self.size, limit), len(self.events))
        return Page(self.events[start:end], str(end), end < len(self.events))


def report(sequence: int, type_: str, *, institution: str = "ICBC", need: str = NEED, **more: Any) -> dict[str, Any]:
    """An event as the platform sends it, on the `sequence`-th day after the push."""
    return {
        "event_id": f"{need}-{institution}-{sequence}",
        "need_id": need,
        "revision": 1,
        "institution_code": institution,
        "type": type_,
        "occurred_at": (PUSHED + timedelta(days=sequence)).isoformat(),
        "sequence": sequence,
        **more,
    }


def push(
    engine: sa.Engine,
    number: int = 1,
    *,
    intended: Sequence[str] = ("ICBC", "ABC"),
    revision: int = 1,
    state: str = "delivered",
    at: datetime = PUSHED,
) -> None:
    with engine.begin() as connection:
        add_need(connection, number, revision=revision, financing_need="1000.00")
        rewrite(
            connection,
            tables.need_version.update()
            .where(tables.need_version.c.need_id == need_id(number), tables.need_version.c.revision == revision)
            .values(intended_institutions=list(intended)),
        )
        add_delivery(connection, number, revision=revision, state=state, created_at=at)


def deliver(engine: sa.Engine, number: int = 1, *, revision: int = 1, at: datetime = PUSHED) -> None:
    """The push that was open is now known to have arrived."""
    delivery = tables.delivery
    with engine.begin() as connection:
        connection.execute(
            delivery.update()
            .where(delivery.c.need_id == need_id(number), delivery.c.revision == revision)
            .where(delivery.c.action == "push")
            .values(state="delivered", settled_at=at)
        )


def opened(engine: sa.Engine, now: datetime = NOW, **otherwise: Any) -> int:
    """`otherwise`: what of the day differs from what is in force."""
    with engine.begin() as connection:
        return open_cases(connection, day=replace(Day.in_force(now), **otherwise))


def collect(engine: sa.Engine, feed: Any, now: datetime = NOW, **otherwise: Any) -> FeedbackSummary:
    """`otherwise`: as for `opened`."""
    return collect_feedback(engine, feed, cipher=CIPHER, day=replace(Day.in_force(now), **otherwise))


def rows(engine: sa.Engine, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement), values)]


def states(engine: sa.Engine, number: int = 1) -> dict[str, str]:
    found = rows(engine, "select institution_code, state from matching_case where need_id = :id", id=need_id(number))
    return dict(found)  # type: ignore[arg-type]


def told(engine: sa.Engine, number: int = 1) -> list[dict[str, Any]]:
    statement = "select body from delivery where action = 'progress' and need_id = :id order by delivery_id"
    return [json.loads(body) for (body,) in rows(engine, statement, id=need_id(number))]


def derived(engine: sa.Engine) -> Any:
    """Everything that is folded from feedback, and the last progress of each need."""
    cases = rows(
        engine,
        "select (to_jsonb(c) - 'folded_at')::text from matching_case c order by need_id, institution_code",
    )
    clocks = rows(engine, "select c::text from case_clock c order by 1")
    last = rows(
        engine,
        "select distinct on (need_id) (body::jsonb - 'as_of')::text from delivery where action = 'progress'"
        " order by need_id, delivery_id desc",
    )
    return cases, clocks, last


def prepare(database: sa.Engine, catalogue_code: str | None = "1.1.2") -> None:
    push(database)
    with database.begin() as connection:
        rewrite(
            connection,
            sa.update(tables.need_version).values(
                total_investment=2000,
                own_capital=800,
                uscc=USCC,
                document="{}" if catalogue_code is None else f'{{"project": {{"catalogue_code": "{catalogue_code}"}}}}',
            ),
        )
        connection.execute(
            tables.register_snapshot.insert().values(
                as_of=date(2026, 10, 1), content_sha256="list", row_count=1, taken_at=NOW
            )
        )
        connection.execute(
            tables.register_factory.insert().values(
                content_sha256="list",
                ordinal=0,
                uscc=USCC,
                name="青禾",
                aliases=[],
                level="national",
                batch="1",
                department_code="330000",
                listed_on=date(2020, 1, 1),
                removed_on=date(2026, 10, 12),
            )
        )
    opened(database)


def alerts(database: sa.Engine) -> list[str]:
    found = rows(
        database, "select severity, rule_id, institution_code from alert where state = 'open' order by rule_id, 3"
    )
    return [" ".join(one).strip() for one in found]

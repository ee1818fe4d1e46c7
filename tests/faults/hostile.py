"""The hostile scenario: everything of every listing that a partner can spoil, among sound needs.

One quarter is played twice by the stages themselves, once with sound partners and once with hostile ones. What is sound must
end alike; what is hostile must be listed as set aside, and disappear when the partners are sound again.
"""

from __future__ import annotations

import json
import random
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.local.postgres import PostgresServer
from include.local.stages import Stages
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.reference.calendar import china_calendar
from include.sandbox.platforms.hostility import among_the_rows
from include.sandbox.scenario.stage import Scenario, make_scenario
from include.sandbox.server import Sandbox
from include.store.database import connect, migrate
from tests.support.sandbox_settings import sandbox_settings

QUARTER = "2026Q3"
_DAYS = 6
"""Working days of feedback after the cut-off."""
_MARK = b'"@"'
"""Stands in a row where the poison goes."""

POISONS: Mapping[str, bytes] = {
    "数字五千位": b"9" * 5_000,
    "指数过大": b"1e99999999999999999999",
    "嵌套一千层": b"[" * 1_000 + b"]" * 1_000,
    "控制字符": b'"\t"',
    "半个字符": b'"\\ud800"',
    "NaN": b"NaN",
    "GBK 字节": b'"' + "余热锅炉".encode("gbk") + b'"',
    "超过 1 MiB": b'"' + b"a" * (2**20) + b'"',
}
NO_ROWS: Mapping[str, bytes] = {"空": b"null", "数字": b"12", "列表": b"[]"}


def _need(number: int, **changed: Any) -> dict[str, Any]:
    """A need that no listing should hold: its number is that of nobody else."""
    return {
        "need_id": f"FN99{number:010d}",
        "revision": 1,
        "quarter": QUARTER,
        "status": "recommended",
        "is_major": False,
        "department_code": "330000",
        "extra": "@",
        **changed,
    }


def _factory(number: int, **changed: Any) -> dict[str, Any]:
    return {"uscc": f"9133{number:014d}", "name": "来路不明厂", "aliases": [], "batch": "@", **changed}


def _coordinator(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "coordinator_id": f"HOSTILE-{number}",
        "authority": "MIIT",
        "level": "province",
        "region_code": "330000",
        "role": "@",
        "email": f"nobody{number}@hostile.example",
        "on_duty": True,
        **changed,
    }


def _manifest_row(number: int, **changed: Any) -> dict[str, Any]:
    row = {"department_code": "330000", "recommended": 1, "financing_need": "1.00", "zero_return": False}
    return {**row, "reported_at": "2026-09-30T10:00:00+08:00", "extra": "@", **changed}


def _event(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "event_id": f"HOSTILE-{number}",
        "need_id": f"FN99{number:010d}",
        "revision": 1,
        "institution_code": "ICBC",
        "type": "received",
        "occurred_at": "2026-10-09T10:00:00+08:00",
        "sequence": 1,
        "remark": "@",
        **changed,
    }


def _ledger_entry(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "need_id": f"FN99{number:010d}",
        "revision": 1,
        "idempotency_key": f"push:FN99{number:010d}:1",
        "receipt_no": "@",
        "payload_sha256": "0" * 64,
        "received_at": "2026-10-09T10:00:00+08:00",
        "state": "held",
        **changed,
    }


@dataclass(frozen=True, slots=True)
class Listing:
    """A listing and how to spoil it. `wrong`: rows that are JSON and do not fit; `query` picks one of the path's listings."""

    source: str
    path: str
    row: Callable[..., dict[str, Any]]
    wrong: tuple[Mapping[str, Any], ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    count: int | None = None

    def pieces(self, chance: random.Random) -> list[bytes]:
        """Each kind of poison once in a row of its own, rows that are none, rows that do not fit; in any order."""
        rows = [_poisoned(self.row(number), poison) for number, poison in enumerate(POISONS.values())]
        rows += [json.dumps(self.row(100 + at, **change)).encode() for at, change in enumerate(self.wrong)]
        rows += NO_ROWS.values()
        chance.shuffle(rows)
        return rows


def _poisoned(row: dict[str, Any], poison: bytes) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode().replace(_MARK, poison, 1)


def _of_department(code: str, status: str) -> Mapping[str, str]:
    return {"department": code, "status": status}


LISTINGS: tuple[Listing, ...] = (
    Listing(
        f"needs/{QUARTER}/330000/recommended",
        "/v1/financing-needs",
        _need,
        ({"status": "submitted"}, {"quarter": "2026Q1"}, {"department_code": "110000"}, {"status": None}),
        _of_department("330000", "recommended"),
    ),
    Listing(
        f"needs/{QUARTER}/440000/recommended",
        "/v1/financing-needs",
        lambda number, **changed: _need(number + 200, **{"department_code": "440000", **changed}),
        (),
        _of_department("440000", "recommended"),
    ),
    Listing(
        f"needs/{QUARTER}/withdrawn",
        "/v1/financing-needs",
        lambda number, **changed: _need(number + 400, **{"status": "withdrawn", **changed}),
        ({"status": "recommended"}, {"need_id": None}, {"revision": 2**31}),
        {"status": "withdrawn"},
    ),
    Listing("register", "/v1/green-factories", _factory),
    Listing(
        "coordinators",
        "/v1/coordinators",
        _coordinator,
        ({"email": None}, {"on_duty": "Y"}, {"email": "a@b.example, c@d.example"}, {"level": "county"}),
    ),
    Listing(
        f"manifest/{QUARTER}",
        f"/v1/quarters/{QUARTER}/manifest",
        _manifest_row,
        (
            {"financing_need": None},
            {"financing_need": "1,234.50"},
            {"financing_need": "NaN"},
            {"recommended": 3 * 10**9},
        ),
    ),
    Listing(
        "feedback",
        "/v1/feedback",
        _event,
        ({"sequence": 1.5}, {"occurred_at": "gestern"}, {"revision": 2**31}, {"event_id": None}),
        count=1,
    ),
    Listing(
        f"ledger/{QUARTER}",
        "/v1/ledger",
        _ledger_entry,
        ({"revision": 2**40}, {"received_at": "9999-99-99"}, {"state": 7}),
    ),
)


@dataclass
class Played:
    """How a quarter ended, as far as sound needs are concerned; each a set, so that two plays can be compared."""

    facts: dict[str, frozenset[tuple[Any, ...]]]
    open_pieces: Counter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostileVerdict:
    """`needs`: sound ones played. `differing`: how many facts of them differ, by kind. `unlisted`: hostile pieces that no list
    holds, by source. `left`: pieces that are still listed after a sound reading."""

    needs: int
    planted: Counter[str]
    differing: Mapping[str, int]
    unlisted: Mapping[str, int]
    left: Mapping[str, int]

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return not (self.differing or self.unlisted or self.left)

    def told(self) -> str:
        """The verdict in words."""
        parts = [f"{name} 有 {number} 处与无恶意时不同" for name, number in self.differing.items()]
        parts += [f"{source} 有 {number} 条未列出" for source, number in self.unlisted.items()]
        parts += [f"{source} 恢复后仍列出 {number} 条" for source, number in self.left.items()]
        return "；".join(parts) or "正常需求逐项相同，恶意内容全部列出，恢复后消失"


def hostile(server: PostgresServer, seed: int, needs: int) -> HostileVerdict:
    """Play the quarter with sound partners, then with hostile ones, and compare."""
    scenario = make_scenario(seed=seed, quarter=QUARTER, needs=needs, factories=max(400, 2 * needs), unreadable=0)
    sound = _play(server, scenario, None)
    planted: Counter[str] = Counter()
    spoilt = _play(server, scenario, planted_by(seed, planted))
    return HostileVerdict(
        needs=len(scenario.needs),
        planted=planted,
        differing={
            name: len(facts ^ spoilt.facts[name]) for name, facts in sound.facts.items() if facts != spoilt.facts[name]
        },
        unlisted={
            source: number - spoilt.open_pieces[source]
            for source, number in planted.items()
            if spoilt.open_pieces[source] < number
        },
        left=dict(spoilt.left),
    )


@dataclass
class _Spoilt(Played):
    left: Counter[str] = field(default_factory=Counter)


def planted_by(seed: int, planted: Counter[str]) -> Callable[[Sandbox], None]:
    """What spoils a sandbox; counts in `planted` what it plants, by source."""

    def spoil(sandbox: Sandbox) -> None:
        chance = random.Random(seed)
        for listing in LISTINGS:
            pieces = listing.pieces(chance)
            sandbox.hostile(listing.path, among_the_rows(pieces), listing.query, listing.count)
            planted[listing.source] = len(pieces)

    return spoil


def _play(server: PostgresServer, scenario: Scenario, spoil: Callable[[Sandbox], None] | None) -> _Spoilt:
    with _staged(server, scenario) as (stages, sandbox):
        if spoil is not None:
            spoil(sandbox)
        moment = scenario.cut_off + timedelta(minutes=5)
        sandbox.set_clock(moment)
        stages.run("quarterly_intake", QUARTER, moment)
        stages.run("deliver", QUARTER, moment)
        for day in range(1, _DAYS + 1):
            moment = _morning(scenario, day)
            sandbox.set_clock(moment)
            for dag_id in ("bank_feedback", "escalate_stalled", "deliver"):
                stages.run(dag_id, QUARTER, moment)
        stages.run("reconcile", QUARTER, moment)
        played = _Spoilt(_facts(stages.engine), _open_pieces(stages.engine))
        if spoil is not None:
            sandbox.clear_hostility()
            stages.run("quarterly_intake", QUARTER, moment + timedelta(hours=1))
            stages.run("reconcile", QUARTER, moment + timedelta(hours=1))
            played.left = _open_pieces(stages.engine)
            # The feed is read on from where it was left: what it held is not read again.
            del played.left["feedback"]
        return played


def _morning(scenario: Scenario, working_days: int) -> datetime:
    day = china_calendar().add_working_days(scenario.cut_off.date(), working_days).day
    return scenario.cut_off.replace(year=day.year, month=day.month, day=day.day, hour=9)


@contextmanager
def _staged(server: PostgresServer, scenario: Scenario) -> Iterator[tuple[Stages, Sandbox]]:
    name = f"hostile_{uuid.uuid4().hex[:12]}"
    server.create_database(name)
    engine = connect(server.url(name))
    migrate(engine)
    with (
        tempfile.TemporaryDirectory(prefix="hostile-") as folder,
        Sandbox(scenario, now=scenario.cut_off, mail_dir=Path(folder)) as sandbox,
    ):
        settings = sandbox_settings(sandbox)
        with (
            GreenPlatformClient(settings.green_platform) as green,
            CreditMarketClient(settings.credit_market) as market,
        ):
            yield Stages(engine, settings, green, market), sandbox
    engine.dispose()


_FACTS: Mapping[str, str] = {
    "结论": "select need_id, revision, verdict from judgement where need_id not like 'FN99%'",
    "问题": "select need_id, revision, rule_id, field, severity from finding where need_id not like 'FN99%'",
    "发件箱": """
        select action, idempotency_key, state, outcome, body_sha256 from delivery
        where action in ('push', 'return', 'withdrawal') and need_id not like 'FN99%'
    """,
    "对接案件": """
        select need_id, institution_code, state, approved, contracted, drawn from matching_case where need_id not like 'FN99%'
    """,
    "时限": "select need_id, institution_code, from_type, to_type, due_on, stopped_on from case_clock",
    "逾期督办": "select need_id, rule_id, item, round, step, authority, state, coordinator_id from escalation_step",
    "协调人": "select coordinator_id, email, on_duty from coordinator",
    "报送清单": "select distinct department_code, recommended, financing_need from manifest_entry",
}


def _facts(engine: sa.Engine) -> dict[str, frozenset[tuple[Any, ...]]]:
    with engine.connect() as connection:
        return {
            name: frozenset(tuple(row) for row in connection.execute(sa.text(query))) for name, query in _FACTS.items()
        }


def _open_pieces(engine: sa.Engine) -> Counter[str]:
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("select source, count(*) from set_aside where resolved_at is null group by source")
        )
        return Counter(dict(rows.tuples().all()))

"""What the banks do: seeded, in working hours of working days, up to the clock, and in no promised order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.reference import case_transitions, reason_codes
from include.reference.calendar import china_calendar
from include.sandbox.scenario.stage import Scenario
from include.sandbox.server import Sandbox
from tests.support.sandbox_clients import NOW, MarketClient

Needs = list[Mapping[str, Any]]
ItemOf = Callable[..., dict[str, Any]]
LATER = NOW + timedelta(days=120)


def _key(event: Mapping[str, Any]) -> tuple[str, str]:
    return event["need_id"], event["institution_code"]


def _cases(events: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    cases: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for event in events:
        cases.setdefault(_key(event), {})[event["sequence"]] = event
    return {case: [found[number] for number in sorted(found)] for case, found in cases.items()}


def test_a_restart_gives_the_same_events(scenario: Scenario, tmp_path: Path, sound: Needs, item_of: ItemOf) -> None:
    seen = []
    for folder in ("a", "b"):
        with Sandbox(scenario, now=NOW, mail_dir=tmp_path / folder) as sandbox:
            market = MarketClient(sandbox)
            market.push(*(item_of(need) for need in sound[:40]))
            sandbox.set_clock(LATER)
            seen.append(market.feed())
    assert len(seen[0]) > 100
    assert seen[0] == seen[1]


def test_steps_of_the_clock_change_the_order_but_no_event(
    scenario: Scenario, tmp_path: Path, sound: Needs, item_of: ItemOf
) -> None:
    seen = []
    for step in (120, 7):
        with Sandbox(scenario, now=NOW, mail_dir=tmp_path / str(step)) as sandbox:
            market = MarketClient(sandbox)
            market.push(*(item_of(need) for need in sound[:40]))
            for day in range(step, 121 + step, step):
                sandbox.set_clock(min(NOW + timedelta(days=day), LATER))
                market.feed()
            seen.append(Counter(event["event_id"] for event in market.feed()))
    assert seen[0] == seen[1]


@pytest.fixture
def events(sandbox: Sandbox, market: MarketClient, sound: Needs, item_of: ItemOf) -> list[dict[str, Any]]:
    market.push(*(item_of(need) for need in sound))
    sandbox.set_clock(LATER)
    return market.feed()


def test_the_feed_shows_nothing_from_the_future(
    sandbox: Sandbox, market: MarketClient, sound: Needs, item_of: ItemOf
) -> None:
    market.push(*(item_of(need) for need in sound))
    assert market.feed() == []  # 1 October is a holiday
    moment = datetime.fromisoformat("2026-10-14T12:00:00+08:00")
    sandbox.set_clock(moment)
    shown = market.feed()
    assert shown
    assert all(NOW < datetime.fromisoformat(event["occurred_at"]) <= moment for event in shown)


def test_banks_work_on_working_days_and_in_the_order_of_their_sequence(events: list[dict[str, Any]]) -> None:
    for case in _cases(events).values():
        moments = [datetime.fromisoformat(event["occurred_at"]) for event in case]
        assert moments == sorted(moments)
        assert all(china_calendar().is_working_day(moment.date()) for moment in moments)


def test_events_come_repeated_and_out_of_order(events: list[dict[str, Any]]) -> None:
    repeats = len(events) - len({event["event_id"] for event in events})
    assert 0.01 < repeats / len(events) < 0.12
    shown: dict[str, Any] = {}
    for event in events:
        assert shown.setdefault(event["event_id"], event) == event
    order = [event["occurred_at"] for event in events]
    assert order != sorted(order)


def test_some_institutions_answer_fully_some_never(events: list[dict[str, Any]], sound: Needs) -> None:
    cases = _cases(events)
    intended = {(need["need_id"], code) for need in sound for code in need["finance"]["intended_institutions"]}
    assert intended - set(cases)
    assert set(cases) - intended
    types = Counter(event["type"] for case in cases.values() for event in case)
    assert {
        "received",
        "contacted",
        "visited",
        "accepted",
        "credit_approved",
        "contracted",
        "drawn",
        "declined",
    } <= set(types)
    approved = sum(any(event["type"] == "credit_approved" for event in case) for case in cases.values())
    assert 0.15 < approved / len(cases) < 0.5


def test_most_cases_follow_the_path_and_few_contradict_it(events: list[dict[str, Any]]) -> None:
    allowed = case_transitions()
    broken = 0
    for case in _cases(events).values():
        state = "pushed"
        for event in case:
            if event["type"] in ("obstructed", "obstruction_cleared"):
                continue
            broken += (state, event["type"]) not in allowed
            state = event["type"]
    assert broken <= 0.05 * len(events)


def test_events_carry_what_their_type_needs(events: list[dict[str, Any]]) -> None:
    for event in events:
        if event["type"] in ("credit_approved", "contracted", "drawn"):
            assert float(event["amount"]) >= 1
        if event["type"] in ("declined", "closed", "obstructed"):
            assert event["reason_code"] in reason_codes()
        if event["type"].startswith("obstruct"):
            assert event["obstruction_id"]


def test_the_cursor_never_expires_and_reads_the_same_again(
    sandbox: Sandbox, market: MarketClient, sound: Needs, item_of: ItemOf
) -> None:
    market.push(*(item_of(need) for need in sound[:30]))
    sandbox.set_clock(NOW + timedelta(days=20))
    first = market.signed("GET", "/v1/feedback?limit=7").json()
    assert first["has_more"]
    path = f"/v1/feedback?limit=9&after={first['next_cursor']}"
    once = market.signed("GET", path).json()
    sandbox.set_clock(LATER)
    assert market.signed("GET", path).json()["items"] == once["items"]
    assert market.signed("GET", "/v1/feedback?after=made-up").status_code == 400


@pytest.mark.parametrize("limit", [1, 13, 1000])
def test_the_feed_pages_completely(
    sandbox: Sandbox, market: MarketClient, sound: Needs, item_of: ItemOf, limit: int
) -> None:
    market.push(*(item_of(need) for need in sound[:12]))
    sandbox.set_clock(NOW + timedelta(days=30))
    assert market.feed(limit) == market.feed(500)


def test_after_a_withdrawal_the_banks_stop(
    sandbox: Sandbox, market: MarketClient, sound: Needs, item_of: ItemOf
) -> None:
    market.push(*(item_of(need) for need in sound[:20]))
    stopped = datetime.fromisoformat("2026-10-12T18:00:00+08:00")
    sandbox.set_clock(stopped)
    assert market.feed()
    for need in sound[:20]:
        body = {
            "idempotency_key": f"withdrawal:{need['need_id']}",
            "need_id": need["need_id"],
            "revision": 1,
            "reason_code": "factory_removed",
        }
        assert market.signed("POST", "/v1/withdrawals", body).json()["outcome"] == "accepted"
    sandbox.set_clock(LATER)
    assert max(datetime.fromisoformat(event["occurred_at"]) for event in market.feed()) <= stopped


def test_an_obstruction_that_waits_is_cleared_after_it_was_resolved(
    sandbox: Sandbox, market: MarketClient, events: list[dict[str, Any]]
) -> None:
    cleared = {event["obstruction_id"] for event in events if event["type"] == "obstruction_cleared"}
    open_ones = {event["obstruction_id"] for event in events if event["type"] == "obstructed"} - cleared
    assert open_ones
    waiting = min(open_ones)
    path = f"/v1/obstructions/{waiting}/updates"
    body = {"idempotency_key": "ob:1", "status": "acknowledged", "authority": "PBOC", "level": "city", "note": "已接单"}
    assert market.signed("POST", path, body).json()["outcome"] == "accepted"
    assert market.signed("POST", path, body).json()["outcome"] == "duplicate"
    assert market.signed("POST", path, body | {"note": "另一内容"}).json()["outcome"] == "conflict"
    assert market.signed("POST", path, body | {"status": "done"}).status_code == 422
    assert market.signed("POST", "/v1/obstructions/OB0/updates", body).status_code == 404
    resolved = body | {"idempotency_key": "ob:2", "status": "resolved", "note": "已协调担保公司增信"}
    assert market.signed("POST", path, resolved).json()["outcome"] == "accepted"
    sandbox.set_clock(LATER + timedelta(days=20))
    types = [event["type"] for event in market.feed() if event.get("obstruction_id") == waiting]
    assert "obstruction_cleared" in types
    assert [update["status"] for update in sandbox.obstruction_updates()] == ["acknowledged", "resolved"]


def test_events_speak_of_the_newest_revision_held(
    sandbox: Sandbox, market: MarketClient, sound: Needs, item_of: ItemOf
) -> None:
    market.push(*(item_of(need) for need in sound[:20]))
    market.push(*(item_of(need, revision=2, idempotency_key=f"push:{need['need_id']}:2") for need in sound[:20]))
    sandbox.set_clock(LATER)
    assert {event["revision"] for event in market.feed()} == {2}


def test_a_bank_that_waits_goes_on_once_a_coordinator_rings(
    sandbox: Sandbox, market: MarketClient, sound: Needs, item_of: ItemOf
) -> None:
    market.push(*(item_of(need) for need in sound))
    sandbox.set_clock(LATER)
    before = Counter(_key(event) for event in market.feed())
    pairs = {(need["need_id"], code) for need in sound for code in need["finance"]["intended_institutions"]}
    moved = {pair for pair in sorted(pairs) if sandbox.ring(*pair)}
    assert moved and not any(sandbox.ring(*pair) for pair in moved), "ringing once is enough"
    sandbox.set_clock(LATER + timedelta(days=40))
    after = Counter(_key(event) for event in market.feed())
    assert all(after[pair] > before[pair] for pair in moved)


def test_a_need_that_nobody_wanted_is_taken_on_when_a_coordinator_asks_around(
    sandbox: Sandbox, market: MarketClient, sound: Needs, item_of: ItemOf
) -> None:
    market.push(*(item_of(need, intended_institutions=[]) for need in sound))
    sandbox.set_clock(LATER)
    claimed = {event["need_id"] for event in market.feed()}
    asked = {need["need_id"] for need in sound if sandbox.ring(need["need_id"], "")}
    assert asked and not asked & claimed
    sandbox.set_clock(LATER + timedelta(days=40))
    assert asked <= {event["need_id"] for event in market.feed()}
    assert not sandbox.ring("FN999999999999", "ICBC")

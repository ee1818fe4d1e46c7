from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from include.base.privacy import PersonalDataCipher
from include.base.settings import CreditMarket, GreenPlatform
from include.domain.identity import item_hash
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.reconciliation import ReconciliationSummary, quarter_is_settled, reconcile
from include.reference.day import Day
from include.store import tables
from tests.support.rows import (
    QUARTER,
    TAKEN_IN,
    add_delivery,
    add_hold,
    add_judgement,
    add_need,
    add_stop,
    add_withdrawal,
    moment,
    need_id,
    rewrite,
)

NOW = moment("2026-10-12 09:00")
CIPHER = PersonalDataCipher(["key of the reconciliation tests"])


@dataclass
class Platforms:
    """What the two platforms say: settable item by item, served over HTTP as the contracts describe."""

    listed: list[dict[str, Any]] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    page_size: int = 2
    when_asked_for_the_ledger: Callable[[], None] = lambda: None

    def recommend(self, number: int, *, revision: int = 1, status: str = "recommended", **changed: Any) -> str:
        """List a need; returns its item_hash."""
        item = {
            "need_id": need_id(number),
            "revision": revision,
            "quarter": QUARTER,
            "status": status,
            "is_major": False,
            "updated_at": "2026-09-20T10:00:00+08:00",
            "department_code": "330000",
            **changed,
        }
        self.listed.append(item)
        return item_hash(item, CIPHER)

    def hold(self, number: int, *, revision: int = 1, state: str = "held", **changed: Any) -> None:
        """Put a revision into the credit-market platform's ledger."""
        self.ledger.append(
            {
                "need_id": need_id(number),
                "revision": revision,
                "idempotency_key": f"push:{need_id(number)}:{revision}",
                "receipt_no": f"R{number}-{revision}",
                "payload_sha256": "0" * 64,
                "received_at": "2026-09-30T21:00:00+08:00",
                "state": state,
                **changed,
            }
        )

    def answer(self, target: str) -> dict[str, Any]:
        parts = urlsplit(target)
        if parts.path == "/oauth/token":
            return {"access_token": "token", "token_type": "Bearer", "expires_in": 3600}
        query = parse_qs(parts.query)
        assert query["quarter"] == [QUARTER]
        rows = {"/v1/financing-needs": self.listed, "/v1/ledger": self.ledger}[parts.path]
        if parts.path == "/v1/ledger":
            self.when_asked_for_the_ledger()
        start = int(query.get("cursor", ["0"])[0])
        page = rows[start : start + self.page_size]
        following = start + self.page_size
        return {
            "items": page,
            "total": len(rows),
            "next_cursor": str(following) if following < len(rows) else None,
        }


@pytest.fixture
def platforms() -> Iterator[Platforms]:
    stated = Platforms()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.dumps(stated.answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    stated.url = f"http://127.0.0.1:{server.server_port}"
    yield stated
    server.shutdown()
    thread.join()
    server.server_close()


def _reconcile(database: sa.Engine, platforms: Platforms, now: datetime = NOW) -> ReconciliationSummary:
    green = GreenPlatformClient(
        GreenPlatform(base_url=platforms.url, client_id="client", client_secret="secret", ca=None)
    )
    market = CreditMarketClient(
        CreditMarket(
            base_url=platforms.url,
            app_id="app",
            secret="secret",
            key_id="k1",
            algorithm="HMAC-SHA256",
            next_key=None,
            ca=None,
            rate_per_s=None,
        )
    )
    with database.begin() as connection:
        # As if purged: contents are compared in tests/delivery/test_reconciled_contents.py.
        rewrite(connection, sa.delete(tables.contact))
    return reconcile(database, green, market, CIPHER, QUARTER, Day.in_force(now))


def _open(database: sa.Engine) -> dict[str, sa.Row[Any]]:
    table = tables.reconciliation_finding
    with database.connect() as connection:
        rows = connection.execute(sa.select(table).where(table.c.closed_at.is_(None)))
        return {f"{row.kind} {int(row.need_id[2:])}.{row.revision}": row for row in rows}


def _settled(database: sa.Engine) -> bool:
    with database.connect() as connection:
        return quarter_is_settled(connection, QUARTER)


def _pushed(database: sa.Engine, platforms: Platforms, number: int, *, revision: int = 1) -> int:
    """A need that went all the way: listed, passed, delivered, held by the market."""
    item_hash = platforms.recommend(number, revision=revision)
    platforms.hold(number, revision=revision)
    with database.begin() as connection:
        add_need(connection, number, revision=revision, item_hash=item_hash)
        return add_delivery(connection, number, revision=revision, receipt_no=f"R{number}-{revision}")


def test_ledgers_that_agree_give_no_finding_and_a_settled_quarter(database: sa.Engine, platforms: Platforms) -> None:
    for number in range(1, 6):
        _pushed(database, platforms, number)
    item_hash = platforms.recommend(6, status="returned")
    with database.begin() as connection:
        add_need(connection, 6, verdict="returned", item_hash=item_hash)
        add_delivery(connection, 6, action="return")
    summary = _reconcile(database, platforms)
    assert (summary.opened, summary.closed, summary.still_open) == (0, 0, 0)
    assert summary.compared == {"listed": 5, "stored": 6, "judged": 6, "pushes": 5, "returns": 1, "ledger": 5}
    assert summary.explained == {"being_corrected": 1}
    assert _open(database) == {}
    assert _settled(database)


def test_a_recommended_need_that_was_never_taken_in_is_found_and_names_the_intake_to_run(
    database: sa.Engine, platforms: Platforms
) -> None:
    _pushed(database, platforms, 1)
    platforms.recommend(2, department_code="440300")
    platforms.recommend(1, revision=2)
    summary = _reconcile(database, platforms)
    found = _open(database)
    assert set(found) == {"not_taken_in 2.1", "not_taken_in 1.2"}
    assert summary.opened == 2
    suggestion = found["not_taken_in 2.1"].suggestion
    assert suggestion.startswith("airflow dags trigger quarterly_intake --conf '")
    conf = json.loads(suggestion.split("'")[1])
    assert conf == {"quarter": QUARTER, "departments": ["440300"]}
    assert not _settled(database)


def test_before_the_cut_off_needs_wait_for_the_intake_but_major_ones_only_a_working_day(
    database: sa.Engine, platforms: Platforms
) -> None:
    platforms.recommend(1)
    platforms.recommend(2, is_major=True, updated_at="2026-09-24T00:00:00+08:00")
    platforms.recommend(3, is_major=True, updated_at="2026-09-23T23:00:00+08:00")
    # Monday 28 September: Thursday is the working day before, for Friday is the Mid-Autumn Festival.
    summary = _reconcile(database, platforms, now=moment("2026-09-28 09:00"))
    assert summary.explained == {"awaiting_intake": 1, "in_flight": 1}
    assert set(_open(database)) == {"not_taken_in 3.1"}


def test_an_item_that_cannot_be_addressed_counts_as_taken_in_once_it_is_stored(
    database: sa.Engine, platforms: Platforms
) -> None:
    item_hash = platforms.recommend(1, need_id="?")
    table = tables.reconciliation_finding
    assert _reconcile(database, platforms).opened == 1
    with database.connect() as connection:
        assert connection.execute(sa.select(table.c.need_id)).scalar_one() == f"item:{item_hash[:12]}"
    with database.begin() as connection:
        add_need(connection, 9, verdict="held", item_hash=item_hash, quarter="2020Q1")
        rewrite(connection, sa.text("update intake_item set need_id = null, revision = null"))
    assert _reconcile(database, platforms).closed == 1


def test_content_that_changed_without_a_new_revision_is_found_unless_a_person_already_looks(
    database: sa.Engine, platforms: Platforms
) -> None:
    _pushed(database, platforms, 1)
    platforms.listed[0]["project"] = {"name": "换了内容"}
    _reconcile(database, platforms)
    assert set(_open(database)) == {"content_changed 1.1"}
    with database.begin() as connection:
        add_judgement(connection, 1, "held", item_hash=item_hash(platforms.listed[0], CIPHER))
    summary = _reconcile(database, platforms)
    assert (summary.closed, summary.explained) == (1, {"held": 1})


def test_a_need_gone_from_the_listing_is_found_unless_it_was_withdrawn(
    database: sa.Engine, platforms: Platforms
) -> None:
    for number in (1, 2):
        with database.begin() as connection:
            add_need(connection, number, verdict="held")
    with database.begin() as connection:
        add_withdrawal(connection, 2)
    platforms.recommend(1, status="withdrawn")
    summary = _reconcile(database, platforms)
    assert set(_open(database)) == {"no_longer_listed 1.1"}
    assert summary.explained == {"withdrawn": 1}


def test_what_was_not_judged_or_not_queued_is_found(database: sa.Engine, platforms: Platforms) -> None:
    with database.begin() as connection:
        for number, verdict in enumerate((None, "passed", "returned", "held"), start=1):
            add_need(connection, number, verdict=verdict, item_hash=platforms.recommend(number))
    _reconcile(database, platforms)
    assert set(_open(database)) == {"not_judged 1.1", "push_not_queued 2.1", "return_not_queued 3.1"}
    assert not _settled(database)


def test_a_run_under_way_is_not_yet_a_difference(database: sa.Engine, platforms: Platforms) -> None:
    with database.begin() as connection:
        add_need(connection, 1, verdict=None, item_hash=platforms.recommend(1), received_at=NOW)
        add_need(connection, 2, item_hash=platforms.recommend(2), received_at=NOW)
        add_delivery(connection, 2, state="pending", created_at=NOW)
    summary = _reconcile(database, platforms)
    assert summary.explained == {"in_flight": 2}
    assert _open(database) == {}
    assert not _settled(database)


def test_a_delivery_that_nobody_delivers_is_found_and_one_that_waits_for_a_person_is_explained(
    database: sa.Engine, platforms: Platforms
) -> None:
    with database.begin() as connection:
        add_need(connection, 1, item_hash=platforms.recommend(1))
        add_delivery(connection, 1, state="pending", created_at=NOW - timedelta(days=2))
        add_need(connection, 2, item_hash=platforms.recommend(2))
        add_delivery(connection, 2, state="held")
    summary = _reconcile(database, platforms)
    assert {kind: row.suggestion for kind, row in _open(database).items()} == {
        "not_delivered 1.1": "airflow dags trigger deliver"
    }
    assert summary.explained == {"held": 1}


def test_a_held_push_leaves_the_quarter_settled_and_a_pending_one_does_not(
    database: sa.Engine, platforms: Platforms
) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        add_delivery(connection, 1, state="held")
    assert _settled(database)
    with database.begin() as connection:
        add_need(connection, 2)
        add_delivery(connection, 2, state="pending")
    assert not _settled(database)
    with database.begin() as connection:
        add_withdrawal(connection, 2)
    assert _settled(database)


def test_a_push_without_a_passing_verdict_or_sent_twice_is_found(database: sa.Engine, platforms: Platforms) -> None:
    _pushed(database, platforms, 1)
    item_hash = platforms.recommend(2)
    platforms.hold(2)
    with database.begin() as connection:
        add_need(connection, 2, verdict="held", item_hash=item_hash)
        add_delivery(connection, 2)
        add_delivery(connection, 1, state="held", idempotency_key="again")
    _reconcile(database, platforms)
    assert set(_open(database)) == {"pushed_not_passed 2.1", "pushed_twice 1.1"}


def test_what_a_person_decided_on_a_held_need_must_be_in_the_outbox(database: sa.Engine, platforms: Platforms) -> None:
    with database.begin() as connection:
        for number, state in enumerate(("released", "returned", "open", "expired"), start=1):
            add_need(connection, number, verdict="held", item_hash=platforms.recommend(number))
            add_hold(connection, number, state=state)
    _reconcile(database, platforms)
    assert set(_open(database)) == {"push_not_queued 1.1", "return_not_queued 2.1"}
    assert not _settled(database)
    with database.begin() as connection:
        add_delivery(connection, 1)
        add_delivery(connection, 2, action="return")
    platforms.hold(1)
    _reconcile(database, platforms)
    assert _open(database) == {}
    assert _settled(database)


def test_a_missing_push_of_a_stopped_department_is_explained_until_it_continues(
    database: sa.Engine, platforms: Platforms
) -> None:
    with database.begin() as connection:
        add_need(connection, 1, item_hash=platforms.recommend(1))
        add_stop(connection)
    assert _reconcile(database, platforms).explained == {"stopped": 1}
    assert _settled(database)
    with database.begin() as connection:
        connection.execute(tables.department_stop.update().values(state="continued"))
    assert not _settled(database)
    _reconcile(database, platforms)
    assert set(_open(database)) == {"push_not_queued 1.1"}


def test_a_push_held_back_for_a_late_finding_or_a_removed_factory_is_explained(
    database: sa.Engine, platforms: Platforms
) -> None:
    with database.begin() as connection:
        for number, outcome in enumerate(("late_history", "factory_removed", "late_history"), start=1):
            add_need(connection, number, item_hash=platforms.recommend(number))
            delivery_id = add_delivery(connection, number, state="superseded")
            table = tables.delivery
            connection.execute(table.update().where(table.c.delivery_id == delivery_id).values(outcome=outcome))
        add_hold(connection, 1)
    summary = _reconcile(database, platforms)
    assert summary.explained == {"held": 1, "factory_removed": 1}
    assert set(_open(database)) == {"superseded_unexplained 3.1"}


def test_a_superseded_push_needs_its_reason(database: sa.Engine, platforms: Platforms) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        add_delivery(connection, 1, state="superseded")
        add_need(connection, 2)
        add_delivery(connection, 2, state="superseded")
        add_need(connection, 2, revision=2, verdict="held", item_hash=platforms.recommend(2, revision=2))
    platforms.recommend(1, status="submitted")
    summary = _reconcile(database, platforms)
    assert set(_open(database)) == {"superseded_unexplained 1.1"}
    assert summary.explained["superseded"] == 1


def test_a_delivered_push_that_the_market_does_not_hold_names_the_delivery_to_run_again(
    database: sa.Engine, platforms: Platforms
) -> None:
    _pushed(database, platforms, 1)
    delivery_id = _pushed(database, platforms, 2)
    platforms.ledger.pop()
    _reconcile(database, platforms)
    found = _open(database)
    assert set(found) == {"missing_in_ledger 2.1"}
    conf = json.loads(found["missing_in_ledger 2.1"].suggestion.split("'")[1])
    assert conf["delivery_ids"] == [delivery_id]
    assert conf["reason"]
    platforms.hold(2)
    assert _reconcile(database, platforms).closed == 1
    assert _settled(database)


def test_what_the_market_holds_and_we_did_not_deliver_is_found_unless_it_is_on_its_way(
    database: sa.Engine, platforms: Platforms
) -> None:
    platforms.hold(1)
    platforms.hold(2)
    with database.begin() as connection:
        add_need(connection, 2, item_hash=platforms.recommend(2))
        add_delivery(connection, 2, state="unknown", created_at=NOW)
    summary = _reconcile(database, platforms)
    assert set(_open(database)) == {"unknown_in_ledger 1.1"}
    assert summary.explained == {"in_flight": 2}


@pytest.mark.parametrize(("error_class", "explained"), [("conflict", True), ("exhausted", False)])
def test_what_a_person_closed_is_explained_by_a_conflict_with_the_ledger_alone(
    database: sa.Engine, platforms: Platforms, error_class: str, explained: bool
) -> None:
    platforms.hold(1)
    with database.begin() as connection:
        add_need(connection, 1, item_hash=platforms.recommend(1))
        add_delivery(connection, 1, state="closed", error_class=error_class)
    summary = _reconcile(database, platforms)
    assert (summary.explained, set(_open(database))) == (
        ({"closed": 1}, set()) if explained else ({}, {"unknown_in_ledger 1.1"})
    )
    with database.connect() as connection:
        suggestions = connection.execute(sa.select(tables.reconciliation_finding.c.suggestion)).scalars().all()
    assert not any("rerun_deliveries" in suggestion for suggestion in suggestions), "it would refuse a closed one"


def test_another_receipt_or_another_state_in_the_ledger_is_found(database: sa.Engine, platforms: Platforms) -> None:
    for number in (1, 2, 3):
        _pushed(database, platforms, number)
    platforms.ledger[0]["receipt_no"] = "other"
    platforms.ledger[1]["state"] = "withdrawn"
    platforms.ledger[2]["state"] = "superseded"
    _reconcile(database, platforms)
    assert set(_open(database)) == {"receipt_differs 1.1", "ledger_state_differs 2.1", "ledger_state_differs 3.1"}


def test_a_lower_revision_is_superseded_in_the_ledger_by_the_higher(database: sa.Engine, platforms: Platforms) -> None:
    _pushed(database, platforms, 1)
    _pushed(database, platforms, 1, revision=2)
    platforms.ledger[0]["state"] = "superseded"
    _reconcile(database, platforms)
    assert _open(database) == {}


def test_a_withdrawn_need_must_be_taken_back_and_be_so_in_the_ledger(database: sa.Engine, platforms: Platforms) -> None:
    _pushed(database, platforms, 1)
    with database.begin() as connection:
        add_withdrawal(connection, 1)
    _reconcile(database, platforms)
    assert set(_open(database)) == {"push_not_taken_back 1.1"}
    with database.begin() as connection:
        add_delivery(connection, 1, action="withdrawal")
    _reconcile(database, platforms)
    assert set(_open(database)) == {"ledger_state_differs 1.1"}
    platforms.ledger[0]["state"] = "withdrawn"
    _reconcile(database, platforms)
    assert _open(database) == {}


def test_running_again_keeps_each_finding_once_and_closes_it_when_it_no_longer_holds(
    database: sa.Engine, platforms: Platforms
) -> None:
    with database.begin() as connection:
        add_need(connection, 1, item_hash=platforms.recommend(1))
    first, second = (_reconcile(database, platforms) for _ in range(2))
    assert (first.opened, first.still_open) == (1, 1)
    assert (second.opened, second.closed, second.still_open) == (0, 0, 1)
    with database.begin() as connection:
        add_delivery(connection, 1)
    platforms.hold(1)
    later = NOW + timedelta(hours=1)
    assert _reconcile(database, platforms, now=later).closed == 1
    with database.connect() as connection:
        rows = connection.execute(sa.select(tables.reconciliation_finding)).all()
    assert [(row.kind, row.found_at, row.closed_at) for row in rows] == [("push_not_queued", NOW, later)]


def test_what_arrives_while_the_platforms_are_asked_is_not_taken_for_lost(
    database: sa.Engine, platforms: Platforms
) -> None:
    def taken_in_and_delivered_meanwhile() -> None:
        with database.begin() as connection:
            add_need(connection, 1)
            add_delivery(connection, 1)

    platforms.when_asked_for_the_ledger = taken_in_and_delivered_meanwhile
    assert _reconcile(database, platforms).opened == 0
    platforms.when_asked_for_the_ledger = lambda: None
    _reconcile(database, platforms)
    assert set(_open(database)) == {"no_longer_listed 1.1", "missing_in_ledger 1.1"}


def test_runs_side_by_side_open_each_finding_once(database: sa.Engine, platforms: Platforms) -> None:
    for number in range(1, 6):
        platforms.recommend(number)
    with ThreadPoolExecutor(3) as pool:
        summaries = list(pool.map(lambda _: _reconcile(database, platforms), range(3)))
    assert sum(summary.opened for summary in summaries) == 5
    assert len(_open(database)) == 5


def test_findings_of_another_quarter_are_left_alone(database: sa.Engine, platforms: Platforms) -> None:
    with database.begin() as connection:
        connection.execute(
            tables.reconciliation_finding.insert().values(
                quarter="2026Q2",
                kind="not_judged",
                need_id=need_id(1),
                revision=1,
                explanation="…",
                suggestion="…",
                found_at=TAKEN_IN,
            )
        )
    assert _reconcile(database, platforms).closed == 0
    assert set(_open(database)) == {"not_judged 1.1"}


def test_a_need_listed_twice_while_it_changed_counts_at_its_higher_revision(
    database: sa.Engine, platforms: Platforms
) -> None:
    platforms.recommend(1)
    item_hash = platforms.recommend(1, revision=2)
    platforms.hold(1, revision=2)
    with database.begin() as connection:
        add_need(connection, 1, revision=2, item_hash=item_hash)
        add_delivery(connection, 1, revision=2)
    assert _reconcile(database, platforms).opened == 0

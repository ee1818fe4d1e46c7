"""The delivery engine against the same client without durability and against bytes alone, and the plan of its claim."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from include.base.business_time import BusinessClock
from include.base.privacy import PersonalDataCipher
from include.base.settings import ConnectionFields, Settings
from include.delivery import claim
from include.delivery.claim import registered_worker
from include.delivery.outcomes import of_item
from include.delivery.record import record
from include.delivery.stage import deliver
from include.domain.push_payload import contact_of, push_of
from include.intake.items import Item, contact_json, version_row
from include.local.postgres import PostgresServer
from include.platforms.credit_market import ItemResult
from include.reference import policy
from include.store.database import connect, copy_rows, migrate
from include.store.outbox import NewDelivery, enqueue
from include.store.sealed import CONTACT
from include.store.tables import register_snapshot
from tests.bench.generated import CHECKED_AT, needs, register_row
from tests.bench.loads import bare, raw
from tests.support.rows import rewrite

CONNECTIONS = 4
BATCH = 100
DELAYS_MS = (0, 5, 50)
NEEDS = 10_000
_FEWER_SINGLE_AT_50_MS = 2_000
_ROUNDS = 3
_PLAN_SIZES = (10_000, 100_000, 1_000_000)
_KEY = "key of the benchmarks"


def report(sizes: Sequence[int]) -> None:
    """Print items/s of single and batched pushes for each delay, with the ratios, then the claim at each of `sizes` and more."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp") as home, PostgresServer(Path(home)) as server:
        server.create_database("speed")
        database = connect(server.url("speed"))
        migrate(database)
        _with_register(database)
        print(f"pushes per second over {CONNECTIONS} connections, median of {_ROUNDS} rounds, all in this run")
        print("  ours: claimed, contact joined, signed, sent, attempts and marks committed")
        print(
            "  bare: the same client, batches and connections, nothing read or kept; raw: the same bytes by sockets\n"
        )
        print(
            f"  {'answer after':14}{'a request':>10}{'needs':>8}{'ours':>10}{'bare':>10}{'raw':>10}   ours/bare  ours/raw"
        )
        aims: list[str] = []
        for delay_ms in DELAYS_MS:
            with _answering(delay_ms / 1000) as url:
                for batch_size in (1, BATCH):
                    few = batch_size == 1 and delay_ms == max(DELAYS_MS)
                    aims += _compared(database, url, delay_ms, batch_size, _FEWER_SINGLE_AT_50_MS if few else NEEDS)
        aims += _marks(database)
        database.dispose()
        print()
        server.create_database("waiting")
        database = connect(server.url("waiting"))
        migrate(database)
        aims += _claims(database, sorted({*_PLAN_SIZES, *sizes}))
        database.dispose()
        print("\naims")
        print("\n".join(aims))


_AIMS = {(0, BATCH): ("ours/bare", 0.25), (5, BATCH): ("ours", 10_000), (50, BATCH): ("ours/bare", 0.70)}


def _compared(database: sa.Engine, url: str, delay_ms: int, batch_size: int, number: int) -> list[str]:
    """Print a line of the table; returns how the aim that belongs to it was met, if there is one."""
    settings = _settings(url)
    found: dict[str, list[float]] = {"ours": [], "bare": [], "raw": []}
    rounds = _ROUNDS if batch_size > 1 else 1
    for _ in range(rounds):
        items = _queue(database, number)
        batches = [items[start : start + batch_size] for start in range(0, number, batch_size)]
        found["ours"].append(number / _ours(database, settings, batch_size, number))
        found["bare"].append(number / bare(settings.credit_market, batches, CONNECTIONS))
        found["raw"].append(number / raw(settings.credit_market, batches, CONNECTIONS))
    rates = {name: sorted(values)[len(values) // 2] for name, values in found.items()}
    # Neighbours in time: what else the machine does meets both alike.
    ratios = {
        f"ours/{other}": sorted(mine / theirs for mine, theirs in zip(found["ours"], found[other], strict=True))[
            rounds // 2
        ]
        for other in ("bare", "raw")
    }
    figures = "".join(f"{rate:10,.0f}" for rate in rates.values())
    print(
        f"  {delay_ms:>10} ms {batch_size:>10}{number:8,}{figures}{ratios['ours/bare']:12.0%}{ratios['ours/raw']:10.0%}",
        flush=True,
    )
    if (delay_ms, batch_size) not in _AIMS:
        return []
    name, least = _AIMS[delay_ms, batch_size]
    met = (rates | ratios)[name]
    shown = f"{met:.0%} of bare, at least {least:.0%}" if least < 1 else f"{met:,.0f} items/s, at least {least:,.0f}"
    return [_aim(f"batches of {BATCH}, answer after {delay_ms} ms: {shown}", met >= least)]


def _aim(what: str, reached: bool) -> str:
    return f"  {'reached' if reached else 'MISSED '}  {what}"


def _marks(database: sa.Engine) -> list[str]:
    """Print how many attempts and marks a second are written in sets and one by one; returns the aim."""
    rates = {}
    for size, number in ((BATCH, NEEDS), (1, 500)):
        _queue(database, number)
        with registered_worker(database) as worker:
            claims = claim.claim(database, "market", worker, CHECKED_AT, number)
            results = [
                of_item(one, ItemResult(idempotency_key="", outcome="accepted", receipt_no="R")) for one in claims
            ]
            began = perf_counter()
            for start in range(0, number, size):
                record(database, worker, results[start : start + size], CHECKED_AT, lambda: 0.5)
            rates[size] = number / (perf_counter() - began)
    print(
        f"\nattempts and marks per second, each commit durable: sets of {BATCH} {rates[BATCH]:,.0f}, one by one {rates[1]:,.0f}"
    )
    return [
        _aim(
            f"marks in sets: {rates[BATCH] / rates[1]:.0f} times as fast as one by one, at least 5",
            rates[BATCH] >= 5 * rates[1],
        )
    ]


def _ours(database: sa.Engine, settings: Settings, batch_size: int, number: int) -> float:
    values = {**policy().values, "push_batch_size": str(batch_size), "delivery_workers_market": str(CONNECTIONS)}
    measured = replace(policy(), values=MappingProxyType(values))
    clock = BusinessClock.starting_at(CHECKED_AT)
    began = perf_counter()
    summary = deliver(database, "market", settings=settings, policy=measured, clock=clock)
    seconds = perf_counter() - began
    if summary.delivered != number:
        raise SystemExit(f"{summary.counts()}: {number} should have been delivered")
    return seconds


@contextmanager
def _answering(delay_s: float) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.answering", str(delay_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def _settings(url: str) -> Settings:
    market_connection = ConnectionFields(
        host=url, login="app", password="secret", extra={"key_id": "k1", "algorithm": "HMAC-SM3"}
    )
    return Settings(connections={"credit_market": market_connection}, fernet_key=_KEY)


def _queue(database: sa.Engine, number: int) -> list[dict[str, Any]]:
    """An outbox of `number` waiting pushes and nothing else; returns what is to be sent."""
    cipher = PersonalDataCipher([_KEY])
    raws, versions, contacts, pushes, items = [], [], [], [], []
    for need in needs(number):
        key = need["need_id"], need["revision"]
        received = need["need_id"].encode()
        item = Item(
            raw=received,
            raw_sha256=cipher.keyed_sha256(received),
            set_aside=None,
            need_id=key[0],
            revision=key[1],
            item_hash=key[0],
        )
        row = version_row(
            item, need, intake_id=1, listed_quarter=need["quarter"], department_code="330000", now=CHECKED_AT
        )
        raws.append((row["raw_sha256"], b"", 0, CHECKED_AT))
        versions.append(tuple(row.values()))
        person = contact_json(need)
        contacts.append((*key, cipher.encrypt(person, CONTACT.place(*key))))
        content = push_of(*key, row["branch_code"], row["document"])
        pushes.append(_push(row, content.sha256))
        items.append(content.item(pushes[-1].idempotency_key, contact_of(person)))
    with database.begin() as connection:
        rewrite(connection, sa.text("truncate delivery, delivery_attempt, contact, intake, raw_payload cascade"))
        rewrite(connection, _INTAKE, {"now": CHECKED_AT})
        copy_rows(connection, "raw_payload", ("raw_sha256", "ciphertext", "size_bytes", "received_at"), raws)
        copy_rows(connection, "need_version", tuple(row), versions)
        copy_rows(connection, "contact", ("need_id", "revision", "ciphertext"), contacts)
        enqueue(connection, pushes, CHECKED_AT)
    _tidied(database)
    return items


def _push(row: dict[str, Any], sha256: str) -> NewDelivery:
    need_id, revision = row["need_id"], row["revision"]
    return NewDelivery(
        channel="market",
        action="push",
        idempotency_key=f"push:{need_id}:{revision}",
        order_key=need_id,
        need_id=need_id,
        revision=revision,
        quarter=row["quarter"],
        department_code=row["department_code"],
        body_sha256=sha256,
    )


_INTAKE = sa.text(
    """
    insert into intake (intake_id, run_id, kind, quarter, departments, dry_run, started_at)
    overriding system value values (1, 'bench', 'quarterly', '2026Q3', '{330000}', false, :now)
    """
)


def _with_register(database: sa.Engine) -> None:
    """The register in use, of which each push is asked."""
    rows = [
        ("bench", at, row.uscc, row.name, [], row.level, row.batch, row.department_code, date(2024, 3, 1))
        for at, row in enumerate(map(register_row, needs(NEEDS)))
    ]
    names = ("uscc", "name", "aliases", "level", "batch", "department_code", "listed_on")
    with database.begin() as connection:
        copy_rows(connection, "register_factory", ("content_sha256", "ordinal", *names), rows)
        connection.execute(
            sa.insert(register_snapshot).values(
                as_of=CHECKED_AT.date(), content_sha256="bench", row_count=NEEDS, taken_at=CHECKED_AT
            )
        )


def _tidied(database: sa.Engine) -> None:
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("vacuum analyze"))


def _claims(database: sa.Engine, sizes: Sequence[int]) -> list[str]:
    """Print what one claim of a set costs beside so many waiting pushes, all due and all put off, and the plan at the largest
    size; returns the aim."""
    spent = {}
    print(f"claim of {BATCH}, milliseconds (best of 9), beside so many waiting pushes")
    print(f"  {'waiting':>10}{'all due':>10}{'none due':>10}")
    filled = 0
    for size in sizes:
        with database.begin() as connection:
            connection.execute(_FILL, {"from": filled + 1, "to": size, "now": CHECKED_AT})
        filled = size
        _tidied(database)
        due, _ = _claimed(database)
        with database.begin() as connection:
            connection.execute(_PUT_OFF, {"now": CHECKED_AT})
        _tidied(database)
        none_due, _ = _claimed(database)
        with database.begin() as connection:
            connection.execute(_DUE_AGAIN, {"now": CHECKED_AT})
        spent[size] = due
        print(f"  {size:>10,}{due:>10.2f}{none_due:>10.2f}", flush=True)
    _tidied(database)
    print(f"\nthe plan at {filled:,}, all due")
    for line in _claimed(database)[1]:
        print(f"  {line}"[:150])
    growth = spent[max(sizes)] / spent[min(sizes)]
    return [
        _aim(
            f"claim beside {max(sizes):,} waiting: {growth:.1f} times that beside {min(sizes):,}, at most 2",
            growth <= 2,
        )
    ]


def _claimed(database: sa.Engine) -> tuple[float, list[str]]:
    """Milliseconds of one claim as PostgreSQL says, rolled back; and its plan."""
    asked = {"channel": "market", "worker": "bench", "now": CHECKED_AT, "limit": BATCH, "lease": timedelta(minutes=10)}
    explained: list[tuple[float, list[str]]] = []
    for _ in range(9):
        with database.connect() as connection:
            plan = list(connection.execute(sa.text(f"explain (analyze, costs off) {claim.CLAIM}"), asked).scalars())
            connection.rollback()
        explained.append((float(plan[-1].split()[-2]), plan))
    return min(explained, key=lambda one: one[0])


_FILL = sa.text(
    """
    insert into delivery (channel, action, idempotency_key, need_id, revision, quarter, department_code, order_key,
                          body_sha256, state, created_at, next_attempt_at)
    select 'market', 'push', 'push-' || number, 'FN' || number, 1, '2026Q3', '330000', 'market-FN' || number,
           repeat('0', 64), 'pending', :now, :now
    from generate_series(cast(:from as integer), cast(:to as integer)) as number
    """
)
_PUT_OFF = sa.text(
    "update delivery set next_attempt_at = :now + interval '1 day', lease_until = clock_timestamp() + interval '1 day'"
)
_DUE_AGAIN = sa.text("update delivery set next_attempt_at = :now, lease_until = null")

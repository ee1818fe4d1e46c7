"""Reconciliation (对账): the platforms' ledgers and ours must agree on a quarter, hop by hop.

listing of the green platform ↔ need_version ↔ judgement ↔ outbox ↔ ledger of the credit-market platform

Every difference is either explained (on its way, waiting for a person, being corrected) or becomes a finding that stays
open until it no longer holds. The external ledgers are loaded by COPY and compared by set-based SQL.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from include.base.privacy import PersonalDataCipher
from include.domain.identity import identity_of
from include.domain.pieces import SetAside
from include.domain.push_payload import NoPush, contact_of, payload_sha256, push_of
from include.domain.quarter import Quarter
from include.domain.receipts import receipt_number
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.reconciliation.checks import CHECKS, Check
from include.reference import departments
from include.reference.day import Day
from include.store.database import copy_rows
from include.store.locks import Lock, hold
from include.store.sealed import CONTACT
from include.store.set_aside import keep

# How long an intake or a delivery that is running now may take.
_UNDER_WAY = timedelta(hours=1)
# A delivery that has been due for so long is not on its way: nobody delivers.
_NOT_DELIVERING = timedelta(days=1)
_YEARS = range(2000, 2101)
_LONGEST_STATUS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationSummary:
    """`compared`: records on each side; `explained`: differences by explanation; the rest are findings.

    `opened` and `closed` count this run; `still_open` is the number after it, new ones included.
    """

    compared: dict[str, int]
    explained: dict[str, int]
    opened: int
    closed: int
    still_open: int


def reconcile(
    engine: sa.Engine,
    green_client: GreenPlatformClient,
    market_client: CreditMarketClient,
    cipher: PersonalDataCipher,
    quarter: str,
    day: Day,
) -> ReconciliationSummary:
    """Compare all ledgers of `quarter` on `day`: open a finding for each unexplained difference, close those that are
    gone.

    Safe to run twice and side by side. Our records are read before the platforms', so that a record that arrives
    meanwhile does not look lost by them. `cipher` opens the contacts: the market's payload hash includes the contact.
    """
    with engine.connect() as connection:
        try:
            with connection.begin():
                connection.execute(sa.text("discard temp"))
                connection.execute(sa.text(_NOTED_BEFORE), {"quarter": quarter})
            listed = list(_listed(green_client, cipher, quarter))
            unusable: list[SetAside] = []
            ledger = list(_ledger(market_client, quarter, unusable))
            with connection.begin():
                keep(connection, cipher, f"ledger/{quarter}", unusable, now=day.now, whole=True)
                _load(connection, listed, ledger)
                _compare_contents(connection, cipher, quarter)
                summary = _compare(connection, quarter, day)
        finally:
            connection.rollback()
            with connection.begin():
                connection.execute(sa.text("discard temp"))
    return summary


def quarter_is_settled(connection: sa.Connection, quarter: str) -> bool:
    """Whether every passed need of `quarter` is pushed or its absence is explained, and no finding is open.

    A push on its way is not settled. Explained are a held push, which waits for a person, a push of a stopped
    department, and one of a factory that is off the register.
    """
    unsettled: bool = connection.execute(sa.text(_UNSETTLED), {"quarter": quarter}).scalar_one()
    return not unsettled


# --- The ledgers of the platforms -------------------------------------------------------------------------------------


def _listed(client: GreenPlatformClient, cipher: PersonalDataCipher, quarter: str) -> Iterator[tuple[Any, ...]]:
    """Each listed item as (ordinal, need_id, revision, item_hash, department_code, status, is_major, updated_at)."""
    ordinal = 0
    for page in client.need_listing(quarter=quarter):
        for listed in page.items:
            record = listed.record
            ordinal += 1
            status, known = record.get("status"), identity_of(record, cipher)
            yield (
                ordinal,
                known.need_id,
                known.revision,
                known.item_hash,
                _department(record),
                status if isinstance(status, str) and len(status) <= _LONGEST_STATUS else None,
                record.get("is_major") is True,
                _moment(record),
            )


def _department(record: Mapping[str, Any]) -> str | None:
    code = record.get("department_code")
    return code if isinstance(code, str) and code in departments() else None


def _moment(record: Mapping[str, Any]) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(record.get("updated_at")))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None and moment.year in _YEARS else None


def _ledger(client: CreditMarketClient, quarter: str, unusable: list[SetAside]) -> Iterator[tuple[Any, ...]]:
    """The usable rows of the ledger; the others are added to `unusable`."""
    for page in client.ledger(quarter):
        unusable += page.set_aside
        for entry in page.items:
            yield (
                entry.idempotency_key,
                entry.need_id,
                entry.revision,
                receipt_number(entry.receipt_no),
                entry.state,
                entry.payload_sha256,
            )


def _load(connection: sa.Connection, listed: Iterable[tuple[Any, ...]], ledger: Iterable[tuple[Any, ...]]) -> None:
    connection.execute(sa.text(_PLATFORM_TABLES))
    copy_rows(
        connection,
        "incoming_item",
        ("ordinal", "need_id", "revision", "item_hash", "department_code", "status", "is_major", "updated_at"),
        listed,
    )
    copy_rows(
        connection,
        "incoming_entry",
        ("idempotency_key", "need_id", "revision", "receipt_no", "state", "payload_sha256"),
        ledger,
    )
    for statement in (_PLATFORM_NEED, _LEDGER_ENTRY, _OUR_NEED):
        connection.execute(sa.text(statement))
    # New tables have no statistics; without them the planner joins row by row.
    connection.execute(sa.text("analyze platform_need, ledger_entry, our_need, noted_before"))


def _compare_contents(connection: sa.Connection, cipher: PersonalDataCipher, quarter: str) -> None:
    """Find pushes that the market holds with another content than ours; a push whose contact was purged cannot be compared."""
    connection.execute(sa.text("create temporary table other_content (idempotency_key text)"))
    held = connection.execute(_HELD_BY_THE_MARKET, {"quarter": quarter}, execution_options={"yield_per": 1000})
    differing = [(row.idempotency_key,) for row in held if _ours(cipher, row) != row.payload_sha256]
    copy_rows(connection, "other_content", ("idempotency_key",), differing)


def _ours(cipher: PersonalDataCipher, push: sa.Row[Any]) -> str | None:
    """The payload_sha256 of our push; None where nothing is stored that could be pushed."""
    person = contact_of(cipher.decrypt(push.ciphertext, CONTACT.place(push.need_id, push.revision)))
    try:
        content = push_of(push.need_id, push.revision, push.branch_code, push.document)
    except NoPush:
        return None
    return payload_sha256(content.payload_with(person))


_HELD_BY_THE_MARKET = sa.text(
    """
    select push.idempotency_key, push.need_id, push.revision, version.branch_code, version.document, contact.ciphertext,
           entry.payload_sha256
    from delivered_push push
    join need_version version on version.need_id = push.need_id and version.revision = push.revision
    join ledger_entry entry on entry.idempotency_key = push.idempotency_key
    join contact on contact.need_id = push.need_id and contact.revision = push.revision
    where push.quarter = :quarter
    """
)

_NOTED_BEFORE = """
create temporary table noted_before as
select distinct 'need' as kind, need_id as key from need_version where quarter = :quarter
union all
select 'push', idempotency_key from delivered_push where quarter = :quarter
"""

_PLATFORM_TABLES = """
create temporary table incoming_item (
    ordinal integer, need_id text, revision integer, item_hash text, department_code text, status text,
    is_major boolean, updated_at timestamptz
);
create temporary table incoming_entry (
    idempotency_key text, need_id text, revision integer, receipt_no text, state text, payload_sha256 text
)
"""

# A need that changed while it was read is listed twice: the higher revision counts. `record_id` also names records
# without a usable need_id.
_PLATFORM_NEED = """
create temporary table platform_need as
select distinct on (record_id) *
from (
    select incoming_item.*, need_id is not null and revision is not null as addressed,
           case when need_id is not null and revision is not null then need_id
                else 'item:' || left(item_hash, 12) end as record_id
    from incoming_item
) item
order by record_id, revision desc nulls last, ordinal desc
"""

_LEDGER_ENTRY = """
create temporary table ledger_entry as
select distinct on (idempotency_key) *, max(revision) over (partition by need_id) > revision as superseded
from incoming_entry order by idempotency_key
"""

# How far each need of the quarter, or each need listed for it, came here.
_OUR_NEED = """
create temporary table our_need as
select need_id, revision, item_hash, quarter, department_code, is_major, received_at, verdict,
       withdrawn_at is not null as withdrawn
from need_state
where need_id in (select key from noted_before where kind = 'need' union select record_id from platform_need)
"""


# --- Comparing --------------------------------------------------------------------------------------------------------


def _compare(connection: sa.Connection, quarter: str, day: Day) -> ReconciliationSummary:
    where = _moments(quarter, day)
    findings: dict[tuple[str, str, int], tuple[str, str]] = {}
    explained: Counter[str] = Counter()
    for check in CHECKS:
        for row in connection.execute(sa.text(check.sql), where).mappings():
            if row["explained"] is None:
                findings[check.kind, row["need_id"], row["revision"]] = _finding(check, quarter, row)
            else:
                explained[row["explained"]] += 1
    opened, closed, still_open = _settle(connection, quarter, day.now, findings)
    compared = connection.execute(sa.text(_COMPARED), {"quarter": quarter}).mappings().one()
    return ReconciliationSummary(
        compared=dict(compared),
        explained=dict(explained),
        opened=opened,
        closed=closed,
        still_open=still_open,
    )


def _moments(quarter: str, day: Day) -> dict[str, Any]:
    """Moments by which the checks tell "not yet" from "missing"."""
    reporting_ends = day.calendar.deadline(Quarter.parse(quarter), day.policy.flag("cutoff_inclusive"))
    return {
        "quarter": quarter,
        "reporting_open": day.now < reporting_ends,
        "last_working_day": day.calendar.add_working_days(day.today, -1).day,
        "under_way_since": day.now - _UNDER_WAY,
        "overdue_before": day.now - _NOT_DELIVERING,
    }


def _finding(check: Check, quarter: str, row: sa.RowMapping) -> tuple[str, str]:
    values: dict[str, Any] = {**row, "quarter": quarter}
    return check.explanation.format_map(values), check.suggestion(values)


def _settle(
    connection: sa.Connection, quarter: str, now: datetime, findings: Mapping[tuple[str, str, int], tuple[str, str]]
) -> tuple[int, int, int]:
    hold(connection, Lock.RECONCILIATION, quarter)
    connection.execute(
        sa.text(
            "create temporary table difference"
            " (kind text, need_id text, revision integer, explanation text, suggestion text)"
        )
    )
    copy_rows(
        connection,
        "difference",
        ("kind", "need_id", "revision", "explanation", "suggestion"),
        ((*key, *texts) for key, texts in findings.items()),
    )
    where = {"quarter": quarter, "now": now}
    opened = connection.execute(sa.text(_OPEN), where).rowcount
    closed = connection.execute(sa.text(_CLOSE), where).rowcount
    return opened, closed, len(findings)


_OPEN = """
insert into reconciliation_finding (quarter, kind, need_id, revision, explanation, suggestion, found_at)
select :quarter, kind, need_id, revision, explanation, suggestion, :now from difference
on conflict (quarter, kind, need_id, revision) where closed_at is null do nothing
"""

_CLOSE = """
update reconciliation_finding finding set closed_at = :now
where finding.quarter = :quarter and finding.closed_at is null
  and not exists (
      select from difference
      where (difference.kind, difference.need_id, difference.revision)
          = (finding.kind, finding.need_id, finding.revision)
  )
"""

_COMPARED = """
select (select count(*) from platform_need where status = 'recommended') as listed,
       (select count(*) from our_need) as stored,
       (select count(*) from our_need where verdict is not null) as judged,
       (select count(*) from delivery where quarter = :quarter and action = 'push') as pushes,
       (select count(*) from delivery where quarter = :quarter and action = 'return') as returns,
       (select count(*) from ledger_entry) as ledger
"""

_UNSETTLED = """
select exists (select from reconciliation_finding where quarter = :quarter and closed_at is null)
    or exists (select from passed_needs(:quarter) where fate is null or fate in ('queued', 'until_close'))
"""

"""Intake (征集): what the departments recommended is read whole, kept as it came, and accounted for.

One transaction for each department, guarded by the intake's run id: a task that is started twice, or killed half-way,
leaves either nothing or everything.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.domain.canonical import canonical_sha256, storable
from include.domain.identifiers import normalise_id
from include.errors import IntakeIncomplete
from include.platforms.green_platform import GreenPlatformClient
from include.privacy import PersonalDataCipher
from include.reference import departments
from include.store.database import copy_rows
from include.store.outbox import NewDelivery, enqueue
from include.store.tables import (
    contact,
    coordinator,
    delivery,
    intake,
    intake_item,
    listing,
    manifest_entry,
    need_version,
    register_factory,
    register_snapshot,
    withdrawal_notice,
)

IntakeKind = Literal["quarterly", "major", "corrections"]
"""The whole quarter at its cut-off; major needs, at any time; needs that were returned and come back corrected."""

_NEED_ID = re.compile(r"FN[0-9]{12}")
_AMOUNT = re.compile(r"[0-9]{1,10}([.][0-9]{1,2})?")
_READ_AGAIN = 2
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeRequest:
    """One reading of a quarter: by whom it was asked (`run_id`), for which departments."""

    run_id: str
    kind: IntakeKind
    quarter: str
    departments: tuple[str, ...]
    dry_run: bool


def begin(engine: sa.Engine, request: IntakeRequest, now: datetime) -> int:
    """The intake of this run: opened now, or found again by a retry. Returns its id."""
    with engine.begin() as connection:
        connection.execute(
            insert(intake)
            .values(
                run_id=request.run_id,
                kind=request.kind,
                quarter=request.quarter,
                departments=list(request.departments),
                dry_run=request.dry_run,
                started_at=now,
            )
            .on_conflict_do_nothing(index_elements=["run_id"])
        )
        found: int = connection.execute(
            sa.select(intake.c.intake_id).where(intake.c.run_id == request.run_id)
        ).scalar_one()
    return found


def header(engine: sa.Engine, intake_id: int) -> sa.Row[Any]:
    """The row of table `intake`: quarter, kind, departments, dry_run."""
    with engine.connect() as connection:
        return connection.execute(sa.select(intake).where(intake.c.intake_id == intake_id)).one()


def departments_with_returns(engine: sa.Engine, quarter: str) -> tuple[str, ...]:
    """The departments that have needs of `quarter` whose newest judged revision was returned, in the order of the list."""
    with engine.connect() as connection:
        waiting = set(connection.execute(_RETURNED, {"quarter": quarter}).scalars())
    return tuple(code for code in departments() if code in waiting)


_RETURNED = sa.text(
    """
    select distinct department_code from (
        select distinct on (need_id) department_code, verdict from judgement
        where quarter = :quarter and need_id is not null order by need_id, revision desc, judgement_id desc
    ) newest
    where verdict = 'returned'
    """
)


# --- What an intake needs beside the needs themselves ----------------------------------------------------------------


def pull_manifest(engine: sa.Engine, client: GreenPlatformClient, intake_id: int, quarter: str) -> int:
    """Store what each department says it recommended for `quarter`; returns the number of departments."""
    manifest = client.manifest(quarter)
    rows = [
        {
            "intake_id": intake_id,
            "department_code": row.department_code,
            "recommended": row.recommended,
            "financing_need": row.financing_need,
            "zero_return": row.zero_return,
            "reported_at": row.reported_at,
        }
        for row in manifest.departments
    ]
    if rows:
        with engine.begin() as connection:
            connection.execute(insert(manifest_entry).on_conflict_do_nothing(), rows)
    return len(rows)


def pull_register(engine: sa.Engine, client: GreenPlatformClient, as_of: date, now: datetime) -> int:
    """Take a snapshot of the register of green factories; equal content is stored once. Returns its rows."""
    rows = [row for page in client.green_factories(as_of) for row in page]
    if not rows:
        raise IntakeIncomplete(
            f"绿色工厂名单（{as_of}）为空，无法据此审核。", "请联系平台核实名单接口，恢复后重新运行本任务。"
        )
    content = hashlib.sha256(_encode(rows)).hexdigest()
    with engine.begin() as connection:
        known = connection.execute(
            sa.select(register_factory.c.ordinal).where(register_factory.c.content_sha256 == content).limit(1)
        ).first()
        if known is None:
            copy_rows(connection, "register_factory", _REGISTER_COLUMNS, _register_rows(content, rows))
        connection.execute(
            insert(register_snapshot)
            .values(as_of=as_of, content_sha256=content, row_count=len(rows), taken_at=now)
            .on_conflict_do_nothing()
        )
    return len(rows)


_REGISTER_COLUMNS = (
    "content_sha256",
    "ordinal",
    "uscc",
    "name",
    "aliases",
    "level",
    "batch",
    "department_code",
    "listed_on",
    "removed_on",
)


def _register_rows(content: str, rows: Sequence[Mapping[str, Any]]) -> Iterable[tuple[Any, ...]]:
    for ordinal, row in enumerate(rows):
        yield (
            content,
            ordinal,
            normalise_id(row["uscc"]),
            row["name"],
            row["aliases"],
            row["level"],
            row["batch"],
            row["department_code"],
            row["listed_on"],
            row["removed_on"],
        )


def pull_coordinators(engine: sa.Engine, client: GreenPlatformClient) -> int:
    """Replace the list of coordinators (协调人) by the platform's; returns how many there are."""
    fields = ("coordinator_id", "authority", "level", "region_code", "role", "email", "on_duty")
    rows = [
        {"position": position, **{name: row[name] for name in fields}}
        for position, row in enumerate(client.coordinators())
    ]
    with engine.begin() as connection:
        connection.execute(sa.delete(coordinator))
        if rows:
            connection.execute(sa.insert(coordinator), rows)
    return len(rows)


def pull_withdrawals(engine: sa.Engine, client: GreenPlatformClient, quarter: str, now: datetime) -> int:
    """Note the needs of `quarter` that were withdrawn on the platform and take their pushes back.

    A push that has not been tried is superseded; one that may have arrived is followed by a withdrawal.
    Returns how many withdrawals are new.
    """
    listed = [
        json.loads(item) for page in client.need_listing(quarter=quarter, status="withdrawn") for item in page.items
    ]
    rows = [
        {
            "need_id": item["need_id"],
            "revision": item["revision"],
            "reason_code": "withdrawn_by_enterprise",
            "noticed_at": now,
        }
        for item in listed
        if isinstance(item, dict) and usable_need_id(item) is not None and usable_revision(item) is not None
    ]
    if not rows:
        return 0
    with engine.begin() as connection:
        fresh = list(
            connection.execute(
                insert(withdrawal_notice).on_conflict_do_nothing().returning(withdrawal_notice.c.need_id), rows
            ).scalars()
        )
        _take_back_pushes(connection, fresh, now)
    return len(fresh)


def _take_back_pushes(connection: sa.Connection, need_ids: Sequence[str], now: datetime) -> None:
    push = (delivery.c.action == "push") & delivery.c.need_id.in_(need_ids)
    untried = (delivery.c.state == "pending") & (delivery.c.attempts == 0) & delivery.c.lease_owner.is_(None)
    connection.execute(
        sa.update(delivery).where(push & untried).values(state="superseded", outcome="withdrawn", settled_at=now)
    )
    sent = connection.execute(
        sa.select(
            delivery.c.need_id, sa.func.max(delivery.c.revision).label("revision"), sa.func.max(delivery.c.quarter)
        )
        .where(push & delivery.c.state.in_(("pending", "unknown", "delivered")))
        .group_by(delivery.c.need_id)
    )
    enqueue(
        connection,
        [
            NewDelivery(
                channel="market",
                action="withdrawal",
                idempotency_key=f"withdrawal:{need_id}",
                order_key=need_id,
                need_id=need_id,
                revision=revision,
                quarter=quarter,
                body={"need_id": need_id, "revision": revision, "reason_code": "withdrawn_by_enterprise"},
            )
            for need_id, revision, quarter in sent
        ],
        now,
    )


# --- The needs -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PullSummary:
    """What one department's listing held."""

    department_code: str
    items: int
    unreadable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    raw: bytes
    raw_sha256: str
    record: dict[str, Any] | None
    need_id: str | None
    revision: int | None
    item_hash: str | None


def pull_department(
    engine: sa.Engine,
    client: GreenPlatformClient,
    cipher: PersonalDataCipher,
    *,
    intake_id: int,
    department_code: str,
    now: datetime,
) -> PullSummary:
    """Read one department's recommended needs whole and store them with their hashes.

    A listing shorter than its stated total (B06), or other than the manifest says (B02), is read again; what still does
    not add up is left to `account`. A department that this intake has read already is not read again.
    """
    with engine.connect() as connection:
        header = connection.execute(sa.select(intake).where(intake.c.intake_id == intake_id)).one()
        done = _stored_pull(connection, intake_id, department_code)
        expected = connection.execute(
            sa.select(manifest_entry.c.recommended).where(
                (manifest_entry.c.intake_id == intake_id) & (manifest_entry.c.department_code == department_code)
            )
        ).scalar()
    if done:
        return done
    items: list[_Item] = []
    total = 0
    for _ in range(1 + _READ_AGAIN):
        items, total = _read_listing(client, header.quarter, department_code, header.kind)
        if len(items) >= total and agrees_with_manifest(_counts(items), expected):
            break
    with engine.begin() as connection:
        claimed = connection.execute(
            insert(listing)
            .values(
                intake_id=intake_id,
                department_code=department_code,
                stated_total=total,
                read_items=len(items),
                read_at=now,
            )
            .on_conflict_do_nothing()
            .returning(listing.c.intake_id)
        ).first()
        if claimed:
            _store(connection, cipher, intake_id, department_code, items, now)
    return PullSummary(department_code, len(items), sum(item.record is None for item in items))


def _stored_pull(connection: sa.Connection, intake_id: int, department_code: str) -> PullSummary | None:
    row = connection.execute(
        sa.select(listing.c.read_items).where(
            (listing.c.intake_id == intake_id) & (listing.c.department_code == department_code)
        )
    ).one_or_none()
    if row is None:
        return None
    unreadable = connection.execute(
        sa.select(sa.func.count())
        .select_from(intake_item)
        .where(
            (intake_item.c.intake_id == intake_id)
            & (intake_item.c.department_code == department_code)
            & ~intake_item.c.readable
        )
    ).scalar_one()
    return PullSummary(department_code, row.read_items, unreadable)


def _read_listing(
    client: GreenPlatformClient, quarter: str, department_code: str, kind: IntakeKind
) -> tuple[list[_Item], int]:
    """The distinct items of a listing and the total that its first page stated."""
    pages = client.need_listing(
        quarter=quarter,
        department=department_code,
        status="recommended",
        major=True if kind == "major" else None,
    )
    items: list[_Item] = []
    seen: set[str] = set()
    total: int | None = None
    for page in pages:
        total = page.total if total is None else total
        for raw in page.items:
            item = _read_item(raw)
            if item.item_hash is not None:
                if item.item_hash in seen:
                    continue
                seen.add(item.item_hash)
            items.append(item)
    return items, total or 0


def _read_item(raw: bytes) -> _Item:
    value = storable(json.loads(raw, parse_float=Decimal))
    record = value if isinstance(value, dict) else None
    return _Item(
        raw=raw,
        raw_sha256=hashlib.sha256(raw).hexdigest(),
        record=record,
        need_id=usable_need_id(record) if record is not None else None,
        revision=usable_revision(record) if record is not None else None,
        item_hash=item_hash(record) if record is not None else None,
    )


def item_hash(record: Mapping[str, Any]) -> str:
    """SHA-256 of the item without updated_at as canonical JSON (RFC 8785)."""
    return canonical_sha256({name: value for name, value in record.items() if name != "updated_at"})


def usable_need_id(record: Mapping[str, Any]) -> str | None:
    """The need_id if it can address a need (DQ01)."""
    value = record.get("need_id")
    return value if isinstance(value, str) and _NEED_ID.fullmatch(value) else None


def usable_revision(record: Mapping[str, Any]) -> int | None:
    """The revision if it is a whole number from 1 (DQ01)."""
    value = record.get("revision")
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31 else None


def _counts(items: Sequence[_Item]) -> tuple[int, int]:
    needs = {item.need_id or item.item_hash for item in items if item.record is not None}
    return len(needs), sum(item.record is None for item in items)


def agrees_with_manifest(counts: tuple[int, int], recommended: int | None) -> bool:
    """Whether (needs, unreadable items) is what the manifest says (B02).

    An unreadable item may or may not be among the needs that the department counted.
    """
    needs, unreadable = counts
    return recommended is None or needs <= recommended <= needs + unreadable


def _store(
    connection: sa.Connection,
    cipher: PersonalDataCipher,
    intake_id: int,
    department_code: str,
    items: Sequence[_Item],
    now: datetime,
) -> None:
    connection.execute(
        sa.text("create temporary table incoming_payload (like raw_payload including defaults) on commit drop")
    )
    copy_rows(
        connection,
        "incoming_payload",
        ("raw_sha256", "ciphertext", "size_bytes", "received_at"),
        ((item.raw_sha256, cipher.encrypt(item.raw), len(item.raw), now) for item in items),
    )
    connection.execute(
        sa.text("insert into raw_payload select * from incoming_payload on conflict (raw_sha256) do nothing")
    )
    copy_rows(
        connection,
        "intake_item",
        (
            "intake_id",
            "department_code",
            "ordinal",
            "raw_sha256",
            "readable",
            "need_id",
            "revision",
            "item_hash",
        ),
        (
            (
                intake_id,
                department_code,
                ordinal,
                item.raw_sha256,
                item.record is not None,
                item.need_id,
                item.revision,
                item.item_hash,
            )
            for ordinal, item in enumerate(items)
        ),
    )
    addressed = [item for item in items if item.need_id is not None and item.revision is not None]
    if not addressed:
        return
    stored = connection.execute(
        insert(need_version)
        .on_conflict_do_nothing(index_elements=["need_id", "revision"])
        .returning(need_version.c.need_id, need_version.c.revision, need_version.c.item_hash),
        [_version_row(item, intake_id, department_code, now) for item in addressed],
    ).fetchall()
    fresh = {(row.need_id, row.revision, row.item_hash) for row in stored}
    contacts = [
        {"need_id": item.need_id, "revision": item.revision, "ciphertext": cipher.encrypt(_contact_json(item))}
        for item in addressed
        if (item.need_id, item.revision, item.item_hash) in fresh
    ]
    if contacts:
        connection.execute(insert(contact).on_conflict_do_nothing(), contacts)


def _version_row(item: _Item, intake_id: int, department_code: str, now: datetime) -> dict[str, Any]:
    record = item.record or {}
    enterprise, project, finance = (_section(record, name) for name in ("enterprise", "project", "finance"))
    department = departments().get(department_code)
    uscc = _string(enterprise, "uscc")
    intended = finance.get("intended_institutions")
    return {
        "need_id": item.need_id,
        "revision": item.revision,
        "item_hash": item.item_hash,
        "raw_sha256": item.raw_sha256,
        "intake_id": intake_id,
        "quarter": _string(record, "quarter") or "",
        "department_code": department_code,
        "branch_code": department.branch_code if department else None,
        "is_major": record.get("is_major") is True,
        "uscc": normalise_id(uscc) if uscc is not None else None,
        "enterprise_name": _string(enterprise, "name"),
        "city_code": _string(enterprise, "city_code"),
        "project_name": _string(project, "name"),
        "intended_institutions": [code for code in intended if isinstance(code, str)]
        if isinstance(intended, list)
        else [],
        "financing_need": _amount(finance, "financing_need"),
        "total_investment": _amount(finance, "total_investment"),
        "own_capital": _amount(finance, "own_capital"),
        "document": _encode(_without_contact(record)).decode(),
        "received_at": now,
    }


def _section(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _string(record: Mapping[str, Any], name: str) -> str | None:
    value = record.get(name)
    return value if isinstance(value, str) else None


def _amount(record: Mapping[str, Any], name: str) -> Decimal | None:
    value = record.get(name)
    return Decimal(value) if isinstance(value, str) and _AMOUNT.fullmatch(value) else None


def _without_contact(record: Mapping[str, Any]) -> dict[str, Any]:
    enterprise = record.get("enterprise")
    if not isinstance(enterprise, dict):
        return dict(record)
    return {**record, "enterprise": {name: value for name, value in enterprise.items() if name != "contact"}}


def _contact_json(item: _Item) -> bytes:
    given = _section(item.record or {}, "enterprise").get("contact")
    person = given if isinstance(given, dict) else {}
    return _encode({name: person.get(name) for name in ("name", "mobile", "email")})


# --- Conservation ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentAccount:
    """What became of everything that one department's listing held (B10)."""

    department_code: str
    listed: int
    passed: int
    held: int
    returned: int
    superseded: int
    unreadable: int
    recommended: int | None

    @property
    def unaccounted(self) -> int:
        """Items of which nothing is known: must be 0."""
        return self.listed - self.passed - self.held - self.returned - self.superseded - self.unreadable


_ACCOUNTS = sa.text(
    """
    with newest as (
        select need_id, max(revision) as revision from need_version where intake_id <= :intake_id group by need_id
    ), judged as (
        select distinct on (payload_sha256) payload_sha256, verdict from judgement
        order by payload_sha256, judgement_id desc
    ), outcome as (
        select item.department_code,
               case when not item.readable then 'unreadable'
                    when item.revision < newest.revision then 'superseded'
                    else judged.verdict end as outcome
        from intake_item item
        left join newest on newest.need_id = item.need_id
        left join judged on judged.payload_sha256 = item.item_hash
        where item.intake_id = :intake_id
    )
    select listing.department_code,
           listing.read_items as listed,
           count(*) filter (where outcome = 'passed') as passed,
           count(*) filter (where outcome = 'held') as held,
           count(*) filter (where outcome = 'returned') as returned,
           count(*) filter (where outcome = 'superseded') as superseded,
           count(*) filter (where outcome = 'unreadable') as unreadable,
           manifest_entry.recommended
    from listing
    left join outcome using (department_code)
    left join manifest_entry using (intake_id, department_code)
    where listing.intake_id = :intake_id
    group by listing.department_code, listing.read_items, manifest_entry.recommended
    order by listing.department_code
    """
)


def accounts(connection: sa.Connection, intake_id: int) -> list[DepartmentAccount]:
    """The account of each department whose listing was read in this intake."""
    rows = connection.execute(_ACCOUNTS, {"intake_id": intake_id}).mappings()
    return [DepartmentAccount(**row) for row in rows]


def close(engine: sa.Engine, intake_id: int) -> list[DepartmentAccount]:
    """Check that every record of every department asked for is accounted for; returns the accounts.

    Raises IntakeIncomplete, naming each department and record count, if one is missing (B02, B06, B10). A dry run has
    stored no verdicts: there, only the reading is checked.
    """
    with engine.connect() as connection:
        header = connection.execute(sa.select(intake).where(intake.c.intake_id == intake_id)).one()
        found = accounts(connection, intake_id)
        totals = dict(
            connection.execute(
                sa.select(listing.c.department_code, listing.c.stated_total).where(listing.c.intake_id == intake_id)
            )
            .tuples()
            .all()
        )
    problems = [f"{_short(code)}：未读取" for code in header.departments if code not in totals]
    for account in found:
        problems += _problems(account, totals[account.department_code], dry_run=header.dry_run)
    if problems:
        raise IntakeIncomplete(
            f"{header.quarter} 征集未收齐或不守恒（{len(problems)} 项）：" + "；".join(problems) + "。",
            "请在 Airflow 中清除相应地区的任务重新读取；仍不一致的，由运维人员与平台核对后再关闭本季度。",
        )
    return found


def _problems(account: DepartmentAccount, stated_total: int, *, dry_run: bool) -> list[str]:
    name = _short(account.department_code)
    problems = []
    if account.listed < stated_total:
        problems.append(f"{name}：平台称 {stated_total} 条，只读到 {account.listed} 条（B06）")
    needs = account.listed - account.superseded - account.unreadable
    if not agrees_with_manifest((needs, account.unreadable), account.recommended):
        problems.append(f"{name}：清单 {account.recommended} 条，接收 {needs} 条（B02）")
    if account.unaccounted and not dry_run:
        problems.append(f"{name}：{account.unaccounted} 条没有结论（B10）")
    return problems


def _short(department_code: str) -> str:
    department = departments().get(department_code)
    return department.short_name if department else department_code

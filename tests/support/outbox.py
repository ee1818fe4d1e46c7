"""Filling the outbox by hand, and looking at what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.base.business_time import SHANGHAI
from include.base.privacy import PersonalDataCipher
from include.base.settings import ConnectionFields, Settings
from include.delivery.stage import DeliverySummary, deliver
from include.domain.push_payload import push_of
from include.reference import policy
from include.sandbox.server import Sandbox
from include.store.outbox import Channel, NewDelivery, enqueue
from include.store.sealed import CONTACT
from include.store.tables import contact, delivery, delivery_attempt, need_version, raw_payload, withdrawal_notice
from tests.support.rows import add_intake, digest, rewrite
from tests.support.sandbox_settings import sandbox_settings

NOW = datetime(2026, 10, 9, 9, 0, tzinfo=SHANGHAI)
KEY = "key of the delivery tests"
CIPHER = PersonalDataCipher([KEY])
DEPARTMENT = "330000"


class Clock:
    """Business time that stands still but for the waits of the run."""

    def __init__(self, start: datetime = NOW) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class StandingClock(Clock):
    """Business time that stands still; what a run waited is noted, in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def need_id(number: int) -> str:
    return f"FN{number:012d}"


def person(number: int, revision: int = 1) -> dict[str, str]:
    """Invented, and recognisable wherever it should not be."""
    return {
        "name": f"柳青禾{number:04d}",
        "mobile": f"139{revision:02d}{number:06d}",
        "email": f"liu{number:04d}@canary.example",
    }


def payload(number: int) -> dict[str, Any]:
    return {
        "enterprise": {"name": f"青禾精密铸造{number}厂", "uscc": "91330100MA27X0000X", "debt_ratio": 45.5},
        "project": {"name": "窑炉余热利用改造", "permits": {"filing": "done"}},
        "finance": {
            "financing_need": "1200.00",
            "methods": [{"method": "loan", "amount": "1200.00"}],
            "term_months": 36,
            "intended_institutions": ["ICBC"],
        },
        "benefit": {"basis": "third_party", "energy_saving_tce": None},
    }


def queue_pushes(
    engine: sa.Engine, numbers: Sequence[int], *, revision: int = 1, with_contact: bool = True, **changes: Any
) -> None:
    """A stored need and its push for each number; `changes` replace properties of the body."""
    with engine.begin() as connection:
        store_needs(connection, numbers, revision, changes)
        if with_contact:
            connection.execute(
                sa.insert(contact),
                [
                    {
                        "need_id": need_id(number),
                        "revision": revision,
                        "ciphertext": CIPHER.encrypt(
                            json.dumps(person(number, revision)).encode(), CONTACT.place(need_id(number), revision)
                        ),
                    }
                    for number in numbers
                ],
            )
        enqueue(connection, [_push(number, revision, changes) for number in numbers], NOW)


def store_needs(
    connection: sa.Connection,
    numbers: Sequence[int],
    revision: int = 1,
    changes: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """The rows of which pushes are built, without contacts; what is stored already stays."""
    intake_id = add_intake(connection, run_id=f"outbox-{uuid4().hex}")
    raws, versions = [], []
    for number in numbers:
        raw_sha256 = digest("raw", number, revision)
        raws.append({"raw_sha256": raw_sha256, "ciphertext": b"sealed", "size_bytes": 6, "received_at": NOW})
        versions.append(
            {
                "need_id": need_id(number),
                "revision": revision,
                "item_hash": digest("item", number, revision),
                "raw_sha256": raw_sha256,
                "intake_id": intake_id,
                "quarter": "2026Q3",
                "department_code": DEPARTMENT,
                "branch_code": changes.get("branch_code", "PBC330000"),
                "is_major": False,
                "uscc": payload(number)["enterprise"]["uscc"],
                "intended_institutions": ["ICBC"],
                "document": document(number, changes),
                "received_at": NOW,
            }
        )
    connection.execute(insert(raw_payload).on_conflict_do_nothing(), raws)
    connection.execute(insert(need_version).on_conflict_do_nothing(), versions)


def document(number: int, changes: Mapping[str, Any] = MappingProxyType({})) -> str:
    """A need as stored: what the form knows of it."""
    return json.dumps({"quarter": "2026Q3", "is_major": False, **payload(number), **changes}, ensure_ascii=False)


def _push(number: int, revision: int, changes: Mapping[str, Any]) -> NewDelivery:
    branch_code = changes.get("branch_code", "PBC330000")
    return NewDelivery(
        channel="market",
        action="push",
        idempotency_key=f"push:{need_id(number)}:{revision}",
        order_key=need_id(number),
        need_id=need_id(number),
        revision=revision,
        quarter="2026Q3",
        department_code=DEPARTMENT,
        body_sha256=push_of(need_id(number), revision, branch_code, document(number, changes)).sha256,
    )


def restate(connection: sa.Connection, number: int) -> None:
    """As if another content of the need had been stored and queued from the beginning."""
    named = {"id": need_id(number), "document": document(number).replace("窑炉", "锅炉")}
    rewrite(connection, sa.text("update need_version set document = :document where need_id = :id"), named)
    named["hash"] = push_of(need_id(number), 1, "PBC330000", named["document"]).sha256
    connection.execute(sa.text("update delivery set body_sha256 = :hash where need_id = :id"), named)


def queue_withdrawal(engine: sa.Engine, number: int, revision: int = 1) -> None:
    body = {"need_id": need_id(number), "revision": revision, "reason_code": "withdrawn_by_enterprise"}
    with engine.begin() as connection:
        connection.execute(
            sa.insert(withdrawal_notice).values(
                **{k: body[k] for k in ("need_id", "revision", "reason_code")}, noticed_at=NOW
            )
        )
        enqueue(
            connection,
            [
                NewDelivery(
                    channel="market",
                    action="withdrawal",
                    idempotency_key=f"withdrawal:{need_id(number)}",
                    order_key=need_id(number),
                    need_id=need_id(number),
                    revision=revision,
                    quarter="2026Q3",
                    body=body,
                )
            ],
            NOW,
        )


def run_channel(channel: Channel, engine: sa.Engine, settings: Settings, clock: Clock | None = None) -> DeliverySummary:
    """Deliver what is due on a channel; waits cost no time."""
    clock = clock or Clock()
    return deliver(engine, channel, settings=settings, policy=policy(), clock=clock)  # type: ignore[arg-type]


def deliveries(engine: sa.Engine, where: str = "true") -> list[sa.Row[Any]]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(delivery).where(sa.text(where)).order_by(delivery.c.delivery_id)))


def attempts(engine: sa.Engine) -> list[sa.Row[Any]]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(delivery_attempt).order_by(delivery_attempt.c.attempt_id)))


def states(engine: sa.Engine) -> list[str]:
    return [row.state for row in deliveries(engine)]


def everything(engine: sa.Engine) -> str:
    """Every row of the outbox as text."""
    with engine.connect() as connection:
        return "\n".join(
            row[0]
            for table in ("delivery", "delivery_attempt", "audit_entry")
            for row in connection.execute(sa.text(f"select row_to_json(t)::text from {table} t"))
        )


def connected_to(sandbox: Sandbox) -> Settings:
    """The connections to a sandbox."""
    settings = replace(sandbox_settings(sandbox), fernet_key=KEY, sandbox=False)
    return with_connection(settings, "credit_market", extra={"algorithm": "HMAC-SM3"})


def with_connection(settings: Settings, name: str, **changes: Any) -> Settings:
    """The settings with one connection changed; `extra` is merged."""
    fields: ConnectionFields = settings.connections[name]
    extra = {**fields.extra, **changes.pop("extra", {})}
    return replace(settings, connections={**settings.connections, name: replace(fields, **changes, extra=extra)})


def hold(engine: sa.Engine, number: int, error_class: str, outcome: str = "rejected") -> None:
    """A push that was given up on."""
    with engine.begin() as connection:
        connection.execute(
            sa.update(delivery)
            .where(delivery.c.need_id == need_id(number))
            .values(state="held", error_class=error_class, outcome=outcome, attempts=1, settled_at=NOW,
                    lease_until=sa.text("clock_timestamp() + interval '1 hour'"))
        )  # fmt: skip

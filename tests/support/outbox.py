"""Filling the outbox by hand, and looking at what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.base.privacy import PersonalDataCipher
from include.base.settings import ConnectionFields, Settings
from include.local.quarters import sandbox_settings
from include.sandbox.server import Sandbox
from include.store.outbox import NewDelivery, enqueue
from include.store.sealed import CONTACT
from include.store.tables import contact, delivery, delivery_attempt, withdrawal_notice

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
        },
        "benefit": {"basis": "third_party", "energy_saving_tce": None},
    }


def queue_pushes(
    engine: sa.Engine, numbers: Sequence[int], *, revision: int = 1, with_contact: bool = True, **changes: Any
) -> None:
    """A push for each number; `changes` replace properties of the body."""
    with engine.begin() as connection:
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


def _push(number: int, revision: int, changes: Mapping[str, Any]) -> NewDelivery:
    return NewDelivery(
        channel="market",
        action="push",
        idempotency_key=f"push:{need_id(number)}:{revision}",
        order_key=need_id(number),
        need_id=need_id(number),
        revision=revision,
        quarter="2026Q3",
        department_code=DEPARTMENT,
        body={
            "need_id": need_id(number),
            "revision": revision,
            "quarter": "2026Q3",
            "is_major": False,
            "branch_code": "PBC330000",
            "intended_institutions": ["ICBC"],
            "payload": payload(number),
        }
        | changes,
    )


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

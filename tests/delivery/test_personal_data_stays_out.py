"""Canary: contact values go into the push and nowhere else, whatever the platform answers."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import sqlalchemy as sa

from include.base.settings import Settings
from include.delivery.stage import deliver
from include.reference import policy
from tests.support.everything_told import told
from tests.support.outbox import Clock, everything, need_id, person, queue_pushes, with_connection
from tests.support.scripted import Answer, Received, scripted


def _echo(request: Received, *, status: int, outcome: str) -> Answer:
    """A platform that repeats what it was sent in every message it has."""
    if request.method == "GET":
        return Answer(404, b'{"title": "none", "status": 404}')
    items = json.loads(request.body)["items"]
    told = [
        {
            "field": "payload.enterprise.contact",
            "message": " / ".join(map(str, item["payload"]["enterprise"]["contact"].values())),
        }
        for item in items
    ]
    if status != 200:
        content: Any = {"title": told[0]["message"], "status": status, "detail": str(told), "errors": told}
    else:
        content = {
            "results": [
                {"idempotency_key": item["idempotency_key"], "outcome": outcome, "errors": [error]}
                for item, error in zip(items, told, strict=True)
            ]
        }
    return Answer(status, json.dumps(content).encode())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "accepted"),
        (200, "rejected"),
        (200, "conflict"),
        (200, "invented"),
        (401, ""),
        (404, ""),
        (422, ""),
        (429, ""),
        (500, ""),
        (302, ""),
    ],
)
def test_contacts_are_in_no_row_log_or_exception(
    database: sa.Engine, settings: Settings, caplog: pytest.LogCaptureFixture, status: int, outcome: str
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "sqlalchemy.engine")
    queue_pushes(database, range(3))
    raised = ""
    sent: list[bytes] = []

    def reply(request: Received) -> Answer:
        sent.append(request.body)
        return _echo(request, status=status, outcome=outcome)

    with scripted(reply=reply) as server:
        clock = Clock()
        try:
            deliver(
                database,
                "market",
                settings=with_connection(settings, "credit_market", host=server.url),
                policy=policy(),
                clock=clock,  # type: ignore[arg-type]
            )
        except Exception as error:
            raised = told(error)
    pushed = b"".join(sent).decode()
    kept = everything(database) + raised + "\n".join(f"{r.getMessage()} {r.args} {r.exc_text}" for r in caplog.records)
    assert need_id(0) in kept
    assert "update delivery" in kept
    for number in range(3):
        contact = person(number)
        assert contact["mobile"] in pushed
        assert contact["name"] in pushed
        assert contact["email"] not in pushed
        assert not [value for value in contact.values() if value in kept]

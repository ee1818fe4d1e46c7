"""The outbox keeps the promise of its keys: one key, one body, for ever."""

from __future__ import annotations

import logging

import pytest
import sqlalchemy as sa

from include.domain.states import Outcome
from include.store.outbox import NewDelivery, enqueue
from tests.support.outbox import NOW, attempts, deliveries, everything


def _new(body: dict[str, object], channel: str = "market") -> NewDelivery:
    action = "mail" if channel == "mail" else "withdrawal"
    return NewDelivery(channel=channel, action=action, idempotency_key="k1", order_key="FN1", need_id="FN1", body=body)  # type: ignore[arg-type]


def _queue(engine: sa.Engine, *new: NewDelivery) -> int:
    with engine.begin() as connection:
        return enqueue(connection, new, NOW)


def test_deciding_the_same_again_adds_nothing(database: sa.Engine) -> None:
    assert _queue(database, _new({"a": 1, "b": 2})) == 1
    assert _queue(database, _new({"b": 2, "a": 1})) == 0
    assert attempts(database) == []


def test_a_key_with_another_body_is_refused_and_reported_once(
    database: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    _queue(database, _new({"a": "first"}))
    with caplog.at_level(logging.ERROR):
        assert _queue(database, _new({"a": "second"})) == 0
        assert _queue(database, _new({"a": "second"})) == 0
    (row,) = deliveries(database)
    assert (row.body, row.state, row.attempts) == ('{"a":"first"}', "pending", 0)
    (note,) = attempts(database)
    assert (note.delivery_id, note.outcome, note.error_class) == (row.delivery_id, Outcome.KEY_REUSED, None)
    assert [record.args for record in caplog.records] == [("k1",)]
    assert "second" not in everything(database) + caplog.text


def test_two_bodies_for_one_key_in_one_set_are_told_apart(database: sa.Engine) -> None:
    assert _queue(database, _new({"a": "first"}), _new({"a": "second"})) == 1
    assert [note.outcome for note in attempts(database)] == [Outcome.KEY_REUSED]


def test_a_mail_decided_again_may_read_differently(database: sa.Engine) -> None:
    _queue(database, _new({"text": "09:00"}, "mail"))
    assert _queue(database, _new({"text": "09:05"}, "mail")) == 0
    assert attempts(database) == []

"""Operators hear of failed runs: once a day of a scheduled DAG that goes on failing, and of each whose mail could not leave."""

from __future__ import annotations

import json
import smtplib
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from green_finance.failure_mails import RunFailureNotifier
from include.base.settings import Settings
from include.delivery.stage import deliver
from include.reference import policy
from tests.support.mails import Mailbox, mail_settings
from tests.support.outbox import Clock, deliveries

SHANGHAI = ZoneInfo("Asia/Shanghai")
UTC = ZoneInfo("UTC")
MIDNIGHT = datetime(2026, 10, 20, 0, 5, tzinfo=SHANGHAI)


@dataclass
class Run:
    """A run as Airflow's context shows it."""

    run_id: str
    logical_date: datetime
    run_type: str = "scheduled"


@pytest.fixture
def settings(database: sa.Engine, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Settings:
    url = database.url
    business = {
        "conn_type": "postgres",
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
    }
    found = mail_settings(mailbox)
    fields = found.connections["smtp_default"]
    smtp = {"conn_type": "smtp", "host": fields.host, "port": fields.port, "extra": {**fields.extra, "retry_limit": 0}}
    smtp["extra"]["operator_email"] = "operator@example.test"
    monkeypatch.setenv("AIRFLOW_CONN_BUSINESS_DB", json.dumps(business))
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(smtp))
    return found


def fails(dag_id: str, run: Run) -> None:
    context: dict[str, Any] = {
        "dag": SimpleNamespace(dag_id=dag_id, dag_display_name=f"流程 {dag_id}"),
        "run_id": run.run_id,
        "dag_run": run,
        "ti": SimpleNamespace(task_id="send"),
    }
    RunFailureNotifier().notify(context)


def told(mailbox: Mailbox) -> list[str]:
    """What the operators have read, mail by mail."""
    texts = [message.get_body(("html", "plain")) for message in mailbox.messages]
    return [text.get_content() for text in texts if text is not None]


def cannot_leave(mailbox: Mailbox, dag_id: str, run: Run) -> None:
    mailbox.on_recipient = lambda _: "451 not now"
    with pytest.raises(smtplib.SMTPException):
        fails(dag_id, run)
    mailbox.on_recipient = lambda _: "250 OK"


def test_a_scheduled_dag_that_goes_on_failing_is_told_once_a_day(settings: Settings, mailbox: Mailbox) -> None:
    fails("deliver", Run("first", MIDNIGHT.astimezone(UTC)))
    fails("deliver", Run("second", MIDNIGHT.replace(minute=10)))
    fails("deliver", Run("late", MIDNIGHT.replace(hour=23)))
    assert len(mailbox.messages) == 1
    fails("deliver", Run("next day", MIDNIGHT.replace(day=21)))
    fails("reconcile", Run("another", MIDNIGHT.replace(minute=15)))
    assert len(mailbox.messages) == 3


def test_the_mail_has_a_text_of_its_own_and_a_date_in_our_time(settings: Settings, mailbox: Mailbox) -> None:
    fails("deliver", Run("first", MIDNIGHT.astimezone(UTC)))
    (mail,) = mailbox.messages
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None and html is not None
    for part in (plain, html):
        assert "流程 deliver" in part.get_content() and "停在任务 send" in part.get_content()
    assert mail["Date"].datetime.utcoffset() == timedelta(hours=8)
    assert mail["List-Id"] == "<operator.green-factory-financing>"


def test_a_run_by_hand_is_always_told(settings: Settings, mailbox: Mailbox) -> None:
    fails("deliver", Run("first", MIDNIGHT))
    fails("deliver", Run("by hand", MIDNIGHT.replace(minute=10), "manual"))
    assert len(mailbox.messages) == 2


@pytest.mark.parametrize("second", ["deliver", "reconcile"])
def test_a_mail_that_could_not_leave_is_named_in_the_next_and_leaves_later(
    database: sa.Engine, settings: Settings, mailbox: Mailbox, second: str
) -> None:
    cannot_leave(mailbox, "deliver", Run("at five past", MIDNIGHT))
    assert mailbox.messages == []
    fails(second, Run("at ten past", MIDNIGHT.replace(minute=10)))
    (mail,) = told(mailbox)
    assert "at ten past" in mail and "deliver/at five past" in mail
    # The first leaves with the outbox as soon as it can, and neither twice.
    clock = Clock(MIDNIGHT.replace(minute=20))
    for _ in range(2):
        deliver(database, "mail", settings=settings, policy=policy(), clock=clock)
    assert len(mailbox.messages) == 2
    assert sum("at five past" in mail and "at ten past" not in mail for mail in told(mailbox)) == 1
    assert {row.state for row in deliveries(database)} == {"delivered"}
    # Both are told now: nothing more today.
    fails("deliver", Run("at noon", MIDNIGHT.replace(hour=12)))
    assert len(mailbox.messages) == 2


def test_without_a_database_every_failure_is_told(
    settings: Settings, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {"conn_type": "postgres", "host": "127.0.0.1", "port": 9, "schema": "nowhere"}
    monkeypatch.setenv("AIRFLOW_CONN_BUSINESS_DB", json.dumps(away))
    cannot_leave(mailbox, "deliver", Run("at five past", MIDNIGHT))
    fails("deliver", Run("at ten past", MIDNIGHT.replace(minute=10)))
    assert len(mailbox.messages) == 1
    monkeypatch.delenv("AIRFLOW_CONN_BUSINESS_DB")
    fails("deliver", Run("at a quarter past", MIDNIGHT.replace(minute=15)))
    assert len(mailbox.messages) == 2

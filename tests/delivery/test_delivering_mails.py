"""Mails leave once each, over real SMTP; what may have gone out is not repeated."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
from datetime import timedelta
from email.message import EmailMessage
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiosmtpd.smtp import SMTP, AuthResult
from openpyxl import load_workbook

from include.base.errors import ConfigurationError, CredentialsRefused
from include.base.settings import Settings
from include.delivery.mail_message import message_id
from include.delivery.stage import _WORTH_A_WORKER, deliver
from include.letters.digest import compose_digest
from include.reference import policy
from tests.support.digests import contents, line
from tests.support.mails import Mailbox, break_off, mail_settings, queue_mails, served
from tests.support.outbox import NOW, Clock, StandingClock, attempts, deliveries, run_channel, states
from tests.support.scripted import self_signed


@pytest.fixture
def settings(mailbox: Mailbox) -> Settings:
    return mail_settings(mailbox)


run = partial(run_channel, "mail")


def test_mails_arrive_once_over_one_connection(database: sa.Engine, mailbox: Mailbox, settings: Settings) -> None:
    queue_mails(database, range(45))
    assert run(database, settings).delivered == 45
    assert run(database, settings).delivered == 0
    assert sorted(message["Message-ID"] for message in mailbox.messages) == sorted(
        message_id(f"digest:{number}") for number in range(45)
    )
    assert mailbox.connections == 1
    assert {row.outcome for row in attempts(database)} == {"started", "accepted"}


def test_a_mail_says_what_mail_programs_need(database: sa.Engine, mailbox: Mailbox, settings: Settings) -> None:
    queue_mails(database, range(1))
    run(database, settings)
    (message,) = mailbox.messages
    assert message["Subject"] == "【绿厂融通】今日待协调事项"
    assert (message["From"], message["To"]) == ("pipeline@green-finance.example", "c0@coordinators.example")
    assert message["Date"].datetime == NOW
    assert message["List-Id"] == "<digest.green-factory-financing>"
    assert message["In-Reply-To"] == message_id("digest:second")
    assert message["References"] == f"{message_id('digest:first')} {message_id('digest:second')}"
    assert message["Auto-Submitted"] == "auto-generated"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines()[:1] == ["您好："]
    assert "<p>您好</p>" in html.get_content()
    assert max(len(line) for line in message.as_bytes().splitlines()) < 998


def test_a_table_of_open_items_arrives_as_it_was_written(
    database: sa.Engine, mailbox: Mailbox, settings: Settings
) -> None:
    told = contents(still_open=tuple(line(number) for number in range(11)))
    body = compose_digest(told, to="c0@coordinators.example", console_url="")
    queue_mails(database, range(1), **body)
    assert run(database, settings).delivered == 1
    (message,) = mailbox.messages
    (file,) = message.iter_attachments()
    assert file.get_filename() == "待办事项_江苏_2026-12-08.xlsx"
    sheet = load_workbook(BytesIO(file.get_payload(decode=True))).active
    assert sheet is not None
    assert [sheet.cell(row, 2).value for row in range(2, 13)] == [one.need_id for one in told.still_open]
    html = message.get_body(("html",))
    assert html is not None and "江苏省工业和信息化厅协调人" in html.get_content()


def test_a_message_id_is_the_same_whenever_it_is_made() -> None:
    assert message_id("digest:1") == "<e42c85396fd02bd87a556024578bdab7@green-factory-financing>"


@pytest.mark.parametrize("stage", ["recipient", "data"])
def test_a_mail_refused_for_now_is_tried_again(
    database: sa.Engine, mailbox: Mailbox, settings: Settings, stage: str
) -> None:
    replies = iter(["451 try later", *["250 OK"] * 9])
    if stage == "recipient":
        mailbox.on_recipient = lambda _: next(replies)
    else:
        mailbox.on_data = lambda *_: next(replies)
    queue_mails(database, range(3))
    summary = run(database, settings)
    assert (summary.delivered, summary.deferred) == (3, 1)
    assert len(mailbox.messages) == 3


@pytest.mark.parametrize("stage", ["recipient", "data"])
def test_a_mail_refused_for_good_is_held_and_the_others_go(
    database: sa.Engine, mailbox: Mailbox, settings: Settings, stage: str
) -> None:
    if stage == "recipient":
        mailbox.on_recipient = lambda address: "550 no such c1@coordinators.example" if address[1] == "1" else "250 OK"
    else:
        mailbox.on_data = lambda _, message: "554 refused" if message["To"].startswith("c1@") else "250 OK"
    queue_mails(database, range(3))
    summary = run(database, settings)
    assert (summary.delivered, summary.held) == (2, 1)
    run(database, settings, Clock(NOW + timedelta(days=9)))
    assert len(mailbox.messages) == 2
    (attempt,) = [row for row in attempts(database) if row.error_class]
    assert attempt.error_class == "rejected"
    assert attempt.detail.startswith("55")
    assert "coordinators.example" not in attempt.detail


def test_a_mail_whose_end_is_unknown_is_not_repeated(database: sa.Engine, mailbox: Mailbox, settings: Settings) -> None:
    handed_over = []

    def on_data(server: SMTP, message: EmailMessage) -> str:
        handed_over.append(message["To"][:2])
        return break_off(server, message) if handed_over[-1] == "c1" else "250 OK"

    queue_mails(database, range(3))
    mailbox.on_data = on_data
    summary = run(database, settings)
    assert (summary.delivered, summary.held) == (2, 1)
    run(database, settings, Clock(NOW + timedelta(days=9)))
    assert handed_over == ["c0", "c1", "c2"]
    assert states(database) == ["delivered", "held", "delivered"]


def test_a_content_that_makes_no_mail_is_held(database: sa.Engine, mailbox: Mailbox, settings: Settings) -> None:
    queue_mails(database, range(1), subject="两行\r\nBcc: someone@else.example")
    assert run(database, settings).held == 1
    assert mailbox.messages == []


def test_a_server_that_is_away_is_said_and_costs_nothing(
    database: sa.Engine, mailbox: Mailbox, settings: Settings
) -> None:
    queue_mails(database, range(3))
    summary = run(database, mail_settings(mailbox, port=1))
    assert summary.waiting == 3
    assert "smtp_default" in str(summary.unreachable)
    assert [row.outcome for row in attempts(database)] == ["unavailable"]
    assert run(database, settings, Clock(NOW + timedelta(minutes=5))).delivered == 3


def test_a_refused_login_is_said_without_the_password(database: sa.Engine) -> None:
    box = Mailbox()
    options = {
        "auth_required": True,
        "auth_require_tls": False,
        "authenticator": lambda *_: AuthResult(success=False, handled=False),
    }
    queue_mails(database, range(1))
    for server in served(box, **options):
        with pytest.raises(CredentialsRefused, match="smtp_default") as caught:
            run(database, mail_settings(server, login="user", password="hush-hush"))
    assert "hush-hush" not in str(caught.value)
    assert [(row.state, row.attempts) for row in deliveries(database)] == [("pending", 0)]


def test_a_server_without_starttls_is_a_matter_of_configuration(database: sa.Engine, mailbox: Mailbox) -> None:
    queue_mails(database, range(1))
    extra = {"disable_ssl": True, "from_email": "pipeline@green-finance.example"}
    with pytest.raises(ConfigurationError, match="disable_tls"):
        run(database, mail_settings(mailbox, extra=extra))


def test_a_server_s_certificate_is_verified_by_the_connection_s_own_authority(
    database: sa.Engine, tmp_path: Path
) -> None:
    certificate, key = self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    queue_mails(database, range(1))
    for box in served(Mailbox(), ssl_context=context):
        extra = {"disable_tls": True, "from_email": "pipeline@green-finance.example"}
        summary = run(database, mail_settings(box, extra=extra))
        assert summary.unreachable is not None and "加密连接失败" in summary.unreachable.what
        with pytest.raises(ConfigurationError, match=r"extra[.]ca"):
            run(database, mail_settings(box, extra={**extra, "ca": str(tmp_path / "none.pem")}))
        later = Clock(NOW + timedelta(hours=1))
        assert run(database, mail_settings(box, extra={**extra, "ca": str(certificate)}), later).delivered == 1
        assert len(box.messages) == 1


def test_mails_keep_the_rate_of_the_connection(database: sa.Engine, mailbox: Mailbox) -> None:
    queue_mails(database, range(3))
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "a@green-finance.example", "rate_per_s": 0.01}
    clock = StandingClock()
    deliver(database, "mail", settings=mail_settings(mailbox, extra=extra), policy=policy(), clock=clock)
    assert [round(wait, -1) for wait in clock.waits] == [100, 200]


def test_two_runs_at_once_send_each_mail_once(database: sa.Engine, mailbox: Mailbox, settings: Settings) -> None:
    queue_mails(database, range(80))
    threads = [threading.Thread(target=run, args=(database, settings)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    ids = [message["Message-ID"] for message in mailbox.messages]
    assert len(ids) == len(set(ids)) == 80


def test_many_mails_go_in_several_conversations_and_once_each(
    database: sa.Engine, mailbox: Mailbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_WORTH_A_WORKER, "mail", 10)
    queue_mails(database, range(60))
    assert run(database, settings).delivered == 60
    assert 1 < mailbox.connections <= policy().integer("delivery_workers_mail")
    ids = [message["Message-ID"] for message in mailbox.messages]
    assert len(ids) == len(set(ids)) == 60
    started = [row.delivery_id for row in attempts(database) if row.outcome == "started"]
    assert len(started) == len(set(started)) == 60


_RUN = """
import sys
from include.base.business_time import BusinessClock
from include.base.settings import Settings, business_moment
from include.delivery.stage import deliver
from include.reference import policy
from include.store.database import connect
clock = BusinessClock.starting_at(business_moment("2026-10-09T09:00:00+08:00"))
deliver(connect(sys.argv[1]), "mail", settings=Settings.from_environment(), policy=policy(), clock=clock)
"""


def test_a_run_killed_during_a_conversation_mails_nobody_twice(
    database: sa.Engine, database_url: str, mailbox: Mailbox, settings: Settings, repository: Path
) -> None:
    queue_mails(database, range(10))
    in_conversation, go_on = threading.Event(), threading.Event()

    def on_data(_: SMTP, message: EmailMessage) -> str:
        if message["To"].startswith("c4@") and not in_conversation.is_set():
            in_conversation.set()
            go_on.wait(10)
        return "250 OK"

    mailbox.on_data = on_data
    fields = settings.connections["smtp_default"]
    connection = {"host": fields.host, "port": fields.port, "extra": fields.extra}
    environment = {**os.environ, "PYTHONPATH": str(repository), "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(connection)}
    process = subprocess.Popen([sys.executable, "-c", _RUN, database_url], env=environment)
    try:
        assert in_conversation.wait(30)
    finally:
        process.kill()
        process.wait()
        go_on.set()
    summary = run(database, settings)
    assert (summary.delivered, summary.unknown, summary.waiting) == (5, 0, 0)
    (doubtful,) = deliveries(database, "state = 'held'")
    assert (doubtful.idempotency_key, doubtful.error_class) == ("digest:4", "maybe_sent")
    ids = [message["Message-ID"] for message in mailbox.messages]
    assert len(ids) == len(set(ids))
    assert set(ids) | {message_id("digest:4")} == {message_id(f"digest:{number}") for number in range(10)}

"""A channel that a person stopped sends nothing until a person lets it go on; nothing is lost meanwhile."""

from __future__ import annotations

from functools import partial

import pytest
import sqlalchemy as sa

from include.base.act import Act
from include.base.errors import InvalidRequest
from include.base.settings import Settings
from include.delivery import stopping
from include.delivery.view import channel_figures
from include.domain.states import Channel
from tests.support.mails import Mailbox, mail_settings, queue_mails
from tests.support.outbox import NOW, run_channel, states

STOP = Act(actor_id="u-1", name="王", role="operator", reason="邮件服务器今晚检修", at=NOW)
run = partial(run_channel, "mail")


@pytest.fixture
def settings(mailbox: Mailbox) -> Settings:
    return mail_settings(mailbox)


def test_a_stopped_channel_sends_nothing_and_goes_on_where_it_was(
    database: sa.Engine, mailbox: Mailbox, settings: Settings
) -> None:
    queue_mails(database, range(3))
    with database.begin() as connection:
        stopping.stop(connection, Channel.MAIL, act=STOP)
    stopped = run(database, settings)
    assert (stopped.delivered, stopped.waiting, stopped.unreachable) == (0, 3, None)
    assert mailbox.messages == []
    with database.connect() as connection:
        figures = {one.channel: one for one in channel_figures(connection, NOW)}
    assert (figures[Channel.MAIL].stopped_by, figures[Channel.MAIL].stop_reason) == ("u-1", STOP.reason)
    assert figures[Channel.MARKET].stopped_by is None
    with database.begin() as connection:
        stopping.let_go_on(connection, Channel.MAIL, act=STOP.because("检修结束"))
    assert run(database, settings).delivered == 3
    assert set(states(database)) == {"delivered"}


def test_stopping_needs_a_reason_and_is_audited_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        with pytest.raises(InvalidRequest):
            stopping.stop(connection, Channel.MARKET, act=STOP.because(""))
        stopping.stop(connection, Channel.MARKET, act=STOP)
        with pytest.raises(InvalidRequest, match="已经处于人工暂停"):
            stopping.stop(connection, Channel.MARKET, act=STOP)
        stopping.let_go_on(connection, Channel.MARKET, act=STOP)
        with pytest.raises(InvalidRequest, match="没有被人工暂停"):
            stopping.let_go_on(connection, Channel.MARKET, act=STOP)
        noted = connection.execute(
            sa.text("select action, object, actor, reason from audit_entry order by entry_id")
        ).all()
    assert [tuple(one) for one in noted] == [
        ("stop_channel", "market", "u-1", STOP.reason),
        ("resume_channel", "market", "u-1", STOP.reason),
    ]

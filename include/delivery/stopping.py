"""Stopping a channel (暂停通道): a person stops what leaves for a receiver, with a reason, until a person lets it go on.

What is being sent when a person stops the channel is finished; nothing more is taken from the outbox.
"""

from __future__ import annotations

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest
from include.delivery.channel import ensure
from include.domain.audited import Action
from include.domain.states import Channel
from include.store.tables import channel_state
from include.words.states import word


def stop(connection: sa.Connection, channel: Channel, *, act: Act) -> None:
    """Stop the channel. Raises InvalidRequest if actor or reason is missing, or it is stopped already."""
    act = audit.signed(act)
    ensure(connection, channel, act.at)
    changed = connection.execute(
        sa.update(channel_state)
        .where(channel_state.c.channel == channel, channel_state.c.stopped_by.is_(None))
        .values(stopped_by=act.actor_id, stopped_at=act.at, stop_reason=act.reason)
    )
    if changed.rowcount != 1:
        raise InvalidRequest(f"{word(Channel, channel)}已经处于人工暂停状态。", "请刷新发件箱查看是谁暂停的。")
    audit.record(connection, act=act, action=Action.STOP_CHANNEL, object_=channel)


def let_go_on(connection: sa.Connection, channel: Channel, *, act: Act) -> None:
    """Let the channel send again. Raises InvalidRequest if actor or reason is missing, or it is not stopped."""
    act = audit.signed(act)
    changed = connection.execute(
        sa.update(channel_state)
        .where(channel_state.c.channel == channel, channel_state.c.stopped_by.is_not(None))
        .values(stopped_by=None, stopped_at=None, stop_reason=None)
    )
    if changed.rowcount != 1:
        raise InvalidRequest(f"{word(Channel, channel)}没有被人工暂停。", "请刷新发件箱核对通道状态。")
    audit.record(connection, act=act, action=Action.RESUME_CHANNEL, object_=channel)

"""Handing a subject over (转交): the other post gets a mail at once, with a link of its own."""

from __future__ import annotations

import sqlalchemy as sa

from include.base.errors import InvalidRequest
from include.coordination.reporting import By, Said
from include.coordination.subjects import Standing
from include.domain.states import Channel, DeliveryAction
from include.letters.composing import compose, need_link
from include.reference.day import Day
from include.store.coordinators import network
from include.store.outbox import NewDelivery, enqueue
from include.words.names import post_label


def nobody_chosen() -> InvalidRequest:
    """The refusal of a report that names no post to hand over to, or none on duty."""
    return InvalidRequest("没有选择转交给谁，或该岗位目前无人在岗。", "请在列出的岗位中选择后重新提交。")


def hand_over(connection: sa.Connection, standing: Standing, said: Said, by: By, day: Day) -> str:
    """Tell the other post by mail; returns in words what was done. Level and clocks stay as they are.

    Raises InvalidRequest if the other post is not on duty for this place.
    """
    giver, subject = by.coordinator, standing.subject
    others = {one.coordinator_id: one for one in standing.other_posts(network(connection), giver)}
    recipient = others.get(said.handed_to)
    if recipient is None:
        raise nobody_chosen()
    # One mail a day for each subject and pair of posts: a link that got into other hands must not send many.
    key = (
        f"handover:{day.today}:{giver.coordinator_id}:{recipient.coordinator_id}"
        f":{subject.kind}:{subject.need_id}:{subject.institution_code}:{subject.obstruction_id}"
    )
    label = post_label(recipient.authority, recipient.level, recipient.region_code)
    body = compose(
        "handover",
        to=[recipient.email],
        subject=f"转交：{standing.company}融资对接需您协调",
        list_id="escalation",
        today=day.today,
        recipient=label,
        giver=post_label(giver.authority, giver.level, giver.region_code),
        remark=said.remark,
        standing=standing,
        link=need_link(by.links.console_url, subject.need_id),
        action_link=by.links.action_link(recipient.coordinator_id, subject, idempotency_key=key, day=day),
    )
    # With its need, so that a user who is confined to departments may write it.
    mail = NewDelivery(
        channel=Channel.MAIL,
        action=DeliveryAction.MAIL,
        idempotency_key=key,
        need_id=subject.need_id,
        body=body,
    )
    sent = enqueue(connection, [mail], by.actor.at)
    return f"已转交{label}，" + ("邮件随即发出。" if sent else "当日已发过转交邮件，未重复发送。")

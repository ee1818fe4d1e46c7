"""Acting by a link in a mail: the token says who, but only the roster and the mail itself say whether he still may."""

from __future__ import annotations

import json
from dataclasses import dataclass

import sqlalchemy as sa

from include.action_links.maker import LinkMaker
from include.action_links.tokens import LinkClaims
from include.base.act import Act
from include.base.addresses import mailbox
from include.base.errors import NotPermitted
from include.coordination.acts import report
from include.coordination.reporting import By, Outcome, Said
from include.coordination.subjects import Standing, stands
from include.domain.roles import Role
from include.domain.routing import Coordinator
from include.domain.states import Channel, CoordinatorAct
from include.reference.day import Day
from include.store import coordinator_acts
from include.store.coordinators import network, on_duty
from include.store.tables import delivery
from include.words.names import post_label


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTo:
    """Where a link leads: the post that it was sent to, the subject as it stands, and what may be reported by it.

    `others`: whom it can be handed to. `done`: what this coordinator reported of the subject before, newest last.
    """

    claims: LinkClaims
    post: str
    standing: Standing
    acts: tuple[CoordinatorAct, ...]
    others: tuple[Coordinator, ...]
    done: tuple[sa.Row[tuple[object, ...]], ...]


def follow(connection: sa.Connection, claims: LinkClaims, day: Day) -> LinkTo:
    """Look where a genuine link leads; changes nothing. Raises NotPermitted if its recipient may no longer act, NotFound
    without the subject."""
    who = _recipient(connection, claims)
    standing = stands(connection, claims.subject, day)
    return LinkTo(
        claims=claims,
        post=post_label(who.authority, who.level, who.region_code),
        standing=standing,
        acts=tuple(act for act in standing.may(who) if act in claims.acts),
        others=tuple(standing.other_posts(network(connection), who)),
        done=tuple(
            one
            for one in coordinator_acts.of_need(connection, claims.subject.need_id)
            if one.coordinator_id == who.coordinator_id
            and (one.kind, one.institution_code, one.obstruction_id)
            == (claims.subject.kind, claims.subject.institution_code, claims.subject.obstruction_id)
        ),
    )


def report_by_link(connection: sa.Connection, claims: LinkClaims, said: Said, *, day: Day, links: LinkMaker) -> Outcome:
    """Report by a genuine link. Raises as `report` and `follow` do, and NotPermitted for an act that the link does not
    permit."""
    who = _recipient(connection, claims)
    if said.act not in claims.acts:
        raise NotPermitted("该链接不能办理这一事项。", "请使用页面列出的办理方式。")
    by = By(
        coordinator=who,
        actor=Act(actor_id=who.coordinator_id, role=Role.COORDINATOR, at=day.now),
        links=links,
        idempotency_key=claims.idempotency_key,
    )
    return report(connection, claims.subject, said, by, day)


def _recipient(connection: sa.Connection, claims: LinkClaims) -> Coordinator:
    """The coordinator whom the link was sent to, if he is still on duty at the address that the mail went to."""
    who = on_duty(connection, claims.coordinator_id)
    if who is None:
        raise NotPermitted(
            "您目前不在该岗位的在岗名单上，不能通过邮件链接办理。",
            "请将该事项转告接任的同志；名单有误的，请联系主管部门在绿色平台更新。",
        )
    body = connection.execute(
        sa.select(delivery.c.body).where(
            (delivery.c.idempotency_key == claims.idempotency_key) & (delivery.c.channel == Channel.MAIL)
        )
    ).scalar()
    sent_to = json.loads(body or "{}").get("to") or []
    if mailbox(who.email) not in map(mailbox, sent_to):
        raise NotPermitted(
            "该链接不是发到您目前的邮箱地址的，不能办理。", "请使用发到现用邮箱的最近一封督办邮件中的链接。"
        )
    return who

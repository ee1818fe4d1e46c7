"""Checked again at the moment of a push (G08a): is the factory still on the register?

A push that must not be sent gets the same mark and the same alert (G08c) as from the daily register watch, so that a
person decides once, and a factory that comes back is pushed automatically.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from include.alerts.stage import raise_alerts
from include.base.act import Act
from include.base.business_time import SHANGHAI
from include.delivery.outcomes import Claim, Result
from include.reference import Policy, rules
from include.register.snapshots import FACTORY_REMOVED, REMOVED_RULE, has_rows, in_force, snapshot_in_use

log = logging.getLogger(__name__)

_ALLOWED = sa.text("select need_id from alert where rule_id = :rule and need_id = any(:need_ids) and state = 'cleared'")


def not_to_be_pushed(
    connection: sa.Connection,
    pushes: Sequence[Claim],
    usccs: Mapping[int, str | None],
    now: datetime,
    policy: Policy,
) -> list[Result]:
    """The pushes whose factory has no active row in the register in use today, put aside with an alert each.

    `usccs`: the factories' credit codes by delivery_id.

    Without those that a person has allowed. A register older than a day still counts: a factory off it then is not
    pushed. Without a register in use, or with one without usable rows, nothing can be concluded: the pushes are sent,
    and a warning is logged; the gate refuses to judge then, and the register watch fails.
    """
    if not pushes:
        return []
    today = now.astimezone(SHANGHAI).date()
    register = snapshot_in_use(connection, today)
    if register is None or not has_rows(connection, register.content_sha256):
        log.warning("no register in use: %d pushes go without G08a", len(pushes))
        return []
    present = in_force(connection, register, today, {uscc for uscc in usccs.values() if uscc is not None})
    gone = [push for push in pushes if usccs[push.delivery_id] not in present]
    if not gone:
        return []
    need_ids = sorted({push.need_id for push in gone if push.need_id is not None})
    asked = {"rule": REMOVED_RULE, "need_ids": need_ids}
    allowed = set(connection.execute(_ALLOWED, asked).scalars())
    gone = [push for push in gone if push.need_id not in allowed]
    raise_alerts(
        connection,
        REMOVED_RULE,
        sorted(set(need_ids) - allowed),
        severity="hold",
        act=Act.by_stage("deliver", now, f"{today} 推送时名单中已没有该企业（G08a）"),
        policy=policy,
    )
    return [
        Result(claim=push, kind="check", outcome=FACTORY_REMOVED, state="superseded", detail=rules()["G08a"].message)
        for push in gone
    ]

"""Closing holds (待核实) that need no decision any more.

The closing event says why; the hold ends as expired, never as released.
"""

from __future__ import annotations

import sqlalchemy as sa

from include.base.act import Act
from include.base.business_time import SHANGHAI
from include.reference import Policy

# Locked in one order, so that simultaneous closings wait for each other instead of deadlocking. A decision that came
# first wins: a hold that is no longer open is left out.
_CLOSE = """
    with due as (
        select hold.quarantine_id, {reason} as reason
        from quarantine hold
        where hold.state = 'open' and ({condition})
        order by hold.quarantine_id
        for update of hold
    ), closed as (
        update quarantine set state = 'expired', settled_at = :now
        from due where quarantine.quarantine_id = due.quarantine_id and quarantine.state = 'open'
        returning quarantine.quarantine_id, due.reason
    )
    insert into quarantine_event (quarantine_id, kind, actor, role, reason, at)
    select quarantine_id, 'expired', :actor, :role, reason, :now from closed
"""
_WITHDRAWN = "exists (select from withdrawal_notice notice where notice.need_id = hold.need_id)"
_OVERTAKEN = (
    "exists (select from need_version higher where higher.need_id = hold.need_id and higher.revision > hold.revision)"
)
_PAST_VALIDITY = "valid_until(hold.quarter, :validity) <= :today"

_CLOSE_OVERTAKEN = sa.text(
    _CLOSE.format(
        reason=f"case when {_WITHDRAWN} then '需求已撤回' else '已收到更高修订号，按新版本重新审核' end",
        condition=f"{_WITHDRAWN} or {_OVERTAKEN}",
    )
)
_CLOSE_EXPIRED = sa.text(_CLOSE.format(reason="'需求有效期已过'", condition=_PAST_VALIDITY))


def close_overtaken(connection: sa.Connection, *, act: Act) -> int:
    """Close the open holds of needs that were withdrawn, or of which a higher revision is stored; returns how many."""
    return connection.execute(_CLOSE_OVERTAKEN, _by(act)).rowcount


def close_expired(connection: sa.Connection, *, act: Act, policy: Policy) -> int:
    """Close the open holds of quarters that ended need_validity_quarters ago or longer; returns how many."""
    where = {
        **_by(act),
        "today": act.at.astimezone(SHANGHAI).date(),
        "validity": policy.integer("need_validity_quarters"),
    }
    return connection.execute(_CLOSE_EXPIRED, where).rowcount


def _by(act: Act) -> dict[str, object]:
    return {"actor": act.actor_id, "role": act.role, "now": act.at}

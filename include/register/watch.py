"""The register watch (G08c, DQ41): factories that were removed or renamed after their need was pushed.

Runs daily on the newest register in use. A removed factory's need that no institution has approved is withdrawn at
once; if money was approved, a person decides on an alert (警示). A push of a removed factory that has not been tried is
stopped. When the condition is no longer true, the alert is closed and the push is sent after all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from include import audit
from include.alerts.stage import close_alerts, raise_alerts
from include.base.act import Act
from include.base.errors import UserFacingError
from include.domain.identifiers import name_key
from include.reference import Policy
from include.reference.day import Day
from include.register.snapshots import FACTORY_REMOVED, REMOVED_RULE, has_rows, snapshot_in_use
from include.rule_book.suites import RuleBook
from include.store.locks import Lock, hold
from include.store.tables import alert
from include.withdrawals.stage import Withdrawal, withdraw

REMOVED = REMOVED_RULE
RENAMED = "DQ41"
_ACTOR = "register_watch"
_NOT_SENT = FACTORY_REMOVED


class RegisterTooOld(UserFacingError):
    """No register in use says who is active today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSummary:
    """What the watch did. `renamed`: total of needs filed under a former name that the register knows."""

    watched: int
    withdrawn: int
    pushes_stopped: int
    pushes_resumed: int
    alerts_opened: int
    alerts_closed: int
    renamed: int


# The needs whose push was sent or is to be sent, at the newest pushed revision, and not withdrawn. `sent`: a push may
# have arrived. `approved`: a case has reached credit_approved. `looked_at`: a person released the name already. Needs
# on which a person has decided are left alone.
_WATCHED = sa.text(
    """
    with pushed as (
        select need_id, max(revision) as revision, bool_or(
                   state in ('delivered', 'unknown') or state = 'pending' and (attempts > 0 or lease_owner is not null)
               ) as sent
        from delivery
        where action = 'push' and state <> 'closed' and (state <> 'superseded' or outcome = :not_sent)
        group by need_id
    )
    select pushed.need_id, pushed.revision, pushed.sent, version.uscc, version.enterprise_name,
           exists (
               select from matching_case reached
               where reached.need_id = pushed.need_id
                 and reached.furthest_state in ('credit_approved', 'contracted', 'drawn', 'post_loan')
           ) as approved,
           exists (
               select from judgement judged join finding using (judgement_id)
               where judged.need_id = pushed.need_id and judged.revision = pushed.revision and rule_id = :renamed
           ) as looked_at,
           exists (
               select from alert
               where alert.need_id = pushed.need_id and rule_id = :removed and state in ('cleared', 'confirmed')
           ) as decided
    from pushed join need_version version using (need_id, revision)
    where version.uscc is not null
      and not exists (select from withdrawal_notice notice where notice.need_id = pushed.need_id)
    order by pushed.need_id
    """
)

_ACTIVE = sa.text(
    """
    select uscc, name, aliases from listed_factory
    where content_sha256 = :content and uscc = any(:usccs) and :today <@ listed
    """
)

_STOP_PUSHES = sa.text(
    """
    update delivery set state = 'superseded', outcome = :not_sent, settled_at = :now
    where action = 'push' and need_id = any(:need_ids)
      and state = 'pending' and attempts = 0 and lease_owner is null
    """
)
_RESUME_PUSHES = sa.text(
    """
    update delivery set state = 'pending', outcome = null, settled_at = null, next_attempt_at = :now
    where action = 'push' and need_id = any(:need_ids) and state = 'superseded' and outcome = :not_sent
    """
)


def watch(engine: sa.Engine, *, day: Day) -> WatchSummary:
    """Compare pushed and waiting needs with the newest register in use. A second run finds nothing new.

    Raises RegisterTooOld if there is no register in use, or none that is recent enough.
    """
    today, now, policy = day.today, day.now, day.policy
    with engine.begin() as connection:
        hold(connection, Lock.REGISTER_WATCH)
        content = _register_in_use(connection, today, policy)
        needs = connection.execute(_WATCHED, {"not_sent": _NOT_SENT, "renamed": RENAMED, "removed": REMOVED}).all()
        factories = _active_names(connection, content, today, {need.uscc for need in needs})
        removed = _removed(needs, factories, policy)
        renamed = [need for need in needs if _named_otherwise(need, factories)]

        withdrawn = _withdraw(connection, [one for one in removed if _may_withdraw(one)], now)
        undecided = [one.need_id for one in removed if not one.decided and one.need_id not in withdrawn]
        unsent = [one.need_id for one in removed if not one.decided and not one.sent]
        stopped = connection.execute(_STOP_PUSHES, {"need_ids": unsent, "not_sent": _NOT_SENT, "now": now}).rowcount
        strangers = [one.need_id for one in renamed if not _known_alias(one, factories) and not one.looked_at]
        opened = raise_alerts(
            connection,
            REMOVED,
            undecided,
            severity="hold",
            act=Act.by_stage(_ACTOR, now, f"{today} 的名单中已没有该企业"),
            policy=policy,
        ) + raise_alerts(
            connection,
            RENAMED,
            strangers,
            severity="hold",
            act=Act.by_stage(_ACTOR, now, f"{today} 的名单中没有该企业的填报名称"),
            policy=policy,
        )
        closed, resumed = _close_what_is_over(
            connection,
            {REMOVED: undecided, RENAMED: strangers},
            Act.by_stage(_ACTOR, now, f"截至 {today} 该情形已不存在（恢复在册、名称已登记，或需求已撤回）"),
        )
    return WatchSummary(
        watched=len(needs),
        withdrawn=len(withdrawn),
        pushes_stopped=stopped,
        pushes_resumed=resumed,
        alerts_opened=opened,
        alerts_closed=closed,
        renamed=sum(_known_alias(one, factories) for one in renamed),
    )


@dataclass(frozen=True, slots=True)
class _Names:
    current: frozenset[str]
    former: frozenset[str]


def _register_in_use(connection: sa.Connection, today: date, policy: Policy) -> str:
    newest = snapshot_in_use(connection, today)
    if newest is None or (today - newest.as_of).days > policy.integer("register_max_age_days"):
        raise RegisterTooOld(
            "没有可用的当期绿色工厂名单，无法核对已推送企业是否仍在名单内。",
            "请确认名单读取任务成功；名单因数量骤减（T05）未启用的，由运维人员核实后确认启用，再重新运行本任务。",
        )
    if not has_rows(connection, newest.content_sha256):
        raise RegisterTooOld("绿色工厂名单为空，不能据此撤回需求。", "请联系平台核实名单接口，恢复后重新读取名单。")
    return newest.content_sha256


def _active_names(connection: sa.Connection, content: str, today: date, usccs: Collection[str]) -> dict[str, _Names]:
    """Name keys of the active rows, by credit code; a code without one is not on the register today."""
    current: dict[str, set[str]] = {}
    former: dict[str, set[str]] = {}
    for row in connection.execute(_ACTIVE, {"content": content, "today": today, "usccs": list(usccs)}):
        current.setdefault(row.uscc, set()).add(name_key(row.name))
        former.setdefault(row.uscc, set()).update(name_key(name) for name in row.aliases)
    return {uscc: _Names(frozenset(names), frozenset(former[uscc])) for uscc, names in current.items()}


def _removed(needs: Sequence[sa.Row[Any]], factories: Collection[str], policy: Policy) -> list[sa.Row[Any]]:
    import pandas as pd

    frame = pd.DataFrame({"listed": [need.uscc in factories for need in needs]})
    return [needs[at] for breach in RuleBook(policy).breaches("register_watch", frame) for at in breach.rows]


def _named_otherwise(need: sa.Row[Any], factories: dict[str, _Names]) -> bool:
    names = factories.get(need.uscc)
    return names is not None and bool(need.enterprise_name) and name_key(need.enterprise_name) not in names.current


def _known_alias(need: sa.Row[Any], factories: dict[str, _Names]) -> bool:
    return name_key(need.enterprise_name) in factories[need.uscc].former


def _may_withdraw(need: sa.Row[Any]) -> bool:
    return bool(need.sent) and not need.approved and not need.decided


def _withdraw(connection: sa.Connection, needs: Sequence[sa.Row[Any]], now: datetime) -> list[str]:
    fresh = withdraw(
        connection,
        [Withdrawal(need_id=one.need_id, revision=one.revision, reason_code=_NOT_SENT) for one in needs],
        now,
    )
    if fresh:
        audit.record(
            connection,
            act=Act.by_stage(_ACTOR, now, "企业已被移出绿色工厂名单，且尚未授信（G08c）"),
            action="withdraw_needs",
            object_="need",
            details={"need_ids": sorted(fresh)},
        )
    return fresh


def _close_what_is_over(connection: sa.Connection, still_true: dict[str, list[str]], act: Act) -> tuple[int, int]:
    """Close open alerts whose condition no longer holds and send their pushes; returns how many alerts, how many pushes."""
    closed = resumed = 0
    for rule_id, need_ids in still_true.items():
        over = connection.execute(
            sa.select(alert.c.need_id).where(
                (alert.c.rule_id == rule_id) & (alert.c.state == "open") & (alert.c.institution_code == "")
            )
        ).scalars()
        gone = sorted(set(over) - set(need_ids))
        if rule_id == REMOVED:
            resumed = resume_pushes(connection, gone, act.at)
        closed += close_alerts(connection, rule_id, gone, act=act)
    return closed, resumed


def resume_pushes(connection: sa.Connection, need_ids: Iterable[str], now: datetime) -> int:
    """Send the pushes that were stopped because the factory was off the register; returns how many."""
    return connection.execute(_RESUME_PUSHES, {"need_ids": list(need_ids), "not_sent": _NOT_SENT, "now": now}).rowcount

"""What a demo proves at its end: every run succeeded, nothing was lost or doubled, and no mail arrived twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from include import need_view
from include.domain.roles import Role
from include.intake import agrees_with_manifest
from include.local import figures
from include.local.play import Played
from include.local.sandbox_client import LedgerEntry
from include.local.scenes import Scene, missing

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise, whether it was kept, and the figures that prove it (Chinese, no personal data)."""

    name: str
    kept: bool
    detail: str


def runs_succeeded(played: Sequence[Played]) -> Promise:
    """Every DAG run succeeded."""
    red = [run for run in played if not run.succeeded]
    if not red:
        return Promise("运行", True, f"{len(played)} 次 DAG 运行全部成功")
    named = "；".join(f"{run.step.dag_id}（{_tasks(run)}）" for run in red[:_SHOWN])
    return Promise("运行", False, f"{len(red)} 次 DAG 运行失败：{named}")


def everything_shown(shown: Sequence[Scene]) -> Promise:
    """Each scene that a demonstration is for happened at least once."""
    absent = missing(shown)
    if absent:
        return Promise("情形", False, f"没有出现：{'、'.join(absent)}")
    return Promise("情形", True, f"{len(shown)} 种情形都出现了")


def over_quarters(promises: Sequence[Promise]) -> Promise:
    """One promise for several quarters: the details of those that broke it, else of the last one."""
    broken = [promise for promise in promises if not promise.kept]
    detail = "；".join(promise.detail for promise in broken) or promises[-1].detail
    count = f"（共 {len(promises)} 个季度）" if len(promises) > 1 and not broken else ""
    return Promise(promises[-1].name, not broken, detail + count)


def nothing_lost(connection: sa.Connection, quarter: str) -> Promise:
    """Conservation: for each department, listed = passed + held + returned + superseded + unreadable, and the manifest
    agrees."""
    accounts = figures.quarterly_accounts(connection, quarter)
    listed = sum(account.listed for account in accounts)
    ends = {
        label: sum(getattr(account, name) for account in accounts)
        for name, label in (
            ("passed", "通过"),
            ("held", "待核实"),
            ("returned", "退回"),
            ("superseded", "被新版取代"),
            ("unreadable", "无法读取"),
        )
    }
    off = [account.department_code for account in accounts if account.unaccounted]
    off += [
        account.department_code
        for account in accounts
        if not agrees_with_manifest(
            (account.listed - account.superseded - account.unreadable, account.unreadable), account.recommended
        )
    ]
    sums = f"列报 {listed} = " + " + ".join(f"{label} {number}" for label, number in ends.items())
    if not accounts:
        return Promise("守恒", False, "没有完成的季度征集")
    if off:
        return Promise("守恒", False, f"{sums}；不平的部门：{_some(off)}")
    return Promise("守恒", listed == sum(ends.values()), f"{sums}（{len(accounts)} 个部门逐一核对，并与清单一致）")


def each_need_once(passed: set[tuple[str, int]], ledger: Sequence[LedgerEntry]) -> Promise:
    """The receiver's ledger holds each passed need, (need id, revision), exactly once at its newest revision."""
    held = {(entry.need_id, entry.revision) for entry in ledger if entry.state == "held"}
    doubled = [entry.need_id for entry in ledger if entry.effects > 1]
    named = (
        ("缺失", [need_id for need_id, _ in passed - held]),
        ("重复", doubled),
        ("不应有", [need_id for need_id, _ in held - passed]),
    )
    problems = [f"{label} {len(found)} 项：{_some(found)}" for label, found in named if found]
    if problems:
        return Promise("恰好一次", False, f"应送达 {len(passed)} 项；" + "；".join(problems))
    return Promise("恰好一次", bool(passed), f"通过的 {len(passed)} 项需求，在接收方台账中各有且仅有一份")


def no_mail_twice(message_ids: Sequence[str]) -> Promise:
    """No mail arrived twice."""
    doubled = [message for message, times in Counter(message_ids).items() if times > 1]
    if doubled:
        return Promise("邮件", False, f"{len(doubled)} 封邮件重复送达：{_some(doubled)}")
    return Promise("邮件", True, f"{len(message_ids)} 封邮件，没有重复")


def ledgers_explained(connection: sa.Connection, quarter: str) -> Promise:
    """Reconciliation left no difference unexplained."""
    found = figures.open_findings(connection, quarter)
    if found:
        return Promise("对账", False, f"有 {found} 项差异未能解释，见业务库 reconciliation_finding")
    return Promise("对账", True, "各方台账之间没有未解释的差异")


def each_life_shown(connection: sa.Connection, today: date) -> Promise:
    """The page of each need shows everything that happened, its push included if it was pushed."""
    pushed = set(connection.execute(_PUSHED).scalars())
    needs: list[str] = list(connection.execute(sa.text("select distinct need_id from need_version")).scalars())
    entries, incomplete = 0, []
    for need_id in needs:
        need_view.need_head(connection, need_id, today=today, role=Role.OPERATOR)
        life = need_view.timeline(connection, need_id, today=today, role=Role.OPERATOR)
        entries += len(life)
        if not life or (need_id in pushed and not any(entry.part == "发送" for entry in life)):
            incomplete.append(need_id)
    if incomplete:
        return Promise("需求全程", False, f"{len(incomplete)} 项需求的记录不完整：{_some(incomplete)}")
    return Promise("需求全程", True, f"{len(needs)} 项需求都能从填报查到现状，共 {entries:,} 条记录")


_PUSHED = sa.text("select distinct need_id from delivered_push")


def _tasks(run: Played) -> str:
    return "、".join(dict.fromkeys(task.task_id for task in run.failed if task.state == "failed")) or run.state


def _some(found: Iterable[str]) -> str:
    named = sorted(set(found))
    return "、".join(named[:_SHOWN]) + (f" 等 {len(named)} 个" if len(named) > _SHOWN else "")

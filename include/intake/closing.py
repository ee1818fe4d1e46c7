"""Closing an intake: judges the batch, accounts for every record, and checks that passed needs are on their way."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import sqlalchemy as sa

from include.base.errors import IntakeIncomplete
from include.domain.states import IntakeKind
from include.intake import cursor
from include.intake.batch_rules import judge_batch
from include.intake.conservation import DepartmentAccount, accounts, agrees_with_manifest, stated_and_read
from include.intake.passed_needs import NowherePushed, nowhere_pushed
from include.reference import department_short_name, rules
from include.reference.day import Day
from include.store.tables import intake

log = logging.getLogger(__name__)
_NAMED = 20


def close(engine: sa.Engine, intake_id: int, day: Day) -> list[DepartmentAccount]:
    """Judge the batch and check that every record of every requested department is accounted for; returns the accounts.

    Raises IntakeIncomplete, naming each department and record count that is missing (B02, B06, B10), and each passed
    need that is neither pushed, queued nor waiting for a named reason. A dry run stores no verdicts: only its reading
    is checked. After a review the next one reads on from where this one began.
    """
    with engine.begin() as connection:
        header = connection.execute(sa.select(intake).where(intake.c.intake_id == intake_id)).one()
        found = accounts(connection, intake_id)
        if not header.dry_run:
            findings = judge_batch(connection, intake_id, day)
            for one in findings:
                log.warning(
                    "%s %s：%s", one.rule_id, department_short_name(one.department_code), rules()[one.rule_id].message
                )
        totals = stated_and_read(connection, intake_id)
        nowhere = [] if header.dry_run else nowhere_pushed(connection, header.quarter, header.departments)
    problems = [f"{department_short_name(code)}：未读取" for code in header.departments if code not in totals]
    for account in found:
        problems += _problems(account, totals[account.department_code], dry_run=header.dry_run)
    problems += _not_on_their_way(nowhere)
    if problems:
        raise IntakeIncomplete(
            f"{header.quarter} 征集未收齐或不守恒（{len(problems)} 项）：" + "；".join(problems) + "。",
            "请在 Airflow 中清除相应地区的任务重新读取；仍不一致的，由运维人员与平台核对后再关闭本季度。",
        )
    kind = IntakeKind(header.kind)
    if not kind.reads_whole:
        with engine.begin() as connection:
            cursor.advance(connection, header.quarter, kind, header.started_at)
    return found


def _not_on_their_way(nowhere: Sequence[NowherePushed]) -> list[str]:
    named = [
        f"{department_short_name(one.department_code)}：{one.label}审核通过，但未推送也无待办原因" for one in nowhere
    ]
    more = len(named) - _NAMED
    return named if more <= 0 else [*named[:_NAMED], f"另有 {more} 条审核通过而未推送"]


def _problems(account: DepartmentAccount, total: tuple[int, int], *, dry_run: bool) -> list[str]:
    name = department_short_name(account.department_code)
    problems = []
    stated, read = total
    if read < stated:
        problems.append(f"{name}：平台称 {stated} 条，只读到 {read} 条（B06）")
    needs = account.listed - account.superseded - account.unreadable
    if not agrees_with_manifest((needs, account.unreadable), account.recommended):
        problems.append(f"{name}：清单 {account.recommended} 条，接收 {needs} 条（B02）")
    if account.unaccounted and not dry_run:
        problems.append(f"{name}：{account.unaccounted} 条没有结论（B10）")
    return problems

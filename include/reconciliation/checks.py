"""One check for each way in which two ledgers can differ.

A check yields (need_id, revision, department_code, delivery_id, explained); `explained` is null if the difference is a
finding. The tables platform_need, ledger_entry, other_content, our_need and noted_before are those of stage.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from include.domain.states import Difference

Suggestion = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Check:
    """A kind of difference, the query that finds it, and the text for people (Chinese, without personal data)."""

    kind: Difference
    sql: str
    explanation: str
    suggestion: Suggestion


def _trigger(dag: str, conf: Mapping[str, Any]) -> str:
    return f"airflow dags trigger {dag} --conf '{json.dumps(conf, ensure_ascii=False)}'"


def _intake_again(row: Mapping[str, Any]) -> str:
    department = {"departments": [row["department_code"]]} if row["department_code"] else {}
    return _trigger("quarterly_intake", {"quarter": row["quarter"], **department})


def _deliver_again(row: Mapping[str, Any]) -> str:
    return _trigger(
        "rerun_deliveries",
        {
            "quarter": row["quarter"],
            "delivery_ids": [row["delivery_id"]],
            "reason": f"对账差异 {row['need_id']}",
            "dry_run": False,
        },
    )


def _deliver(_row: Mapping[str, Any]) -> str:
    return "airflow dags trigger deliver"


def _ask(platform: str) -> Suggestion:
    return lambda row: f"请与{platform}核对 {row['need_id']} 第{row['revision']}版，差异消除后下次对账自动关闭。"


CHECKS = (
    # --- listing ↔ intake ---
    Check(
        Difference.NOT_TAKEN_IN,
        """
        select listed.record_id as need_id, coalesce(listed.revision, 0) as revision, listed.department_code,
               null::bigint as delivery_id,
               case
                   when listed.reporting_open and not listed.is_major then 'awaiting_intake'
                   when (listed.updated_at at time zone 'Asia/Shanghai')::date >= :last_working_day then 'in_flight'
               end as explained
        from (select *, cast(:reporting_open as boolean) as reporting_open from platform_need) listed
        where listed.status = 'recommended'
          and case when listed.addressed
              then not exists (
                  select from need_version stored
                  where stored.need_id = listed.need_id and stored.revision = listed.revision
              ) and not exists (
                  select from our_need where our_need.need_id = listed.need_id and our_need.revision > listed.revision
              )
              else not exists (
                  select from intake_item item
                  where item.item_hash = listed.item_hash and (item.need_id is null or item.revision is null)
              )
          end
        """,
        "绿色平台已推荐 {need_id} 第{revision}版，本系统未接收。",
        _intake_again,
    ),
    Check(
        Difference.REVISION_WENT_BACK,
        """
        select listed.need_id, listed.revision, our_need.department_code, null::bigint as delivery_id,
               null::text as explained
        from platform_need listed join our_need using (need_id)
        where listed.addressed and listed.revision < our_need.revision
        """,
        "绿色平台列出的 {need_id} 为第{revision}版，低于本系统已接收的版本。",
        _ask("绿色平台"),
    ),
    Check(
        Difference.CONTENT_CHANGED,
        """
        select listed.need_id, listed.revision, our_need.department_code, null::bigint as delivery_id,
               case when exists (
                   select from judgement
                   where judgement.payload_sha256 = listed.item_hash and judgement.verdict = 'held'
               ) then 'held' end as explained
        from platform_need listed join our_need using (need_id, revision)
        where listed.status = 'recommended' and listed.item_hash <> our_need.item_hash
        """,
        "{need_id} 第{revision}版在绿色平台上的内容与本系统接收时不同，而修订号未变。",
        _ask("绿色平台"),
    ),
    Check(
        Difference.NO_LONGER_LISTED,
        """
        select our_need.need_id, our_need.revision, our_need.department_code, null::bigint as delivery_id,
               case
                   when our_need.withdrawn then 'withdrawn'
                   when listed.status in ('submitted', 'returned') then 'being_corrected'
               end as explained
        from our_need
        join noted_before noted on noted.kind = 'need' and noted.key = our_need.need_id
        left join platform_need listed on listed.record_id = our_need.need_id
        where our_need.quarter = :quarter
          and (listed.record_id is null or listed.status is distinct from 'recommended')
        """,
        "本系统已接收 {need_id} 第{revision}版，绿色平台已不再列为推荐（可能已撤回）。",
        _intake_again,
    ),
    # --- intake ↔ judgement ---
    Check(
        Difference.NOT_JUDGED,
        """
        select need_id, revision, department_code, null::bigint as delivery_id,
               case when received_at > :under_way_since then 'in_flight' end as explained
        from our_need
        where verdict is null and not withdrawn
        """,
        "{need_id} 第{revision}版已接收，尚未审核。",
        _intake_again,
    ),
    # --- judgement ↔ outbox ---
    Check(
        Difference.PUSH_NOT_QUEUED,
        """
        select coalesce(need_id, 'item:' || left(payload_sha256, 12)) as need_id, coalesce(revision, 0) as revision,
               department_code, delivery_id, fate as explained
        from passed_needs(:quarter)
        where delivery_id is null and fate is distinct from 'withdrawn' and fate is distinct from 'newer_revision'
        """,
        "{need_id} 第{revision}版审核通过，但未进入发件箱，也没有等待的原因。",
        _intake_again,
    ),
    Check(
        Difference.RETURN_NOT_QUEUED,
        """
        select our_need.need_id, our_need.revision, our_need.department_code, null::bigint as delivery_id,
               null::text as explained
        from our_need
        where verdict = 'returned' and not withdrawn
          and not exists (
              select from delivery sent
              where sent.action = 'return' and sent.need_id = our_need.need_id and sent.revision = our_need.revision
          )
        """,
        "{need_id} 第{revision}版应退回补正，但退回通知未进入发件箱。",
        _intake_again,
    ),
    Check(
        Difference.NOT_DELIVERED,
        """
        select sent.need_id, sent.revision, sent.department_code, sent.delivery_id,
               case
                   when sent.state = 'held' then 'held'
                   when sent.state in ('pending', 'unknown') and sent.next_attempt_at >= :overdue_before
                       then 'in_flight'
               end as explained
        from delivery sent
        where sent.quarter = :quarter and sent.action in ('push', 'return', 'withdrawal')
          and sent.state in ('pending', 'unknown', 'held')
        """,
        "{need_id} 第{revision}版的发送（编号{delivery_id}）到期已超过一天仍未送出。",
        _deliver,
    ),
    Check(
        Difference.SUPERSEDED_UNEXPLAINED,
        """
        select sent.need_id, sent.revision, sent.department_code, sent.delivery_id,
               case
                   when our_need.withdrawn then 'withdrawn'
                   when our_need.revision > sent.revision then 'superseded'
                   when sent.outcome = 'factory_removed' then 'factory_removed'
                   when sent.outcome = 'late_history' and our_need.verdict <> 'passed' then our_need.verdict
                   when sent.outcome = 'late_history' and exists (
                       select from stopped_department stop
                       where stop.quarter = our_need.quarter and stop.department_code = our_need.department_code
                   ) then 'stopped'
               end as explained
        from delivery sent left join our_need using (need_id)
        where sent.quarter = :quarter and sent.action in ('push', 'return') and sent.state = 'superseded'
        """,
        "{need_id} 第{revision}版的发送（编号{delivery_id}）被标为已取代，但既无更高版本，也未撤回。",
        _deliver_again,
    ),
    Check(
        Difference.PUSHED_TWICE,
        """
        select need_id, revision, min(department_code) as department_code, max(delivery_id) as delivery_id,
               null::text as explained
        from delivery
        where quarter = :quarter and action = 'push' and state <> 'superseded'
        group by need_id, revision having count(*) > 1
        """,
        "{need_id} 第{revision}版在发件箱中有不止一条推送。",
        _ask("信贷市场服务平台"),
    ),
    Check(
        Difference.PUSHED_NOT_PASSED,
        """
        select need_id, revision, department_code, delivery_id, null::text as explained
        from delivery push
        where push.quarter = :quarter and push.action = 'push' and push.state <> 'superseded'
          and not exists (
              select from judgement
              where judgement.need_id = push.need_id and judgement.revision = push.revision
                and judgement.verdict = 'passed'
          )
          and not exists (
              select from quarantine hold
              where hold.need_id = push.need_id and hold.revision = push.revision and hold.state = 'released'
          )
        """,
        "{need_id} 第{revision}版有推送，但没有审核通过的结论。",
        lambda row: f"请核实 {row['need_id']} 第{row['revision']}版为何推送；不应推送的，请办理撤回。",
    ),
    Check(
        Difference.PUSH_NOT_TAKEN_BACK,
        """
        select push.need_id, push.revision, push.department_code, push.delivery_id, null::text as explained
        from delivered_push push join withdrawal_notice notice using (need_id)
        where push.quarter = :quarter
          and not exists (
              select from delivery withdrawal
              where withdrawal.action = 'withdrawal' and withdrawal.need_id = push.need_id
          )
        """,
        "{need_id} 已撤回，但已推送的第{revision}版没有撤回通知。",
        _intake_again,
    ),
    # --- outbox ↔ ledger ---
    Check(
        Difference.MISSING_IN_LEDGER,
        """
        select push.need_id, push.revision, push.department_code, push.delivery_id,
               case when exists (
                   select from set_aside row
                   where row.source = 'ledger/' || cast(:quarter as text) and row.resolved_at is null
                     and row.known_as in (push.idempotency_key, push.need_id)
               ) then 'unreadable' end as explained
        from delivered_push push
        join noted_before noted on noted.kind = 'push' and noted.key = push.idempotency_key
        where not exists (select from ledger_entry where ledger_entry.idempotency_key = push.idempotency_key)
        """,
        "{need_id} 第{revision}版的推送（编号{delivery_id}）记为已送达，信贷市场服务平台台账中没有。",
        _deliver_again,
    ),
    Check(
        Difference.UNKNOWN_IN_LEDGER,
        """
        select entry.need_id, entry.revision, push.department_code,
               case when push.state <> 'closed' then push.delivery_id end as delivery_id,
               case when push.state in ('pending', 'unknown') and push.next_attempt_at >= :overdue_before
                   then 'in_flight'
                   when push.state = 'closed' and push.error_class = 'conflict' then 'closed' end as explained
        from ledger_entry entry
        left join delivery push on push.action = 'push' and push.idempotency_key = entry.idempotency_key
        where push.delivery_id is null or push.state <> 'delivered'
        """,
        "信贷市场服务平台台账中有 {need_id} 第{revision}版，本系统没有对应的已送达推送。",
        lambda row: _ask("信贷市场服务平台")(row) if row["delivery_id"] is None else _deliver_again(row),
    ),
    Check(
        Difference.RECEIPT_DIFFERS,
        """
        select push.need_id, push.revision, push.department_code, push.delivery_id, null::text as explained
        from ledger_entry entry
        join delivered_push push using (idempotency_key)
        where (entry.need_id, entry.revision) is distinct from (push.need_id, push.revision)
           or push.receipt_no is not null and push.receipt_no <> entry.receipt_no
        """,
        "{need_id} 第{revision}版的推送（编号{delivery_id}）与信贷市场服务平台台账的编号或回执不一致。",
        _ask("信贷市场服务平台"),
    ),
    Check(
        Difference.CONTENT_DIFFERS,
        """
        select push.need_id, push.revision, push.department_code, push.delivery_id, null::text as explained
        from other_content join delivery push using (idempotency_key)
        """,
        "{need_id} 第{revision}版在信贷市场服务平台台账中的内容摘要与所推送的（编号{delivery_id}）不一致。",
        _ask("信贷市场服务平台"),
    ),
    Check(
        Difference.LEDGER_STATE_DIFFERS,
        """
        select entry.need_id, entry.revision, push.department_code, push.delivery_id,
               case when taken_back.state in ('pending', 'unknown', 'held', 'closed') and entry.state <> 'withdrawn'
                   then case when taken_back.state in ('held', 'closed') then taken_back.state else 'in_flight' end
               end as explained
        from ledger_entry entry
        join delivered_push push using (idempotency_key)
        left join delivery taken_back on taken_back.action = 'withdrawal' and taken_back.need_id = entry.need_id
        where case entry.state
                  when 'held' then entry.superseded or taken_back.delivery_id is not null
                  when 'superseded' then not entry.superseded
                  when 'withdrawn' then taken_back.delivery_id is null
              end
        """,
        "{need_id} 第{revision}版在信贷市场服务平台台账中的状态与本系统不一致（撤回或取代）。",
        _ask("信贷市场服务平台"),
    ),
)

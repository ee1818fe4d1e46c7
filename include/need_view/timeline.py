"""Everything that happened to a need, in order of time: one query for each table that knows something about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain.states import (
    AlertEvent,
    Authority,
    Channel,
    DeliveryAction,
    DeliveryState,
    HoldEvent,
    Level,
    Outcome,
    ProgressStage,
    TicketEvent,
    Verdict,
    WithdrawalDecision,
    WithdrawalReason,
)
from include.need_view import queries
from include.need_view.coordinated import coordinated
from include.need_view.entries import Entry
from include.need_view.entries import Known as _Known
from include.need_view.escalated import escalated
from include.reference.form import field_name
from include.store.coordinators import posts as coordinator_posts
from include.store.needs import code_of
from include.store.people import called, names
from include.words.acts import ACTS
from include.words.amounts import amount
from include.words.moments import day_and_time, moment
from include.words.names import case_state, filed_value, institution, reason, rule
from include.words.quarters import quarter_label
from include.words.shown import INSIDERS, Reader
from include.words.states import word, words


def timeline(connection: sa.Connection, need_id: str, *, today: date, role: Reader) -> list[Entry]:
    """The entries of a need that this reader may see, oldest first; without personal data.

    What happened at the same moment stands in the order of the stages, and within one in the order of its records.
    """
    known = _Known(
        need_id, today, role, code_of(connection, need_id), {**coordinator_posts(connection), **names(connection)}
    )
    entries = [_bounded(entry) for tell in _TELLERS for entry in tell(connection, known)]
    return sorted((entry for entry in entries if role in INSIDERS or not entry.internal), key=lambda entry: entry.at)


def _bounded(entry: Entry) -> Entry:
    """The entry with its first lines only: a filed list may be of any length, with a line for each element."""
    more = len(entry.lines) - _MOST_LINES
    return entry if more <= 0 else replace(entry, lines=(*entry.lines[:_MOST_LINES], f"另有 {more:,} 处"))


_YEARS = range(2000, 2101)
_MOST_LINES = 100
_LATE = timedelta(hours=1)
"""An event that arrived later than this also shows when it arrived."""


def _filed(connection: sa.Connection, known: _Known) -> Iterator[Entry]:
    changes: dict[int, list[str]] = {}
    for row in connection.execute(queries.AMENDMENTS, known.parameters):
        name = field_name(row.field)
        if row.personal:
            line = f"{name}：已变更（个人信息，不显示）"
        elif row.before is None and row.after is None:
            line = f"{name}：已变更（内容已按期清除）"
        else:
            before, after = (filed_value(row.field, text, known.uscc, known.role) for text in (row.before, row.after))
            line = f"{name}：{before} → {after}"
        changes.setdefault(row.revision, []).append(line)
    for row in connection.execute(queries.VERSIONS, known.parameters):
        document = json.loads(row.document)
        review = document.get("review") if isinstance(document.get("review"), dict) else {}
        for at, title in (
            (_moment(document.get("submitted_at")), f"企业提交第 {row.revision} 版"),
            (_moment(review.get("recommended_at")), f"主管部门推荐第 {row.revision} 版"),
        ):
            if at is not None:
                yield Entry(at=at, part="填报", title=title)
        lines = changes.get(row.revision, [])
        yield Entry(
            at=row.received_at,
            part="接收",
            title=f"接收第 {row.revision} 版" + (f"，修订 {len(lines)} 处" if lines else ""),
            lines=(f"融资需求 {amount(row.financing_need)}", *lines),
        )


def _judged(connection: sa.Connection, known: _Known) -> Iterator[Entry]:
    for row in connection.execute(queries.VERDICTS, known.parameters):
        secret = row.verdict == "held"
        findings = [f"{field_name(field)}：{rule(rule_id)}" for rule_id, field in row.findings or ()]
        tone = {"passed": "good", "held": "warn", "returned": "bad"}[row.verdict]
        title = f"第 {row.revision} 版审核{word(Verdict, row.verdict)}"
        yield Entry(at=row.judged_at, part="审核", title=title, lines=() if secret else tuple(findings), tone=tone)
        if secret and findings:
            yield Entry(
                at=row.judged_at, part="审核", title="核实原因", lines=tuple(findings), tone=tone, internal=True
            )


def _held(connection: sa.Connection, known: _Known) -> Iterator[Entry]:
    for row in connection.execute(queries.HOLDS, known.parameters):
        about = f"：{rule(row.rule_id)}" if row.rule_id else ""
        yield Entry(
            at=row.at,
            part="待核实",
            title=f"第 {row.revision} 版{word(HoldEvent, row.kind)}{about}",
            lines=_decided(known, row, f"应于 {row.decide_by} 前决定" if row.kind == "opened" else ""),
            tone="warn" if row.kind in ("opened", "confirmed", "returned") else "plain",
            internal=True,
        )
    for row in connection.execute(queries.MOVED, known.parameters):
        title = f"逾期推荐，决定转入{quarter_label(row.counted_quarter)}，随该季推送"
        yield Entry(at=row.at, part="待核实", title=title)


def _signed_off(connection: sa.Connection, known: _Known) -> Iterator[Entry]:
    for row in connection.execute(queries.SIGN_OFFS, known.parameters):
        if row.actor is None:
            title = f"第 {row.revision} 版列入待签批，须 {row.persons_required} 人签批后推送"
            yield Entry(at=row.at, part="签批", title=title)
        else:
            title = f"第 {row.revision} 版获签批（同批 {row.needs} 条）"
            yield Entry(at=row.at, part="签批", title=title, lines=_decided(known, row, ""), tone="good", internal=True)


def _sent(connection: sa.Connection, known: _Known) -> Iterator[Entry]:
    for row in connection.execute(queries.DELIVERIES, known.parameters):
        what = word(DeliveryAction, row.action)
        if row.action == "progress":
            what = f"{what}：{word(ProgressStage, json.loads(row.body)['stage'])}"
        elif row.revision is not None:
            what = f"{what}（第 {row.revision} 版）"
        state = word(DeliveryState, row.state)
        attempts = tuple(
            f"{_clock(at)} 第 {number} 次：{word(Outcome, outcome)}"
            for number, (at, outcome) in enumerate(row.tries or (), 1)
        )
        receipt = (f"回执 {known.shown('receipt_no', row.receipt_no)}",) if row.receipt_no else ()
        yield Entry(
            at=row.created_at,
            part="发送",
            title=f"{what}，至{word(Channel, row.channel)}：{state}",
            lines=(*attempts, *receipt),
            tone={"delivered": "good", "held": "bad", "unknown": "warn"}.get(row.state, "plain"),
        )


def _reported(connection: sa.Connection, known: _Known) -> Iterator[Entry]:
    for row in connection.execute(queries.EVENTS, known.parameters):
        lines = []
        if row.rate is not None:
            lines.append(f"年利率 {row.rate.normalize():f}%")
        if row.term_months is not None:
            lines.append(f"期限 {row.term_months} 个月")
        if row.use_of_funds:
            lines.append(f"资金用途：{known.shown('use_of_funds', row.use_of_funds)}")
        if row.catalogue_code:
            lines.append(f"目录条目：{known.shown('catalogue_code', row.catalogue_code)}")
        if row.type in ("declined", "closed", "obstructed"):
            lines.append(f"原因：{reason(row.reason_code)}")
        if row.type == "declined" and row.reapply_from is not None:
            lines.append(f"可于 {row.reapply_from} 起再次向该机构申请")
        if row.institution_ref and known.role in INSIDERS:
            lines.append(f"机构业务编号：{known.shown('institution_ref', row.institution_ref)}")
        lines += [rule(rule_id) for rule_id in row.findings or ()]
        if row.anomaly and row.anomaly not in (row.findings or ()):
            lines.append(rule(row.anomaly))
        if row.waiting and not {"E01", "E02"} & set(row.findings or ()):
            lines.append("所涉版本、机构或类型尚不可识别，暂存，待匹配")
        if row.counted_at != row.occurred_at:
            lines.append(
                f"机构填报的时间为 {moment(row.occurred_at)}，按 {_clock(row.counted_at)} 计（收到时间，不早于推送）"
            )
        elif row.received_at - row.occurred_at > _LATE:
            lines.append(f"{_clock(row.received_at)} 收到")
        money = f" {amount(row.amount)}" if row.amount is not None else ""
        doubtful = bool(row.anomaly or row.waiting)
        bad = row.type in ("declined", "obstructed")
        yield Entry(
            at=row.counted_at,
            part="机构反馈",
            title=f"{institution(row.institution_code)}：{case_state(row.type)}{money}"
            + ("（未计入）" if doubtful else ""),
            lines=tuple(lines),
            tone="warn" if doubtful else "bad" if bad else "good" if row.amount is not None else "plain",
        )


def _limits(connection: sa.Connection, known: _Known) -> Iterator[Entry]:
    for row in connection.execute(queries.CLOCKS, known.parameters):
        path = f"{case_state(row.from_type)} → {case_state(row.to_type)}"
        late = row.stopped_on is None or row.stopped_on > row.due_on
        then = f"于 {row.stopped_on} 完成" if row.stopped_on is not None else "至今未完成"
        yield Entry(
            at=datetime.combine(row.due_on, time(23, 59, 59), SHANGHAI),
            part="时限",
            title=f"{institution(row.institution_code)}：“{path}”到期{'，逾期' if late else '，按时完成'}",
            lines=(
                f"自 {row.day0} 起算，{then}",
                *(("到期日为暂定：当年放假安排尚未公布",) if row.provisional else ()),
            ),
            tone="bad" if late else "plain",
        )


def _obstructed(connection: sa.Connection, known: _Known) -> Iterator[Entry]:
    for row in connection.execute(queries.TICKETS, known.parameters):
        lines = list(_decided(known, row, "", "note"))
        if row.kind in ("opened", "climbed", "reopened"):
            lines.insert(0, f"{word(Authority, row.authority)}牵头，{word(Level, row.level)}")
        yield Entry(
            at=row.at,
            part="梗阻",
            title=f"{institution(row.institution_code)}融资梗阻（{reason(row.reason_code)}）："
            f"{word(TicketEvent, row.kind)}",
            lines=tuple(lines),
            tone="good" if row.kind in ("resolved", "verified") else "bad" if row.kind == "overdue" else "warn",
        )


def _alerted(connection: sa.Connection, known: _Known) -> Iterator[Entry]:
    for row in connection.execute(queries.ALERTS, known.parameters):
        who = f"（{institution(row.institution_code)}）" if row.institution_code else ""
        yield Entry(
            at=row.at,
            part="警示",
            title=f"{word(AlertEvent, row.kind)}{who}：{rule(row.rule_id)}",
            lines=_decided(known, row, ""),
            tone={"opened": "bad", "repeated": "bad", "confirm_agreed": "warn", "confirmed": "bad"}.get(
                row.kind, "good"
            ),
            internal=True,
        )


def _withdrawal_asked(connection: sa.Connection, known: _Known) -> Iterator[Entry]:
    for row in connection.execute(queries.WITHDRAWALS_ASKED, known.parameters):
        said = word(WithdrawalDecision, row.decision) if row.decision else word(WithdrawalReason, row.reason_code)
        yield Entry(
            at=row.at,
            part="撤回",
            title=f"{'撤回申请' if row.decision else '申请撤回'}：{said}",
            lines=_decided(known, row, ""),
            tone="warn",
            internal=True,
        )


def _withdrawn(connection: sa.Connection, known: _Known) -> Iterator[Entry]:
    for row in connection.execute(queries.WITHDRAWALS, known.parameters):
        yield Entry(
            at=row.noticed_at,
            part="撤回",
            title=f"需求撤回：{words(WithdrawalReason).get(row.reason_code) or known.shown('catalogue_code', row.reason_code)}",
            tone="bad",
        )


def _audited(connection: sa.Connection, known: _Known) -> Iterator[Entry]:
    for row in connection.execute(queries.AUDIT, known.parameters):
        yield Entry(
            at=row.at,
            part="审计",
            title=f"第 {row.entry_id} 号审计记录：{ACTS.get(row.action, row.action)}",
            lines=_decided(known, row, ""),
            internal=True,
        )


def _reconciled(connection: sa.Connection, known: _Known) -> Iterator[Entry]:
    for row in connection.execute(queries.DIFFERENCES, known.parameters):
        yield Entry(
            at=row.found_at,
            part="对账",
            title=f"两方台账不一致：{known.shown('explanation', row.explanation)}",
            lines=(
                f"建议：{known.shown('explanation', row.suggestion)}",
                *((f"{_clock(row.closed_at)} 已消除",) if row.closed_at else ()),
            ),
            tone="warn",
        )


_TELLERS: tuple[Callable[[sa.Connection, _Known], Iterator[Entry]], ...] = (
    _filed,
    _judged,
    _held,
    _signed_off,
    _sent,
    _reported,
    _limits,
    escalated,
    _obstructed,
    coordinated,
    _alerted,
    _withdrawal_asked,
    _withdrawn,
    _reconciled,
    _audited,
)


def _decided(known: _Known, row: sa.Row[Any], also: str, field: str = "reason") -> tuple[str, ...]:
    """Who decided and why, with further details."""
    who = "系统" if row.role == "system" else called(known.names, row.actor)
    return tuple(line for line in (also, f"{who}：{known.shown(field, row.reason)}" if row.reason else "") if line)


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    # At the ends of the calendar, the moment exists in no other zone.
    if found.year not in _YEARS:
        return None
    return found.replace(tzinfo=SHANGHAI) if found.tzinfo is None else found


def _clock(at: datetime | str) -> str:
    return day_and_time(datetime.fromisoformat(at) if isinstance(at, str) else at)

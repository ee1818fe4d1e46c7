"""Evidence (依据) of an alert: what the enterprise filed, and what institutions reported or the register says.

In the shapes of `include.quarantine.evidence`, which tells the rules of the gate. Computed when a page opens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.domain.states import FeedbackType
from include.quarantine.evidence import Evidence, Facts, Link, evidence, facts_of, has_evidence
from include.reference import rules
from include.reference.classifications import catalogue_names
from include.reference.day import Day
from include.reference.form import field_name
from include.register.in_use import RegisterRow
from include.register.snapshots import REMOVED_RULE, snapshot_in_use
from include.words.alerts import EVENT, LIMITS, SUMMED, SUMS
from include.words.amounts import exact_amount
from include.words.filed import filed_in_words, named
from include.words.moments import moment
from include.words.names import institution
from include.words.shown import Reader, shown
from include.words.states import word

# Whose evidence is the register of today, not that of the verdict.
_BY_REGISTER = {REMOVED_RULE, "DQ41", "G08b"}
_FILED: Mapping[str, tuple[str, ...]] = {
    "G03a": ("finance.financing_need",),
    "G03b": ("finance.financing_need",),
    "G03c": ("finance.financing_need",),
    "G04": ("project.catalogue_code",),
    "G08b": ("enterprise.uscc",),
    "G09a": ("finance.use_of_funds", "project.name"),
    "G09b": ("finance.use_of_funds",),
    "G17": ("project.catalogue_code",),
}
"""What of the filing an institution's report is held against, by rule."""
_SUMMED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "G02a": ("contracted", ("finance.financing_need",)),
    "G02b": ("approved", ("finance.total_investment", "finance.own_capital")),
    "G18": ("drawn", ("finance.total_investment",)),
}
"""Which sum over the institutions is held against what of the filing."""

_EVENTS = sa.text(
    """
    select event_id, institution_code, type, counted_at, amount, use_of_funds, catalogue_code, green_label
    from counted_feedback where event_id = any(:event_ids) order by counted_at, sequence, event_id
    """
)
_SUMS = sa.text(
    "select institution_code, approved, contracted, drawn from matching_case where need_id = :need_id order by institution_code"
)
_REGISTER = sa.text(
    """
    select uscc, name, aliases, level, batch, department_code, listed_on, removed_on from listed_factory
    where content_sha256 = :content_sha256 and uscc = :uscc order by listed_on
    """
)


def reported(connection: sa.Connection, alerts: Sequence[sa.Row[Any]], reader: Reader) -> Mapping[int, tuple[str, ...]]:
    """For a list: alert_id → its present grounds in words, an institution's report with what it said."""
    named_ = {ground.removeprefix(EVENT) for one in alerts for ground in one.grounds if ground.startswith(EVENT)}
    events = {row.event_id: row for row in connection.execute(_EVENTS, {"event_ids": sorted(named_)})}

    def ground_of(one: sa.Row[Any], ground: str) -> str:
        if one.rule_id in SUMS:
            name = _SUMMED[one.rule_id][0]
            return f"{SUMMED[name]}合计 {exact_amount(getattr(one, name))}"
        event = events.get(ground.removeprefix(EVENT)) if ground.startswith(EVENT) else None
        if event is None:
            return shown("ground", ground, one.uscc, reader)
        return f"{_heading(event)}：{_said(event, one.uscc, reader)}"

    return {one.alert_id: tuple(ground_of(one, ground) for ground in one.grounds) for one in alerts}


def evidence_of_alert(connection: sa.Connection, one: sa.Row[Any], *, day: Day, reader: Reader) -> tuple[Evidence, ...]:
    """Both sides of an alert (a row of `include.alerts.view`); empty if the need is not for this reader's eyes."""
    facts = facts_of(connection, one.need_id, None, day=day, reader=reader)
    if facts is None:
        return ()
    if one.rule_id in _BY_REGISTER:
        facts = _by_todays_register(connection, facts, day)
    if one.rule_id in SUMS:
        return (_sums(connection, one, facts),)
    if one.rule_id == "G16":
        return tuple(_without_report(one, ground, facts) for ground in one.grounds)
    if one.rule_id == REMOVED_RULE:
        return (_membership(facts, REMOVED_RULE),)
    if has_evidence(one.rule_id):
        return _of_the_filing(one.rule_id, facts)
    found = _reports(connection, one, facts)
    return (*found, _membership(facts, one.rule_id)) if one.rule_id in _BY_REGISTER else found


def _of_the_filing(rule_id: str, facts: Facts) -> tuple[Evidence, ...]:
    """By the gate's rules, on the field on which the rule fires; of several fields those with another side."""
    fields = rules()[rule_id].field.split(";")
    found = [one for field in fields for one in evidence(rule_id, field, facts)]
    return tuple([one for one in found if one.links] or found)


def _reports(connection: sa.Connection, one: sa.Row[Any], facts: Facts) -> tuple[Evidence, ...]:
    event_ids = [ground.removeprefix(EVENT) for ground in one.grounds]
    events = connection.execute(_EVENTS, {"event_ids": event_ids}).all()
    filed = "；".join(
        f"{field_name(path)} {_filed(facts, path)}" for path in _FILED.get(one.rule_id, ("finance.financing_need",))
    )
    limit = LIMITS.get(one.rule_id, "")
    if one.rule_id in ("G03a", "G03b", "G03c"):
        limit += (
            f"（该机构累计授信 {exact_amount(one.approved)}、签约 {exact_amount(one.contracted)}、"
            f"放款 {exact_amount(one.drawn)}）"
        )
    told = [
        Evidence(label=_heading(event), filed=filed, compared=_said(event, facts.uscc, facts.reader), limit=limit)
        for event in events
    ]
    known = {event.event_id for event in events}
    return (
        *told,
        *(
            Evidence(
                label="机构反馈", filed=filed, compared=shown("ground", ground, facts.uscc, facts.reader), limit=limit
            )
            for ground in one.grounds
            if ground.removeprefix(EVENT) not in known
        ),
    )


def _sums(connection: sa.Connection, one: sa.Row[Any], facts: Facts) -> Evidence:
    name, paths = _SUMMED[one.rule_id]
    cases = [row for row in connection.execute(_SUMS, {"need_id": one.need_id}) if getattr(row, name)]
    parts = "、".join(f"{institution(row.institution_code)} {exact_amount(getattr(row, name))}" for row in cases)
    total = sum((getattr(row, name) for row in cases), Decimal(0))
    return Evidence(
        label=f"{SUMMED[name]}合计",
        filed="；".join(f"{field_name(path)} {_filed(facts, path)}" for path in paths),
        compared=f"{parts or '各机构目前没有金额'}；合计 {exact_amount(total)}",
        limit=LIMITS[one.rule_id],
    )


def _without_report(one: sa.Row[Any], ground: str, facts: Facts) -> Evidence:
    code, _, quarter = ground.partition(" ")
    return Evidence(
        label=f"{institution(code)} {shown('ground', quarter, facts.uscc, facts.reader)}",
        filed=f"{field_name('finance.use_of_funds')} {_filed(facts, 'finance.use_of_funds')}",
        compared=f"累计放款 {exact_amount(one.drawn)}（全部机构），该季度没有贷后反馈",
        limit=LIMITS["G16"],
    )


def _membership(facts: Facts, rule_id: str) -> Evidence:
    """The enterprise's rows in the register of today."""
    rows = "；".join(
        f"{shown('enterprise.name', row.name, facts.uscc, 'public')} {row.listed_on} 列入"
        + (f"，{row.removed_on} 移出" if row.removed_on else "，在册")
        for row in facts.register
    )
    return Evidence(
        label="绿色工厂名单",
        filed=f"{field_name('enterprise.name')} {_filed(facts, 'enterprise.name')}",
        compared=f"{facts.register_as_of} 的名单：{rows or '没有该企业'}" if facts.register_as_of else "没有可用的名单",
        limit=LIMITS[rule_id],
        links=(Link("enterprise", facts.uscc, "该企业的全部需求"),) if facts.uscc else (),
    )


def _by_todays_register(connection: sa.Connection, facts: Facts, day: Day) -> Facts:
    snapshot = snapshot_in_use(connection, day.today)
    found = (
        ()
        if snapshot is None
        else [
            RegisterRow(**row)
            for row in connection.execute(
                _REGISTER, {"content_sha256": snapshot.content_sha256, "uscc": facts.uscc}
            ).mappings()
        ]
    )
    as_of = None if snapshot is None else snapshot.as_of
    return replace(facts, register=found, register_as_of=as_of, judged_on=day.today)


# --- Words --------------------------------------------------------------------------------------------------------------


def _heading(event: sa.Row[Any]) -> str:
    return f"{institution(event.institution_code)} {word(FeedbackType, event.type)} {moment(event.counted_at)}"


def _said(event: sa.Row[Any], uscc: str | None, reader: Reader) -> str:
    """What an institution reported, as this reader may see it."""
    parts = [f"金额 {exact_amount(event.amount)}"] if event.amount is not None else []
    if event.use_of_funds is not None:
        parts.append(f"用途 {shown('use_of_funds', event.use_of_funds, uscc, reader) or '（空）'}")
    elif event.type == FeedbackType.DRAWN:
        parts.append("未写明用途")
    if event.catalogue_code is not None:
        code = shown("catalogue_code", event.catalogue_code, uscc, reader)
        parts.append(f"认定条目 {named(code, catalogue_names().get(event.catalogue_code))}")
    if event.green_label is not None:
        parts.append(f"绿色标识 {'是' if event.green_label else '否'}")
    return "；".join(parts) or "未附金额和说明"


def _filed(facts: Facts, path: str) -> str:
    here: Any = facts.document
    for step in path.split("."):
        here = here.get(step) if isinstance(here, Mapping) else None
    return filed_in_words(path, here, facts.uscc, facts.reader)

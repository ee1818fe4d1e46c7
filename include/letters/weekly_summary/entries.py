"""The entries of a weekly summary's lists: one need or obstruction each, with its reason and what may help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from include.base.business_time import SHANGHAI
from include.domain.states import Authority, Level, WithdrawalReason
from include.letters.composing import console_link, need_link
from include.letters.open_returns import OpenReturn
from include.letters.weekly_summary.figures import Obstruction, Repair, Withdrawn
from include.letters.weekly_summary.open_matters import OutOfReach, TurnedDown
from include.letters.weekly_summary.reoffers import Reoffer
from include.reference import reason_codes
from include.words.amounts import amount
from include.words.moments import table_day
from include.words.names import institution, reason, rule_text
from include.words.shown import shown
from include.words.states import word

_REASONS_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of a list: its subject, the detail below it, and the text at its right."""

    title: str
    detail: str
    link: str
    right: str = ""
    urgent: bool = False


def returned(one: OpenReturn, today: date, console_url: str) -> Entry:
    """A return, with why the need was sent back."""
    late = one.respond_by < today
    told = [rule_text(rule_id).rstrip("。") for rule_id in one.rule_ids[:_REASONS_NAMED]]
    more = f"等 {len(one.rule_ids)} 处" if len(one.rule_ids) > _REASONS_NAMED else ""
    why = f"；退回原因：{'；'.join(told)}{more}" if told else ""
    return Entry(
        title=_name(shown("enterprise.name", one.enterprise_name, one.uscc, "mail"), one.is_major),
        detail=f"{one.need_id}{why}",
        link=need_link(console_url, one.need_id),
        right=f"{table_day(one.respond_by)} 前答复" + ("，已逾期" if late else ""),
        urgent=late,
    )


def obstructed(one: Obstruction, console_url: str) -> Entry:
    """A cause that coordinators work on."""
    at_nation = one.level == Level.NATION
    level = "已提请国家级" if at_nation else word(Level, one.level)
    lead = f"{level}，{word(Authority, one.lead)}牵头"
    return Entry(
        title=_name(one.company, one.is_major),
        detail=f"{one.need_id}；{reason_codes()[one.reason_code].name}；{'、'.join(one.institutions)}；{lead}",
        link=console_link(console_url, f"obstructions/{one.ticket_id}"),
        right=f"{one.working_days} 个工作日",
        urgent=at_nation,
    )


def withdrawn(one: Withdrawn, console_url: str) -> Entry:
    """A need that we withdrew, and why."""
    return Entry(
        title=_name(one.company, one.is_major),
        detail=f"{one.need_id}；{word(WithdrawalReason, one.reason_code)}",
        link=need_link(console_url, one.need_id),
        right=f"{table_day(one.at.astimezone(SHANGHAI).date())} 撤回",
    )


def repairable(one: Repair, console_url: str) -> Entry:
    """A refusal whose cause can be removed."""
    cause = reason_codes()[one.reason_code]
    return Entry(
        title=_name(one.company, one.is_major),
        detail=f"{one.need_id}；{'、'.join(one.institutions)}：{cause.name}。参考处置：{cause.remedy}",
        link=need_link(console_url, one.need_id),
    )


def turned_down(one: TurnedDown, others: Mapping[str, Reoffer], console_url: str) -> Entry:
    """A need that institutions refused: each reason, what may be repaired, and institutions that were not asked."""
    causes: dict[str | None, list[str]] = {}
    for code, cause in one.refusals:
        causes.setdefault(cause, []).append(institution(code))
    told = "；".join(f"{'、'.join(names)}：{reason(cause)}" for cause, names in causes.items())
    remedies = [
        known.remedy
        for cause in causes
        if (known := reason_codes().get(cause or "")) is not None and known.repairable != "no"
    ]
    help_ = f"。参考处置：{''.join(remedies)}" if remedies else "。"
    offer = others.get(one.need_id)
    names = "、".join(institution(suggestion.institution_code) for suggestion in offer.suggestions) if offer else ""
    return Entry(
        title=f"{_name(one.company, one.is_major)}，{amount(one.amount)}",
        detail=f"{one.need_id}；{told}{help_}" + (f"尚未对接过的机构：{names}" if names else ""),
        link=need_link(console_url, one.need_id),
        right=f"{len(one.refusals)} 家机构" if len(one.refusals) > 1 else "",
    )


def out_of_reach(one: OutOfReach, console_url: str) -> Entry:
    """A need whose enterprise nobody reaches."""
    return Entry(
        title=_name(one.company, one.is_major),
        detail=one.need_id,
        link=need_link(console_url, one.need_id),
        right=f"自 {table_day(one.since)}",
    )


def causes_of(found: Sequence[TurnedDown]) -> list[str]:
    """The reason codes of all refusals, each once."""
    return list(dict.fromkeys(cause for one in found for _, cause in one.refusals if cause))


def _name(company: str, is_major: bool) -> str:
    return ("［重大］" if is_major else "") + company

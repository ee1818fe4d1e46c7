"""The letter (函件参考) about an obstruction, to the one who can remove its cause; it says nothing about the credit decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from include.reference import Playbook, ReasonCode
from include.words.moments import long_day
from include.words.names import OFFICES
from include.words.support import support_names

_NO_SENDER = "（发函单位）"


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFacts:
    """What a letter is about. `company`: masked as needed; `banks`: names of all that reported the cause.

    `answer_by`: due day of the ticket; `today`: the day of the letter; `sender`: the office that signs it, empty if
    nobody is on duty.
    """

    need_id: str
    company: str
    banks: Sequence[str]
    answer_by: date | None
    today: date
    sender: str


def letter(playbook: Playbook, reason: ReasonCode, facts: LetterFacts) -> str:
    """The text, with the support tools in force on its day, signature and date. A due day in the past is no deadline."""
    names = "、".join(facts.banks)
    to = {**OFFICES, "enterprise": facts.company, "bank": names}[playbook.addressee]
    you = "你行" if playbook.addressee == "bank" else "你单位"
    reported_by = you if playbook.addressee == "bank" else names
    whose = you if playbook.addressee == "enterprise" else facts.company
    return (
        f"{to}：\n"
        f"{reported_by}反馈，{whose}的绿色工厂融资需求（编号 {facts.need_id}）在对接中遇到“{reason.name}”。"
        f"为协调解决，请{you}{playbook.request}{_until(facts)}。\n"
        f"{_support(reason, facts.today)}"
        f"“{playbook.evidence}”备齐后，由银行按照市场化、法治化原则自主评估；仍有困难的，请告知具体原因。\n"
        f"\n{facts.sender or _NO_SENDER}\n{long_day(facts.today)}"
    )


def _until(facts: LetterFacts) -> str:
    if facts.answer_by is None:
        return ""
    if facts.answer_by < facts.today:
        return "，并尽快告知进展"
    return f"，并于{long_day(facts.answer_by)}前告知进展"


def _support(reason: ReasonCode, today: date) -> str:
    tools = support_names([reason.code], today)
    return f"现有支持政策：{'、'.join(tools)}；是否适用由主管单位认定。\n" if tools else ""

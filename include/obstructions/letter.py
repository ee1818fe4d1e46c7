"""The letter (函件参考) about an obstruction, to the one who can remove its cause; it says nothing about the credit decision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from include.reference import Playbook, ReasonCode
from include.words.moments import long_day
from include.words.names import OFFICES


def letter(
    playbook: Playbook, reason: ReasonCode, *, need_id: str, company: str, banks: Sequence[str], answer_by: date | None
) -> str:
    """The text. `company`: masked as needed; `banks`: names of all that reported the cause; `answer_by`: due day of the
    ticket."""
    names = "、".join(banks)
    to = {**OFFICES, "enterprise": company, "bank": names}[playbook.addressee]
    you = "你行" if playbook.addressee == "bank" else "你单位"
    reported_by = you if playbook.addressee == "bank" else names
    whose = you if playbook.addressee == "enterprise" else company
    until = f"，并于{long_day(answer_by)}前告知进展" if answer_by else ""
    return (
        f"{to}：\n"
        f"{reported_by}反馈，{whose}的绿色工厂融资需求（编号 {need_id}）在对接中遇到“{reason.name}”。"
        f"为协调解决，请{you}{playbook.request}{until}。\n"
        f"“{playbook.evidence}”备齐后，由银行按照市场化、法治化原则自主评估；仍有困难的，请告知具体原因。"
    )

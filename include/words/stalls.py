"""Words for breaches: what one is called, and what a coordinator is asked to do about an obstruction."""

from __future__ import annotations

from collections.abc import Mapping

from include.domain.escalation import Breach
from include.domain.ladder import Rung
from include.domain.states import Authority, BreachKind, Level, Stall
from include.reference import ReasonCode, reason_codes, rules
from include.words.states import word, words

_LIMITS: Mapping[str, str] = {
    "pushed-received": "推送后机构尚未接收",
    "received-contacted": "机构接收后尚未联系企业",
    "contacted-visited": "机构联系后尚未走访或尽调",
    "visited-accepted": "机构走访后尚未决定是否受理",
    "received-credit_approved": "机构首次反馈后尚无审批结论",
    "credit_approved-contracted": "授信后尚未签约",
    "contracted-drawn": "签约后尚无放款反馈",
    "drawn-post_loan": "放款后尚未按季反馈资金使用情况",
}


def why(breach: Breach, reason_code: str | None = None) -> str:
    """A breach in words a coordinator understands."""
    if breach.kind is BreachKind.ALERT:
        return f"警示：{rules()[breach.rule_id].message}"
    if breach.kind is BreachKind.CONFIRMATION:
        return f"融资梗阻已办结，机构尚未确认：{_reason(reason_code).name}"
    if breach.kind is BreachKind.OBSTRUCTION:
        return f"机构报告融资梗阻：{_reason(reason_code).name}"
    if breach.kind is BreachKind.LIMIT:
        return _LIMITS[breach.about[0]]
    return words(Stall)[breach.rule_id]


def asked(reason_code: str | None) -> str:
    """What a coordinator is asked to do about an obstruction: to look into it and to help, never to have a need financed."""
    cause = _reason(reason_code)
    lead = f"（{word(Authority, cause.owner)}牵头）" if cause.owner in words(Authority) else ""
    return f"受理并协调{lead}。参考处置：{cause.remedy}"


def rung_label(rung: Rung) -> str:
    """A rung as the next stop of an item, e.g. 省级（人民银行）."""
    who = "和".join(word(Authority, authority) for authority in rung.authorities)
    return f"{word(Level, rung.level)}（{who}）"


def _reason(code: str | None) -> ReasonCode:
    return reason_codes().get(code or "R99") or reason_codes()["R99"]

"""Words for breaches: what one is called, its due day, and what a coordinator is asked to do."""

from __future__ import annotations

from collections.abc import Mapping

from include.domain.escalation import Breach
from include.domain.ladder import Rung
from include.domain.states import Authority, BreachKind, Level, Stall
from include.reference import ReasonCode, reason_codes, rules
from include.words.states import word, words

TRIGGERED = "触发日期"
"""What the due day of a breach is called that is no end of a limit, but the day on which something had happened too often."""

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
_ASKED: Mapping[str, str] = {
    Stall.S01: "了解未推进的原因，协调解决；机构决定不予支持的，请其如实反馈原因。",
    Stall.S02: "了解对接是否仍在进行，提醒机构更新反馈；已经终止的，请其反馈结果和原因。",
    Stall.S03: "了解各机构的考虑，指导企业补充材料或调整融资方案；是否另行对接，由企业和机构自主决定。",
    Stall.S05: "核实企业的联系渠道，请企业在平台更新联系方式并主动联系机构。",
    Stall.S06: "了解辖内机构是否已收到推送，组织初步对接。",
    Stall.S07: "提醒企业按退回意见修改后重新推荐；不再申报的，请在平台撤回。",
    Stall.S08: "督促审核人员作出决定。",
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


def due_label(breach: Breach) -> str:
    """What the due day of a breach is called."""
    if breach.kind in (BreachKind.OBSTRUCTION, BreachKind.CONFIRMATION):
        return "办理时限"
    triggered = (BreachKind.TURNED_DOWN, BreachKind.NO_CONTACT, BreachKind.ALERT)
    return TRIGGERED if breach.kind in triggered else "约定时限"


def asked(breach: Breach, reason_code: str | None = None) -> str:
    """What a coordinator is asked to do: to look into it and to help, never to have a need financed."""
    if breach.rule_id == Stall.OBSTRUCTION:
        cause = _reason(reason_code)
        lead = f"（{word(Authority, cause.owner)}牵头）" if cause.owner in words(Authority) else ""
        return f"受理并协调{lead}。参考处置：{cause.remedy}"
    if breach.kind is BreachKind.ALERT:
        return f"{rules()[breach.rule_id].how_to_fix}核实后由审核人员在系统中排除或确认。"
    return _ASKED[breach.rule_id]


def rung_label(rung: Rung) -> str:
    """A rung as the next stop of an item, e.g. 省级（人民银行）."""
    who = "和".join(word(Authority, authority) for authority in rung.authorities)
    return f"{word(Level, rung.level)}（{who}）"


def _reason(code: str | None) -> ReasonCode:
    return reason_codes().get(code or "R99") or reason_codes()["R99"]

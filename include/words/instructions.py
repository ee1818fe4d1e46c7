"""What a coordinator is asked to do about an overdue item: one concrete step for each state of a case."""

from __future__ import annotations

from collections.abc import Mapping

from include.domain.states import CaseState, Stall

_STEPS: Mapping[str, tuple[str, str]] = {
    CaseState.PUSHED: (
        "机构尚未接收的",
        "联系机构当地分支行，确认推送是否收到、由哪家网点承办，请其在平台反馈接收；不承接的，反馈原因",
    ),
    CaseState.RECEIVED: (
        "已接收、尚无进展的",
        "请机构指定客户经理，约定联系企业的日期；联系不上企业的，请其反馈，由工信部门核实联系方式",
    ),
    CaseState.CONTACTED: (
        "已联系、尚未走访的",
        "请机构与企业约定走访或尽职调查的日期；材料不齐的，请其一次性告知缺件清单",
    ),
    CaseState.VISITED: (
        "已走访、尚未决定受理的",
        "请机构反馈是否受理；需要补充材料的，一次性告知企业",
    ),
    CaseState.ACCEPTED: (
        "已受理、尚无审批结论的",
        "了解审批到了哪一步、预计何时有结论；卡在材料或手续上的，协调企业补齐",
    ),
    CaseState.CREDIT_APPROVED: (
        "已授信、尚未签约的",
        "了解未签约的原因（担保、价格、期限等），协调双方约定签约日期",
    ),
    CaseState.CONTRACTED: (
        "已签约、尚未放款的",
        "了解未放款的原因，协调企业落实放款条件（资本金、抵押登记等）",
    ),
    CaseState.DRAWN: (
        "已放款、未按季反馈的",
        "请机构在平台补报本季度资金使用情况",
    ),
}
_OF_NEEDS: Mapping[str, tuple[str, str, str]] = {
    Stall.S06: (
        "尚无机构反馈的需求",
        "推送后尚无任何机构反馈的",
        "组织辖内机构初步对接，明确有无机构有意向；均无意向的，请反馈原因",
    ),
    Stall.S07: (
        "退回补正逾期",
        "退回补正逾期的",
        "提醒企业按退回意见修改后重新推荐；不再申报的，请在平台撤回",
    ),
    Stall.S08: (
        "待核实逾期未决定",
        "待核实逾期未决定的",
        "督促审核人员尽快作出决定",
    ),
}
_OTHERWISE = ("其他", "了解对接进展，请机构在平台更新反馈；已经终止的，反馈结果和原因")

CONFIRM = "联系机构核实梗阻是否已经解除，请其在平台确认；仍未解除的，重新协调"
"""For an obstruction that was resolved, and whose institution is silent."""

VERIFY = "核实警示所列情况，并将结果告知审核人员，由其排除或确认；核实期间该笔金额不计入统计"
"""For an open alert."""


def instruction(state: str, rule_id: str = "") -> tuple[str, str]:
    """Which items it is about, and the step. `state`: of the case, empty for a need as a whole; then `rule_id` tells."""
    if state:
        return _STEPS.get(state, _OTHERWISE)
    return _OF_NEEDS.get(rule_id, _OF_NEEDS[Stall.S06])[1:]


def matter(rule_id: str) -> str:
    """What needs without an institution have in common, as a heading."""
    return _OF_NEEDS.get(rule_id, _OF_NEEDS[Stall.S06])[0]

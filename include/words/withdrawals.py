"""What institutions, department and branch are told of a need that we withdrew."""

from __future__ import annotations

from collections.abc import Mapping

from include.domain.states import WithdrawalDecision, WithdrawalReason

NOTES: Mapping[str, str] = {
    WithdrawalReason.DUPLICATE_PROJECT: "经核实与其他需求属同一项目，本条已撤回，请停止办理。",
    WithdrawalReason.FALSE_INFORMATION: "经核实填报信息不实，本条已撤回，请停止办理；已授信或放款的，请自行评估风险。",
}
"""By reason; sent to the credit-market platform as the note of the withdrawal."""

WHO_HEARS = (
    "信贷市场服务平台（附原因，各机构停止办理）",
    "绿色平台（对接进度改为“已撤回”，企业和主管部门可见）",
    "主管部门和人民银行分行（列入督办邮件和主管部门周报）",
)
"""Where a confirmed withdrawal of a pushed need arrives."""
EFFECTS = (
    "未送出的推送不再送出；已推送的，向信贷市场服务平台发送撤回通知。",
    "各机构的时限停止督办，不再计入逾期督办和通报的在办数；之后到达的反馈照常保存、可查。",
    "待核实记录随之关闭；警示仍须处理，所涉金额在处理前不计入通报。",
    "撤回后不能恢复；确需继续的，由主管部门以新需求推荐。",
)
"""What a withdrawal does."""
FALSE_INFORMATION_LATER = "以“信息虚假”撤回的，该企业此后填报的需求将转人工核实（G14）。"

DECIDED: Mapping[str, str] = {
    WithdrawalDecision.CONFIRMED: "已确认撤回 {need_id}：已送出的推送由发件箱发出撤回通知，未送出的不再送出。",
    WithdrawalDecision.REJECTED: "已记录不同意撤回 {need_id}，需求照常办理。",
    WithdrawalDecision.TAKEN_BACK: "已收回对 {need_id} 的撤回申请，需求照常办理。",
}
"""What is said after the act."""

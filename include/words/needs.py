"""Words about a need that stand for no stored state: lines of a summary, what sign-off demands."""

from __future__ import annotations

from collections.abc import Mapping

WEEKLY_STAGES: Mapping[str, str] = {
    "recommended": "已推荐",
    "passed": "审核通过",
    "returned": "退回待补正",
    "held": "核实中",
    "pushed": "已推送",
    "contacted": "机构已联系",
    "approved": "已授信",
    "drawn": "已放款",
    "unmet": "未对接成功",
}
"""The lines of a weekly summary, in their order."""

APPROVAL_DEMANDED: Mapping[str, str] = {
    "none": "目前不要求签批：审核通过即推送；此前已列入的仍须签批。",
    "one": "须由一位审批人签批后推送。",
    "two": "须由两位不同的审批人签批后推送。",
}
"""By policy push_approval."""

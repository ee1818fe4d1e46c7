"""Words of evidence (依据): what a head field should be, and what became of another need."""

from __future__ import annotations

from collections.abc import Mapping

HEAD_FIELDS: Mapping[str, str] = {
    "need_id": "应为 FN 加 12 位数字",
    "revision": "应为不小于 1 的整数",
    "form_version": "应为系统支持的表单版本",
    "quarter": "应为“年份+Q+1至4”，例如 2026Q3",
    "is_major": "应为“是”或“否”",
    "department_code": "应为 37 个主管部门之一",
    "submitted_at": "应为带时区的时间，且不晚于审核时间",
    "updated_at": "应为带时区的时间，不早于提交时间，且不晚于审核时间",
    "review.recommended_at": "应为带时区的时间，不早于提交时间，且不晚于审核时间",
}
"""What DQ01 asks of the fields of the head."""

STANDINGS: Mapping[str, str] = {"withdrawn": "此后已撤回", "returned": "此后已退回"}
"""What became of another need since."""

SHARED: Mapping[str, str] = {
    "project.content": "建设内容",
    "benefit": "节能量、减碳量和改造前能耗",
    "enterprise.contact.mobile": "联系电话",
}
"""What enterprises share, by the field of the finding (G13)."""

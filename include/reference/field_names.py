"""What a reader calls a field of the form: 融资方式 第2项 金额 for `finance.methods[1].amount`."""

from __future__ import annotations

import re

from include.domain.amendment import OTHER
from include.reference import field_labels

_GROUPS = {
    "enterprise": "企业信息",
    "enterprise.contact": "联系人信息",
    "project": "项目信息",
    "project.permits": "审批手续",
    "finance": "融资信息",
    "finance.methods": "融资方式",
    "finance.collateral": "增信方式",
    "finance.intended_institutions": "意向金融机构",
    "finance.existing_financing": "已获融资",
    "benefit": "环境效益",
    "review": "审核信息",
    "attachments": "附件",
    OTHER: "表单以外的内容",
}
_ELEMENT = re.compile(r"(?P<list>[^\[]+)\[(?P<index>[0-9]+)\](?P<rest>.*)")


def field_name(path: str) -> str:
    """The Chinese name of the concrete path of a field, object, list or list element; the path itself if there is none."""
    if element := _ELEMENT.fullmatch(path):
        group = _GROUPS.get(element["list"], element["list"])
        label = field_labels().get(f"{element['list']}[]{element['rest']}", "").removeprefix(group)
        return f"{group} 第{int(element['index']) + 1}项 {label}".rstrip()
    name = _GROUPS.get(path) or field_labels().get(path, path)
    return f"{_GROUPS['project.permits']}：{name}" if path.startswith("project.permits.") else name

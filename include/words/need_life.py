"""What stored codes are called in the life of a need."""

from __future__ import annotations

import json
from decimal import Decimal

from include.reference import enum_labels, institutions, reason_codes, rules
from include.words.shown import Reader, shown

VERDICTS = {"passed": "审核通过", "held": "审核挂起，待人工核实", "returned": "审核退回补正"}
HOLD_EVENTS = {
    "opened": "进入隔离区",
    "approved": "一人同意放行",
    "confirmed": "确认问题",
    "released": "放行",
    "returned": "退回",
    "expired": "关闭",
}
ALERT_EVENTS = {
    "opened": "警示",
    "repeated": "警示追加依据",
    "clear_agreed": "一人同意排除警示",
    "confirm_agreed": "一人同意确认警示",
    "cleared": "警示已排除",
    "confirmed": "警示已确认",
    "closed": "警示已不成立",
}
TICKET_EVENTS = {
    "opened": "登记",
    "climbed": "升级",
    "overdue": "国家级逾期",
    "verified": "结束",
    "reopened": "重新打开",
    "acknowledged": "接单",
    "in_progress": "开始办理",
    "resolved": "已办结，待机构确认",
    "unresolvable": "无法解决",
}
AUTHORITIES = {"MIIT": "工信部门", "PBOC": "人民银行"}
LEVELS = {"city": "地市级", "province": "省级", "nation": "国家级"}
STALLS = {
    "S01": "对接环节超过约定时限",
    "S02": "对接长时间没有新的反馈",
    "S03": "多家机构不予支持或结案，尚无机构授信",
    "S04": "推送后平台未答复",
    "S05": "机构多次反馈无法联系企业",
    "S06": "推送后尚无任何机构反馈",
    "S07": "退回补正逾期未答复",
    "S08": "挂起的需求逾期未决定",
    "OBSTRUCTION": "融资梗阻",
}
AUDITED = {
    "agree_alert_cleared": "同意排除警示",
    "agree_alert_confirmed": "同意确认警示",
    "alert_cleared": "排除警示",
    "alert_confirmed": "确认警示",
    "withdraw_needs": "撤回需求",
    "sign_off_pushes": "签批推送",
    "rerun_deliveries": "重新发送",
    "cancel_rerun": "取消重新发送",
    "close_deliveries": "关闭未送达的内容",
    "purge_personal_data": "按期清除个人信息",
    "erase_personal_data": "应请求删除个人信息",
    "obstruction_acknowledged": "梗阻接单",
    "obstruction_in_progress": "梗阻开始办理",
    "obstruction_resolved": "梗阻办结",
    "obstruction_unresolvable": "梗阻无法解决",
}
ACTIONS = {
    "push": "推送需求",
    "withdrawal": "撤回推送",
    "return": "退回意见",
    "progress": "对接进度",
    "obstruction_update": "梗阻处置进展",
    "mail": "邮件",
}
CHANNELS = {"market": "信贷市场服务平台", "green_platform": "绿色平台", "mail": "邮件"}
DELIVERY_STATES = {
    "pending": "待发送",
    "unknown": "结果待查证",
    "delivered": "已送达",
    "superseded": "已被新内容取代或不再发送",
    "held": "发送失败，待人工处理",
    "closed": "人工关闭",
}
OUTCOMES = {
    "accepted": "对方已接收",
    "duplicate": "对方此前已接收",
    "deferred": "对方要求稍后再发",
    "stale": "对方已有更新版本",
    "rejected": "对方拒收",
    "conflict": "与对方已有内容冲突",
    "found": "查证：对方已收到",
    "not_found": "查证：对方未收到",
    "refused": "对方不接受",
    "lost": "未得到答复，待查证",
    "busy": "对方繁忙",
    "unavailable": "对方不可用",
    "not_sent": "未能发出",
    "started": "开始发送",
    "key_reused": "同一幂等键以不同内容再次入列，本系统已拒绝",
    "newer_revision": "已有更高版本，不再发送",
    "withdrawn": "需求已撤回，不再发送",
}


def state(code: str) -> str:
    """A state of the case path."""
    known = enum_labels("feedback.type").get(code)
    return "已推送" if code == "pushed" else known or shown("institution_code", code, None, "public")


def stage(code: str | None) -> str:
    """A stage of the progress that factories see."""
    return enum_labels("progress.stage").get(code, code) if code else "尚未推送"


def institution(code: str) -> str:
    """An institution by its name."""
    return institutions()[code].name if code in institutions() else shown("institution_code", code, None, "public")


def rule(rule_id: str) -> str:
    """A rule with its sentence."""
    return f"{rule_id} {rules()[rule_id].message}" if rule_id in rules() else rule_id


def reason(code: str | None) -> str:
    """A reason code of an institution."""
    known = reason_codes().get(code or "")
    return known.name if known else "其他"


def amount(value: Decimal | None) -> str:
    """万元 with two decimals."""
    return "—" if value is None else f"{value:,.2f} 万元"


def value(field: str, text: str | None, uscc: str | None, role: Reader) -> str:
    """A value of the form (JSON text) as this reader may see it."""
    if text is None:
        return "（无）"
    return shown(field, json.loads(text, parse_float=Decimal), uscc, role) or "（空）"

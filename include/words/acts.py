"""What the acts of the audit trail (审计) and of a page's history are called."""

from __future__ import annotations

from collections.abc import Mapping

from include.domain.audited import Action

ACTS: Mapping[str, str] = {
    Action.ACCEPT_AUDIT_HISTORY: "接受既有审计记录",
    Action.ACKNOWLEDGE_BREACH: "接办停滞事项",
    Action.AGREE_ALERT_CLEARED: "同意排除警示",
    Action.AGREE_ALERT_CONFIRMED: "同意确认警示",
    Action.ALERT_CLEARED: "排除警示",
    Action.ALERT_CONFIRMED: "确认警示",
    Action.APPROVE_EXTENSION: "批准延期",
    Action.APPROVE_HOLD_RELEASE: "同意放行挂起",
    Action.CANCEL_RERUN: "取消重新发送",
    Action.CLOSE_DELIVERIES: "关闭未送达的内容",
    Action.CLOSE_INTAKE: "完成接收审核",
    Action.CONFIRM_HOLD: "确认挂起的问题并退回",
    Action.CONFIRM_WITHDRAWAL: "确认撤回需求",
    Action.DEPARTMENT_STOP_CONTINUED: "继续推送暂停的地区",
    Action.DEPARTMENT_STOP_KEPT: "维持暂停地区的推送",
    Action.DROP_REGISTER_SNAPSHOTS: "按期清除名单快照",
    Action.DRY_RUN: "试运行，不产生结论",
    Action.ERASE_PERSONAL_DATA: "应请求删除个人信息",
    Action.EXPORT_LIST: "导出列表",
    Action.GRANT: "授予或收回权限",
    Action.KEYS_CHANGED: "密钥变更",
    Action.OBSTRUCTION_ACKNOWLEDGED: "梗阻接单",
    Action.OBSTRUCTION_IN_PROGRESS: "梗阻开始办理",
    Action.OBSTRUCTION_RESOLVED: "梗阻办结",
    Action.OBSTRUCTION_UNRESOLVABLE: "梗阻无法解决",
    Action.POLICY_CHANGED: "参数表变更",
    Action.PUBLISH_CIRCULAR: "发布信息通报",
    Action.PURGE_PERSONAL_DATA: "按期清除个人信息",
    Action.REFUSE_EXTENSION: "不批准延期",
    Action.REGISTER_ACCEPTED: "启用名单",
    Action.REJUDGE: "重新审核",
    Action.REJECT_WITHDRAWAL: "不同意撤回需求",
    Action.REKEY: "更换加密密钥",
    Action.RELEASE_HOLD: "放行挂起",
    Action.REQUEST_EXTENSION: "申请延期",
    Action.REQUEST_WITHDRAWAL: "申请撤回需求",
    Action.RERUN_DELIVERIES: "重新发送",
    Action.RULES_CHANGED: "规则库变更",
    Action.SIGN_OFF_PUSHES: "签批推送",
    Action.TAKE_BACK_WITHDRAWAL: "收回撤回申请",
    Action.TRY_ESCALATION: "升级试算",
    Action.VIEW_PERSONAL_DATA: "查看可能含个人信息的原文",
    Action.WITHDRAW_NEEDS: "撤回需求",
}

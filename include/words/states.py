"""The Chinese name of each code of include/domain/states.py, for all pages, mails and messages."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from include.domain import states
from include.domain.roles import Role
from include.reference import enum_labels

_CASES = {states.CaseState.PUSHED: enum_labels("progress.stage")["pushed"], **enum_labels("feedback.type")}
_ACTS: Mapping[str, str] = {
    states.TicketAct.ACKNOWLEDGED: "受理",
    states.TicketAct.IN_PROGRESS: "开始办理",
    states.TicketAct.RESOLVED: "已办结",
    states.TicketAct.UNRESOLVABLE: "协调未果",
}

_COORDINATOR_ACTS: Mapping[str, str] = {
    states.CoordinatorAct.TAKEN_ON: "受理",
    states.CoordinatorAct.CONTACTED: "已联系",
    states.CoordinatorAct.SETTLED: "已解决",
    states.CoordinatorAct.NEEDS_TIME: "需延期",
    states.CoordinatorAct.HANDED_OVER: "转交",
    states.CoordinatorAct.UNRESOLVABLE: "协调未果",
}

_WORDS: Mapping[type[StrEnum], Mapping[str, str]] = {
    Role: {
        Role.VIEWER: "查看人员",
        Role.OPERATOR: "运维人员",
        Role.APPROVER: "审批人员",
        Role.AUDITOR: "审计人员",
        Role.ADMINISTRATOR: "系统管理员",
        Role.COORDINATOR: "协调人",
    },
    # --- Needs and the gate ---
    states.IntakeKind: {
        states.IntakeKind.QUARTERLY: "季度接收",
        states.IntakeKind.LATE: "逾期报送接收",
        states.IntakeKind.REVIEW: "预审接收",
        states.IntakeKind.MAJOR: "重大项目接收",
    },
    states.PlatformStatus: enum_labels("status"),
    states.WithdrawalReason: enum_labels("withdrawal.reason_code"),
    states.WithdrawalDecision: {
        states.WithdrawalDecision.CONFIRMED: "已确认，需求已撤回",
        states.WithdrawalDecision.REJECTED: "不同意撤回",
        states.WithdrawalDecision.TAKEN_BACK: "申请人已收回",
    },
    states.Severity: {
        states.Severity.BLOCK: "退回",
        states.Severity.HOLD: "待核实",
        states.Severity.WARN: "提示",
    },
    states.Verdict: {
        states.Verdict.PASSED: "通过",
        states.Verdict.HELD: "待核实",
        states.Verdict.RETURNED: "退回",
    },
    states.RecordOutcome: {
        states.RecordOutcome.PASSED: "通过",
        states.RecordOutcome.RETURNED: "退回",
        states.RecordOutcome.HELD: "待核实",
        states.RecordOutcome.SUPERSEDED: "被取代",
        states.RecordOutcome.UNREADABLE: "无法读取",
        states.RecordOutcome.UNJUDGED: "未出结论",
    },
    states.HoldOrigin: {
        states.HoldOrigin.VERDICT: "审核发现",
        states.HoldOrigin.LATE_HISTORY: "更早提交的记录后到",
    },
    states.HoldState: {
        states.HoldState.OPEN: "待核实",
        states.HoldState.RELEASED: "核实通过",
        states.HoldState.RETURNED: "核实后退回",
        states.HoldState.EXPIRED: "未决定即关闭",
    },
    states.HoldEvent: {
        states.HoldEvent.OPENED: "列入待核实",
        states.HoldEvent.APPROVED: "同意通过",
        states.HoldEvent.CONFIRMED: "确认问题",
        states.HoldEvent.RELEASED: "核实通过",
        states.HoldEvent.RETURNED: "退回",
        states.HoldEvent.EXPIRED: "关闭",
    },
    states.HoldTab: {
        states.HoldTab.OPEN: "待核实",
        states.HoldTab.SECOND: "待我复核",
        states.HoldTab.DECIDED: "已办",
    },
    states.HoldDecision: {
        states.HoldDecision.RELEASE: "核实通过",
        states.HoldDecision.CONFIRM: "确认退回",
        states.HoldDecision.THIS_QUARTER: "本季受理",
        states.HoldDecision.NEXT_QUARTER: "转入下季",
    },
    states.StopState: {
        states.StopState.OPEN: "待决定",
        states.StopState.KEPT: "维持暂停",
        states.StopState.CONTINUED: "已继续推送",
    },
    # --- Alerts ---
    states.AlertState: {
        states.AlertState.OPEN: "待核实",
        states.AlertState.CLEARED: "排除",
        states.AlertState.CONFIRMED: "确认",
        states.AlertState.CLOSED: "不成立",
    },
    states.AlertEvent: {
        states.AlertEvent.OPENED: "警示",
        states.AlertEvent.REPEATED: "警示追加依据",
        states.AlertEvent.CLEAR_AGREED: "一人同意排除警示",
        states.AlertEvent.CONFIRM_AGREED: "一人同意确认警示",
        states.AlertEvent.CLEARED: "警示已排除",
        states.AlertEvent.CONFIRMED: "警示已确认",
        states.AlertEvent.CLOSED: "警示已不成立",
    },
    # --- Cases and feedback ---
    states.CaseState: _CASES,
    states.FeedbackType: _CASES,
    states.Reached: {
        states.Reached.PUSHED: "已推送",
        states.Reached.ANSWERED: "有机构反馈",
        states.Reached.APPROVED: "已授信",
        states.Reached.CONTRACTED: "已签约",
        states.Reached.DRAWN: "已放款",
    },
    states.NeedStage: {
        states.NeedStage.UNJUDGED: "未出结论",
        states.NeedStage.RETURNED: "已退回补正",
        states.NeedStage.HELD: "待核实",
        states.NeedStage.PASSED: "已通过，待推送",
        states.NeedStage.UNMET: "未能满足",
        states.NeedStage.WITHDRAWN: "已撤回",
        **{
            states.NeedStage(state.value): _CASES[state]
            for state in states.CaseState
            if state not in (states.CaseState.DECLINED, states.CaseState.CLOSED)
        },
    },
    states.ProgressStage: enum_labels("progress.stage"),
    # --- Who coordinates, stalls, obstructions ---
    states.Authority: {
        states.Authority.MIIT: "工信部门",
        states.Authority.PBOC: "人民银行",
    },
    states.Level: enum_labels("coordinator.level"),
    states.Stall: {
        states.Stall.S01: "对接环节超过约定时限",
        states.Stall.S02: "对接长时间没有新的反馈",
        states.Stall.S03: "机构不予支持或结案，尚无机构授信",
        states.Stall.S04: "推送后平台未答复",
        states.Stall.S05: "机构多次反馈无法联系企业",
        states.Stall.S06: "推送后尚无任何机构反馈",
        states.Stall.S07: "退回补正逾期未答复",
        states.Stall.S08: "待核实的需求逾期未决定",
        states.Stall.OBSTRUCTION: "融资梗阻",
    },
    states.StepState: {
        states.StepState.MAILED: "已列入督办邮件",
        states.StepState.SUPERSEDED: "由更高一级代替，未单独发送",
    },
    states.CoordinatorAct: _COORDINATOR_ACTS,
    states.LinkKind: {
        states.LinkKind.CASE: "对接",
        states.LinkKind.NEED: "需求",
        states.LinkKind.OBSTRUCTION: "融资梗阻",
        states.LinkKind.ALERT: "警示",
    },
    states.TicketState: {
        states.TicketState.OPEN: "待受理",
        states.TicketState.ACKNOWLEDGED: "已受理",
        states.TicketState.IN_PROGRESS: "办理中",
        states.TicketState.RESOLVED: "已办结，待机构确认",
        states.TicketState.VERIFIED: "机构已确认",
        states.TicketState.UNRESOLVABLE: "协调未果",
    },
    states.TicketAct: _ACTS,
    states.TicketEvent: {
        states.TicketEvent.OPENED: "机构报告",
        states.TicketEvent.CLIMBED: "升级",
        states.TicketEvent.OVERDUE: "国家级逾期",
        states.TicketEvent.VERIFIED: "结束",
        states.TicketEvent.REOPENED: "重新打开",
        **_ACTS,
    },
    # --- The outbox ---
    states.Channel: {
        states.Channel.MARKET: "信贷市场服务平台",
        states.Channel.GREEN_PLATFORM: "绿色平台",
        states.Channel.MAIL: "邮件服务器",
    },
    states.DeliveryAction: {
        states.DeliveryAction.PUSH: "推送需求",
        states.DeliveryAction.WITHDRAWAL: "撤回推送",
        states.DeliveryAction.RETURN: "退回意见",
        states.DeliveryAction.PROGRESS: "对接进度",
        states.DeliveryAction.OBSTRUCTION_UPDATE: "梗阻答复",
        states.DeliveryAction.MAIL: "邮件",
    },
    states.DeliveryState: {
        states.DeliveryState.PENDING: "待发送",
        states.DeliveryState.UNKNOWN: "结果未知，待查询",
        states.DeliveryState.DELIVERED: "已送达",
        states.DeliveryState.SUPERSEDED: "不再需要",
        states.DeliveryState.HELD: "待人工处理",
        states.DeliveryState.CLOSED: "已由人工关闭",
    },
    states.AttemptKind: {
        states.AttemptKind.SEND: "发送",
        states.AttemptKind.LOOK_UP: "查询",
        states.AttemptKind.CHECK: "发送前核对",
    },
    states.Outcome: {
        states.Outcome.STARTED: "开始发送",
        states.Outcome.ACCEPTED: "已接收",
        states.Outcome.DUPLICATE: "已接收（重复）",
        states.Outcome.FOUND: "查到，已在接收方",
        states.Outcome.NOT_FOUND: "查无，可以发送",
        states.Outcome.STALE: "接收方已有更高版本",
        states.Outcome.DEFERRED: "接收方要求稍后再送",
        states.Outcome.REJECTED: "接收方退回了内容",
        states.Outcome.CONFLICT: "接收方在同一编号下持有不同内容",
        states.Outcome.REFUSED: "接收方拒绝了请求",
        states.Outcome.LOST_ANSWER: "没有收到回答，可能已到达",
        states.Outcome.BUSY: "接收方繁忙",
        states.Outcome.UNAVAILABLE: "接收方无法连接",
        states.Outcome.NOT_SENT: "未能发出",
        states.Outcome.KEY_REUSED: "同一幂等键以不同内容再次入列，已拒绝",
        states.Outcome.NEWER_REVISION: "已有更高版本，不再发送",
        states.Outcome.WITHDRAWN: "需求已撤回，不再发送",
        states.Outcome.FACTORY_REMOVED: "企业已不在名单内，暂缓推送",
    },
    states.ErrorClass: {
        states.ErrorClass.REJECTED: "接收方退回了内容",
        states.ErrorClass.CONFLICT: "接收方在同一编号下持有不同内容",
        states.ErrorClass.CLIENT_ERROR: "接收方拒绝了请求",
        states.ErrorClass.CONTACT_MISSING: "联系人信息已清除或缺失",
        states.ErrorClass.CONTENT_CHANGED: "库中需求与入列时不一致",
        states.ErrorClass.EXHAUSTED: "连续多日未能送达",
        states.ErrorClass.FACTORY_REMOVED: "推送时企业已不在绿色工厂名单内（G08a）",
        states.ErrorClass.MAYBE_SENT: "邮件交出后连接中断，可能已送达",
        states.ErrorClass.LOST_ANSWER: "没有收到回答，可能已到达",
        states.ErrorClass.THROTTLED: "接收方繁忙",
        states.ErrorClass.UNAVAILABLE: "接收方无法连接",
        states.ErrorClass.DEFERRED: "接收方要求稍后再送",
    },
    states.BreakerState: {
        states.BreakerState.CLOSED: "正常",
        states.BreakerState.OPEN: "暂停发送",
        states.BreakerState.HALF_OPEN: "正在试探",
    },
    states.RerunState: {
        states.RerunState.RUNNING: "进行中",
        states.RerunState.DONE: "已完成",
        states.RerunState.CANCELLED: "已取消",
    },
    # --- Reports ---
    states.Condition: {
        states.Condition.NEW: "尚未运行",
        states.Condition.GOOD: "正常",
        states.Condition.LATE: "逾期",
        states.Condition.TROUBLED: "异常",
    },
    states.Difference: {
        states.Difference.NOT_TAKEN_IN: "已推荐而未接收",
        states.Difference.REVISION_WENT_BACK: "平台版本低于已接收",
        states.Difference.CONTENT_CHANGED: "内容变了而修订号未变",
        states.Difference.NO_LONGER_LISTED: "平台不再列为推荐",
        states.Difference.NOT_JUDGED: "已接收而未审核",
        states.Difference.PUSH_NOT_QUEUED: "通过而未入发件箱",
        states.Difference.RETURN_NOT_QUEUED: "应退回而未入发件箱",
        states.Difference.NOT_DELIVERED: "到期一天仍未送出",
        states.Difference.SUPERSEDED_UNEXPLAINED: "标为已取代而无原因",
        states.Difference.PUSHED_TWICE: "同一版有多条推送",
        states.Difference.PUSHED_NOT_PASSED: "推送而没有通过结论",
        states.Difference.PUSH_NOT_TAKEN_BACK: "已撤回而未通知市场",
        states.Difference.MISSING_IN_LEDGER: "市场台账中没有",
        states.Difference.UNKNOWN_IN_LEDGER: "市场台账多出",
        states.Difference.RECEIPT_DIFFERS: "编号或回执不一致",
        states.Difference.CONTENT_DIFFERS: "内容摘要不一致",
        states.Difference.LEDGER_STATE_DIFFERS: "状态不一致",
    },
    states.ManifestState: {
        states.ManifestState.ON_TIME: "按时",
        states.ManifestState.LATE: "逾期",
        states.ManifestState.MISSING: "未报送",
    },
}


def words(kind: type[StrEnum]) -> Mapping[str, str]:
    """Code → Chinese, of all members of `kind`."""
    return _WORDS[kind]


def word(kind: type[StrEnum], code: str) -> str:
    """A stored code in Chinese; the code itself if it is not ours (older data, a receiver's own text)."""
    return _WORDS[kind].get(code, code)


WHAT_TO_DO: Mapping[str, str] = {
    states.ErrorClass.REJECTED: "查看接收方的说明；内容有误的请主管部门修订，接收方已修复的可重新发送",
    states.ErrorClass.CONFLICT: "与接收方核对，不得重发；核对后关闭",
    states.ErrorClass.CLIENT_ERROR: "按接收方的说明处理后重新发送",
    states.ErrorClass.CONTACT_MISSING: "请企业更新联系人后由主管部门重新推荐，原条关闭",
    states.ErrorClass.CONTENT_CHANGED: "查清是谁改动了数据并恢复，然后重新发送；查不清的关闭，由主管部门重新推荐",
    states.ErrorClass.EXHAUSTED: "确认接收方已恢复后重新发送",
    states.ErrorClass.FACTORY_REMOVED: "在警示页面（G08c）排除或确认；恢复在册的自动送出",
    states.ErrorClass.MAYBE_SENT: "向收件人核实：没有收到的重新发送，已经收到的关闭；不核实就重发，对方可能收到两封",
    states.ErrorClass.LOST_ANSWER: "系统会先查询再决定是否重发",
    states.ErrorClass.THROTTLED: "系统按接收方要求的时间再试",
    states.ErrorClass.UNAVAILABLE: "系统自动再试，恢复后送出",
    states.ErrorClass.DEFERRED: "系统按接收方要求的时间再试",
}
"""What a person does about an undelivered delivery, or why nobody needs to."""

BATCH_SEVERITIES: Mapping[str, str] = {
    states.Severity.BLOCK: "阻断",
    states.Severity.HOLD: "待核实",
    states.Severity.WARN: "提示",
}
"""What a finding does to a department's listing as a whole."""

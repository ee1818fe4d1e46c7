"""Escalation (升级): what stalls climbs the ladder; one digest for each e-mail address and working day."""

from include.escalation.acknowledging import acknowledge, acknowledge_all, climbs
from include.escalation.auditor import AuditSummary, StepsMissing, audit_steps
from include.escalation.board import stalled_need, stalled_needs
from include.escalation.operator_notice import operator_notice
from include.escalation.stage import EscalationSummary, escalate, tell_urgent

__all__ = [
    "AuditSummary",
    "EscalationSummary",
    "StepsMissing",
    "acknowledge",
    "acknowledge_all",
    "audit_steps",
    "climbs",
    "escalate",
    "operator_notice",
    "stalled_need",
    "stalled_needs",
    "tell_urgent",
]

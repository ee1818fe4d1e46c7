"""Escalation (升级): what stalls climbs the ladder; one digest for each coordinator and working day."""

from include.escalation.acknowledging import acknowledge, open_breaches
from include.escalation.auditor import AuditSummary, StepsMissing, audit_steps
from include.escalation.operator_notice import operator_notice
from include.escalation.stage import EscalationSummary, escalate

__all__ = [
    "AuditSummary",
    "EscalationSummary",
    "StepsMissing",
    "acknowledge",
    "audit_steps",
    "escalate",
    "open_breaches",
    "operator_notice",
]

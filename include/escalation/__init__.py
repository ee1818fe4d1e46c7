"""Escalation (升级): what stands still climbs the ladder, one digest a coordinator and working day."""

from include.escalation.stage import EscalationSummary, escalate, operator_notice

__all__ = ["EscalationSummary", "escalate", "operator_notice"]

"""Reconciliation (对账) of the platforms' ledgers with ours."""

from include.reconciliation.stage import ReconciliationSummary, quarter_is_settled, reconcile

__all__ = ["ReconciliationSummary", "quarter_is_settled", "reconcile"]

"""Withdrawals (撤回) of needs that were pushed or wait for their push."""

"""Needs at every stage, for lists of them."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from include.domain.states import NeedStage
from tests.support import rows

HELD, RETURNED, WAITING, PUSHED, APPROVED, UNMET, GONE = range(1, 8)
STAGES = {
    HELD: NeedStage.HELD,
    RETURNED: NeedStage.RETURNED,
    WAITING: NeedStage.PASSED,
    PUSHED: NeedStage.RECEIVED,
    APPROVED: NeedStage.CREDIT_APPROVED,
    UNMET: NeedStage.UNMET,
    GONE: NeedStage.WITHDRAWN,
}


def fill_needs(database: sa.Engine) -> None:
    """A need of each kind; the pushed one is overdue at a bank, the approved one is large and of another department."""
    with database.begin() as connection:
        rows.add_need(connection, HELD, verdict="held")
        rows.add_hold(connection, HELD)
        rows.add_need(connection, RETURNED, verdict="returned")
        rows.add_need(connection, WAITING, financing_need="3000.00", is_major=True)
        rows.add_need(connection, PUSHED)
        rows.add_need(connection, APPROVED, department_code="440000", financing_need="45000.00")
        rows.add_need(connection, UNMET)
        rows.add_need(connection, GONE, quarter="2026Q2")
        for number in (PUSHED, APPROVED, UNMET, GONE):
            rows.add_delivery(connection, number)
        rows.add_case(connection, PUSHED, "CCB", state="received")
        rows.add_case(connection, APPROVED, state="credit_approved")
        rows.add_case(connection, APPROVED, "CCB", state="declined")
        rows.add_case(connection, UNMET, state="declined", furthest_state="contacted")
        rows.add_clock(connection, PUSHED, "CCB", due_on=date(2026, 10, 12))
        rows.add_clock(connection, UNMET, due_on=date(2026, 10, 12))
        rows.add_withdrawal(connection, GONE)

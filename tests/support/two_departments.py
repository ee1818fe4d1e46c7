"""Everything that a page of the console can show, once in each of two departments."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from include.store.tables import alert, deadline_extension, need_version, obstruction_ticket, withdrawal_request
from tests.support import rows

OWN, OTHER = 1, 2
NAMES = {OWN: "本省铸造有限公司", OTHER: "他省锻压有限公司"}
PLACES = {OWN: "330000", OTHER: "110000"}


def fill_two_departments(database: sa.Engine) -> None:
    """Everything that a page can show, once in each of two departments: ids 1 are of the first, ids 2 of the other."""
    with database.begin() as connection:
        for number, department in PLACES.items():
            _world(connection, number, department)
        rows.set_grant(connection, "li", roles=(), departments=["330000"], by="root", now=rows.TAKEN_IN)
        rows.set_grant(connection, "nowhere", roles=(), departments=[], by="root", now=rows.TAKEN_IN)


def _world(connection: sa.Connection, number: int, department: str) -> None:
    need_id = rows.add_need(connection, number, department_code=department, verdict="held")
    rows.rewrite(
        connection,
        sa.update(need_version)
        .where(need_version.c.need_id == need_id)
        .values(enterprise_name=NAMES[number], uscc="91330100MA2TE5T013", project_name=NAMES[number]),
    )
    rows.add_hold(connection, number, department_code=department)
    rows.add_stop(connection, department)
    rows.add_delivery(connection, number, department_code=department, state="held", error_class="rejected")
    rows.add_case(connection, number)
    rows.add_clock(connection, number, due_on=date(2026, 10, 9))
    connection.execute(
        alert.insert().values(
            rule_id="E08",
            need_id=need_id,
            institution_code="ICBC",
            severity="hold",
            state="open",
            opened_at=rows.TAKEN_IN,
        )
    )
    connection.execute(
        obstruction_ticket.insert().values(
            need_id=need_id,
            institution_code="ICBC",
            obstruction_id="OB1",
            answerable=True,
            reason_code="R04",
            cause="guarantee",
            authority="MIIT",
            is_major=False,
            state="open",
            level="city",
            opened_on=date(2026, 10, 9),
            level_since=date(2026, 10, 9),
            acknowledge_by=date(2026, 10, 12),
            provisional=False,
            overdue=False,
            updated_at=rows.TAKEN_IN,
        )
    )
    connection.execute(
        deadline_extension.insert().values(
            need_id=need_id,
            institution_code="ICBC",
            from_type="received",
            to_type="contacted",
            day0=date(2026, 9, 30),
            working_days=5,
            requested_by="wang",
            reason=f"{NAMES[number]}申请",
            requested_at=rows.TAKEN_IN,
        )
    )
    connection.execute(
        withdrawal_request.insert().values(
            need_id=need_id,
            revision=1,
            reason_code="duplicate_project",
            requested_by="wang",
            role="operator",
            reason=f"{NAMES[number]}重复申报",
            requested_at=rows.TAKEN_IN,
        )
    )

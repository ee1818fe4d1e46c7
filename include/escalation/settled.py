"""What ended (已办结) of which somebody was told: who acted, and what came of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa

from include.base.addresses import mailbox
from include.base.business_time import SHANGHAI
from include.domain.states import Stall, TicketEvent, WithdrawalReason
from include.reference import branches
from include.store.database import statement_beside
from include.store.tables import coordinator
from include.words import names
from include.words.shown import shown
from include.words.states import word


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledItem:
    """A matter that ended at `at`; `by`: who brought it about (an actor's id, or words), `what`: what came, in words.

    `acted_by`: the coordinator who last acted on it before, by id; empty if nobody did."""

    need_id: str
    company: str
    project: str
    amount: Decimal | None
    is_major: bool
    department_code: str
    city_code: str
    institution_code: str
    state: str
    was: str
    due_on: date
    by: str
    what: str
    acted_by: str
    at: datetime

    @property
    def on(self) -> date:
        """The local day."""
        return self.at.astimezone(SHANGHAI).date()


def settled_since(connection: sa.Connection, since: datetime) -> Mapping[str, Sequence[SettledItem]]:
    """What ended after `since`, newest first, by the address of those who were told of it."""
    address_of = {
        row.coordinator_id: mailbox(row.email)
        for row in connection.execute(sa.select(coordinator.c.coordinator_id, coordinator.c.email))
    }
    found: defaultdict[str, list[SettledItem]] = defaultdict(list)
    for row in connection.execute(_SETTLED, {"since": since, **_branches()}).mappings():
        item = _item(row)
        for address in sorted({address_of[one] for one in row["told_to"] if one in address_of}):
            found[address].append(item)
    return found


def _item(row: sa.RowMapping) -> SettledItem:
    by, what = _outcome(row)
    return SettledItem(
        need_id=row["need_id"],
        company=shown("enterprise.name", row["enterprise_name"], row["uscc"], "mail"),
        project=shown("project.name", row["project_name"], row["uscc"], "mail"),
        amount=row["financing_need"],
        is_major=row["is_major"],
        department_code=row["department_code"],
        city_code=row["city_code"] or "",
        institution_code=row["institution_code"],
        state=row["state"] or "",
        was=word(Stall, row["rule_id"]),
        due_on=row["due_on"],
        by=by,
        what=what,
        acted_by=row["acted_by"] or "",
        at=row["at"],
    )


def _branches() -> dict[str, list[str]]:
    """The branches and the regions of their posts, side by side."""
    known = branches()
    return {"branches": list(known), "regions": [one.region_code for one in known.values()]}


def _outcome(row: sa.RowMapping) -> tuple[str, str]:
    if row["withdrawn_for"] is not None:
        return "", f"需求已撤回：{word(WithdrawalReason, row['withdrawn_for'])}"
    if row["rule_id"] == Stall.OBSTRUCTION:
        by_institution = row["kind"] == TicketEvent.VERIFIED
        return names.institution(row["actor"]) if by_institution else row["actor"], word(TicketEvent, row["kind"])
    if row["event_type"] is None:
        return "", "已不再逾期"
    return names.institution(row["event_by"]), f"机构反馈：{names.case_state(row['event_type'])}"


_SETTLED = statement_beside(__file__, "settled.sql")

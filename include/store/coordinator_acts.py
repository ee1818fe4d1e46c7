"""The reports of coordinators (coordinator_act): adding one, and what was reported of a need or since a moment.

Who reads them: the pages of a need and of a ticket, and the next digest (taken on by whom, settled by whom).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.domain.states import CoordinatorAct, LinkKind
from include.store.tables import coordinator_act


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report of one coordinator about one subject, as it is stored.

    `actor` recorded it in `role`. `working_days`: of more time asked for. `handed_to`: a coordinator id.
    `idempotency_key`: of the mail with the link; empty in the console.
    """

    kind: LinkKind
    need_id: str
    institution_code: str
    obstruction_id: str
    act: CoordinatorAct
    coordinator_id: str
    actor: str
    role: str
    remark: str
    working_days: int | None
    handed_to: str
    idempotency_key: str


def add(connection: sa.Connection, report: Report, at: datetime) -> int | None:
    """Store the report and return its number; None if the same one is there already.

    The same: all parts are equal, from the same mail or, in the console, on the same day. Two at once: the second
    waits for the first.
    """
    occasion = report.idempotency_key or f"{at:%Y-%m-%d}"
    said = json.dumps([occasion, asdict(report)], ensure_ascii=False, sort_keys=True)
    act_id: int | None = connection.execute(
        insert(coordinator_act)
        .values(**asdict(report), at=at, once=hashlib.sha256(said.encode()).hexdigest())
        .on_conflict_do_nothing(index_elements=[coordinator_act.c.once])
        .returning(coordinator_act.c.act_id)
    ).scalar()
    return act_id


def of_need(connection: sa.Connection, need_id: str) -> Sequence[sa.Row[Any]]:
    """All reports about a need, oldest first."""
    acts = coordinator_act
    return connection.execute(sa.select(acts).where(acts.c.need_id == need_id).order_by(acts.c.act_id)).all()


def of_obstruction(
    connection: sa.Connection, need_id: str, institution_code: str, obstruction_id: str
) -> Sequence[sa.Row[Any]]:
    """All reports about one obstruction, oldest first."""
    acts = coordinator_act
    about = {"need_id": need_id, "institution_code": institution_code, "obstruction_id": obstruction_id}
    return connection.execute(sa.select(acts).filter_by(**about).order_by(acts.c.act_id)).all()


def since(
    connection: sa.Connection, moment: datetime, acts: Collection[CoordinatorAct] = (CoordinatorAct.SETTLED,)
) -> Sequence[sa.Row[Any]]:
    """The reports of these kinds after `moment`, oldest first; for the digest: what was settled, and by whom."""
    table = coordinator_act
    wanted = (table.c.at > moment) & table.c.act.in_(acts)
    return connection.execute(sa.select(table).where(wanted).order_by(table.c.act_id)).all()

"""What coordinators reported of a need, by links in mails or in the console."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from include.domain.roles import Role
from include.domain.states import CoordinatorAct, LinkKind
from include.need_view import queries
from include.need_view.entries import Entry, Known
from include.store.coordinators import posts as coordinator_posts
from include.store.people import called
from include.words.names import institution
from include.words.states import word


def coordinated(connection: sa.Connection, known: Known) -> Iterator[Entry]:
    """Each report as an entry: whose, about what, with its remark."""
    posts = coordinator_posts(connection)
    for row in connection.execute(queries.COORDINATOR_ACTS, known.parameters):
        about = institution(row.institution_code) if row.institution_code else word(LinkKind, row.kind)
        remark = known.shown("note", row.remark)
        recorded = f"由 {called(known.names, row.actor)} 代为记录" if row.role == Role.OPERATOR else ""
        handed = f"转交 {posts.get(row.handed_to, row.handed_to)}" if row.handed_to else ""
        wanted = f"申请延长 {row.working_days} 个工作日" if row.working_days else ""
        yield Entry(
            at=row.at,
            part="协调",
            title=f"{posts.get(row.coordinator_id, row.coordinator_id)}：{word(CoordinatorAct, row.act)}（{about}）",
            lines=tuple(line for line in (remark, handed, wanted, recorded) if line),
            tone="good" if row.act == CoordinatorAct.SETTLED else "plain",
        )

"""The register of factories, and a pushed need of one that is in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa

from include.alerts.settling import settle_alert
from include.base.act import Act
from include.reference.day import Day
from include.register import watch as register_watch
from include.register.watch import WatchSummary
from include.store.tables import alert, need_version, register_factory, register_snapshot
from tests.support import rows

NOW = rows.moment("2026-10-20 03:00")
USCC = "91330100MA2TE5T013"
OTHER = "91330100MA2TE5T021"
NAME = "青禾精密铸造有限公司"


def list_factory(
    connection: sa.Connection,
    *,
    as_of: date = date(2026, 10, 20),
    removed_on: date | None = None,
    name: str = NAME,
    aliases: Sequence[str] = (),
    usable: bool = True,
    in_use: bool = True,
) -> None:
    """A snapshot of the register with the factory USCC and another one."""
    content = rows.digest(as_of, removed_on, name, aliases, usable)
    connection.execute(
        register_snapshot.insert().values(as_of=as_of, content_sha256=content, row_count=2, taken_at=NOW, in_use=in_use)
    )
    for ordinal, (uscc, row_name, row_usable, row_removed) in enumerate(
        [(USCC, name, usable, removed_on), (OTHER, "另一家企业", True, None)]
    ):
        connection.execute(
            register_factory.insert().values(
                content_sha256=content,
                ordinal=ordinal,
                uscc=uscc,
                name=row_name,
                aliases=list(aliases),
                level="national",
                batch="2024年度",
                department_code="330000",
                listed_on=date(2024, 1, 1),
                removed_on=row_removed,
                usable=row_usable,
            )
        )


def pushed_of_it(connection: sa.Connection, number: int = 1, state: str = "delivered") -> None:
    """A need of the factory USCC, and its push."""
    rows.add_need(connection, number)
    rows.rewrite(
        connection, sa.update(need_version).where(need_version.c.need_id == rows.need_id(number)).values(uscc=USCC)
    )
    rows.add_delivery(connection, number, state=state)


def watch(database: sa.Engine, now: datetime = NOW) -> WatchSummary:
    """Look at every pushed need once."""
    return register_watch.watch(database, day=Day.in_force(now))


def settle(
    database: sa.Engine, decision: str, reason: str = "与主管部门核实", persons: tuple[str, ...] = ("wang", "li")
) -> None:
    """Settle the one alert."""
    for actor in persons:
        with database.begin() as connection:
            alert_id = connection.execute(sa.select(alert.c.alert_id)).scalar_one()
            settle_alert(
                connection, alert_id, decision=decision, act=Act(actor_id=actor, role="operator", reason=reason, at=NOW)
            )

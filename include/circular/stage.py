"""Publishing the circular: page and figures are stored together, and written to a file if wanted."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.audit import record
from include.base.act import Act
from include.circular import disclosure
from include.circular.figures import CircularFigures, figures
from include.circular.page import render
from include.domain.quarter import Quarter
from include.reference.day import Day
from include.store.reports import lock_page, write_page
from include.store.tables import report

KIND = "circular"


@dataclass(frozen=True, slots=True)
class PublishedCircular:
    """The circular in force: its row in `report`, whether it is new, and the file (None if none was written)."""

    report_id: int
    new: bool
    path: Path | None


def is_due(connection: sa.Connection, quarter: str, *, day: Day) -> bool:
    """Whether the circular of `quarter` should be published automatically: it is due and not published yet.

    Due circular_working_days working days after the end of the quarter (ours). A newer one is published by hand.
    """
    days = day.policy.integer("circular_working_days")
    if day.today < day.calendar.add_working_days(Quarter.parse(quarter).last_day, days).day:
        return False
    published = sa.select(report.c.report_id).where((report.c.kind == KIND) & (report.c.quarter == quarter)).limit(1)
    return connection.execute(published).first() is None


def publish(engine: sa.Engine, quarter: str, output_dir: Path | None = None, *, day: Day) -> PublishedCircular:
    """Publish the circular of `quarter` as of the moment of `day`; unchanged figures add no new row.

    With `output_dir`, the page in force is written there as circular-<quarter>.html, atomically.
    """
    with engine.begin() as connection:
        lock_page(connection, KIND, quarter)
        current = figures(connection, quarter, day=day)
        content = as_json(current)
        editions = connection.execute(
            sa.select(report.c.report_id, report.c.html, report.c.figures)
            .where((report.c.kind == KIND) & (report.c.quarter == quarter))
            .order_by(report.c.report_id)
        ).all()
        last = editions[-1] if editions else None
        if last is not None and _without_moment(last.figures) == _without_moment(content):
            report_id, html, new = last.report_id, last.html, False
        else:
            earlier = [disclosure.from_json(edition.figures["shown"]) for edition in editions]
            html, new = render(current, day.policy, earlier=earlier), True
            minimum = day.policy.integer("small_cell_min")
            content["shown"] = disclosure.as_json(disclosure.suppressed(current, minimum=minimum, earlier=earlier))
            report_id = connection.execute(
                report.insert()
                .values(kind=KIND, quarter=quarter, html=html, figures=content, created_at=day.now)
                .returning(report.c.report_id)
            ).scalar_one()
            record(
                connection,
                act=Act.by_stage("quarterly_circular", day.now, "季度信息通报"),
                action="publish_circular",
                object_=f"{KIND}:{quarter}",
                details={"report_id": report_id},
            )
    path = write_page(html, output_dir / f"circular-{quarter}.html") if output_dir else None
    return PublishedCircular(report_id, new, path)


def as_json(current: CircularFigures) -> dict[str, Any]:
    """The figures for storage: amounts (万元) as strings, the moments as ISO 8601."""
    content: dict[str, Any] = json.loads(json.dumps(asdict(current), default=_plain))
    return content


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no JSON form for {type(value).__name__}")


def _without_moment(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in ("cut_off_moment", "shown")}

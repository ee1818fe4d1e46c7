"""Published pages: stored in table `report`, where the newest of a kind and quarter is in force, and written as files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.store.locks import Lock, hold
from include.store.tables import report


@dataclass(frozen=True, slots=True)
class PublishedPage:
    """The page in force of a kind and quarter, and whether it was stored just now."""

    report_id: int
    new: bool


def lock_page(connection: sa.Connection, kind: str, quarter: str) -> None:
    """Lock this page against other publishers until the transaction ends; lock before reading the page's figures."""
    hold(connection, Lock.PAGE, f"{kind}:{quarter}")


def publish_page(
    connection: sa.Connection, *, kind: str, quarter: str, html: str, figures: Mapping[str, Any], now: datetime
) -> PublishedPage:
    """Store a page, with its figures as JSON, unless the one in force is the same. Call `lock_page` before."""
    last = connection.execute(
        sa.select(report.c.report_id, report.c.html)
        .where((report.c.kind == kind) & (report.c.quarter == quarter))
        .order_by(report.c.report_id.desc())
        .limit(1)
    ).one_or_none()
    if last is not None and last.html == html:
        return PublishedPage(last.report_id, new=False)
    values = {"kind": kind, "quarter": quarter, "html": html, "figures": dict(figures), "created_at": now}
    report_id = connection.execute(report.insert().values(values).returning(report.c.report_id)).scalar_one()
    return PublishedPage(report_id, new=True)


def page_in_force(connection: sa.Connection, kind: str, quarter: str) -> str | None:
    """The HTML of the newest page of a kind and quarter; None if none is published."""
    html: str | None = connection.execute(
        sa.select(report.c.html)
        .where((report.c.kind == kind) & (report.c.quarter == quarter))
        .order_by(report.c.report_id.desc())
        .limit(1)
    ).scalar()
    return html


def figures_in_force(connection: sa.Connection, kind: str, *, until: str, most: int) -> Sequence[sa.Row[Any, Any]]:
    """(quarter, figures) of the pages in force of the newest `most` quarters up to `until`, the oldest quarter first."""
    newest = (
        sa.select(report.c.quarter, report.c.figures)
        .where((report.c.kind == kind) & (report.c.quarter <= until))
        .distinct(report.c.quarter)
        .order_by(report.c.quarter.desc(), report.c.report_id.desc())
        .limit(most)
    )
    return list(reversed(connection.execute(newest).all()))


def published_quarters(connection: sa.Connection, kind: str) -> Sequence[sa.Row[Any, Any]]:
    """(quarter, created_at) of the page in force of each quarter, the newest quarter first."""
    return connection.execute(
        sa.select(report.c.quarter, sa.func.max(report.c.created_at).label("created_at"))
        .where(report.c.kind == kind)
        .group_by(report.c.quarter)
        .order_by(report.c.quarter.desc())
    ).all()


def write_page(html: str, path: Path) -> Path:
    """Write a page as a file, atomically; folders are made. Returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(html)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path

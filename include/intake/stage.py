"""One reading of the platform: which run, quarter and departments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include import audit
from include.base.act import Act
from include.domain.states import IntakeKind
from include.reference import Policy
from include.store.tables import intake, manifest_entry


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeRequest:
    """One reading of a quarter: the run that asked for it (`run_id`) and its departments.

    `updated_since`: only what changed on the platform since then; None: the listing whole.
    """

    run_id: str
    kind: IntakeKind
    quarter: str
    departments: tuple[str, ...]
    dry_run: bool
    updated_since: datetime | None = None


def begin(engine: sa.Engine, request: IntakeRequest, now: datetime) -> int:
    """The intake of this run: opened now, or found again by a retry. Returns its id."""
    with engine.begin() as connection:
        opened = connection.execute(
            insert(intake)
            .values(
                run_id=request.run_id,
                kind=request.kind,
                quarter=request.quarter,
                departments=list(request.departments),
                dry_run=request.dry_run,
                started_at=now,
                updated_since=request.updated_since,
            )
            .on_conflict_do_nothing(index_elements=["run_id"])
        )
        if request.dry_run and opened.rowcount:
            audit.note_use(
                connection,
                audit.Action.DRY_RUN,
                act=Act.by_stage(request.run_id, now),
                object_=f"{request.quarter}/{request.kind}",
                details={"departments": list(request.departments)},
            )
        found: int = connection.execute(
            sa.select(intake.c.intake_id).where(intake.c.run_id == request.run_id)
        ).scalar_one()
    return found


def header(engine: sa.Engine, intake_id: int) -> sa.Row[Any]:
    """The row of table `intake`: quarter, kind, departments, dry_run."""
    with engine.connect() as connection:
        return connection.execute(sa.select(intake).where(intake.c.intake_id == intake_id)).one()


def department_sets(engine: sa.Engine, intake_id: int, policy: Policy) -> list[list[str]]:
    """The intake's departments in sets of judge_set_size needs at most, as the manifest counts them, or of one department."""
    most = policy.integer("judge_set_size")
    with engine.connect() as connection:
        codes = connection.execute(sa.select(intake.c.departments).where(intake.c.intake_id == intake_id)).scalar_one()
        reported = sa.select(manifest_entry.c.department_code, manifest_entry.c.recommended)
        needs = dict(connection.execute(reported.where(manifest_entry.c.intake_id == intake_id)).tuples().all())
    sets: list[list[str]] = []
    room = 0
    for code in codes:
        room -= needs.get(code, 0)
        if room < 0 or not sets:
            sets.append([])
            room = most - needs.get(code, 0)
        sets[-1].append(code)
    return sets

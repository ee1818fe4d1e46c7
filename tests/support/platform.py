"""Needs that departments file on the sandbox's green platform one by one, and the stages that read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.domain.identifiers import normalise_id
from include.domain.quarter import Quarter
from include.local.stages import Stages
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.reference.calendar import china_calendar
from include.sandbox.platforms.filing import DepartmentReport, FiledNeed
from include.sandbox.scenario.stage import Scenario
from include.sandbox.server import Sandbox
from tests.support.sandbox_settings import sandbox_settings
from tests.support.taken_in import filed

ZHEJIANG = "330000"


def recommended(number: int, at: datetime, *, status: str = "recommended", **changes: Any) -> FiledNeed:
    """A need without any defect that its department recommended at a moment."""
    text = at.isoformat(timespec="seconds")
    record = filed(number, **changes) | {"submitted_at": text, "updated_at": text, "status": status}
    record["review"] = dict(record["review"]) | {"recommended_at": text}
    return FiledNeed(
        need_id=record["need_id"],
        revision=record["revision"],
        department_code=record["department_code"],
        quarter=record["quarter"],
        status=status,
        is_major=record["is_major"],
        submitted_at=at,
        updated_at=at,
        item=record,
    )


def reported(at: datetime, department_code: str = ZHEJIANG) -> DepartmentReport:
    """The department's report of the quarter."""
    return DepartmentReport(department_code, at, zero_return=False)


def scenario(
    needs: Sequence[FiledNeed],
    reports: Sequence[DepartmentReport] = (),
    *,
    corrected: Mapping[str, Mapping[str, Any]] | None = None,
    later: Sequence[FiledNeed] = (),
) -> Scenario:
    """A platform with exactly these needs; their factories are on its register, and those of `later` ones."""
    quarter = Quarter.parse(needs[0].quarter)
    usccs = sorted({normalise_id(one.item["enterprise"]["uscc"]) for one in [*needs, *later]})
    factory = {
        "name": "浙江青禾新材料有限公司",
        "aliases": [],
        "level": "national",
        "batch": "2023年度",
        "department_code": ZHEJIANG,
        "listed_on": "2020-01-01",
        "removed_on": None,
    }
    return Scenario(
        seed=1,
        quarter=str(quarter),
        cut_off=china_calendar().deadline(quarter),
        filed=tuple(needs),
        seen_before=(),
        factories=tuple({"uscc": uscc, **factory} for uscc in usccs),
        coordinators=(),
        reports=tuple(reports),
        answer_key={},
        severities={},
        corrected=corrected or {},
    )


@dataclass(frozen=True)
class Lived:
    """Stages on a platform, and its clock."""

    stages: Stages
    sandbox: Sandbox

    def run(self, dag_id: str, now: datetime) -> None:
        """Move the platform's clock, and do what the DAG does at that moment."""
        self.sandbox.set_clock(now)
        self.stages.run(dag_id, self.sandbox.scenario.quarter, now)

    def pushed(self) -> list[tuple[str, int]]:
        """What the credit-market platform holds."""
        return sorted((one["need_id"], one["revision"]) for one in self.sandbox.ledger())

    def rows(self, query: str) -> list[Any]:
        """The rows of a query; of single values these."""
        with self.stages.engine.connect() as connection:
            found = connection.execute(sa.text(query)).fetchall()
        return [row[0] if len(row) == 1 else tuple(row) for row in found]


@contextmanager
def lived(engine: sa.Engine, platform: Scenario, now: datetime, folder: Path, **options: Any) -> Iterator[Lived]:
    """The stages on a sandbox with this platform, from a moment on."""
    with Sandbox(platform, now=now, mail_dir=folder / "mail", **options) as sandbox:
        settings = sandbox_settings(sandbox)
        with (
            GreenPlatformClient(settings.green_platform) as green,
            CreditMarketClient(settings.credit_market) as market,
        ):
            yield Lived(Stages(engine, settings, green, market), sandbox)

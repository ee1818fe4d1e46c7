"""How far the sandbox's runs have moved business time: later runs and the console continue from there (ADR 5).

Outside the sandbox nothing is stored or read here.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from include.base.settings import Settings

_MOVE = sa.text(
    """
    insert into simulated_time (moment) values (:moment)
    on conflict (single) do update set moment = greatest(simulated_time.moment, excluded.moment)
    """
)


def move_to(engine: sa.Engine, moment: datetime) -> None:
    """Store that a run of the sandbox takes place at `moment` (aware); time never moves back."""
    with engine.begin() as connection:
        connection.execute(_MOVE, {"moment": moment})


def business_start(engine: sa.Engine, settings: Settings) -> datetime | None:
    """Where business time starts for a run without a moment of its own; None: at the real time."""
    if not settings.sandbox:
        return settings.business_start
    with engine.connect() as connection:
        moved: datetime | None = connection.execute(sa.text("select moment from simulated_time")).scalar()
    return moved or settings.business_start

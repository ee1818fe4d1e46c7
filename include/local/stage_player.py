"""Plays a quarter by the stages' own verbs, without a DAG run for each: the same steps in a fraction of the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Protocol

from include.local.plan import Step
from include.local.stages import Stages
from include.store.simulated_time import move_to


class Workers(Protocol):
    """The people of a play."""

    def work(self, who: str, moment: datetime) -> object:
        """Let some of them do a day's work."""


class StagePlayer:
    """Plays steps one after another. `set_clock` moves the sandbox; without `people` nobody works between the runs."""

    def __init__(self, stages: Stages, set_clock: Callable[[datetime], None], people: Workers | None = None) -> None:
        self._stages = stages
        self._set_clock = set_clock
        self._people = people

    def play(self, quarter: str, steps: Sequence[Step], report: Callable[[str], None] = lambda _: None) -> None:
        """Play a quarter's steps; `report` is told of each phase that has been played."""
        for phase, together in groupby(steps, key=lambda step: step.phase):
            for step in together:
                self._step(quarter, step)
            report(phase)

    def _step(self, quarter: str, step: Step) -> None:
        self._set_clock(step.moment)
        if not step.people:
            self._stages.run(step.dag_id, quarter, step.moment)
        move_to(self._stages.engine, step.moment)
        if step.people and self._people is not None:
            self._people.work(step.people, step.moment)

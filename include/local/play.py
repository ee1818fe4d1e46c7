"""Plays a quarter on the running stack: sets the sandbox's clock, triggers each DAG run, and waits for its end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from include.base.errors import UserFacingError
from include.local.airflow_api import FailedTask
from include.local.figures import Counters, counters
from include.local.people import People
from include.local.plan import Step
from include.local.sandbox_client import SandboxClient
from include.local.stack import Stack
from include.store.simulated_time import move_to

_POLL_S = 0.15
_LOOK_AT_TASKS_S = 2.0
_RUN_S = 600.0


class RunStuck(UserFacingError):
    """A run did not end in time."""


@dataclass(frozen=True, slots=True)
class Played:
    """Result of a step. `failed`: the failed tasks; the run may have succeeded in spite of them. `did`: what people did."""

    step: Step
    run_id: str
    state: str
    seconds: float
    failed: tuple[FailedTask, ...] = ()
    did: Mapping[str, int] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether the run and all its tasks succeeded. An outage fails none: what it kept back is sent later."""
        return self.state == "success" and not self.failed


class Audience(Protocol):
    """Who watches a play."""

    def step_started(self, step: Step, number: int, of: int) -> None:
        """A run was triggered."""

    def step_progress(self, ended: int, of: int) -> None:
        """So many of the run's tasks have ended."""

    def step_ended(self, played: Played) -> None:
        """The run has ended."""

    def counted(self, found: Counters) -> None:
        """New counters were read from the business database."""


class Player:
    """Plays steps on a stack, one run after another, and lets people work between them."""

    def __init__(
        self, stack: Stack, business: sa.Engine, sandbox: SandboxClient, people: People, audience: Audience
    ) -> None:
        self._stack = stack
        self._business = business
        self._sandbox = sandbox
        self._people = people
        self._audience = audience
        self._prefix = f"demo-{datetime.now():%Y%m%dT%H%M%S}"

    def play(self, steps: Sequence[Step]) -> list[Played]:
        """Play all steps; a failed step does not stop later ones.

        Raises ServiceDied when a service of the stack ends, RunStuck when a run does not.
        """
        results = []
        for number, step in enumerate(steps, 1):
            self._audience.step_started(step, number, len(steps))
            self._sandbox.set_clock(step.moment)
            run_id = f"{self._prefix}-{number:02d}-{step.moment:%Y-%m-%d}"
            played = self._work(step) if step.people else self._run(step, run_id)
            results.append(played)
            self._audience.step_ended(played)
            self._audience.counted(counters(self._business))
        return results

    def _work(self, step: Step) -> Played:
        """Let people work as of the step's moment: the console goes on from there."""
        began = time.monotonic()
        move_to(self._business, step.moment)
        did = self._people.work(step.people, step.moment)
        return Played(step, "", "success", time.monotonic() - began, did=did)

    def _run(self, step: Step, run_id: str) -> Played:
        api = self._stack.api
        began = looked = time.monotonic()
        if step.trouble:
            self._sandbox.make_trouble(step.trouble)
        api.trigger(step.dag_id, run_id, step.conf, step.quarter if step.partitioned else None)
        while not api.is_final(state := api.run_state(step.dag_id, run_id)):
            self._stack.supervisor.check()
            now = time.monotonic()
            if now - began > _RUN_S:
                raise RunStuck(
                    f"{step.title}（{step.dag_id}）运行 {_RUN_S / 60:.0f} 分钟仍未结束。",
                    f"请在 Airflow 中查看运行 {run_id}，日志在 {self.log_folder(step.dag_id, run_id)}。",
                )
            if now - looked > _LOOK_AT_TASKS_S:
                looked = now
                self._audience.step_progress(*api.task_counts(step.dag_id, run_id))
                self._audience.counted(counters(self._business))
            time.sleep(_POLL_S)
        if step.trouble:
            self._sandbox.end_trouble()
        failed = tuple(api.failed_tasks(step.dag_id, run_id))
        return Played(step, run_id, state, time.monotonic() - began, failed)

    def log_folder(self, dag_id: str, run_id: str) -> Path:
        """Where the task logs of a run are."""
        return self._stack.environment.layout.logs / "airflow" / f"dag_id={dag_id}" / f"run_id={run_id}"

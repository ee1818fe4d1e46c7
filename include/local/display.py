"""Output of a demo, in Chinese: a live view on a terminal, plain lines elsewhere; tables at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from include.local.figures import Counters, DepartmentRow
from include.local.plan import Step
from include.local.play import Played
from include.local.promises import Promise
from include.local.quarters import QuarterRow
from include.local.scenes import Scene

_WEEKDAYS = "一二三四五六日"
_HEALTH_EVERY_S = 5.0
_COLUMNS = ("listed", "passed", "held", "returned", "pushed", "answered", "approved", "told", "mails")
_HEADINGS = ("列报", "通过", "待核实", "退回", "已推送", "有反馈", "授信（万元）", "督办", "邮件")
# Narrower than this, the table by department would wrap its figures.
_PLAIN_WIDTH = 118


class Display:
    """Reports progress. If standard output is not a terminal, each step is one line at its end."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if not self.console.is_terminal:
            self.console = Console(highlight=False, width=_PLAIN_WIDTH)
        self._began = time.monotonic()
        self._step: Step | None = None
        self._step_began = self._began
        self._number = self._of = 0
        self._tasks: tuple[int, int] | None = None
        self._counters: Counters | None = None
        self._health: Mapping[str, bool] = {}
        self._asked_health = 0.0
        self._ask_health: Callable[[], Mapping[str, bool]] = dict

    def say(self, text: str) -> None:
        """A line that stays on the screen."""
        self.console.print(f"[dim]{_elapsed(self._began)}[/] {_escaped(text)}")

    def live(self, health: Callable[[], Mapping[str, bool]]) -> AbstractContextManager[object]:
        """Show progress while in this context; `health`: component → whether it is healthy."""
        self._ask_health = health
        if not self.console.is_terminal:
            return nullcontext()
        return Live(get_renderable=self._view, console=self.console, refresh_per_second=4, transient=True)

    def step_started(self, step: Step, number: int, of: int) -> None:
        """A run was triggered."""
        if step.phase != (self._step.phase if self._step else None):
            self.console.print(f"[bold]{_day(step.moment)}  {step.phase}[/]")
        self._step, self._number, self._of = step, number, of
        self._step_began, self._tasks = time.monotonic(), None
        if time.monotonic() - self._asked_health > _HEALTH_EVERY_S:
            self._health, self._asked_health = self._ask_health(), time.monotonic()

    def step_progress(self, ended: int, of: int) -> None:
        """So many of the run's tasks have ended."""
        self._tasks = (ended, of)

    def step_ended(self, played: Played) -> None:
        """The run has ended."""
        mark = "[green]✓[/]" if played.succeeded else "[red]✗ 失败[/]"
        step = played.step
        what = "、".join(f"{name} {count}" for name, count in played.did.items()) or step.dag_id or "没有需要办理的"
        self.console.print(
            f"  {mark} {step.moment:%H:%M} {step.title} [dim]{what}[/] {played.seconds:.1f} 秒"
            f" [dim]（{self._number}/{self._of}，已用 {_elapsed(self._began)}）[/]"
        )

    def counted(self, found: Counters) -> None:
        """New counters were read from the business database."""
        self._counters = found

    def table(self, quarter: str, rows: Sequence[DepartmentRow]) -> None:
        """The quarter by department."""
        table = Table(title=f"{quarter} 各地融资需求", title_style="bold", show_footer=True)
        table.add_column("主管部门", "合计", no_wrap=True)
        for name, heading in zip(_COLUMNS, _HEADINGS, strict=True):
            total = sum(getattr(row, name) for row in rows)
            table.add_column(heading, _figure(total), justify="right", no_wrap=True)
        for row in rows:
            table.add_row(row.name, *(_figure(getattr(row, name)) for name in _COLUMNS))
        self.console.print(table)

    def scenes(self, console_url: str, scenes: Sequence[Scene]) -> None:
        """What the quarter showed: how often, and where to look."""
        table = Table(title="本次演示中发生的事", title_style="bold")
        table.add_column("情形", no_wrap=True)
        table.add_column("次数", justify="right")
        table.add_column("在哪里看", overflow="fold")
        for scene in scenes:
            mark = "" if scene.count else "[red]✗[/] "
            table.add_row(f"{mark}{scene.name}", f"{scene.count:,}", f"{console_url}{scene.address}")
        self.console.print(table)

    def quarters(self, rows: Sequence[QuarterRow]) -> None:
        """Several quarters side by side."""
        table = Table(title="各季度", title_style="bold")
        columns = {
            "季度": "quarter",
            "列报": "listed",
            "通过": "passed",
            "退回": "returned",
            "已推送": "pushed",
            "补正后推送": "corrected",
            "重复申报": "duplicates",
            "移出名单撤回": "removed",
            "落地": "funded",
            "授信（万元）": "approved",
        }
        for heading in columns:
            table.add_column(heading, justify="left" if heading == "季度" else "right", no_wrap=True)
        for row in rows:
            values = (getattr(row, name) for name in columns.values())
            table.add_row(*(value if isinstance(value, str) else _figure(value) for value in values))
        self.console.print(table)

    def promises(self, promises: Sequence[Promise]) -> None:
        """The promises, and whether each was kept."""
        for promise in promises:
            mark = "[green]✓[/]" if promise.kept else "[red]✗[/]"
            self.console.print(f"{mark} {promise.name}：{_escaped(promise.detail)}")

    def addresses(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Addresses to open: what, address, login."""
        table = Table(show_header=True, title="可以打开的地址", title_style="bold")
        for heading in ("内容", "地址", "登录"):
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    def _view(self) -> RenderableType:
        step = self._step
        if step is None:
            return Text()
        counted = "" if self._tasks is None else f"  任务 {self._tasks[0]}/{self._tasks[1]}"
        parts: list[RenderableType] = [
            Text.assemble(
                (f"▶ {_day(step.moment)} {step.moment:%H:%M}  ", "bold cyan"),
                f"{step.title} ",
                (step.dag_id, "dim"),
                f"{counted}  {time.monotonic() - self._step_began:.0f} 秒",
            ),
            ProgressBar(total=self._of, completed=self._number - 1, width=60),
        ]
        if self._counters is not None:
            parts.append(Text(_summary(self._counters)))
        marks = [("● ", "green") if healthy else ("● ", "red") for healthy in self._health.values()]
        health = [part for mark, label in zip(marks, self._health, strict=True) for part in (mark, f"{label}  ")]
        parts.append(Text.assemble(*health, (f"已用 {_elapsed(self._began)}", "dim")))
        return Group(*parts)


def _summary(found: Counters) -> str:
    return (
        f"列报 {found.listed}  通过 {found.passed}  待核实 {found.held}  退回 {found.returned}  |  推送 {found.pushed}"
        f"  待发 {found.waiting}  |  案件 {found.cases}  反馈 {found.events}  授信 {_figure(found.approved)} 万元"
        f"  逾期督办 {found.told}  邮件 {found.mails}"
    )


def _figure(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}（周{_WEEKDAYS[moment.weekday()]}）"


def _elapsed(began: float) -> str:
    seconds = int(time.monotonic() - began)
    return f"{seconds // 60}:{seconds % 60:02d}"


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")

"""`python -m include.escalation.what_if --quarter 2026Q3 --set ladder_step2_working_days=3`: a what-if on the terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from include.base.business_time import BusinessClock
from include.base.errors import InvalidRequest, UserFacingError
from include.base.settings import Settings
from include.domain.quarter import Quarter
from include.escalation.what_if import Counts, WhatIf, changed, differences, groups, in_force, only_changed, what_if
from include.escalation.what_if.words import by_day, row_words, totals
from include.reference.calendar import china_calendar
from include.store.database import open_database
from include.store.simulated_time import business_start


def main(arguments: Sequence[str]) -> int:
    """Print who would have been told; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m include.escalation.what_if",
        description="督办规则试算：按另一套参数，过去某季度的事项会在何时提请谁。只读，不写库，不发信。",
    )
    parser.add_argument("--quarter", help="需求所属季度，如 2026Q3")
    parser.add_argument(
        "--set", action="append", default=[], metavar="参数=值", dest="values", help="可重复；参数名见 --parameters"
    )
    parser.add_argument("--all", action="store_true", help="明细也列出没有变化的行")
    parser.add_argument("--parameters", action="store_true", help="只列出可试算的参数和现行值")
    asked = parser.parse_args(arguments)
    console = Console(highlight=False)
    try:
        if asked.parameters:
            console.print(_parameters())
            return 0
        _show(console, _what_if(asked.quarter, asked.values), asked.values, every=asked.all)
    except UserFacingError as error:
        told = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        told.print(f"✗ {error.what}", style="red")
        told.print(f"处理办法：{error.next_step}")
        return 2
    return 0


def _what_if(quarter: str | None, values: Sequence[str]) -> WhatIf:
    try:
        asked = Quarter.parse(quarter or "")
    except ValueError:
        raise InvalidRequest(
            f"季度“{quarter or ''}”无法识别。", "请用 --quarter 给出季度，写成 2026Q3 的形式。"
        ) from None
    present = in_force()
    assumed = changed(present, dict(_pair(value) for value in values))
    settings = Settings.from_environment()
    engine = open_database(settings)
    try:
        now = BusinessClock.starting_at(business_start(engine, settings)).now()
        return what_if(engine, asked, assumed, present=present, now=now, calendar=china_calendar())
    finally:
        engine.dispose()


def _pair(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found:
        raise InvalidRequest(f"“{text}”不是“参数=值”的形式。", "例如 --set ladder_step2_working_days=3。")
    return key.strip(), value.strip()


def _show(console: Console, outcome: WhatIf, values: Sequence[str], *, every: bool) -> None:
    changes = differences(in_force(), changed(in_force(), dict(_pair(value) for value in values)))
    console.print(f"{outcome.quarter}：{outcome.needs} 项需求，{outcome.first or '—'} 至 {outcome.last or '—'}")
    for one, value in changes:
        console.print(f"  {one.label}：{one.value} → {value} {one.unit}")
    if not changes:
        console.print("  没有改动参数：只重算现行参数。")
    sums = _table("合计", ("",))
    for label, counts in totals(outcome):
        sums.add_row(label, *_cells(counts))
    console.print(sums)
    rows = by_day(outcome)
    detail = _table("按日、级别、地区、规则（次）", ("日期", "级别", "地区", "规则"))
    for group, counts in rows if every else only_changed(rows):
        detail.add_row(*row_words(group), *_cells(counts))
    console.print(detail)


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    for column in ("实际", "现行", "试算", "变化"):
        table.add_column(column, justify="right")
    return table


def _cells(counts: Counts) -> tuple[str, ...]:
    actual = "—" if counts.actual is None else str(counts.actual)
    return actual, str(counts.present), str(counts.assumed), f"{counts.change:+d}" if counts.change else "0"


def _parameters() -> Table:
    table = Table(title="可试算的参数", title_justify="left")
    table.add_column("参数", no_wrap=True)
    table.add_column("含义", overflow="fold")
    table.add_column("现行值", no_wrap=True)
    for group in groups(in_force()):
        for one in group.parameters:
            table.add_row(one.key, one.label, f"{one.value} {one.unit}")
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

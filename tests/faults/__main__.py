"""`make faults [SEED=…]`: plays every scenario and prints what the receivers saw. Exit code 1 if a promise was broken."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from include.local.postgres import PostgresServer
from tests.faults import scenarios
from tests.faults.hostile import HostileVerdict, hostile
from tests.faults.stage import Stage, WorkerFailed
from tests.faults.verdict import Verdict, judge
from tests.faults.worker import CRASH_POINTS, MAIL_CRASH_POINTS

_NAMES = {
    "lost": "丢失",
    "doubled": "重复生效",
    "inverted": "乱序",
    "conflicts": "同号异文",
    "repeated": "未查询就重发",
    "acknowledged_not_received": "记为送达而未收到",
    "received_not_attempted": "收到而无发送记录",
    "still_open": "未了结",
}
_MAIL_NAMES = {
    "twice": "重复",
    "unreceived": "记为送达而未收到",
    "unattempted": "收到而无发送记录",
    "out_of_sight": "不知去向",
}
_HOW_TO_READ = """\
结论取自接收方（平台台账、邮箱）：记为送达的都已收到，收到的都有发送记录，每项需求只生效一次，不丢失，不乱序。
某种故障一次都没有发生，或某个时点没有杀够次数的，该场景不算通过。"""


@dataclass(frozen=True, slots=True)
class _Line:
    title: str
    items: int
    happened: str
    result: str
    kept: bool


def main() -> int:
    """Play; a seed gives the same faults again, as far as time allows."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=20, help="kills at each crash point")
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of needs")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)  # the report is what is read; faults are expected
    console, seed, began = Console(width=None if sys.stdout.isatty() else 120), asked.seed, time.monotonic()

    def needs(number: int) -> int:
        return max(20, int(number * asked.scale))

    points = Counter({name: asked.seeds for name in CRASH_POINTS.values()})
    plays: list[tuple[str, Callable[[PostgresServer], Iterator[Stage]], Counter[str]]] = [
        (
            f"强杀：{len(CRASH_POINTS)} 个时点 × {asked.seeds} 次",
            partial(scenarios.killed, seed=seed, needs=needs(2_000), seeds=asked.seeds),
            points,
        ),
        (
            "回答丢失：提交后 20% 断开、10% 截断，提交前 10% 断开",
            partial(scenarios.lost_answers, seed=seed, needs=needs(2_000)),
            Counter({"回答丢失": 1}),
        ),
        (
            "数据库每 5–20 秒停止，至多 5 秒",
            partial(scenarios.database_away, seed=seed, needs=needs(2_000)),
            Counter({"数据库停止": 5, "运行因此中断": 1}),
        ),
        (
            "网络：复位、截断、缓慢、半开",
            partial(scenarios.broken_network, seed=seed, needs=needs(2_000)),
            Counter({"复位": 1, "截断": 1, "缓慢": 1, "半开": 1}),
        ),
        ("平台停 76 小时", partial(scenarios.long_outage, seed=seed, needs=needs(500)), Counter({"试连失败": 1})),
        (
            "8 个进程同时发送，两轮",
            partial(scenarios.many_workers, seed=seed, needs=needs(2_000)),
            Counter({"分担发送的工作单元": 2}),
        ),
    ]
    lines = []
    with tempfile.TemporaryDirectory(prefix="faults-", dir="/var/tmp") as home, PostgresServer(Path(home)) as server:
        for title, play, least in plays:
            console.print(f"[dim]{time.monotonic() - began:4.0f} 秒[/]  {title} ……")
            lines.append(_played(title, lambda play=play: next((judge(stage), stage) for stage in play(server)), least))
        title = "邮件：强杀，421、451、550，收下后断开"
        console.print(f"[dim]{time.monotonic() - began:4.0f} 秒[/]  {title} ……")
        lines.append(_mailed(title, server, needs(200), asked.seeds // 2))
    title = "恶意内容：每份清单，每种写法"
    console.print(f"[dim]{time.monotonic() - began:4.0f} 秒[/]  {title} ……")
    with tempfile.TemporaryDirectory(prefix="faults-", dir="/var/tmp") as home, PostgresServer(Path(home)) as server:
        lines.append(_spoilt(title, hostile(server, seed, needs(1_000))))
    console.print(_table(seed, lines))
    console.print(_HOW_TO_READ)
    broken = [line for line in lines if not line.kept]
    spent = f"用时 {(time.monotonic() - began) / 60:.1f} 分钟"
    if not broken:
        total = sum(line.items for line in lines[:-2])
        console.print(f"共 {total:,} 项需求，全部恰好一次、按序到达；{spent}。", style="green")
        return 0
    console.print(f"{len(broken)} 个场景的承诺未兑现；{spent}。重现：make faults SEED={seed}", style="red")
    return 1


def _played(title: str, play: Callable[[], tuple[Verdict, Stage]], least: Counter[str]) -> _Line:
    try:
        verdict, stage = play()
    except WorkerFailed as failure:
        return _Line(title, 0, "", f"发送进程出错：{str(failure).strip().splitlines()[-1][:120]}", False)
    missing = [name for name, number in least.items() if stage.happened[name] < number]
    result = told(verdict) + (f"；未充分发生：{'、'.join(missing)}" if missing else "")
    return _Line(title, verdict.needs, _happened(stage.happened), result, verdict.kept and not missing)


def _mailed(title: str, server: PostgresServer, mails: int, kills: int) -> _Line:
    try:
        verdict = scenarios.troubled_mail(server, mails, kills)
    except WorkerFailed as failure:
        return _Line(title, 0, "", f"发送进程出错：{str(failure).strip().splitlines()[-1][:120]}", False)
    wrong = "；".join(
        f"{name} {getattr(verdict, field)}" for field, name in _MAIL_NAMES.items() if getattr(verdict, field)
    )
    unsure = verdict.queued - verdict.received
    good = f"收到 {verdict.received}，重复 0，另 {unsure} 封存疑或被拒收，留待人工"
    struck = all(verdict.happened[name] >= kills for name in MAIL_CRASH_POINTS.values())
    result = wrong or (good if struck else f"{good}；强杀次数不足")
    return _Line(title, verdict.queued, _happened(verdict.happened), result, verdict.kept and struck)


def _spoilt(title: str, verdict: HostileVerdict) -> _Line:
    return _Line(title, verdict.needs, _happened(verdict.planted), verdict.told(), verdict.kept)


def _happened(happened: Counter[str]) -> str:
    return "\n".join(f"{name} {number}" for name, number in happened.items())


def _table(seed: int, lines: list[_Line]) -> Table:
    table = Table(title=f"故障演练（种子 {seed}）", show_lines=True)
    for heading in ("场景", "数量", "实际发生", "接收方所见", ""):
        table.add_column(heading, justify="right" if heading == "数量" else "left", overflow="fold")
    for line in lines:
        mark = "[green]通过[/]" if line.kept else "[red]未过[/]"
        table.add_row(line.title, f"{line.items:,}", line.happened, line.result, mark)
    return table


def told(verdict: Verdict) -> str:
    """What is wrong, in words."""
    if verdict.kept:
        return "丢失 0，重复 0，乱序 0"
    broken = verdict.broken()
    return "；".join(f"{_NAMES[name]} {number}" for name, number in broken.items())


if __name__ == "__main__":
    sys.exit(main())

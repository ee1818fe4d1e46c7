"""`make faults [SEED=…]`: plays every scenario and prints what the receivers saw. Exit code 1 if a promise was broken."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from include.local.postgres import PostgresServer
from tests.faults import scenarios
from tests.faults.stage import Stage
from tests.faults.verdict import Verdict, judge
from tests.faults.worker import CRASH_POINTS

_NAMES = {
    "lost": "丢失",
    "doubled": "重复",
    "inverted": "乱序",
    "acknowledged_not_received": "记为送达而未收到",
    "received_not_attempted": "收到而无发送记录",
    "still_open": "未了结",
}


def main() -> int:
    """Play; a seed gives the same faults again, as far as time allows."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=20, help="kills at each crash point")
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of needs")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)  # the report is what is read; faults are expected
    console, seed = Console(), asked.seed

    def needs(number: int) -> int:
        return max(20, int(number * asked.scale))

    plays: list[tuple[str, Callable[[PostgresServer], Iterator[Stage]]]] = [
        (
            f"强杀：{len(CRASH_POINTS)} 个时点 × {asked.seeds} 次",
            partial(scenarios.killed, seed=seed, needs=needs(2_000), seeds=asked.seeds),
        ),
        ("回答丢失：提交后 20% 断开、10% 截断", partial(scenarios.lost_answers, seed=seed, needs=needs(2_000))),
        ("数据库反复停止", partial(scenarios.database_away, seed=seed, needs=needs(2_000))),
        ("网络：复位、截断、缓慢、半开", partial(scenarios.broken_network, seed=seed, needs=needs(2_000))),
        ("平台停 76 小时", partial(scenarios.long_outage, seed=seed, needs=needs(500))),
        ("8 个进程同时发送，两轮", partial(scenarios.many_workers, seed=seed, needs=needs(2_000))),
    ]
    table = Table(title=f"故障演练（种子 {seed}）")
    for heading in ("场景", "需求", "结果", "用时"):
        table.add_column(heading, justify="left" if heading in ("场景", "结果") else "right")
    broken = total = 0
    with tempfile.TemporaryDirectory(prefix="faults-", dir="/var/tmp") as home, PostgresServer(Path(home)) as server:
        for title, play in plays:
            console.print(f"{title} ……")
            begun = time.monotonic()
            verdict, kills = next((judge(stage), stage.kills) for stage in play(server))
            total += verdict.needs
            broken += not verdict.kept
            table.add_row(
                title,
                f"{verdict.needs:,}",
                told(verdict) + (f"（杀死 {kills} 次）" if kills else ""),
                f"{time.monotonic() - begun:.0f} 秒",
            )
        console.print("邮件：421、451、550、收下后断开 ……")
        begun = time.monotonic()
        queued, received, twice, missing = scenarios.troubled_mail(server, needs(200))
        broken += bool(twice or missing)
        table.add_row(
            "邮件：421、451、550、收下后断开",
            f"{queued:,}",
            f"收到 {received}，重复 {twice}，不知去向 {missing}",
            f"{time.monotonic() - begun:.0f} 秒",
        )
    console.print(table)
    console.print(
        f"共 {total:,} 项需求：{'全部恰好一次、按序到达。' if not broken else f'{broken} 个场景的承诺未兑现。'}",
        style="green" if not broken else "red",
    )
    return 1 if broken else 0


def told(verdict: Verdict) -> str:
    """What is wrong, in words."""
    if verdict.kept:
        return "丢失 0，重复 0，乱序 0"
    wrong = {name: getattr(verdict, name) for name in _NAMES}
    return "；".join(
        f"{_NAMES[name]} {value if isinstance(value, int) else len(value)}" for name, value in wrong.items() if value
    )


if __name__ == "__main__":
    sys.exit(main())

"""The sandbox as a process: `python -m include.sandbox --mail-dir DIR --now 2026-09-30T20:00:00+08:00`.

Secrets come from the environment: GFF_SANDBOX_GREEN_SECRET, GFF_SANDBOX_MARKET_SECRET (key k1) and
GFF_SANDBOX_MARKET_SECRET_NEXT (key k2). Its state is in memory; it ends on SIGTERM or Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from datetime import datetime
from pathlib import Path

from include.base.errors import ConfigurationError, UserFacingError
from include.domain.quarter import Quarter
from include.reference import departments
from include.sandbox.platforms.signature import LiveKey
from include.sandbox.scenario.planning import TooFewNeeds
from include.sandbox.scenario.stage import Scenario, Wishes, made
from include.sandbox.scenario.years import make_years
from include.sandbox.server import Credentials, PortInUse, Ports, Sandbox

_SECRETS = ("GFF_SANDBOX_GREEN_SECRET", "GFF_SANDBOX_MARKET_SECRET", "GFF_SANDBOX_MARKET_SECRET_NEXT")


def main(arguments: list[str] | None = None) -> int:
    """Run until stopped. Exit code 2: the request cannot be served; one Chinese sentence says why."""
    asked = _parser().parse_args(arguments)
    try:
        sandbox = _sandbox(asked)
    except UserFacingError as error:
        print(error, file=sys.stderr)
        return 2
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with sandbox:
        print(
            f"沙箱已就绪：绿色平台 {sandbox.green_url}，信贷市场服务平台 {sandbox.market_url}，"
            f"邮箱 {sandbox.mailbox_url}，SMTP 端口 {sandbox.smtp_port}",
            flush=True,
        )
        ended.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m include.sandbox", description="模拟两个平台、银行和邮箱")
    parser.add_argument("--host", default="127.0.0.1", help="监听地址")
    parser.add_argument("--green-port", type=int, default=8601, help="绿色平台端口")
    parser.add_argument("--market-port", type=int, default=8602, help="信贷市场服务平台端口")
    parser.add_argument("--mailbox-port", type=int, default=8603, help="邮箱页面端口")
    parser.add_argument("--smtp-port", type=int, default=8625, help="SMTP 端口")
    parser.add_argument("--mail-dir", type=Path, required=True, help="邮件原件（.eml）存放目录")
    parser.add_argument("--seed", type=int, default=490, help="随机种子，同一种子得到同一情景")
    parser.add_argument("--now", type=datetime.fromisoformat, required=True, help="沙箱时钟，RFC 3339，带时区偏移")
    parser.add_argument("--needs", type=int, default=1600, help="推荐的融资需求条数")
    parser.add_argument("--quarter", default="2026Q3", help="季度，例如 2026Q3")
    parser.add_argument("--earlier", type=int, default=0, metavar="N", help="此前另有 N 个季度，同一名单、同一历史")
    parser.add_argument("--earlier-needs", type=int, default=100, help="此前每个季度的融资需求条数")
    parser.add_argument(
        "--stopped-department",
        choices=sorted(departments()),
        metavar="代码",
        help="让该主管部门的退回比例超过上限，触发批次规则 B08（暂停推送）；默认不触发",
    )
    parser.add_argument("--lived", action="store_true", help="有部门迟报，有重大需求随时推荐")
    parser.add_argument(
        "--resubmit-share", type=float, default=0.0, help="被退回的需求中补正后再次推荐的比例（0 到 1）"
    )
    return parser


def _scenario(asked: argparse.Namespace) -> Scenario:
    wishes = Wishes(
        seed=asked.seed,
        quarter=asked.quarter,
        needs=asked.needs,
        stopped_department=asked.stopped_department,
        lived=asked.lived,
    )
    if not asked.earlier:
        return made(wishes)
    quarters = [Quarter.parse(asked.quarter)]
    for _ in range(asked.earlier):
        quarters.insert(0, quarters[0].previous())
    return make_years(wishes, [str(one) for one in quarters[:-1]], asked.earlier_needs)


def _sandbox(asked: argparse.Namespace) -> Sandbox:
    missing = [name for name in _SECRETS if not os.environ.get(name)]
    if missing:
        raise ConfigurationError(f"沙箱缺少密钥：{'、'.join(missing)}。", "请设置这些环境变量后重新启动。")
    if asked.now.tzinfo is None:
        raise ConfigurationError("参数 --now 没有时区偏移。", "请写成 2026-09-30T20:00:00+08:00 的形式。")
    green, market, following = (os.environ[name] for name in _SECRETS)
    try:
        scenario = _scenario(asked)
    except TooFewNeeds:
        raise ConfigurationError(
            f"主管部门 {asked.stopped_department} 的需求太少，不足以触发 B08。",
            "请换一个主管部门，或用 --needs 增加条数。",
        ) from None
    except ValueError:
        raise ConfigurationError(f"无法识别季度 {asked.quarter}。", "请写成 2026Q3 的形式。") from None
    try:
        return Sandbox(
            scenario,
            now=asked.now,
            mail_dir=asked.mail_dir,
            ports=Ports(asked.host, asked.green_port, asked.market_port, asked.mailbox_port, asked.smtp_port),
            credentials=Credentials(
                client_secret=green,
                key=LiveKey("k1", market),
                next_key=LiveKey("k2", following),
            ),
            resubmit_share=asked.resubmit_share,
        )
    except PortInUse as error:
        raise ConfigurationError(
            f"端口 {error.port} 已被占用。", "请结束占用它的程序，或用相应的 --…-port 参数换一个端口。"
        ) from None


if __name__ == "__main__":
    sys.exit(main())

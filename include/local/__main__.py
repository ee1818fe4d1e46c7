"""The commands behind the Makefile: `python -m include.local demo|up|down|env|clean`."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from rich.console import Console

from include.base.errors import UserFacingError
from include.local.demo import addresses, demo
from include.local.display import Display
from include.local.environment import Environment, Layout
from include.local.stack import Stack
from include.local.supervisor import AlreadyRunning, held

_BUSY = AlreadyRunning("演示正在运行。", "请先在它的终端按 Ctrl-C 结束，再运行本命令。")


def up(layout: Layout) -> int:
    """Start the databases and services, and leave them running."""
    with held(layout, "demo", refusal=_BUSY):
        display = Display()
        environment = Environment.of(layout)
        environment.postgres.start()
        layout.stays.touch()
        stack = Stack(environment, environment.for_services(), display.say)
        if set(stack.supervisor.running()) >= {service.name for service in stack.services()}:
            display.say("服务已经在运行。")
        else:
            stack.clear_leftovers()
            stack.start_databases()
            stack.forget_lost_sandbox()
            environment.write_env_file()
            try:
                stack.start_services()
            except BaseException:
                stack.supervisor.stop()
                raise
        display.addresses(addresses(environment))
        display.say("停止：make down")
    return 0


def down(layout: Layout) -> int:
    """Stop services and databases."""
    with held(layout, "demo", refusal=_BUSY):
        stopped = Stack.stop_all(layout)
        Environment.of(layout).postgres.stop()
        layout.stays.unlink(missing_ok=True)
    Display().say(f"已停止：{'、'.join([*stopped, 'postgres'])}。")
    return 0


def env(layout: Layout) -> int:
    """Write `.local/env.sh`; the databases it names, and the sandbox, are left running in the background."""
    display = Display()
    environment = Environment.of(layout)
    busy = AlreadyRunning("另一个命令正在准备数据库。", "请稍候重试。")
    with held(layout, "prepare", refusal=busy, wait_s=120):
        environment.postgres.start()
        layout.stays.touch()
        stack = Stack(environment, environment.for_services(), display.say)
        stack.start_databases()
        stack.start_sandbox()
    environment.write_airflow_files()
    display.say(f"已写入 {environment.write_env_file()}。使用：. .local/env.sh；停止后台的数据库和沙箱：make down")
    return 0


def clean(layout: Layout) -> int:
    """Stop everything and delete all data of the stack."""
    with held(layout, "demo", refusal=_BUSY):
        Stack.stop_all(layout)
        Environment.of(layout).postgres.remove()
    shutil.rmtree(layout.local, ignore_errors=True)
    return 0


def main() -> int:
    """Run the requested command; an error that a person can fix is reported in two lines."""
    parser = argparse.ArgumentParser(prog="python -m include.local", description="本机演示环境")
    parser.add_argument("--folder", type=Path, default=Layout().local, help="数据目录（默认 .local）")
    commands = parser.add_subparsers(dest="command", required=True)
    playing = commands.add_parser("demo", help="演示一个季度")
    playing.add_argument("--once", action="store_true", help="演示完即结束，不保持服务运行")
    playing.add_argument("--quarters", type=int, default=1, help="在同一数据库中演示这么多个季度，最后一个经 Airflow")
    for name, text in (
        ("up", "启动全部服务"),
        ("down", "停止全部服务"),
        ("env", "写 env.sh"),
        ("clean", "删除全部数据"),
    ):
        commands.add_parser(name, help=text)
    arguments = parser.parse_args()
    layout = Layout(arguments.folder.resolve())
    try:
        if arguments.command == "demo":
            return demo(layout, once=arguments.once, number=arguments.quarters)
        return {"up": up, "down": down, "env": env, "clean": clean}[arguments.command](layout)
    except UserFacingError as error:
        console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        console.print(f"\n✗ {error.what}", style="red")
        console.print(f"处理办法：{error.next_step}")
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

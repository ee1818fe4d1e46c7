"""`make demo`: one quarter, end to end, on real Airflow, PostgreSQL, both sandbox platforms and a mailbox."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from include.base.settings import Settings
from include.domain.quarter import Quarter
from include.local import databases, figures, quarters
from include.local.display import Display
from include.local.environment import BUSINESS_DATABASE, Environment, Layout
from include.local.load import load_of
from include.local.people import People
from include.local.plan import FEW_DAYS, quarter_plan
from include.local.play import Played, Player
from include.local.promises import (
    Promise,
    each_life_shown,
    each_need_once,
    everything_shown,
    ledgers_explained,
    no_mail_twice,
    nothing_lost,
    over_quarters,
    runs_succeeded,
)
from include.local.sandbox_client import SandboxClient
from include.local.scenes import scenes
from include.local.stack import QUARTER, Stack
from include.local.supervisor import AlreadyRunning, held
from include.reference.calendar import china_calendar
from include.store.database import connect

_PLAYING = AlreadyRunning("另一个演示正在运行。", "请先在它的终端按 Ctrl-C 结束，再重新运行 make demo。")


def demo(layout: Layout, *, once: bool, number: int = 1) -> int:
    """Play the quarter, after `number` - 1 earlier ones, and show the result; stays up until Ctrl-C unless `once`.

    Returns the exit code: 0, or 1 if a run failed or a promise was broken. Raises a UserFacingError if it cannot go on;
    whatever it started is stopped either way.
    """
    quarters.check(number)
    with held(layout, "demo", refusal=_PLAYING), _terminable():
        display = Display()
        environment = Environment.of(layout)
        try:
            return _play(environment, display, once=once, earlier=quarters.before(QUARTER, number - 1))
        finally:
            display.say("正在停止服务……")
            Stack.stop_all(environment.layout)
            if not layout.stays.exists():
                environment.postgres.stop()


def _play(environment: Environment, display: Display, *, once: bool, earlier: list[Quarter]) -> int:
    environment.postgres.start()
    stack = Stack(environment, environment.for_demo(), display.say, earlier=len(earlier))
    stack.clear_leftovers()
    stack.start_databases()
    databases.renew_business_database(environment)
    _empty_folders(environment.layout)
    environment.write_env_file()
    stack.start_services()
    ended = stack.api.end_open_runs()
    if ended:
        display.say(f"已了结上次中断的 {ended} 次 DAG 运行。")
    sandbox = SandboxClient(environment)
    business = connect(environment.postgres.url(BUSINESS_DATABASE))
    try:
        display.say(f"开始演示 {QUARTER}（Airflow：{environment.airflow_url}，用户 admin，密码 {stack.password}）。")
        steps = quarter_plan(QUARTER, china_calendar())
        people = People(environment)
        if earlier:
            display.say(f"先演示此前 {len(earlier)} 个季度（直接调用各环节，不逐个启动 DAG）……")
            settings = Settings.from_environment(environment.for_demo())
            quarters.play_earlier(settings, earlier, sandbox.set_clock, people, display.say)
        player = Player(stack, business, sandbox, people, display)
        with display.live(stack.health):
            played = player.play(steps)
        with business.connect() as connection:
            display.table(str(QUARTER), figures.department_rows(connection, str(QUARTER)))
            shown = scenes(connection, str(QUARTER), china_calendar().deadline(QUARTER))
            display.scenes(f"{environment.airflow_url}/green-finance/", shown)
            days = sum(step.dag_id == "escalate_stalled" for step in steps) + len(earlier) * len(FEW_DAYS.after)
            for line in load_of(connection, str(QUARTER), days=days).lines():
                display.say(line)
            ledger = sandbox.ledger()
            every = [*map(str, earlier), str(QUARTER)]
            if earlier:
                display.quarters(quarters.quarter_rows(connection, [*earlier, QUARTER]))
            promises = [
                runs_succeeded(played),
                everything_shown(shown),
                over_quarters([nothing_lost(connection, one) for one in every]),
                over_quarters(
                    [
                        each_need_once(
                            figures.passed_needs(connection, one), [entry for entry in ledger if entry.quarter == one]
                        )
                        for one in every
                    ]
                ),
                no_mail_twice(sandbox.message_ids()),
                over_quarters([ledgers_explained(connection, one) for one in every]),
                each_life_shown(connection, steps[-1].moment.date()),
            ]
    finally:
        business.dispose()
    display.promises(promises)
    _show_failures(display, player, played)
    display.addresses(addresses(environment))
    kept = all(promise.kept for promise in promises)
    display.say("演示完成，所有承诺均已兑现。" if kept else f"演示完成，但有承诺未兑现：{_broken(promises)}。")
    if not once:
        _stay_up(stack, display)
    return 0 if kept else 1


def addresses(environment: Environment) -> list[tuple[str, str, str]]:
    """What can be opened: what, where, login."""
    airflow = environment.airflow_url
    passwords = environment.secrets.passwords()
    logins = "\n".join(f"{user} / {password}" for user, password in passwords.items())
    return [
        ("Airflow", airflow, logins),
        ("操作台", f"{airflow}/green-finance/", "同 Airflow"),
        ("季度通报", f"{airflow}/green-finance/circular/{QUARTER}", "同 Airflow"),
        ("邮箱（全部提醒和汇总）", environment.mailbox_url, "无需登录"),
    ]


def _show_failures(display: Display, player: Player, played: list[Played]) -> None:
    for run in played:
        if not run.succeeded:
            folder = player.log_folder(run.step.dag_id, run.run_id)
            tasks = "、".join(dict.fromkeys(task.task_id for task in run.failed if task.state == "failed"))
            display.say(
                f"失败：{run.step.phase} {run.step.title}（{run.step.dag_id}），任务 {tasks or '未知'}，日志 {folder}"
            )


def _broken(promises: list[Promise]) -> str:
    return "、".join(promise.name for promise in promises if not promise.kept)


def _empty_folders(layout: Layout) -> None:
    """A new demo starts with an empty mailbox and no reports; Airflow's logs of earlier demos are kept."""
    for folder in (layout.mail, layout.reports):
        for file in folder.glob("*"):
            if file.is_file():
                file.unlink()


def _stay_up(stack: Stack, display: Display) -> None:
    display.say("服务保持运行，按 Ctrl-C 结束。")
    never = threading.Event()
    try:
        while not never.wait(2):
            stack.supervisor.check()
    except KeyboardInterrupt:
        return


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the demo as Ctrl-C does, so that nothing is left running."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

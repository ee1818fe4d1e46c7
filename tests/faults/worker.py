"""One delivery run in a process of its own, which may die at a named point.

The points are where a run can leave the outside and the inside apart. A worker that ends by anything else than its end, its
death or a database that is away has met a defect: it leaves a traceback.
"""

from __future__ import annotations

import itertools
import logging
import os
import signal
import smtplib
import threading
import time
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.base.business_time import BusinessClock
from include.base.errors import UserFacingError
from include.base.settings import Settings
from include.delivery import record
from include.delivery import stage as engine
from include.domain.states import Channel
from include.platforms import http
from include.platforms.credit_market import CreditMarketClient
from include.reference import policy
from include.store.database import connect
from include.store.grants import DatabaseRole

CRASH_POINTS = {
    "claimed": "租约已取得",
    "about_to_send": "即将发出",
    "sent": "已发出、未记录",
    "recording": "正在记录",
    "recorded": "已记录",
    "looked_up": "已查询、未记录",
    "withdrawn": "已撤回、未记录",
    "superseded": "已取消旧版",
    "taken_over": "已接管中断的租约",
}
DAWDLING = "dawdling"
"""No crash point: a worker that waits before it sends what it has leased, until there is a file GO."""
GO = "go"
_PATIENCE_S = 60
MAIL_CRASH_POINTS = {"handing_over": "即将交出正文", "handed_over": "正文已交出、未记录"}
DATABASE_AWAY, DEFECT = 75, 70
"""Exit codes."""


def deliver(
    database: str,
    settings: Settings,
    moment: datetime,
    channel: Channel,
    point: str | None,
    nth: int,
    read_timeout_s: float,
    report: str,
) -> None:
    """Deliver on a channel at a business moment; `report`: the file for the traceback of a defect."""
    logging.disable(logging.CRITICAL)
    http.READ_TIMEOUT_S = read_timeout_s
    if point == DAWDLING:
        _dawdle(Path(report).parent / GO)
    elif point is not None:
        plant(point, nth)
    try:
        engine.deliver(
            connect(database, role=DatabaseRole.PIPELINE),
            channel,
            settings=settings,
            policy=policy(),
            clock=BusinessClock.starting_at(moment),
        )
    except (sa.exc.OperationalError, sa.exc.InterfaceError):
        os._exit(DATABASE_AWAY)
    except UserFacingError:
        pass
    except BaseException:
        Path(report).write_text(traceback.format_exc(), encoding="utf-8")
        os._exit(DEFECT)
    os._exit(0)


def plant(point: str, nth: int) -> None:
    """Let the process die at the nth passing of a crash point."""
    owner, name, before = {
        "claimed": (engine, "claim", False),
        "about_to_send": (CreditMarketClient, "push_batch", True),
        "sent": (CreditMarketClient, "push_batch", False),
        "recording": (engine, "record", True),
        "recorded": (engine, "record", False),
        "looked_up": (CreditMarketClient, "look_up", False),
        "withdrawn": (CreditMarketClient, "withdraw", False),
        "superseded": (engine, "supersede", False),
        "taken_over": (engine, "take_over", False),
        "handing_over": (smtplib.SMTP, "data", True),
        "handed_over": (smtplib.SMTP, "data", False),
    }[point]
    if point == "recording":
        _let_marks_take_long()
        setattr(owner, name, _dying(getattr(owner, name), nth, before=_die_soon, after=_die))
    elif before:
        setattr(owner, name, _dying(getattr(owner, name), nth, before=_die))
    else:
        setattr(owner, name, _dying(getattr(owner, name), nth, after=_die))


def _dawdle(go: Path) -> None:
    push = CreditMarketClient.push_batch

    def late(client: CreditMarketClient, items: Any) -> Any:
        deadline = time.monotonic() + _PATIENCE_S
        while not go.exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody said go within {_PATIENCE_S} s")
            time.sleep(0.05)
        return push(client, items)

    CreditMarketClient.push_batch = late  # type: ignore[method-assign]


def _dying(
    function: Callable[..., Any],
    nth: int,
    *,
    before: Callable[[], None] = lambda: None,
    after: Callable[[], None] = lambda: None,
) -> Callable[..., Any]:
    """`function`, whose nth call is the last. A run has several threads: which call is the nth is decided as it begins."""
    calls = itertools.count(1)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        is_last = next(calls) == nth
        if is_last:
            before()
        found = function(*arguments, **named)
        if is_last:
            after()
        return found

    return wrapped


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_soon() -> None:
    """Die while PostgreSQL works; at the latest when it has answered, however slow this machine is."""
    threading.Timer(0.2, _die).start()


def _let_marks_take_long() -> None:
    """PostgreSQL is at the marks when the process dies: they are committed, and nobody hears of it."""
    statement, slowly = str(record._RECORD), "select count(*) + length(cast(pg_sleep(1) as text)) from marked"
    assert "select count(*) from marked" in statement
    record._RECORD = sa.text(statement.replace("select count(*) from marked", slowly))

"""Faults that a test plants: each waits for requests to a path and is used up after `count` of them.

The middleware here plays the kinds that need nothing from a platform (5xx, 429, closed connections, a truncated body).
The platforms ask for the others while they answer (a page repeated, a token revoked, a cursor expired, items doubled,
an item deferred or rejected, a batch broken off half-way).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from include.sandbox.platforms.problem import Problem

_GATEWAY_KINDS = ("500", "502", "503", "504", "429")
KINDS = (
    *_GATEWAY_KINDS,
    "504_after_commit",
    "reset",
    "reset_after_commit",
    "reset_half_way",
    "cut_body",
    "repeat_page",
    "revoke_token",
    "expire_cursor",
    "duplicate",
    "deferred",
    "rejected",
)
_BEFORE = (*_GATEWAY_KINDS, "reset")
_AFTER = ("504_after_commit", "reset_after_commit", "cut_body")


@dataclass(slots=True)
class Fault:
    """A planted fault: requests whose path begins with `path` meet it `count` times."""

    path: str
    kind: str
    count: int = 1
    retry_after: str | None = None


@dataclass(slots=True)
class FaultShare:
    """A fault that hits a share of the requests whose path begins with `path`, by chance with a seed, until forgotten."""

    path: str
    kind: str
    share: float
    chance: random.Random


class FaultPlan:
    """The planted faults in order; those of a share after them."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._shares: list[FaultShare] = []

    def plant(self, fault: Fault) -> None:
        """Add a fault; ValueError for an unknown kind."""
        if fault.kind not in KINDS:
            raise ValueError(f"no such fault: {fault.kind}; known are {', '.join(KINDS)}")
        self._faults.append(fault)

    def plant_share(self, path: str, kind: str, share: float, seed: int) -> None:
        """Let a share of the requests meet a fault; ValueError for an unknown kind or a share outside 0 … 1."""
        if kind not in KINDS or not 0 <= share <= 1:
            raise ValueError(f"no such fault: {kind} for a share of {share}")
        self._shares.append(FaultShare(path, kind, share, random.Random(seed)))

    def clear(self) -> None:
        """Forget every fault that has not happened yet."""
        self._faults.clear()
        self._shares.clear()

    @property
    def pending(self) -> tuple[Fault, ...]:
        """The faults that have not been used up."""
        return tuple(self._faults)

    def take(self, path: str, kinds: Iterable[str]) -> Fault | None:
        """Use up the next fault for `path`, if it is one of `kinds`."""
        fault = next((fault for fault in self._faults if path.startswith(fault.path)), None)
        if fault is None:
            return self._by_chance(path, tuple(kinds))
        if fault.kind not in tuple(kinds):
            return None
        fault.count -= 1
        if fault.count <= 0:
            self._faults.remove(fault)
        return fault

    def _by_chance(self, path: str, kinds: tuple[str, ...]) -> Fault | None:
        for one in self._shares:
            if path.startswith(one.path) and one.kind in kinds and one.chance.random() < one.share:
                return Fault(path, one.kind)
        return None


class ResettableProtocol(H11Protocol):
    """uvicorn's protocol, which hands its connection to the application so that a fault can break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


async def reset_connection(scope: Scope) -> None:
    """Close the client's connection at once (RST) without another byte."""
    transport: asyncio.Transport = scope["state"]["transport"]
    with contextlib.suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await asyncio.sleep(0.001)  # The protocol notices in the next iterations of the loop.


class FaultMiddleware:
    """Plays the faults before or after a platform has acted."""

    def __init__(self, app: ASGIApp, plan: FaultPlan) -> None:
        self.app = app
        self.plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or play the next fault."""
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            await self.app(scope, receive, send)
            return
        before = self.plan.take(scope["path"], _BEFORE)
        if before is not None:
            await _fail(before, scope, receive, send)
            return
        after = self.plan.take(scope["path"], _AFTER)
        if after is None:
            await self.app(scope, receive, send)
            return
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self.app(scope, receive, keep)
        if after.kind == "504_after_commit":
            await _fail(Fault(after.path, "504"), scope, receive, send)
        elif after.kind == "reset_after_commit":
            await reset_connection(scope)
        else:
            await _send_cut(answer, scope, send)


async def _fail(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.kind == "reset":
        await reset_connection(scope)
        return
    titles = {"429": "请求过于频繁", "503": "平台暂停服务", "500": "平台内部错误", "502": "网关错误", "504": "网关超时"}
    headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
    await Problem(int(fault.kind), titles[fault.kind], headers=headers).response()(scope, receive, send)


async def _send_cut(answer: list[Message], scope: Scope, send: Send) -> None:
    body: Any = b"".join(message.get("body", b"") for message in answer if message["type"] == "http.response.body")
    await send(answer[0])
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await reset_gently(scope)


async def reset_gently(scope: Scope) -> None:
    """Close the client's connection after what has been written."""
    transport: asyncio.Transport = scope["state"]["transport"]
    transport.close()
    await asyncio.sleep(0.001)

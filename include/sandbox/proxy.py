"""A TCP proxy that breaks connections, to stand in front of a platform or the mail server.

As a command, `python -m include.sandbox.proxy 127.0.0.1:8702 --broken 0.3 --seed 7` prints where it listens, and runs until it is stopped.

Faults: `reset` (RST after so many bytes of the answer), `cut` (closed after so many bytes), `slow` (the answer drips), `half_open` (the
request is taken and nothing is ever answered). By chance with a seed, connection by connection, each kind once before one comes again;
none is played while `broken` is 0.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import socket
import struct
import threading
from types import TracebackType
from typing import Literal, Self

Kind = Literal["reset", "cut", "slow", "half_open"]
KINDS: tuple[Kind, ...] = ("reset", "cut", "slow", "half_open")

_PIECE = 65_536
_DRIP = 256
_DRIP_S = 0.01
_FIRST_BYTES = 400


class TcpProxy:
    """Listens on loopback and passes connections on to `target`; `broken` of them meet a fault. A context manager."""

    def __init__(
        self, target: tuple[str, int], *, seed: int, kinds: tuple[Kind, ...] = KINDS, hold_s: float = 2.0, port: int = 0
    ) -> None:
        self.broken = 0.0
        """The share of connections that break, 0 … 1; may be changed at any time."""
        self._target, self._kinds, self._hold_s = target, kinds, hold_s
        self._chance = random.Random(seed)
        self._to_come: list[Kind] = []
        self._listening = socket.create_server(("127.0.0.1", port))
        self._started, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="tcp-proxy", daemon=True)
        self.played: dict[str, int] = {}

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listening.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._listening.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._pass_on, sock=self._listening))
        self._started.set()
        self._loop.run_forever()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self._next_fault() if self._chance.random() < self.broken else None
        if fault is not None:
            self.played[fault] = self.played.get(fault, 0) + 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            there, back = await asyncio.open_connection(*self._target)
            towards = asyncio.ensure_future(_copy(reader, back))
            try:
                await self._answer(there, writer, fault)
            finally:
                towards.cancel()
                back.close()
                writer.close()

    def _next_fault(self) -> Kind:
        if not self._to_come:
            self._to_come = self._chance.sample(self._kinds, len(self._kinds))
        return self._to_come.pop()

    async def _answer(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Kind | None) -> None:
        if fault is None:
            await _copy(there, writer)
            return
        if fault == "half_open":
            await there.read(_PIECE)
            await asyncio.sleep(self._hold_s)
            return
        if fault == "slow":
            while piece := await there.read(_DRIP):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(_DRIP_S)
            return
        writer.write((await there.read(_PIECE))[: self._chance.randrange(_FIRST_BYTES)])
        if fault == "reset":
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(_PIECE):
            sink.write(piece)
            await sink.drain()
        sink.write_eof()


def main() -> None:
    """Stand in front of a port until stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m include.sandbox.proxy", description="断开、截断、放慢或半开一部分连接。"
    )
    parser.add_argument("target", help="地址:端口，例如 127.0.0.1:8702")
    parser.add_argument("--port", type=int, default=0, help="监听的端口，默认任选")
    parser.add_argument("--broken", type=float, default=0.3, help="出故障的连接所占的份额，0 到 1")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="故障的种类")
    parser.add_argument("--seed", type=int, default=1, help="同一种子，同样的次序")
    asked = parser.parse_args()
    host, _, port = asked.target.rpartition(":")
    if not host or not port.isdigit() or not 0 <= asked.broken <= 1:
        parser.error("请写成“地址:端口”，--broken 在 0 到 1 之间")
    with TcpProxy((host, int(port)), seed=asked.seed, kinds=tuple(asked.kinds), port=asked.port) as proxy:
        proxy.broken = asked.broken
        print(f"127.0.0.1:{proxy.port} → {asked.target}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()

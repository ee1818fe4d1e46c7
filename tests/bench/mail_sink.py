"""A mail server that takes everything, keeps nothing and costs next to nothing, in a process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized

_END = b"\r\n.\r\n"


@contextmanager
def mail_sink() -> Iterator[tuple[int, Synchronized[int]]]:
    """Its port on loopback, and how many mails it has taken."""
    spawned = multiprocessing.get_context("spawn")
    taken: Synchronized[int] = spawned.Value("i", 0)
    told, tell = spawned.Pipe(duplex=False)
    process = spawned.Process(target=_serve, args=(tell, taken), daemon=True)
    process.start()
    try:
        yield told.recv(), taken
    finally:
        process.terminate()
        process.join()


def _serve(tell: Connection, taken: Synchronized[int]) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Conversation(taken), "127.0.0.1", 0)
        tell.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


class _Conversation(asyncio.Protocol):
    def __init__(self, taken: Synchronized[int]) -> None:
        self._taken = taken
        self._heard = b""
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while (end := self._heard.find(_END if self._in_data else b"\r\n")) >= 0:
            if self._in_data:
                self._heard = self._heard[end + len(_END) :]
                self._in_data = False
                self._taken.value += 1
                self._transport.write(b"250 taken\r\n")
                continue
            command, self._heard = self._heard[:end].upper(), self._heard[end + 2 :]
            self._in_data = command == b"DATA"
            self._transport.write({b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}.get(command, b"250 ok\r\n"))

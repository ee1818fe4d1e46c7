"""A server that only answers: accepted for each item, after a delay. Run as a process: python -m tests.bench.answering DELAY_S.

It neither checks signatures nor the contract and keeps nothing, so that what is measured is who sends.
"""

from __future__ import annotations

import asyncio
import re
import sys

_KEY = re.compile(rb'"idempotency_key":"([^"]+)"')
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"
_DATE = b"Date: Thu, 01 Oct 2026 00:00:00 GMT\r\n"


class Answering(asyncio.Protocol):
    """One connection; requests come one after another."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._received = bytearray()
        self._complete_at = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._complete_at:
            head_ends = self._received.find(_END_OF_HEAD)
            if head_ends < 0:
                return
            found = _LENGTH.search(self._received, 0, head_ends)
            self._complete_at = head_ends + len(_END_OF_HEAD) + (int(found[1]) if found else 0)
        if len(self._received) < self._complete_at:
            return
        answer = _accepted(bytes(self._received))
        self._received.clear()
        self._complete_at = 0
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _accepted(request: bytes) -> bytes:
    results = b",".join(
        b'{"idempotency_key":"' + key + b'","outcome":"accepted","receipt_no":"R"}' for key in _KEY.findall(request)
    )
    body = b'{"results":[' + results + b"]}"
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b" % (
        _DATE,
        len(body),
        body,
    )


async def _serve(delay_s: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Answering(delay_s), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))

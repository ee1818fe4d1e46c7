"""What the delivery engine is measured against: a client without any durability, and bytes alone."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from include.base.settings import CreditMarket
from include.platforms.credit_market import CreditMarketClient

T = TypeVar("T")
Batch = Sequence[dict[str, Any]]
_LENGTH = b"Content-Length: "


def bare(market: CreditMarket, batches: Sequence[Batch], connections: int) -> float:
    """Seconds in which our own client sends `batches` as they are: encoded, signed, sent, the answer read. Nothing is kept."""

    def work(queue: SimpleQueue[Batch]) -> None:
        with CreditMarketClient(market) as client:
            _drain(queue, lambda batch: client.push_batch(batch))

    return _timed(batches, connections, work)


def raw(market: CreditMarket, batches: Sequence[Batch], connections: int) -> float:
    """Seconds in which sockets send the same bodies, written beforehand; of an answer only the length is read.

    Threads of this process: what one core of Python can load, less than wrk or oha could.
    """
    address = urlsplit(market.base_url)
    requests = [
        b"POST /v1/need-batches HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        for body in (msgspec.json.encode({"items": batch}) for batch in batches)
    ]

    def work(queue: SimpleQueue[bytes]) -> None:
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _drain(queue, lambda request: _exchange(connection, request))

    return _timed(requests, connections, work)


def _timed(items: Sequence[T], connections: int, work: Callable[[SimpleQueue[T]], None]) -> float:
    queue: SimpleQueue[T] = SimpleQueue()
    for item in items:
        queue.put(item)
    with ThreadPoolExecutor(connections) as pool:
        began = perf_counter()
        for done in [pool.submit(work, queue) for _ in range(connections)]:
            done.result()
        return perf_counter() - began


def _drain(queue: SimpleQueue[T], send: Callable[[T], object]) -> None:
    while True:
        try:
            item = queue.get_nowait()
        except Empty:
            return
        send(item)


def _exchange(connection: socket.socket, request: bytes) -> None:
    connection.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1 << 16)
    head, _, body = received.partition(b"\r\n\r\n")
    missing = int(head.partition(_LENGTH)[2].split(b"\r\n")[0]) - len(body)
    while missing > 0:
        missing -= len(connection.recv(1 << 16))

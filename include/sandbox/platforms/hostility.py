"""A hostile partner: raw pieces among the rows of a listing, and answers rewritten on their way out.

A piece is put into the first list of an answer as raw bytes, JSON or not. The platform's own rows stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Rewrite = Callable[[bytes], bytes]
_LIST = re.compile(rb'"(?:items|departments|institutions|results)"\s*:\s*\[')


@dataclass(slots=True)
class Planted:
    """For requests whose path begins with `path` and whose query contains `query`; `count` times, None: always."""

    path: str
    query: Mapping[str, str]
    rewrite: Rewrite
    count: int | None


class HostilePlan:
    """What is planted on one platform."""

    def __init__(self) -> None:
        self._planted: list[Planted] = []

    def plant(
        self, path: str, rewrite: Rewrite, query: Mapping[str, str] | None = None, count: int | None = None
    ) -> None:
        """Rewrite the body of these answers."""
        self._planted.append(Planted(path, dict(query or {}), rewrite, count))

    def clear(self) -> None:
        """Behave well again."""
        self._planted.clear()

    def take(self, path: str, query_string: bytes) -> Rewrite | None:
        """Use up what is planted for this request; None if nothing is."""
        asked = {name: values[0] for name, values in parse_qs(query_string.decode("ascii", "replace")).items()}
        for one in self._planted:
            if path.startswith(one.path) and one.query.items() <= asked.items():
                if one.count is not None:
                    one.count -= 1
                    if one.count <= 0:
                        self._planted.remove(one)
                return one.rewrite
        return None


def among_the_rows(pieces: Sequence[bytes]) -> Rewrite:
    """Puts the pieces in front of the rows of the answer's first list."""

    def rewrite(body: bytes) -> bytes:
        found = _LIST.search(body)
        if found is None:
            return body
        rest = body[found.end() :]
        separator = b"" if rest.lstrip().startswith(b"]") else b", "
        return body[: found.end()] + b", ".join(pieces) + separator + rest

    return rewrite


class HostileMiddleware:
    """Rewrites a platform's answers by its plan."""

    def __init__(self, app: ASGIApp, plan: HostilePlan) -> None:
        self.app = app
        self.plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; rewrite the body of an answer for which something is planted."""
        rewrite = None
        if scope["type"] == "http" and not scope["path"].startswith("/_sandbox"):
            rewrite = self.plan.take(scope["path"], scope["query_string"])
        if rewrite is None:
            await self.app(scope, receive, send)
            return
        begun: list[Message] = []
        body = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.append(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                written = rewrite(bytes(body)) if begun[0]["status"] == 200 else bytes(body)
                others = [(name, value) for name, value in begun[0]["headers"] if name.lower() != b"content-length"]
                length = (b"content-length", str(len(written)).encode())
                await send({**begun[0], "headers": [*others, length]})
                await send({"type": "http.response.body", "body": written})

        await self.app(scope, receive, keep)

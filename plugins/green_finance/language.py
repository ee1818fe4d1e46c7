"""Airflow's pages in Chinese and in China's time by default.

Airflow takes language and time zone from the browser and stores a user's choice in local storage; it has no setting for
a default. This sets the choice once if none was made: whoever picks another keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SCRIPT = (
    b"<script>localStorage.i18nextLng ??= 'zh-CN';localStorage.timezone ??= JSON.stringify('Asia/Shanghai')</script>"
)
_HEAD = b"<head>"


class ChineseByDefault:
    """ASGI middleware: puts one line of script at the head of Airflow's own HTML pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or b"text/html" not in dict(scope["headers"]).get(b"accept", b""):
            await self._app(scope, receive, send)
            return
        start: Message | None = None

        async def with_script(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_html(message):
                start = message
                return
            if start is not None:
                body: bytes = message.get("body", b"")
                if _HEAD in body and not message.get("more_body"):
                    body = body.replace(_HEAD, _HEAD + _SCRIPT, 1)
                    message = {**message, "body": body}
                    start = {**start, "headers": _with_length(start["headers"], len(body))}
                await send(start)
                start = None
            await send(message)

        # A compressed page could not be read here; the pages concerned are small.
        plain = [header for header in scope["headers"] if header[0] != b"accept-encoding"]
        await self._app({**scope, "headers": plain}, receive, with_script)


def _is_html(message: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/html") for name, value in message["headers"])


def _with_length(headers: Iterable[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    kept = [header for header in headers if header[0] != b"content-length"]
    return [*kept, (b"content-length", str(length).encode())]

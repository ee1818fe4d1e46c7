"""Headers of every answer of the console, refusals and redirects included; cookies that stay on TLS; small bodies only."""

from __future__ import annotations

from collections.abc import Mapping

from airflow.sdk.configuration import conf
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
    ),
    # Not no-referrer: a browser would send "Origin: null" with the console's own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


_LARGEST_BODY = 1024 * 1024
"""Bytes; many times the size of a form of the console."""


class ClosedToTheBrowser:
    """ASGI middleware: answers load nothing from elsewhere, are not cached, and their cookies need TLS if the request
    used it."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str] = _HEADERS, largest_body: int = _LARGEST_BODY) -> None:
        self._app = app
        self._headers = headers
        self._largest_body = largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._largest_body:
                raise HTTPException(413)
            return message

        async def closed(message: Message) -> None:
            if message["type"] == "http.response.start":
                # A part of the console may have closed its answers further.
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                # As Airflow treats its own cookie; behind a proxy its web server takes the scheme from
                # X-Forwarded-Proto.
                if scope.get("scheme") == "https" or conf.get("api", "ssl_cert", fallback=""):
                    message["headers"] = [_secured(name, value) for name, value in message["headers"]]
            await send(message)

        await self._app(scope, bounded, closed)


def _secured(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    is_open = name.lower() == b"set-cookie" and b"; secure" not in value.lower()
    return (name, value + b"; Secure") if is_open else (name, value)

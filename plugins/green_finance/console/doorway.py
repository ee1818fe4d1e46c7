"""The ways to the console's first page: its address without the last slash, and the login that leads back."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/green-finance"
"""Where Airflow mounts the console."""


class WithoutSlash:
    """ASGI middleware of Airflow's app, which otherwise takes the bare address for a page of its own: 404."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _own_path(scope) == PREFIX:
            await RedirectResponse(f"{PREFIX.lstrip('/')}/", status_code=307)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def login_address(request: Request) -> str:
    """Airflow's login, which leads back to this page; to the console's first one after an act or an odd address."""
    root = str(request.scope.get("root_path", ""))
    page = str(request.scope["path"])
    if request.method != "GET" or "\\" in page or "//" in page:
        page = f"{root}/"
    elif request.url.query:
        page = f"{page}?{request.url.query}"
    return f"{root.removesuffix(PREFIX)}/auth/login?next={quote(page, safe='/')}"


def _own_path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))

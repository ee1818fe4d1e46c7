"""Refusals as RFC 9457 problems (application/problem+json), with titles that a person can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"

_TITLES = {404: "没有这个地址", 405: "这个地址不支持该方法"}


class Problem(Exception):
    """An answer that refuses a request; `errors` names the fields, never their values."""

    def __init__(
        self,
        status: int,
        title: str,
        *,
        detail: str | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer over HTTP."""
        content: dict[str, object] = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.detail:
            content["detail"] = self.detail
        if self.errors:
            content["errors"] = [dict(error) for error in self.errors]
        return JSONResponse(content, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def answer_problems(app: FastAPI) -> None:
    """Let `app` answer every refusal, its router's own included, as a problem."""

    async def refused(_: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        return problem.response()

    async def not_routed(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return Problem(error.status_code, _TITLES.get(error.status_code, "请求无法处理")).response()

    app.add_exception_handler(Problem, refused)
    app.add_exception_handler(HTTPException, not_routed)

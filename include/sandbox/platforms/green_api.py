"""The green platform over HTTP, as contracts/green-platform.openapi.yaml says."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response

from include.sandbox.platforms.contract import load_contract
from include.sandbox.platforms.faults import FaultPlan
from include.sandbox.platforms.green import Filter, GreenPlatform, Page, Receipt
from include.sandbox.platforms.problem import Problem, answer_problems

CONTRACT = load_contract("green-platform")


def green_app(platform: GreenPlatform, faults: FaultPlan) -> FastAPI:
    """The platform's application. Planted faults that concern its content are taken from `faults`."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    answer_problems(app)

    def authorised(request: Request) -> None:
        if faults.take(request.url.path, ("revoke_token",)):
            platform.tokens.revoke_all()
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not platform.tokens.valid(token.strip()):
            raise Problem(
                401, "访问令牌无效或已失效", detail="请重新获取访问令牌。", headers={"WWW-Authenticate": "Bearer"}
            )

    signed_in = [Depends(authorised)]

    def checked(request: Request) -> dict[str, Any]:
        operation = CONTRACT.operation(request.method, request.scope["route"].path)
        values = operation.values(request.path_params, list(request.query_params.multi_items()), request.headers)
        if values.get("cursor") is not None and faults.take(request.url.path, ("expire_cursor",)):
            raise Problem(410, "游标已过期", detail="请从第一页重新读取。")
        return values

    async def body_of(request: Request) -> Any:
        operation = CONTRACT.operation(request.method, request.scope["route"].path)
        return operation.content(request.headers.get("Content-Type", ""), await request.body())

    @app.post("/oauth/token")
    async def token(request: Request) -> Response:
        form = await body_of(request)
        issued = platform.tokens.issue(form["client_id"], form["client_secret"])
        if issued is None:
            raise Problem(401, "客户端编号或密钥错误")
        return JSONResponse(
            {"access_token": issued, "token_type": "Bearer", "expires_in": platform.tokens.seconds},
            headers={"Cache-Control": "no-store"},
        )

    @app.get("/v1/quarters/{quarter}/manifest", dependencies=signed_in)
    async def manifest(request: Request) -> Response:
        return JSONResponse(platform.manifest(checked(request)["quarter"]))

    @app.get("/v1/financing-needs", dependencies=signed_in)
    async def needs(request: Request) -> Response:
        values = checked(request)
        since = values["updated_since"]
        wanted = Filter(
            values["quarter"],
            values["department"],
            values["status"],
            values["major"],
            datetime.fromisoformat(since.upper()) if since else None,
        )
        repeat = faults.take(request.url.path, ("repeat_page",)) is not None
        page = platform.list_needs(wanted, values["cursor"], values["limit"], repeat=repeat)
        return _page(page, double=faults.take(request.url.path, ("duplicate",)) is not None, total=True)

    @app.get("/v1/financing-needs/{need_id}", dependencies=signed_in)
    async def need(request: Request) -> Response:
        return Response(platform.one_need(checked(request)["need_id"]), media_type="application/json")

    @app.get("/v1/green-factories", dependencies=signed_in)
    async def factories(request: Request) -> Response:
        values = checked(request)
        as_of = date.fromisoformat(values["as_of"]) if values["as_of"] else None
        repeat = faults.take(request.url.path, ("repeat_page",)) is not None
        page = platform.register(as_of, values["cursor"], values["limit"], repeat=repeat)
        return _page(page, double=faults.take(request.url.path, ("duplicate",)) is not None, total=False)

    @app.get("/v1/coordinators", dependencies=signed_in)
    async def coordinators(request: Request) -> Response:
        checked(request)
        return JSONResponse({"items": list(platform.coordinators())})

    @app.post("/v1/returns", dependencies=signed_in)
    async def returns(request: Request) -> Response:
        values = checked(request)
        return _receipt(platform.receive_return(values["Idempotency-Key"], await body_of(request)))

    @app.post("/v1/progress", dependencies=signed_in)
    async def progress(request: Request) -> Response:
        values = checked(request)
        return _receipt(platform.receive_progress(values["Idempotency-Key"], await body_of(request)))

    return app


def _receipt(outcome: tuple[int, Receipt]) -> Response:
    status, receipt = outcome
    return JSONResponse(receipt.content(), status)


def _page(page: Page, *, double: bool, total: bool) -> Response:
    """A page of items that are JSON already; `double` sends each item twice (a fault)."""
    items = [item for item in page.items for _ in range(2)] if double else page.items
    tail: dict[str, Any] = {"next_cursor": page.next_cursor} | ({"total": page.total} if total else {})
    content = b'{"items": [' + b", ".join(items) + b"], " + json.dumps(tail).encode()[1:]
    return Response(content, media_type="application/json")

"""The credit-market platform over HTTP, as contracts/credit-market.openapi.yaml says."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response

from include.reference import branches, institutions
from include.sandbox.platforms.contract import load_contract
from include.sandbox.platforms.faults import FaultPlan, reset_connection
from include.sandbox.platforms.market import CreditMarket, bad_cursor, deferred, refused
from include.sandbox.platforms.problem import answer_problems
from include.sandbox.platforms.signature import SignatureCheck

CONTRACT = load_contract("credit-market")
DEFERRED_SECONDS = 2


def market_app(platform: CreditMarket, signatures: SignatureCheck, faults: FaultPlan) -> FastAPI:
    """The platform's application. Planted faults that concern its content are taken from `faults`."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    answer_problems(app)

    async def signed(request: Request) -> None:
        target = request.scope["raw_path"].decode("latin-1")
        if request.scope["query_string"]:
            target += "?" + request.scope["query_string"].decode("latin-1")
        signatures.verify(request.method, target, request.headers, await request.body())

    known_client = [Depends(signed)]

    def checked(request: Request) -> dict[str, Any]:
        operation = CONTRACT.operation(request.method, request.scope["route"].path)
        return operation.values(request.path_params, list(request.query_params.multi_items()), request.headers)

    async def body_of(request: Request) -> Any:
        operation = CONTRACT.operation(request.method, request.scope["route"].path)
        return operation.content(request.headers.get("Content-Type", ""), await request.body())

    @app.get("/v1/institutions", dependencies=known_client)
    async def served(request: Request) -> Response:
        checked(request)
        return JSONResponse(
            {
                "institutions": [
                    {"institution_code": i.code, "name": i.name, "kind": i.kind} for i in institutions().values()
                ],
                "branches": [
                    {"branch_code": b.code, "name": b.name, "region_code": b.region_code} for b in branches().values()
                ],
            }
        )

    @app.post("/v1/need-batches", dependencies=known_client)
    async def push(request: Request) -> Response:
        items = (await body_of(request))["items"]
        if faults.take(request.url.path, ("reset_half_way",)):
            for item in items[: (len(items) + 1) // 2]:
                platform.take_in(item)
            await reset_connection(request.scope)
            return Response(status_code=500)
        if faults.take(request.url.path, ("deferred",)):
            first = deferred(items[0], DEFERRED_SECONDS)
        elif faults.take(request.url.path, ("rejected",)):
            first = refused(items[0])
        else:
            first = platform.take_in(items[0])
        results = [first, *(platform.take_in(item) for item in items[1:])]
        return JSONResponse({"results": results})

    @app.get("/v1/needs/{need_id}/revisions/{revision}", dependencies=known_client)
    async def look_up(request: Request) -> Response:
        values = checked(request)
        return JSONResponse(platform.look_up(values["need_id"], values["revision"]))

    @app.post("/v1/withdrawals", dependencies=known_client)
    async def withdraw(request: Request) -> Response:
        return JSONResponse(platform.withdraw(await body_of(request)))

    @app.get("/v1/ledger", dependencies=known_client)
    async def ledger(request: Request) -> Response:
        values = checked(request)
        items, next_cursor = platform.ledger_page(values["quarter"], values["cursor"], values["limit"])
        if faults.take(request.url.path, ("duplicate",)):
            items = [item for item in items for _ in range(2)]
        return JSONResponse({"items": list(items), "next_cursor": next_cursor})

    @app.get("/v1/feedback", dependencies=known_client)
    async def feedback(request: Request) -> Response:
        values = checked(request)
        try:
            events, following, more = platform.feed.page(values["after"], values["limit"])
        except ValueError:
            raise bad_cursor() from None
        if faults.take(request.url.path, ("duplicate",)):
            events = [event for event in events for _ in range(2)]
        if faults.take(request.url.path, ("repeat_page",)) and values["after"] is not None:
            following, more = values["after"], True
        return JSONResponse({"items": events, "next_cursor": following, "has_more": more})

    @app.post("/v1/obstructions/{obstruction_id}/updates", dependencies=known_client)
    async def update(request: Request) -> Response:
        values = checked(request)
        return JSONResponse(platform.update_obstruction(values["obstruction_id"], await body_of(request)))

    return app

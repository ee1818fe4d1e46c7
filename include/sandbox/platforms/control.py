"""The control plane of the sandbox under /_sandbox/ on both platforms; no part of any contract, and for loopback only.

    POST /_sandbox/clock   {"now": "2026-10-12T08:00:00+08:00"}                     the sandbox's own clock
    GET  /_sandbox/state                                                            clock, counters, planted faults
    POST /_sandbox/faults  {"path": "/v1/…", "kind": "503", "count": 2, "retry_after": "2"}
                           {"path": "/v1/…", "kind": "reset_after_commit", "share": 0.2, "seed": 7}    by chance, until forgotten
    DELETE /_sandbox/faults                                                         forget what has not happened yet
    POST /_sandbox/mail-faults {"kind": "451", "count": 1}                          what the next mails meet
    DELETE /_sandbox/mail-faults                                                    forget them
    POST /_sandbox/calls   {"need_id": "FN…", "institution_code": "ICBC"}          a coordinator rings a bank; "" asks any bank
    GET  /_sandbox/ledger                                                           what the credit-market platform holds
    GET  /_sandbox/returns, /_sandbox/progress                                      what the green platform received

Kinds of faults: `faults.KINDS`, of mails `mailbox.MAIL_FAULTS`. What a scenario holds is settled when the sandbox starts.
One department whose pushes rule B08 stops is not in it unless asked for: `python -m include.sandbox --stopped-department
340000`, or `make_scenario(stopped_department="340000")`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import asdict
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from include.sandbox.mailbox import MAIL_FAULTS, Mailbox
from include.sandbox.platforms.clock import SandboxClock
from include.sandbox.platforms.faults import KINDS, Fault, FaultPlan
from include.sandbox.platforms.green import GreenPlatform
from include.sandbox.platforms.market import CreditMarket
from include.sandbox.platforms.problem import Problem


def control_router(
    clock: SandboxClock, faults: FaultPlan, green: GreenPlatform, market: CreditMarket, mailbox: Mailbox
) -> APIRouter:
    """The routes; `faults` are those of the platform that the router is mounted on."""
    router = APIRouter(prefix="/_sandbox", dependencies=[Depends(_loopback)])

    @router.post("/clock")
    async def set_clock(request: Request) -> Response:
        body = await _object(request)
        try:
            clock.set(datetime.fromisoformat(str(body.get("now"))))
        except ValueError:
            raise Problem(422, "now 应为带时区偏移的 RFC 3339 时间") from None
        return JSONResponse({"now": clock.now.isoformat()})

    @router.get("/state")
    async def state() -> Response:
        return JSONResponse(
            {
                "now": clock.now.isoformat(),
                "green": green.state(),
                "market": market.state(),
                "faults": [asdict(fault) for fault in faults.pending],
            }
        )

    @router.post("/faults")
    async def plant(request: Request) -> Response:
        body = await _object(request)
        retry_after = body.get("retry_after")
        if body.get("kind") not in KINDS or not isinstance(body.get("path"), str):
            raise Problem(422, "故障设置有误", detail=f"path 为路径前缀，kind 为以下之一：{'、'.join(KINDS)}。")
        if "share" in body:
            try:
                faults.plant_share(body["path"], body["kind"], float(body["share"]), int(body.get("seed", 0)))
            except (TypeError, ValueError):
                raise Problem(422, "故障设置有误", detail="share 为 0 到 1 之间的小数，seed 为整数。") from None
            return JSONResponse({"share": body["share"]}, 201)
        faults.plant(
            Fault(
                body["path"],
                body["kind"],
                int(body.get("count", 1)),
                None if retry_after is None else str(retry_after),
            )
        )
        return JSONResponse({"faults": [asdict(fault) for fault in faults.pending]}, 201)

    @router.delete("/faults")
    async def forget() -> Response:
        faults.clear()
        return Response(status_code=204)

    @router.post("/mail-faults")
    async def plant_mail_fault(request: Request) -> Response:
        body = await _object(request)
        try:
            mailbox.plant(str(body.get("kind")), int(body.get("count", 1)))
        except (TypeError, ValueError):
            raise Problem(
                422, "故障设置有误", detail=f"kind 为以下之一：{'、'.join(MAIL_FAULTS)}；count 为整数。"
            ) from None
        return JSONResponse({"faults": mailbox.faults}, 201)

    @router.delete("/mail-faults")
    async def forget_mail_faults() -> Response:
        mailbox.faults.clear()
        return Response(status_code=204)

    @router.post("/calls")
    async def ring(request: Request) -> Response:
        body = await _object(request)
        moved = market.feed.ring(str(body.get("need_id")), str(body.get("institution_code", "")), clock.now)
        return JSONResponse({"moved": moved})

    @router.get("/ledger")
    async def ledger() -> Response:
        return JSONResponse({"items": market.dump(), "updates": market.updates})

    @router.get("/returns")
    async def returns() -> Response:
        return JSONResponse({"items": green.returns})

    @router.get("/progress")
    async def progress() -> Response:
        return JSONResponse({"items": green.progress})

    return router


def _loopback(request: Request) -> None:
    if request.client is None or not ipaddress.ip_address(request.client.host).is_loopback:
        raise Problem(403, "控制接口只接受本机访问")


async def _object(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Problem(400, "请求正文应为 JSON 对象")
    return body

"""Who may see the console, and who may act in it. Independent of which auth manager Airflow runs with.

Whoever is logged in may look. Whoever may trigger `rerun_deliveries` is an operator (运维人员) and may act. An act that a browser
sends by its cookie must come from the console's own pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.sdk.configuration import conf
from fastapi import Depends, Request

from include.errors import UserFacingError

OPERATORS_DAG = "rerun_deliveries"


class NotPermitted(UserFacingError):
    """The user may look, but not act; or the act did not come from the console."""


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who acts, as events and the audit trail name them."""

    actor: str
    role: str = "operator"


def may_operate(user: GetUserDep) -> bool:
    """Whether the user may act on what waits for a person."""
    return get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=OPERATORS_DAG), user=user
    )


def current_operator(request: Request, user: GetUserDep) -> Operator:
    """The person behind a request that changes something. Raises NotPermitted."""
    if not _from_the_console(request):
        raise NotPermitted("该操作不是从本页面提交的，已拒绝。", "请在控制台中打开相应页面后重新提交。")
    if not may_operate(user):
        raise NotPermitted(
            "当前用户只能查看，不能处理。", f"请由有权触发 {OPERATORS_DAG} 的运维人员处理，或联系管理员授权。"
        )
    return Operator(user.get_name())


MayOperate = Annotated[bool, Depends(may_operate)]
CurrentOperator = Annotated[Operator, Depends(current_operator)]


def _from_the_console(request: Request) -> bool:
    """A token in a header is never sent by another site's page; a cookie is, so the browser must say where it comes from."""
    if request.headers.get("authorization"):
        return True
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    own = {request.url.netloc, urlsplit(conf.get("api", "base_url", fallback="")).netloc} - {""}
    return urlsplit(request.headers.get("origin", "")).netloc in own

"""What Airflow's auth manager says of a user: roles in the console, and departments. docs/access.md has the table.

Each role is a permission of its own at the auth manager, so that nobody has a role just by being logged in.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
from collections.abc import Iterable
from typing import Any

import requests
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager, SimpleAuthManagerRole
from airflow.sdk.exceptions import AirflowException

from include.domain.roles import Role, person_id
from include.reference import departments

RESOURCE = "Green Finance"
"""FAB: the resource that holds the permissions. Keycloak: the `resource_id` claim of a request for resource `Custom`."""
ACTIONS: dict[Role, str] = {
    Role.VIEWER: "can_view",
    Role.OPERATOR: "can_operate",
    Role.APPROVER: "can_approve",
    Role.AUDITOR: "can_audit",
    Role.ADMINISTRATOR: "can_administer",
}
"""FAB: actions. Keycloak: scopes of resource `Custom`."""
_WITHIN = re.compile(r"gff-(?P<department>[0-9]{6})")

log = logging.getLogger(__name__)


def expresses_all_roles() -> bool:
    """Whether the auth manager itself can name approvers and auditors; Airflow's simple one cannot."""
    return not isinstance(get_auth_manager(), SimpleAuthManager)


def identity(user: BaseUser) -> str:
    """The user's immutable id, normalised; "" for an anonymous visitor (`auth_role_public` of FAB)."""
    return "" if getattr(user, "is_anonymous", False) else person_id(user.get_id())


def roles_given(user: BaseUser) -> frozenset[Role]:
    """The roles that the auth manager gives this user; none if it cannot be asked."""
    manager = get_auth_manager()
    if isinstance(manager, SimpleAuthManager):
        return _simple_roles(manager, user)
    return frozenset(role for role, action in ACTIONS.items() if _permitted(manager, action, user))


def departments_given(user: BaseUser) -> frozenset[str] | None:
    """The departments that the auth manager confines the user to, by groups named like `gff-330000`; None: not confined."""
    named = [found["department"] for name in _groups(user) if (found := _WITHIN.fullmatch(name))]
    return frozenset(named) & departments().keys() if named else None


def _permitted(manager: Any, action: str, user: BaseUser) -> bool:
    try:
        return bool(manager.is_authorized_custom_view(method=action, resource_name=RESOURCE, user=user))
    except (AirflowException, requests.RequestException) as error:
        # Keycloak answers so if the scope was never created, or if it is unreachable itself: closed rather than open.
        log.warning("The auth manager could not say who %s: %s", action, type(error).__name__)
        return False


def _simple_roles(manager: SimpleAuthManager, user: Any) -> frozenset[Role]:
    """Simple's roles are a ladder: it answers every view alike, so each step is asked for something that only it may do."""
    if (user.role or "").upper() not in SimpleAuthManagerRole.__members__:
        return frozenset()
    found = set()
    if manager.is_authorized_custom_view(method="GET", resource_name=RESOURCE, user=user):
        found.add(Role.VIEWER)
    if manager.is_authorized_connection(method="PUT", user=user, details=ConnectionDetails(conn_id="credit_market")):
        found.add(Role.OPERATOR)
    if user.role.upper() == SimpleAuthManagerRole.ADMIN.name:
        found.add(Role.ADMINISTRATOR)
    return frozenset(found)


def _groups(user: Any) -> set[str]:
    """Names that may confine a user: teams (Simple), roles (FAB), groups and realm roles of the token (Keycloak)."""
    found = {str(team) for team in getattr(user, "teams", None) or ()}
    found |= {str(role.name) for role in getattr(user, "roles", None) or ()}
    claims = _claims(getattr(user, "access_token", None))
    realm = claims.get("realm_access")
    for named in (claims.get("groups"), realm.get("roles") if isinstance(realm, dict) else None):
        found |= {name.rpartition("/")[2] for name in _texts(named)}
    return found


def _claims(token: str | None) -> dict[str, Any]:
    """The claims of a token. It came inside Airflow's own signed one, so its signature is not checked again."""
    try:
        part = (token or "").split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, binascii.Error, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _texts(given: object) -> Iterable[str]:
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else ()

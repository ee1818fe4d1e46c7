"""Route × role: each route of the console, each method, each kind of visitor. A route that is not listed here fails."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from include.domain.roles import Role
from tests.support import rows
from tests.support.console import SAME_ORIGIN, Console, CustomViews, Said
from tests.support.console_routes import FOR, OP, A, C, D, V, X, route_address, routes

NATION_WIDE = {
    ("GET", "/circular/{quarter}/internal/{form}"),
    ("POST", "/register/{snapshot_id}"),
    ("POST", "/deliveries/channels/{channel}/stop"),
    ("POST", "/deliveries/channels/{channel}/resume"),
}
"""Not for who is confined to departments."""

# Name: role in Airflow's simple auth manager, grants of the console, and the roles that they come to.
VISITORS: dict[str, tuple[str | None, set[Role], frozenset[str] | None, set[Role]]] = {
    "nobody": (None, set(), None, set()),
    "unheard-of role": ("boss", set(), None, set()),
    "nobody with a grant": (None, {A, D}, None, set()),
    "viewer": ("viewer", set(), None, {V}),
    "user": ("user", set(), None, {V}),
    "operator": ("op", set(), None, {V, OP}),
    "approver": ("viewer", {A}, None, {V, A}),
    "auditor": ("viewer", {D}, None, {D}),
    "auditing operator": ("op", {D}, None, {V, OP, D}),
    "administrator": ("admin", set(), None, {V, OP, X}),
    "coordinator": ("viewer", set(), None, {V, C}),
    "coordinator who may not look": (None, set(), None, set()),
    "confined operator": ("op", set(), frozenset({"330000"}), {V, OP}),
}


def test_every_route_says_whom_it_is_for() -> None:
    assert set(routes()) == set(FOR)


@pytest.fixture
def visitors(console: Console, database: sa.Engine) -> Console:
    with database.begin() as connection:
        for name, (_, granted, within, _) in VISITORS.items():
            rows.set_grant(
                connection,
                name,
                roles=granted,
                departments=within,
                by="root",
                now=rows.TAKEN_IN,
                coordinator_id="PBOC-city" if name.startswith("coordinator") else None,
            )
    return console


@pytest.mark.parametrize("visitor", VISITORS)
def test_each_visitor_gets_past_the_gate_where_a_role_of_his_is_asked_for_and_nowhere_else(
    visitors: Console, visitor: str
) -> None:
    role, _, _, held = VISITORS[visitor]
    browser = visitors.log_in(visitor, role)
    found = {}
    for method, path in FOR:
        answer = browser.request(method, route_address(path), headers=SAME_ORIGIN)
        found[method, path] = answer.status_code not in (401, 403)
        if answer.status_code == 403:
            assert "处理办法" in answer.text, "a refusal is told in words"
        assert answer.status_code < 500
    unconfined = VISITORS[visitor][2] is None
    assert found == {
        route: bool(wanted & held) and (unconfined or route not in NATION_WIDE) for route, wanted in FOR.items()
    }


def test_who_is_not_logged_in_sees_nothing(console: Console) -> None:
    for method, path in FOR:
        answer = console.browser.request(method, route_address(path), headers=SAME_ORIGIN)
        assert (answer.status_code, "<h1>请先登录</h1>" in answer.text) == (401, True), path


def test_a_refusal_shows_no_ways_into_the_console(visitors: Console) -> None:
    assert "待核实的需求" not in visitors.log_in("nobody", None).get("/green-finance/holds").text
    assert "待核实的需求" not in visitors.log_in("auditor", "viewer").get("/green-finance/holds").text
    assert "待核实的需求" in visitors.log_in("viewer", "viewer").get("/green-finance/holds").text


@pytest.mark.parametrize(
    ("actions", "held"),
    [
        ((), set()),
        (("can_read", "can_edit", "menu_access"), set()),
        (("can_view",), {V}),
        (("can_operate",), {V, OP}),
        (("can_approve",), {V, A}),
        (("can_audit",), {D}),
        (("can_administer",), {X}),
        (("can_view", "can_audit"), {V, D}),
    ],
)
def test_each_role_is_a_permission_of_its_own(
    console: Console, monkeypatch: pytest.MonkeyPatch, actions: tuple[str, ...], held: set[Role]
) -> None:
    from green_finance.console import access, permissions

    monkeypatch.setattr(permissions, "get_auth_manager", CustomViews)
    assert access.find_access(Said("7", *actions)).roles == held  # type: ignore[arg-type]


def test_an_anonymous_visitor_has_no_role_whatever_the_public_role_may_do(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAB's `auth_role_public`: the visitor is a user without an id."""
    from green_finance.console import access, permissions

    monkeypatch.setattr(permissions, "get_auth_manager", CustomViews)
    every = set(permissions.ACTIONS.values())
    for visitor in (Said(None, *every), Said("", *every), Said("\u200b", *every), Said("7", *every, is_anonymous=True)):
        assert access.find_access(visitor).roles == set()  # type: ignore[arg-type]


def test_an_auth_manager_that_cannot_answer_gives_no_role(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.exceptions import AirflowException

    from green_finance.console import access, permissions

    class Unconfigured(CustomViews):
        def is_authorized_custom_view(self, **_: Any) -> bool:
            raise AirflowException("Request not recognized by Keycloak. invalid_scope")

    monkeypatch.setattr(permissions, "get_auth_manager", Unconfigured)
    assert access.find_access(Said("7")).roles == set()  # type: ignore[arg-type]

"""The operator console as its users see it: who is logged in, and what an act leaves behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from include.domain.roles import person_id
from include.reference import Policy, policy
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.store.tables import (
    audit_entry,
    finding,
    judgement,
    need_version,
    quarantine,
    quarantine_event,
    quarantine_finding,
)
from tests.support import rows
from tests.support.judged import needs

HOSTILE = "<script>alert(1)</script>有限公司"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
ACTION_LINK_SECRET = "the tests' key of action links"
REASON = "已向主管部门核实"
FINDINGS = [("DQ37", "finance.total_investment"), ("G06b", "benefit.carbon_reduction_tco2")]


class Browser(TestClient):
    """A browser whose forms carry the token that the console gave to its user."""

    actor = ""

    def request(self, method: str, url: Any, **given: Any) -> Any:
        """As TestClient; a form that is sent gets the token, unless it names one itself."""
        from green_finance.console.form_tokens import token_for

        if method == "POST":
            given["data"] = {"form_token": token_for(self.actor), **(given.get("data") or {})}
        return super().request(method, url, **given)


class Console:
    """The console as the users of Airflow's own simple auth manager see it."""

    def __init__(self, app: Any) -> None:
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
        from airflow.api_fastapi.core_api.security import get_user

        self._app, self._user, self._get_user = app, SimpleAuthManagerUser, get_user
        self.browser = Browser(app, base_url="http://airflow.example")

    def log_in(self, name: str, role: str | None) -> Browser:
        self._app.dependency_overrides[self._get_user] = lambda: self._user(username=name, role=role)
        self.browser.actor = person_id(name)
        return self.browser

    def under(self, policy: Policy) -> None:
        """From now on pages work under this policy."""
        from green_finance.console.pages import business_day, business_now

        self._app.dependency_overrides[business_day] = lambda: Day(business_now(), china_calendar(), policy)


def served_console(database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """The console on this database, mounted as Airflow mounts it, until it is asked for more."""
    from airflow.api_fastapi.app import create_auth_manager
    from fastapi import FastAPI

    from green_finance.console import action_links, pages
    from green_finance.console.app import console as app

    url = database.url
    business = {
        "conn_type": "postgres",
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
        "extra": {"personal_data_secret": "key of the console tests", "action_link_secret": ACTION_LINK_SECRET},
    }
    monkeypatch.setenv("AIRFLOW_CONN_BUSINESS_DB", json.dumps(business))
    for name in ("GREEN_PLATFORM", "CREDIT_MARKET", "SMTP_DEFAULT"):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps({"conn_type": "http", "host": "localhost"}))
    monkeypatch.setenv("GFF_SANDBOX", "1")
    monkeypatch.setenv("GFF_NOW", "2026-10-20T10:00:00+08:00")
    create_auth_manager()
    pages.whole_engine.cache_clear()
    action_links.keys.cache_clear()
    for throttle in (action_links.refusals, action_links.acts):
        throttle.forget()
    mounted = FastAPI()
    mounted.mount("/green-finance", app)
    found = Console(app)
    found.browser = Browser(mounted, base_url="http://airflow.example", follow_redirects=False)
    yield found
    app.dependency_overrides.clear()
    pages.whole_engine().dispose()
    pages.whole_engine.cache_clear()


def hostile_hold(database: sa.Engine) -> int:
    """A held need with a common and a greenwashing finding, of an enterprise with a hostile name; already overdue."""
    with database.begin() as connection:
        needs(connection, "held")
        rows.rewrite(
            connection,
            sa.update(need_version).values(enterprise_name=HOSTILE, uscc="91330100MA2TE5T013", project_name=HOSTILE),
        )
        judgement_id = connection.execute(sa.select(judgement.c.judgement_id)).scalar_one()
        quarantine_id: int = connection.execute(
            quarantine.insert()
            .values(
                judgement_id=judgement_id,
                origin="verdict",
                need_id=rows.need_id(1),
                revision=1,
                quarter=rows.QUARTER,
                department_code="330000",
                state="open",
                opened_at=rows.TAKEN_IN,
                decide_by=date(2026, 10, 13),
            )
            .returning(quarantine.c.quarantine_id)
        ).scalar_one()
        connection.execute(
            quarantine_event.insert().values(
                quarantine_id=quarantine_id,
                kind="opened",
                actor="gate",
                role="system",
                reason="审核结论为待核实",
                at=rows.TAKEN_IN,
            )
        )
        for rule_id, field in FINDINGS:
            where = {"rule_id": rule_id, "field": field}
            persons = policy().persons_to_release(rule_id)
            connection.execute(
                quarantine_finding.insert().values(quarantine_id=quarantine_id, persons_required=persons, **where)
            )
            connection.execute(finding.insert().values(judgement_id=judgement_id, severity="hold", **where))
    return quarantine_id


def hold_address(quarantine_id: int, act: str = "") -> str:
    return f"/green-finance/holds/{quarantine_id}" + (f"/{act}" if act else "")


def decision_form(*places: tuple[str, str], reason: str = REASON) -> dict[str, Any]:
    return {"reason": reason, "finding": [f"{rule_id} {field}" for rule_id, field in places or FINDINGS]}


def hold_state(database: sa.Engine) -> str:
    with database.connect() as connection:
        return str(connection.execute(sa.select(quarantine.c.state)).scalar_one())


def audited(database: sa.Engine) -> list[tuple[str, str, str, str]]:
    entry = audit_entry.c
    with database.connect() as connection:
        chosen = sa.select(entry.actor, entry.role, entry.action, entry.reason).order_by(entry.entry_id)
        return list(connection.execute(chosen).tuples())


class Said:
    """A user as FAB and Keycloak have them: permissions by action on our resource, an id beside the name."""

    def __init__(self, user_id: str | None, *actions: str, **more: Any) -> None:
        self.user_id, self.actions = user_id, set(actions)
        for name, value in more.items():
            setattr(self, name, value)

    def get_id(self) -> str | None:
        return self.user_id

    def get_name(self) -> str:
        return "王某"


class CustomViews:
    """An auth manager that says who may do what by custom views, as FAB and Keycloak do."""

    def is_authorized_custom_view(self, *, method: str, resource_name: str, user: Said) -> bool:
        assert resource_name == "Green Finance"
        return method in user.actions

"""The sandbox's officers at the real console: they decide by what its pages offer, and the console takes it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from include.sandbox.people.officers import Officers
from include.sandbox.people.pages import Browser, PageRefused
from include.store.tables import department_stop
from tests.support.console import SAME_ORIGIN, Console, audited, hold_state, hostile_hold
from tests.support.rows import add_stop

FIRST_PAGE = "http://airflow.example/green-finance/"


class InProcess:
    """A session of one user at a console in this process, as far as a person's browser needs one."""

    def __init__(self, console: Console, user: str, role: str = "op") -> None:
        self._console, self._user, self._role = console, user, role
        self.trust_env = True
        self.cookies: dict[str, str] = {}

    def get(self, address: str, params: Any = None, timeout: float = 0) -> Any:
        """Open a page."""
        browser = self._console.log_in(self._user, self._role)
        return _answer(browser.get(address, params=params, follow_redirects=True))

    def post(self, address: str, data: Any, timeout: float = 0) -> Any:
        """Send a form, and follow to the page after it."""
        browser = self._console.log_in(self._user, self._role)
        fields: dict[str, list[str]] = {}
        for name, value in data:
            fields.setdefault(name, []).append(value)
        return _answer(browser.post(address, data=fields, headers=SAME_ORIGIN, follow_redirects=True))


def _answer(found: Any) -> Any:
    return SimpleNamespace(
        text=found.text, url=str(found.url), ok=found.is_success, status_code=found.status_code, request=found.request
    )


def _browser(console: Console, user: str, role: str = "op") -> Browser:
    session: Any = InProcess(console, user, role)
    return Browser(session=session)


@pytest.fixture
def officers(console: Console) -> Officers:
    return Officers(FIRST_PAGE, _browser(console, "operator"), _browser(console, "reviewer"), seed=490)


def test_a_doubtful_hold_is_looked_at_and_returned(officers: Officers, database: sa.Engine) -> None:
    hostile_hold(database)
    officers.decide_holds()
    assert hold_state(database) == "returned"
    assert officers.done["核实退回"] == 1


def test_a_stopped_department_may_go_on(officers: Officers, database: sa.Engine) -> None:
    with database.begin() as connection:
        add_stop(connection, "440300")
    officers.decide_stops()
    with database.connect() as connection:
        assert connection.execute(sa.select(department_stop.c.state)).scalar_one() == "continued"
    assert officers.done["决定暂停地区"] == 1
    assert audited(database)


def test_a_morning_with_nothing_to_do_does_nothing(officers: Officers) -> None:
    assert not officers.work()


def test_who_may_not_act_is_refused_in_words(console: Console, database: sa.Engine) -> None:
    with database.begin() as connection:
        add_stop(connection, "440300")
    viewer, operator = _browser(console, "viewer", "viewer"), _browser(console, "operator")
    form = operator.open(f"{FIRST_PAGE}stops").form("/stops/[^/]+/[0-9]+")
    assert form is not None
    with pytest.raises(PageRefused, match="403"):
        viewer.send(form, "continued", reason="不应被接受的操作")

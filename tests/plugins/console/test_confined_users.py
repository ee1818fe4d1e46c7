"""A user who is confined to departments sees and acts on these alone, on every page, by every address."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from include.domain.roles import Role
from include.store.confinement import confined, for_people
from include.store.row_security import NATIONAL
from include.store.tables import (
    alert,
    deadline_extension,
    delivery,
    need_version,
    obstruction_ticket,
    quarantine,
)
from include.store.tables.base import metadata
from tests.support import rows
from tests.support.console import REASON, SAME_ORIGIN, Console, CustomViews, Said
from tests.support.console_routes import FOR
from tests.support.two_departments import NAMES, OTHER, OWN, PLACES


def test_every_table_is_confined_or_said_to_be_of_no_department(database: sa.Engine) -> None:
    """A new table must be one or the other in include/store/row_security.py."""
    with database.connect() as connection:
        found = connection.execute(
            sa.text(
                "select relname, relrowsecurity from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
            )
        ).all()
    confined_tables = {row.relname for row in found if row.relrowsecurity}
    assert confined_tables | NATIONAL | {"alembic_version"} == {row.relname for row in found}
    assert confined_tables & NATIONAL == set()
    for table in metadata.sorted_tables:
        of_a_department = {"department_code", "need_id"} & set(table.c.keys())
        assert table.name in confined_tables or not of_a_department or table.name in {"register_factory"}


def test_every_view_reads_with_the_eyes_of_whoever_asks(database: sa.Engine) -> None:
    with database.connect() as connection:
        found = connection.execute(
            sa.text(
                "select relname from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace"
                " and not coalesce(reloptions @> '{security_invoker=true}', false)"
            )
        ).scalars()
        assert list(found) == []


CLOSED = {"contact": "ciphertext", "raw_payload": "1", "console_grant": "1", "stored_secret": "1"}


@pytest.mark.parametrize("table", sorted(CLOSED))
def test_what_a_confined_user_s_pages_never_need_is_closed_to_them(database: sa.Engine, table: str) -> None:
    within = confined(for_people(database), ["330000"], "li")
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), within.connect() as connection:
        connection.execute(sa.text(f"select {CLOSED[table]} from {table}"))


def test_confinement_ends_with_the_transaction(database: sa.Engine) -> None:
    for_people(database)
    with database.begin() as connection:
        rows.add_need(connection, OWN)
    nothing = confined(database, [], "li")
    for engine, seen in ((nothing, 0), (database, 1), (nothing, 0), (database, 1)):
        with engine.connect() as connection:
            counted = sa.select(sa.func.count()).select_from(need_version)
            assert connection.execute(counted).scalar_one() == seen
            connection.rollback()
            assert connection.execute(counted).scalar_one() == seen, "in each transaction of the connection"


_ALL_ALERTS = {"decision": "cleared", "everything": "true"}
PAGES = sorted(
    {
        path
        for (method, path), wanted in FOR.items()
        if method == "GET" and "{" not in path and wanted & {Role.VIEWER, Role.OPERATOR}
    }
)


QUERIES = {
    "/alerts/preview": _ALL_ALERTS,
    "/reruns/preview": {"quarter": rows.QUARTER},
    "/holds/together": {"decision": "confirm", "hold": ["1", "2", "3"]},
}


@pytest.mark.parametrize("page", PAGES)
def test_a_list_holds_what_is_of_the_user_s_departments(two_departments: Console, page: str) -> None:
    query = QUERIES.get(page, {})
    theirs = (NAMES[OTHER], rows.need_id(OTHER), "北京")
    everything = two_departments.log_in("wang", "op").get(f"/green-finance{page}", params=query)
    own = two_departments.log_in("li", "op").get(f"/green-finance{page}", params=query)
    assert (everything.status_code, own.status_code) == (200, 200)
    # All departments to choose from, all banks, all posts.
    choices = page in ("/reruns", "/needs", "/roster", "/escalations", "/obstructions", "/deadlines")
    seen = own.text.replace("北京时间", "")  # of every page's foot
    assert not any(one in seen for one in theirs[: 2 if choices else 3])
    if any(one in everything.text for one in theirs[:2]):
        assert NAMES[OWN] in own.text or rows.need_id(OWN) in own.text
    nothing = two_departments.log_in("nowhere", "op").get(f"/green-finance{page}", params=query)
    assert nothing.status_code == 200
    assert not any(one in nothing.text for one in (*theirs[:2], NAMES[OWN], rows.need_id(OWN)))


ONE = [
    ("needs", rows.need_id(OWN), rows.need_id(OTHER)),
    ("holds", "1", "2"),
    ("deliveries", "1", "2"),
    ("obstructions", "1", "2"),
    (f"validation/{rows.QUARTER}", "330000", "110000"),
]


@pytest.mark.parametrize(("page", "own", "other"), ONE)
def test_what_is_of_another_department_is_not_there(two_departments: Console, page: str, own: str, other: str) -> None:
    for user, found in (("wang", 200), ("li", 404)):
        browser = two_departments.log_in(user, "op")
        assert browser.get(f"/green-finance/{page}/{own}").status_code == 200
        answer = browser.get(f"/green-finance/{page}/{other}")
        assert answer.status_code == found
        assert found == 200 or NAMES[OTHER] not in answer.text
    assert two_departments.log_in("nowhere", "op").get(f"/green-finance/{page}/{own}").status_code == 404


def test_another_department_s_deadlines_and_searches_find_nothing(two_departments: Console) -> None:
    browser = two_departments.log_in("li", "op")
    assert "没有该需求的案件时限" in browser.get(f"/green-finance/deadlines?need_id={rows.need_id(OTHER)}").text
    for words in (rows.need_id(OTHER), NAMES[OTHER][:4]):
        found = browser.get("/green-finance/needs", params={"q": words}).text
        assert "没有符合条件的需求" in found
    quarter = browser.get(f"/green-finance/validation/{rows.QUARTER}/").text
    assert "330000.html" in quarter and "110000.html" not in quarter


ACTS = {
    f"stops/{rows.QUARTER}/[]": {"decision": "kept", "seen": "open", "reason": REASON},
    "alerts/{}": {"decision": "cleared", "reason": REASON},
    "obstructions/{}": {"what": "acknowledged", "note": REASON},
    "holds/{}/confirm": {"reason": REASON, "finding": "DQ37 finance.total_investment"},
    "holds/{}/release": {"reason": REASON, "finding": "DQ37 finance.total_investment"},
    "deadlines/extensions/{}": {"decision": "refused", "reason": REASON},
    "deliveries/close": {"delivery_id": "{}", "reason": REASON},
    "reruns": {"delivery_ids": "{}", "reason": REASON},
    "withdrawals/{}": {"decision": "confirmed", "reason": REASON},
    "deadlines": {
        "need_id": "need {}",
        "institution_code": "ICBC",
        "from_type": "pushed",
        "to_type": "received",
        "day0": "2026-09-30",
        "working_days": "2",
        "reason": REASON,
    },
}


@pytest.mark.parametrize("act", ACTS)
def test_an_act_reaches_only_what_is_of_the_user_s_departments(
    two_departments: Console, database: sa.Engine, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    from green_finance.console import reruns

    monkeypatch.setattr(reruns, "start_sending", lambda *_: "")

    def send(number: int) -> int:
        form = {
            name: value.replace("need {}", rows.need_id(number)).replace("{}", str(number))
            for name, value in ACTS[act].items()
        }
        browser = two_departments.log_in("li", "op")
        answer = browser.post(
            "/green-finance/" + act.replace("[]", PLACES[number]).format(number), data=form, headers=SAME_ORIGIN
        )
        return int(answer.status_code)

    before = _fingerprint(database)
    assert send(OTHER) in (400, 404)
    assert _fingerprint(database) == before
    assert send(OWN) == 303
    assert _fingerprint(database) != before


def _fingerprint(database: sa.Engine) -> list[object]:
    with database.connect() as connection:
        return [
            connection.execute(
                sa.text(f"select md5(coalesce(string_agg(t::text, '' order by t::text), '')) from {name} t")
            ).scalar()
            for name in (
                alert,
                obstruction_ticket,
                quarantine,
                delivery,
                deadline_extension,
                "deadline_extension_decision",
                "withdrawal_decision",
                "alert_event",
                "department_stop",
            )
        ]


def test_what_belongs_to_no_department_is_not_for_a_confined_operator(two_departments: Console) -> None:
    browser = two_departments.log_in("li", "op")
    assert "<form" not in browser.get("/green-finance/register").text
    answer = browser.post("/green-finance/register/1", data={"reason": REASON}, headers=SAME_ORIGIN)
    assert (answer.status_code, "涉及全国" in answer.text) == (403, True)


def test_a_scope_of_the_auth_manager_can_only_be_narrowed_by_a_grant(
    two_departments: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    from green_finance.console import access, permissions

    monkeypatch.setattr(permissions, "get_auth_manager", CustomViews)

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

    roles = [Named("Viewer"), Named("gff-330000"), Named("gff-340000"), Named("gff-999999")]
    token = "e30.eyJncm91cHMiOiBbIi9nZmYtMTEwMDAwIl0sICJyZWFsbV9hY2Nlc3MiOiB7InJvbGVzIjogWyJnZmYtMTIwMDAwIl19fQ.x"
    for user, within in (
        (Said("7", "can_view"), None),
        (Said("7", "can_view", roles=roles), {"330000", "340000"}),
        (Said("li", "can_view", roles=roles), {"330000"}),
        (Said("li", "can_view"), {"330000"}),
        (Said("7", "can_view", roles=[Named("gff-999999")]), set()),
        (Said("7", "can_view", access_token=token), {"110000", "120000"}),
        (Said("7", "can_view", access_token="no token"), None),
    ):
        assert access.find_access(user).departments == within  # type: ignore[arg-type]

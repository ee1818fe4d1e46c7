"""Canaries in every text that comes from outside or that people write: no page, mail or log shows them to who may not see them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from fastapi.routing import APIRoute
from starlette.routing import Mount

from include import escalation, obstructions
from include.base.act import Act
from include.domain.identifiers import make_uscc
from include.domain.roles import Role
from include.matching import collect_feedback, extensions
from include.reference import rules
from include.reference.day import Day
from include.store import tables
from include.withdrawals.two_persons import decide_withdrawal
from tests.support.console import Console
from tests.support.escalation import staff
from tests.support.matching import CIPHER, NEED, NOW, Feed, report
from tests.support.rows import (
    QUARTER,
    add_delivery,
    add_hold,
    add_judgement,
    add_stop,
    let_history_be_changed,
    moment,
    rewrite,
    set_grant,
)
from tests.support.withdrawals import ask, person

PERSON = "赵铁柱"
NUMBERS = ("13912345678", "139-1234-5678", "wang5@canary.example", "330106198001011234", "0571-88123456")
PARTS = ("13912345678", "1234-5678", "canary", "198001011234", "88123456")
TEXT = f"{PERSON}作坊 {' '.join(NUMBERS)} \u202e\x1b"
LINK = "http://evil.example/login"
BANK_NUMBER = "DK-70007"

FREE = {
    "enterprise_name",
    "project_name",
    "use_of_funds",
    "catalogue_code",
    "reason",
    "note",
    "detail",
    "receipt_no",
}
"""Columns in which anything may stand, whoever wrote it."""
MADE_HERE = {"explanation", "suggestion", "last_failure", "problem"}
"""Sentences that the system makes, from what it was sent; no name goes into them."""
JSON_TEXTS = {"before", "after"}
OWN_WORDS = {"reason", "note"}
"""What our own people write: insiders may read a sole proprietor's name there."""

CODES = {"sole proprietor": make_uscc("92330100", "MA2TE5T0"), "company": make_uscc("91330100", "MA2TE5T0")}
ROLES: dict[str, tuple[str, set[Role]]] = {
    "viewer": ("viewer", set()),
    "operator": ("op", set()),
    "approver": ("viewer", {Role.APPROVER}),
    "auditor": ("viewer", {Role.AUDITOR}),
    "administrator": ("admin", set()),
}


@pytest.fixture(params=CODES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(console: Console, database: sa.Engine, lived: None, kind: str) -> Console:
    """A need with everything that can happen to one, and canaries in each text of it."""
    odd = report(9, f"打电话 {NUMBERS[0]}", institution=f"{NUMBERS[2]} 银行") | {"institution_ref": BANK_NUMBER}
    collect_feedback(database, Feed([odd, b"x", {"event_id": NUMBERS[0]}]), cipher=CIPHER, day=Day.in_force(NOW))
    obstructions.advance(database, day=Day.in_force(NOW))
    with database.begin() as connection:
        add_judgement(connection, 1, "held", ruleset_version="rules-9", judged_at=NOW)
        add_hold(connection, 1)
        add_stop(connection)
        delivery_id = add_delivery(connection, 1, action="return", state="held", error_class="rejected")
        connection.execute(
            tables.delivery_attempt.insert().values(
                delivery_id=delivery_id, kind="send", worker="w", attempted_at=NOW, outcome="rejected", detail="-"
            )
        )
        connection.execute(tables.channel_state.update().values(breaker="open", last_failure="-", probe_at=NOW))
        staff(connection)
        for name, (_, granted) in ROLES.items():
            set_grant(connection, name, roles=granted, departments=None, by="root", now=NOW)
        clock = connection.execute(sa.text("select * from case_clock where stopped_on is null limit 1")).one()
        extensions.request_extension(
            connection,
            extensions.StartedClock(
                need_id=NEED,
                institution_code=clock.institution_code,
                from_type=clock.from_type,
                to_type=clock.to_type,
                day0=clock.day0,
            ),
            working_days=1,
            act=Act(actor_id="li", role="operator", reason="等待补充材料", at=NOW),
            day=Day.in_force(NOW),
        )
        rejected = ask(connection, NEED, at=NOW)
        decide_withdrawal(connection, rejected, decision="rejected", act=person("li", NOW))
        ask(connection, NEED, "false_information", at=NOW)
        connection.execute(
            tables.reconciliation_finding.insert().values(
                quarter=QUARTER, kind="missing", need_id=NEED, revision=1, explanation="-", suggestion="-", found_at=NOW
            )
        )
    flood(database, CODES[kind])
    return console


def flood(database: sa.Engine, uscc: str) -> None:
    """Put the canaries into every free text of every table."""
    form = {
        "enterprise": {"name": TEXT, "uscc": uscc, "contact": {"name": PERSON, "mobile": NUMBERS[0]}, "size": TEXT},
        "project": {"name": TEXT, "content": f"{TEXT} {LINK}", "basis_document": TEXT, "category": TEXT},
        "finance": {"use_of_funds": TEXT, "methods": [{"method": TEXT, "amount": TEXT}]},
        "review": {"opinion": TEXT, "recommended_by": TEXT},
        "contacts": [{"phone": NUMBERS[0]}],
    }
    with database.begin() as connection:
        let_history_be_changed(connection)
        for table in tables.metadata.sorted_tables:
            for column in table.columns:
                if column.name in FREE and not column.primary_key:
                    connection.execute(table.update().values({column.name: f"{TEXT} {LINK}"}))
                elif column.name in MADE_HERE:
                    connection.execute(table.update().values({column.name: f"{' '.join(NUMBERS)} {LINK}"}))
                elif column.name in JSON_TEXTS:
                    there = column.is_not(None)
                    connection.execute(table.update().where(there).values({column.name: json.dumps(TEXT)}))
        rewrite(connection, tables.need_version.update().values(uscc=uscc, document=json.dumps(form)))
        connection.execute(tables.coordinator.update().values(role=" ".join(NUMBERS), email=NUMBERS[2]))
        rewrite(
            connection,
            tables.alert_ground.update().values(
                ground=sa.func.concat(tables.alert_ground.c.ground, " ", " ".join(NUMBERS))
            ),
        )
        rewrite(connection, tables.register_factory.update().values(name=TEXT, uscc=uscc))


def addresses(database: sa.Engine) -> Iterator[str]:
    """Every page of the console with whatever ids there are, as the app itself has them."""
    from green_finance.console.app import console as app

    ids = {
        "alert_id": "alert",
        "delivery_id": "delivery",
        "quarantine_id": "quarantine",
        "ticket_id": "obstruction_ticket",
        "job_id": "rerun_job",
        "set_aside_id": "set_aside",
    }
    with database.connect() as connection:
        found = {
            name: [str(one) for one in connection.execute(sa.text(f"select {name} from {table}")).scalars()] or ["1"]
            for name, table in ids.items()
        }
    found |= {
        "form": ["csv"],
        "need_id": [NEED],
        "quarter": [QUARTER],
        "department_code": ["330000"],
        "snapshot_id": ["1"],
    }
    for route in app.routes:
        if isinstance(route, Mount) and route.path == "/act":  # only with a signed token: tests/action_links
            continue
        assert isinstance(route, APIRoute)
        if "GET" not in route.methods or route.path.endswith("/raw"):  # the bytes themselves, for operators, audited
            continue
        paths = [route.path]
        for name, values in found.items():
            if "{" + name + "}" in route.path:
                paths = [path.replace("{" + name + "}", value) for path in paths for value in values]
        assert "{" not in paths[0], paths[0]
        yield from paths
    for word in (PERSON, PERSON[:2], "1391", "canary", "91330100", ""):
        yield f"/needs?q={word}"
    yield f"/deadlines?need_id={NEED}"
    yield "/obstructions?settled=true"
    yield from ("/alerts?tab=done", "/withdrawals?tab=done", "/alerts/preview?decision=cleared&everything=true")
    yield f"/reruns/preview?quarter={QUARTER}"
    yield f"/escalations/what-if?quarter={QUARTER}"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_page_shows_a_canary(
    world: Console, database: sa.Engine, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """To no role: one world for all of them, because making it takes longer than looking at it."""
    caplog.set_level(logging.INFO)
    pages = list(addresses(database))
    for role in ROLES:
        browser = world.log_in(role, ROLES[role][0])
        shown = {address: browser.get("/green-finance" + address) for address in pages}
        for address, answer in shown.items():
            assert answer.status_code < 500, (role, address)
            assert not _given_away(answer.text, address, kind, role), (role, address)
        opened = sum(answer.status_code == 200 for answer in shown.values())
        assert opened > 20 or role == "auditor", "who audits sees the audit trail, and no page"
    assert not [part for part in (*PARTS, PERSON) if part in caplog.text]


def _given_away(text: str, address: str, kind: str, role: str) -> list[str]:
    """What a page tells this role that it should not."""
    told = _without_what_was_asked(text, address)
    secrets = [*PARTS, "http://evil", "\u202e", "\x1b"]
    if kind != "company" and (role == "viewer" or not _people_write_there(address)):
        secrets.append(PERSON)
    if role == "viewer":
        secrets.append(BANK_NUMBER)
        if not address.startswith("/alerts"):
            secrets += ["DQ37", "G06b", *map(message, ("DQ37", "G06b"))]
    return [one for one in secrets if one in told] + ["a link"] * ("evil.example" in _links(told))


def _without_what_was_asked(page: str, address: str) -> str:
    """The page without the reader's own search text: in the form, and in the links to the list as a file."""
    asked = address.partition("?q=")[2]
    return page.replace(f'value="{asked}"', "").replace(f"?q={asked}", "") if asked else page


def message(rule_id: str) -> str:
    """What a held need is held for, in words."""
    return rules()[rule_id].message


def _people_write_there(address: str) -> bool:
    """Where insiders read reasons and notes of our own people, in which they may have named the person."""
    return address.startswith(
        (
            *(
                "/needs/",
                "/holds/",
                "/obstructions/",
                "/deliveries/",
                "/deadlines",
                "/alerts",
                "/withdrawals",
                "/reruns",
            ),
            *("/stops", "/audit"),
        )
    )


def _links(page: str) -> str:
    return " ".join(part.partition('"')[0] for part in page.split('href="')[1:])


def test_a_sole_proprietor_is_found_by_number_and_code_alone(world: Console, kind: str) -> None:
    browser = world.log_in("operator", "op")

    def finds(words: str) -> bool:
        return f"needs/{NEED}" in browser.get(f"/green-finance/needs?q={words}").text

    assert finds(NEED) and finds(CODES[kind])
    assert finds(PERSON) is finds("作坊") is (kind == "company")
    assert not finds("1391") and not finds("canary"), "what is masked cannot be asked for digit by digit"


def test_no_mail_and_no_answer_carries_a_canary(
    world: Console, database: sa.Engine, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with database.begin() as connection:
        connection.execute(tables.coordinator.update().values(email="post@authority.example"))
    for when in ("2026-10-21 08:30", "2026-10-26 08:30", "2026-11-02 08:30"):
        escalation.escalate(database, day=Day.in_force(moment(when)))
    with database.connect() as connection:
        sent = connection.execute(
            sa.text("select action, body from delivery where action in ('mail', 'obstruction_update', 'progress')")
        ).all()
    assert any(row.action == "mail" for row in sent)
    for row in sent:
        body = json.loads(row.body)
        told = " ".join(str(value) for value in body.values())
        assert not [part for part in (*PARTS, BANK_NUMBER, "http://evil") if part in told], row.action
        assert kind == "company" or PERSON not in told, row.action
    assert not [part for part in (*PARTS, PERSON) if part in caplog.text]


def test_a_name_of_30_000_characters_opens_as_fast_as_any(world: Console, database: sa.Engine) -> None:
    from time import process_time

    with database.begin() as connection:
        let_history_be_changed(connection)
        connection.execute(
            tables.need_version.update().values(
                enterprise_name="甲" * 30_000, project_name="a@" * 15_000, uscc=CODES["company"]
            )
        )
    browser = world.log_in("operator", "op")
    for page in ("holds", "holds/1", f"needs/{NEED}", "needs", "alerts", "obstructions", "escalations", "deliveries"):
        begun = process_time()
        answer = browser.get(f"/green-finance/{page}")
        assert answer.status_code == 200
        assert process_time() - begun < 2, page
        assert "甲" * 200 not in answer.text

"""Ten years after a need was withdrawn nothing tells who its contact was, wherever somebody wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pytest
import sqlalchemy as sa

from include import intake
from include.domain.pieces import SetAside
from include.housekeeping.push_ledger import passed_on
from include.housekeeping.stage import HousekeepingSummary, housekeep
from include.matching import collect_feedback
from include.platforms.credit_market import FeedbackPage
from include.platforms.green_platform import GreenPlatformClient, NeedPage
from include.reference.day import Day
from include.store import tables
from include.store.outbox import NewDelivery, enqueue
from include.store.set_aside import keep
from include.withdrawals.stage import Withdrawal, withdraw
from tests.support.canaries import IN_WORDS, MOBILE, NAME, PERSON, places_of_canaries, unkeyed_hashes
from tests.support.clean_need import clean_need
from tests.support.rows import add_withdrawal, moment, need_id
from tests.support.taken_in import CIPHER, judge, take_in

NOW = moment("2026-09-30 18:00")
TEN_YEARS_ON = NOW + timedelta(days=3653)
NEED, OTHER, LISTED = need_id(1), need_id(2), need_id(3)


def filed(number: int, **changes: Any) -> dict[str, Any]:
    return clean_need({"need_id": need_id(number), "enterprise.contact": PERSON}, **changes)


def everywhere(revision: int) -> dict[str, Any]:
    """A need whose filer wrote the contact wherever he could."""
    record = filed(
        1,
        revision=revision,
        project__name=f"{NAME}作坊余热利用改造项目",
        project__content=f"{clean_need()['project']['content']}第{revision}稿，{IN_WORDS}",
        finance__use_of_funds=f"购置余热锅炉，{IN_WORDS}，第{revision}稿",
        review__opinion=f"同意，{IN_WORDS}，第{revision}稿",
    )
    record["contact"] = PERSON
    record["enterprise"]["contacts"] = [PERSON]
    record["attachments"] = [{"kind": "other", "sha256": "ab", "size": 1, "note": IN_WORDS}]
    return record


def enterprise_as_list() -> dict[str, Any]:
    record = filed(3)
    return record | {"enterprise": [{"contact": PERSON}, record["enterprise"]]}


RECORDS = (everywhere(1), everywhere(2), filed(2), enterprise_as_list(), filed(4, need_id="no number"))


@dataclass
class Feed:
    events: Sequence[Any]

    def feedback(self, after: str | None, limit: int) -> FeedbackPage:
        items = list(self.events) if after is None else []
        return FeedbackPage(items=items, set_aside=[], next_cursor="end", has_more=False)


@dataclass
class Listing:
    records: Sequence[Mapping[str, Any]]

    def need_listing(self, **_: object) -> Iterator[NeedPage]:
        items = [json.dumps(record).encode() for record in self.records]
        yield NeedPage.of(items, len(items))


def event(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "event_id": f"event-{number}",
        "need_id": NEED,
        "revision": 1,
        "institution_code": "ICBC",
        "type": "drawn",
        "occurred_at": "2026-10-09T10:00:00+08:00",
        "sequence": number,
        "amount": "10.00",
        "use_of_funds": IN_WORDS,
        "remark": IN_WORDS,
        "institution_ref": MOBILE,
    } | changes


@pytest.fixture
def filled(database: sa.Engine) -> sa.Engine:
    """A need that was pushed, matched, obstructed and withdrawn, with the contact in every text; and what is beside it."""
    for revision in (1, 2):
        intake_id = take_in(database, f"run {revision}", [everywhere(revision), filed(2)], now=NOW)
        judge(database, intake_id, now=NOW)
    client = cast(GreenPlatformClient, Listing(RECORDS[3:]))
    intake.pull_department(
        database, client, CIPHER, intake_id=intake_id, department_code="320000", day=Day.in_force(NOW)
    )
    with database.begin() as connection:
        connection.execute(
            tables.delivery.update()
            .where(
                tables.delivery.c.action == "push", tables.delivery.c.revision == 1, tables.delivery.c.need_id == NEED
            )
            .values(state="delivered", outcome="accepted", receipt_no="R1", settled_at=NOW)
        )
    collect_feedback(
        database,
        Feed(
            [
                event(1),
                event(2, type="obstructed", obstruction_id="O1", reason_code="R05"),
                event(3, need_id=need_id(9)),
            ]
        ),
        cipher=CIPHER,
        day=Day.in_force(NOW),
    )
    with database.begin() as connection:
        _written_by_people(connection)
        keep(
            connection,
            CIPHER,
            "needs/2026Q3/330000/recommended",
            [SetAside(IN_WORDS.encode(), "?", NEED)],
            now=NOW,
            whole=True,
        )
        keep(connection, CIPHER, "feedback", [SetAside(IN_WORDS.encode(), "?")], now=NOW, whole=True)
        withdraw(
            connection,
            [Withdrawal(need_id=one, revision=2, reason_code="withdrawn_by_enterprise") for one in (NEED, OTHER)],
            NOW,
        )
        add_withdrawal(connection, 3, noticed_at=NOW)
        settled = {"state": "delivered", "settled_at": NOW}
        connection.execute(tables.delivery.update().where(tables.delivery.c.state == "pending").values(settled))
    return database


def _written_by_people(connection: sa.Connection) -> None:
    ticket_id = connection.execute(
        tables.obstruction_ticket.insert()
        .values(
            need_id=NEED,
            institution_code="ICBC",
            obstruction_id="O1",
            answerable=True,
            reason_code="R05",
            cause=f"{NEED}/R05",
            authority="PBOC",
            is_major=False,
            state="resolved",
            level="city",
            opened_on=NOW.date(),
            level_since=NOW.date(),
            provisional=False,
            overdue=False,
            updated_at=NOW,
        )
        .returning(tables.obstruction_ticket.c.ticket_id)
    ).scalar_one()
    signed = {"actor": "wang", "note": IN_WORDS, "at": NOW}
    connection.execute(
        tables.obstruction_event.insert().values(
            ticket_id=ticket_id, kind="resolved", level="city", role="operator", **signed
        )
    )
    connection.execute(
        tables.escalation_acknowledgement.insert().values(need_id=NEED, rule_id="S01", round=1, step=1, **signed)
    )
    answer = {"obstruction_id": "O1", "note": IN_WORDS}
    letter = {"to": "city@gov.example", "subject": "提请关注", "text": IN_WORDS}
    enqueue(
        connection,
        [
            NewDelivery(channel="market", action="obstruction_update", idempotency_key="o", body=answer, need_id=NEED),
            NewDelivery(channel="mail", action="mail", idempotency_key="m", body=letter),
        ],
        NOW,
    )
    connection.execute(
        sa.text(
            "insert into delivery_attempt (delivery_id, kind, worker, attempted_at, outcome, detail)"
            " select delivery_id, 'send', 'w', :now, 'refused', :detail from delivery where action = 'push'"
        ),
        {"now": NOW, "detail": IN_WORDS},
    )


def _housekeep(database: sa.Engine) -> HousekeepingSummary:
    return housekeep(database, CIPHER, day=Day.in_force(TEN_YEARS_ON))


FILED_AND_WRITTEN = {
    "amendment.after",
    "amendment.before",
    "contact.ciphertext",
    "delivery.body",
    "delivery_attempt.detail",
    "escalation_acknowledgement.note",
    "feedback_event.document",
    "feedback_event.institution_ref",
    "feedback_event.sealed",
    "feedback_event.use_of_funds",
    "need_fingerprint.project_name",
    "need_version.document",
    "need_version.project_name",
    "obstruction_event.note",
    "raw_payload.ciphertext",
    "set_aside.ciphertext",
}


def test_nothing_is_left_of_the_contact_wherever_it_was_written(filled: sa.Engine) -> None:
    assert places_of_canaries(filled, CIPHER) == FILED_AND_WRITTEN
    assert _housekeep(filled).contacts_purged == 4
    assert places_of_canaries(filled, CIPHER) == set()
    assert _housekeep(filled) == HousekeepingSummary(
        contacts_purged=0,
        payloads_emptied=0,
        texts_emptied=0,
        expired_needs=0,
        snapshots_dropped=0,
        holds_closed=0,
        audit_past_retention=0,
    )


def test_no_hash_can_be_turned_back_into_the_contact_before_or_after(filled: sa.Engine) -> None:
    assert unkeyed_hashes(filled, CIPHER, *RECORDS) <= {"delivery.body_sha256"}
    _housekeep(filled)
    assert unkeyed_hashes(filled, CIPHER, *RECORDS) == set()


def test_what_was_passed_on_to_whom_and_when_is_known_for_ever(filled: sa.Engine) -> None:
    with filled.connect() as connection:
        before = passed_on(connection, CIPHER, NEED)
    _housekeep(filled)
    with filled.connect() as connection:
        after = passed_on(connection, CIPHER, NEED)
    assert after == before
    first = after[0]
    assert (first.receiver, first.revision, first.receipt_no, first.delivered_at) == ("market", 1, "R1", NOW)
    assert {"enterprise.contact.name", "enterprise.contact.mobile", "project.content"} <= set(first.fields)
    assert not {
        field for field in first.fields if "contacts" in field or "email" in field or field.startswith("review")
    }
    assert first.payload_hash is not None


def test_a_document_holds_only_what_the_form_knows(filled: sa.Engine) -> None:
    with filled.connect() as connection:
        documents = list(connection.execute(sa.select(tables.need_version.c.need_id, tables.need_version.c.document)))
    read = {row.need_id: json.loads(row.document) for row in documents}
    assert not {"contact"} & read[NEED].keys()
    assert not {"contact", "contacts"} & read[NEED]["enterprise"].keys()
    assert read[NEED]["attachments"] == [{"kind": "other", "sha256": "ab", "size": 1}]
    assert "enterprise" not in read[LISTED]


def test_names_of_enterprises_and_codes_stay_and_those_that_name_a_person_go(filled: sa.Engine) -> None:
    _housekeep(filled)
    with filled.connect() as connection:
        rows = connection.execute(sa.text("select need_id, uscc, enterprise_name, project_name from need_version"))
        found = {row.need_id: (row.uscc, row.enterprise_name, row.project_name) for row in rows}
    uscc, name = clean_need()["enterprise"]["uscc"], clean_need()["enterprise"]["name"]
    assert found[NEED] == (uscc, None, None)
    assert found[OTHER] == (uscc, name, clean_need()["project"]["name"])


def test_a_purged_event_that_comes_again_is_a_repetition_and_no_contradiction(filled: sa.Engine) -> None:
    _housekeep(filled)
    summary = collect_feedback(filled, Feed([event(1)]), cipher=CIPHER, day=Day.in_force(TEN_YEARS_ON))
    assert (summary.new, summary.repeated, summary.unreadable) == (0, 1, 0)


def test_only_emptying_is_no_change_of_what_was_amended(filled: sa.Engine, superuser: sa.Engine) -> None:
    for value in ("'x'", "after"):
        with pytest.raises(sa.exc.DBAPIError, match="only added to"), superuser.begin() as connection:
            connection.execute(sa.text(f"update amendment set before = {value}"))


def test_a_need_that_passed_and_never_left_ends_with_its_validity(database: sa.Engine) -> None:
    judge(database, take_in(database, "run", [filed(2)], now=NOW), now=NOW)
    with database.begin() as connection:
        connection.execute(
            sa.text("update delivery set state = 'superseded', outcome = 'factory_removed', settled_at = :now"),
            {"now": NOW},
        )
    assert _housekeep(database).contacts_purged == 1


def test_a_push_on_its_way_keeps_everything(database: sa.Engine) -> None:
    judge(database, take_in(database, "run", [filed(2)], now=NOW), now=NOW)
    with database.begin() as connection:
        add_withdrawal(connection, 2)
    assert _housekeep(database).contacts_purged == 0

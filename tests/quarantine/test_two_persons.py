"""Where two persons are demanded, two persons it is: by plain SQL as well as through the functions that the console calls."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import pytest
import sqlalchemy as sa

from include.alerts.settling import settle_alert
from include.base.act import Act
from include.base.errors import UserFacingError
from include.domain.people import person_key, same_person
from include.domain.roles import Role
from include.matching import extensions
from include.quarantine import stage as quarantine
from include.reference import policy
from include.reference.calendar import china_calendar
from include.reference.day import Day
from include.store import people
from include.withdrawals.two_persons import decide_withdrawal, request_withdrawal
from tests.support import rows
from tests.support.judged import needs

NOW = rows.moment("2026-10-09 15:00")
REASON = "已向主管部门核实"
ONE = "wang"
SAME = {
    "the same id": "wang",
    "another case": "WANG",
    "a zero-width blank in it": "wa\u200bng",
    "a soft hyphen at its end": "wang\u00ad",
    "full-width letters": "\uff57\uff41\uff4e\uff47",
    "a variation selector": "wang\ufe0f",
    "a direction mark": "\u202ewang",
    "blanks around it": "\u3000wang\u00a0",
    "a tag character": "wang\U000e0041",
}


def _approve(connection: sa.Connection, actor: str) -> None:
    hold = connection.execute(sa.text("select quarantine_id from quarantine")).scalar_one()
    quarantine.release(
        connection,
        hold,
        act=Act(actor_id=actor, role="operator", reason=REASON, at=NOW),
        day=Day.in_force(NOW),
        findings=[_FINDING],
    )


def _approve_by_sql(connection: sa.Connection, actor: str) -> None:
    connection.execute(
        sa.text(
            "insert into quarantine_event (quarantine_id, kind, rule_id, field, actor, role, reason, at)"
            " select quarantine_id, 'approved', :rule_id, :field, :actor, 'operator', :reason, :now from quarantine"
        ),
        {"rule_id": _FINDING[0], "field": _FINDING[1], "actor": actor, "reason": REASON, "now": NOW},
    )


def _settle(decision: str) -> Callable[[sa.Connection, str], None]:
    def act(connection: sa.Connection, actor: str) -> None:
        alert_id = connection.execute(sa.text("select alert_id from alert")).scalar_one()
        settle_alert(
            connection,
            alert_id,
            decision=decision,  # type: ignore[arg-type]
            act=Act(actor_id=actor, role="operator", reason=REASON, at=NOW),
        )

    return act


def _settle_by_sql(kind: str) -> Callable[[sa.Connection, str], None]:
    def act(connection: sa.Connection, actor: str) -> None:
        connection.execute(
            sa.text(
                "insert into alert_event (alert_id, kind, actor, role, reason, at)"
                " select alert_id, :kind, :actor, 'operator', :reason, :now from alert"
            ),
            {"kind": kind, "actor": actor, "reason": REASON, "now": NOW},
        )

    return act


def _ask_then_decide(connection: sa.Connection, actor: str) -> None:
    act = Act(actor_id=actor, role="operator", reason=REASON, at=NOW)
    asked = connection.execute(sa.text("select extension_id from deadline_extension")).scalar()
    if asked is None:
        extensions.request_extension(
            connection,
            extensions.StartedClock(**_CLOCK),
            working_days=2,
            act=act,
            day=Day.in_force(NOW),
        )
    else:
        extensions.decide_extension(connection, asked, approved=False, act=act, day=Day.in_force(NOW))


def _ask_then_decide_by_sql(connection: sa.Connection, actor: str) -> None:
    asked = connection.execute(sa.text("select extension_id from deadline_extension")).scalar()
    if asked is None:
        connection.execute(
            sa.text(
                "insert into deadline_extension (need_id, institution_code, from_type, to_type, day0, working_days,"
                " requested_by, reason, requested_at)"
                " values (:need_id, :institution_code, :from_type, :to_type, :day0, 2, :actor, :reason, :now)"
            ),
            {**_CLOCK, "actor": actor, "reason": REASON, "now": NOW},
        )
    else:
        connection.execute(
            sa.text(
                "insert into deadline_extension_decision (extension_id, approved, decided_by, reason, decided_at)"
                " values (:asked, true, :actor, :reason, :now)"
            ),
            {"asked": asked, "actor": actor, "reason": REASON, "now": NOW},
        )


def _ask_then_confirm_withdrawal(connection: sa.Connection, actor: str) -> None:
    act = Act(actor_id=actor, role="operator", reason=REASON, at=NOW)
    asked = connection.execute(sa.text("select request_id from withdrawal_request")).scalar()
    if asked is None:
        request_withdrawal(connection, rows.need_id(1), reason_code="false_information", act=act)
    else:
        decide_withdrawal(connection, asked, decision="confirmed", act=act)


def _grant_to_oneself(connection: sa.Connection, actor: str) -> None:
    """The grant is given to the first id, by whoever acts; the first act is the request for it."""
    asked = connection.execute(sa.text("select actor_id from person where name = 'asks for a role'")).scalar()
    if asked is None:
        people.remember(connection, actor, "asks for a role", NOW)
    else:
        rows.set_grant(connection, asked, roles=[Role.APPROVER], departments=None, by=actor, now=NOW)


_FINDING = ("G06b", "benefit.carbon_reduction_tco2")
_CLOCK = {
    "need_id": rows.need_id(1),
    "institution_code": "ICBC",
    "from_type": "pushed",
    "to_type": "received",
    "day0": date(2026, 9, 30),
}


@dataclass(frozen=True)
class Place:
    """A place where two persons are demanded: how one acts there, and how many of the acts are done."""

    act: Callable[[sa.Connection, str], None]
    done: str


PLACES = {
    "a release": Place(_approve, "select count(*) from quarantine_event where kind = 'approved'"),
    "a release by SQL": Place(_approve_by_sql, "select count(*) from quarantine_event where kind = 'approved'"),
    "clearing an alert": Place(_settle("cleared"), "select count(*) from alert_event where kind = 'clear_agreed'"),
    "clearing an alert by SQL": Place(
        _settle_by_sql("clear_agreed"), "select count(*) from alert_event where kind = 'clear_agreed'"
    ),
    "confirming an alert": Place(
        _settle("confirmed"), "select count(*) from alert_event where kind = 'confirm_agreed'"
    ),
    "confirming an alert by SQL": Place(
        _settle_by_sql("confirm_agreed"), "select count(*) from alert_event where kind = 'confirm_agreed'"
    ),
    "a grant": Place(_grant_to_oneself, "select (select count(*) from person) + (select count(*) from console_grant)"),
    "a withdrawal": Place(
        _ask_then_confirm_withdrawal,
        "select (select count(*) from withdrawal_request) + (select count(*) from withdrawal_decision)",
    ),
    "more time": Place(
        _ask_then_decide,
        "select (select count(*) from deadline_extension) + (select count(*) from deadline_extension_decision)",
    ),
    "more time by SQL": Place(
        _ask_then_decide_by_sql,
        "select (select count(*) from deadline_extension) + (select count(*) from deadline_extension_decision)",
    ),
}


@pytest.fixture
def waiting(database: sa.Engine) -> Iterator[sa.Engine]:
    """A need that is held, one with an alert, and a clock that runs: each a matter for two persons."""
    with database.begin() as connection:
        needs(connection, "held")
        rows.add_hold(connection, 1, findings=(_FINDING,))
        connection.execute(
            sa.text(
                "insert into alert (rule_id, need_id, institution_code, severity, state, opened_at)"
                " values ('G03a', :need_id, 'ICBC', 'hold', 'open', :now)"
            ),
            {"need_id": rows.need_id(1), "now": NOW},
        )
        rows.add_clock(connection, 1, due_on=date(2026, 10, 20))
    yield database


def _done(database: sa.Engine, place: Place) -> int:
    with database.connect() as connection:
        return int(connection.execute(sa.text(place.done)).scalar_one())


@pytest.mark.parametrize("same", SAME.values(), ids=SAME)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_one_person_does_not_count_twice(waiting: sa.Engine, place: Place, same: str) -> None:
    with waiting.begin() as connection:
        place.act(connection, ONE)
    with pytest.raises((UserFacingError, sa.exc.IntegrityError)), waiting.begin() as connection:
        place.act(connection, same)
    assert _done(waiting, place) == 1
    with waiting.begin() as connection:
        place.act(connection, "zhang")
    assert _done(waiting, place) == 2


@pytest.mark.parametrize("approvers", [(), ("wang",)])
def test_the_database_releases_nothing_without_enough_approvals(waiting: sa.Engine, approvers: tuple[str, ...]) -> None:
    with waiting.begin() as connection:
        for actor in approvers:
            _approve_by_sql(connection, actor)
    statements = (
        "update quarantine set state = 'released', settled_at = now()",
        "update quarantine set state = 'returned'; update quarantine set state = 'released'",
        "update quarantine_finding set persons_required = 1; update quarantine set state = 'released'",
        "delete from quarantine_finding; update quarantine set state = 'released'",
        "insert into quarantine (judgement_id, origin, quarter, department_code, state, opened_at, decide_by)"
        " select judgement_id, 'late_history', quarter, department_code, 'released', now(), now() from judgement",
    )
    for statement in statements:
        with pytest.raises((sa.exc.IntegrityError, sa.exc.ProgrammingError)), waiting.begin() as connection:
            connection.execute(sa.text(statement))
    with waiting.begin() as connection:
        for actor in {"wang", "zhang"} - set(approvers):
            _approve_by_sql(connection, actor)
        connection.execute(sa.text(statements[0]))


@pytest.mark.parametrize("state", ["cleared", "confirmed"])
def test_the_database_settles_no_alert_without_enough_agreement(waiting: sa.Engine, state: str) -> None:
    kind = "clear_agreed" if state == "cleared" else "confirm_agreed"
    other = "confirm_agreed" if state == "cleared" else "clear_agreed"
    with waiting.begin() as connection:
        _settle_by_sql(kind)(connection, "wang")
        _settle_by_sql(other)(connection, "zhang")
    for statement in (
        f"update alert set state = '{state}'",
        "update alert set persons_required = 1",
        f"update alert set state = '{state}', persons_required = 1",
        "insert into alert (rule_id, need_id, severity, state, opened_at)"
        f" select 'G08c', need_id, 'hold', '{state}', now() from alert",
    ):
        with pytest.raises(sa.exc.IntegrityError), waiting.begin() as connection:
            connection.execute(sa.text(statement))
    with waiting.begin() as connection:
        _settle_by_sql(kind)(connection, "li")
        connection.execute(sa.text(f"update alert set state = '{state}'"))


def test_who_changed_his_mind_counts_once_and_as_he_said_last(waiting: sa.Engine) -> None:
    for decision, actor in (("cleared", "wang"), ("confirmed", "wang"), ("cleared", "zhang"), ("confirmed", "zhang")):
        with waiting.begin() as connection:
            assert connection.execute(sa.text("select state from alert")).scalar_one() == "open"
            _settle(decision)(connection, actor)
    with waiting.connect() as connection:
        assert connection.execute(sa.text("select state from alert")).scalar_one() == "confirmed"


def test_what_was_agreed_before_a_new_ground_does_not_count_after_it(waiting: sa.Engine) -> None:
    with waiting.begin() as connection:
        _settle("cleared")(connection, "wang")
        _settle_by_sql("repeated")(connection, "matching")
        _settle("cleared")(connection, "zhang")
    with waiting.begin() as connection:
        assert connection.execute(sa.text("select state from alert")).scalar_one() == "open"
        _settle("cleared")(connection, "wang")
    with waiting.connect() as connection:
        assert connection.execute(sa.text("select state from alert")).scalar_one() == "cleared"


def test_how_many_persons_it_takes_stays_as_it_was_when_the_hold_was_opened(
    waiting: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.reference import Policy

    with waiting.begin() as connection:
        hold = connection.execute(sa.text("select quarantine_id from quarantine")).scalar_one()
        relaxed = Policy({**policy().values, "release_two_persons": ""})
        decided = quarantine.release(
            connection,
            hold,
            act=Act(actor_id="wang", role="operator", reason=REASON, at=NOW),
            day=Day(NOW, china_calendar(), relaxed),
        )
    assert (decided.state, [one.missing for one in decided.waiting]) == ("open", [1])


def test_python_and_the_database_tell_persons_apart_alike(database: sa.Engine) -> None:
    known = [
        chr(code)
        for code in range(1, sys.maxunicode + 1)
        if not 0xD800 <= code < 0xE000 and unicodedata.category(chr(code)) not in ("Cn", "Co")
    ]
    ids = [f"a{character}b" for character in known]
    with database.connect() as connection:
        keys = connection.execute(
            sa.text(
                "select array_agg(person_key(id) order by place)"
                " from unnest(cast(:ids as text[])) with ordinality given (id, place)"
            ),
            {"ids": ids},
        ).scalar_one()
    assert {hex(ord(character)): key for character, key in zip(known, keys, strict=True)} == {
        hex(ord(character)): person_key(one) for character, one in zip(known, ids, strict=True)
    }
    assert not same_person("wang", "zhang") and not same_person("wang.wei", "wang_wei")

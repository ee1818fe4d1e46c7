"""Who asks for it is forgotten now and everywhere, but never while his need is on its way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from include.base.act import Act
from include.base.errors import InvalidRequest
from include.domain.pieces import SetAside
from include.housekeeping.erasure import Erasure, ErasureRefused, erase, main, needs_of
from include.housekeeping.push_ledger import passed_on
from include.store import tables
from include.store.set_aside import keep
from tests.support.canaries import IN_WORDS, MOBILE, PERSON, places_of_canaries
from tests.support.clean_need import clean_need
from tests.support.rows import add_hold, add_need, add_withdrawal, moment, need_id, rewrite
from tests.support.taken_in import CIPHER, KEY, judge, take_in

NOW = moment("2026-09-30 18:00")
NEED = need_id(1)
USCC = clean_need()["enterprise"]["uscc"]


def filed(number: int, **changes: Any) -> dict[str, Any]:
    return clean_need({"need_id": need_id(number), "enterprise.contact": PERSON}, **changes)


def taken_in(database: sa.Engine, *records: dict[str, Any], judged: bool = True) -> None:
    intake_id = take_in(database, "run", records, now=NOW)
    if judged:
        judge(database, intake_id, now=NOW)


def pushes(database: sa.Engine, **values: Any) -> None:
    with database.begin() as connection:
        connection.execute(tables.delivery.update().where(tables.delivery.c.action == "push").values(values))


def erased(database: sa.Engine, need_ids: Sequence[str] = (NEED,), *, execute: bool = True) -> Erasure:
    return erase(
        database,
        CIPHER,
        need_ids,
        act=Act(actor_id="wang", role="operator", reason="本人书面请求", at=NOW),
        execute=execute,
    )


@pytest.fixture
def delivered(database: sa.Engine) -> sa.Engine:
    """A need that was pushed, and pieces of the same person that belong to no need."""
    taken_in(
        database, filed(1, project__content=f"{clean_need()['project']['content']}，{IN_WORDS}"), filed(2, need_id="?")
    )
    pushes(database, state="delivered", receipt_no="R1", settled_at=NOW)
    with database.begin() as connection:
        about, other = SetAside(f'{{"tel": "{MOBILE}"'.encode(), "?"), SetAside(b'{"tel": "13700000000"', "?")
        keep(connection, CIPHER, "feedback", [about, other], now=NOW, whole=True)
    return database


def test_everything_of_the_person_goes_and_what_was_passed_on_stays_known(delivered: sa.Engine) -> None:
    assert places_of_canaries(delivered, CIPHER)
    done = erased(delivered)
    assert (done.purged.contacts, done.beside) == (1, 2)
    assert places_of_canaries(delivered, CIPHER) == set()
    with delivered.connect() as connection:
        (push,) = passed_on(connection, CIPHER, NEED)
        left = connection.execute(sa.text("select count(*) from set_aside where ciphertext <> ''")).scalar_one()
        entry = connection.execute(
            sa.text("select actor, reason, object from audit_entry where action = 'erase_personal_data'")
        ).one()
    assert (push.receipt_no, push.payload_hash is not None, left) == ("R1", True, 1)
    assert tuple(entry) == ("wang", "本人书面请求", NEED)
    again = erased(delivered)
    assert (bool(again.purged), again.beside) == (False, 0)


def test_a_dry_run_counts_the_same_and_changes_nothing(delivered: sa.Engine) -> None:
    before = places_of_canaries(delivered, CIPHER)
    tried = erased(delivered, execute=False)
    assert places_of_canaries(delivered, CIPHER) == before
    assert erased(delivered) == tried


@pytest.mark.parametrize("state", ["pending", "unknown", "held"])
def test_a_push_on_its_way_is_named_and_nothing_is_erased(delivered: sa.Engine, state: str) -> None:
    pushes(delivered, state=state, settled_at=None)
    before = places_of_canaries(delivered, CIPHER)
    with pytest.raises(ErasureRefused, match=rf"{NEED} 推送尚未完成.*投递"):
        erased(delivered)
    assert places_of_canaries(delivered, CIPHER) == before


def test_a_need_that_still_waits_for_gate_hold_or_push_is_refused_with_what_to_do(database: sa.Engine) -> None:
    taken_in(database, filed(1), filed(2, finance__use_of_funds="购置锅炉并补充流动资金"), judged=False)
    with pytest.raises(ErasureRefused, match="尚未审核"):
        erased(database)
    judge(database, 1, now=NOW)
    with database.begin() as connection:
        rewrite(connection, sa.text("delete from delivery"))
    with pytest.raises(ErasureRefused, match=r"等待推送.*撤回"):
        erased(database)
    with database.begin() as connection:
        add_withdrawal(connection, 1)
    assert erased(database).purged.contacts == 1


def test_a_hold_is_decided_first(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1, verdict="held")
        add_hold(connection, 1)
    with pytest.raises(ErasureRefused, match="待核实"):
        erased(database)


def test_all_needs_of_an_enterprise_are_found_by_its_code(delivered: sa.Engine) -> None:
    with delivered.connect() as connection:
        assert needs_of(connection, uscc=USCC.lower()) == [NEED]
        for asked in ({"uscc": "91330100MA2TE5T014"}, {"need_ids": [NEED, need_id(77)]}):
            with pytest.raises(InvalidRequest):
                needs_of(connection, **asked)


def test_the_command_tries_first_and_says_so(
    delivered: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = sa.make_url(database_url)
    fields = {
        "conn_type": "postgres",
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
        "extra": {"personal_data_secret": KEY},
    }
    monkeypatch.setenv("AIRFLOW_CONN_BUSINESS_DB", json.dumps(fields))
    command = ["--need-id", NEED, "--actor", "wang", "--reason", "本人书面请求"]
    assert main(command) == 0
    assert "演练" in (said := capsys.readouterr().out)
    assert places_of_canaries(delivered, CIPHER)
    assert main([*command, "--execute"]) == 0
    assert "已删除" in (said_then := capsys.readouterr().out)
    assert said.splitlines()[0] == said_then.splitlines()[0]
    assert MOBILE not in said + said_then
    assert places_of_canaries(delivered, CIPHER) == set()

"""After everything is encrypted anew the old key opens nothing, is needed for nothing, and hashes are as before."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from include.base.settings import ConnectionFields, Settings
from include.domain.pieces import SetAside
from include.housekeeping.rekey import RekeyRefused, main, rekey
from include.matching import collect_feedback
from include.platforms.credit_market import FeedbackPage
from include.reference.day import Day
from include.store.cipher import open_cipher
from include.store.locks import Lock, try_for_session
from include.store.sealed import SEALED
from include.store.set_aside import keep
from tests.support.clean_need import clean_need
from tests.support.rows import let_history_be_changed, moment, need_id
from tests.support.taken_in import CIPHER, KEY, take_in

NOW = moment("2026-09-30 18:00")
NEW = "the newest key of the tests"


class Feed:
    def feedback(self, after: str | None, limit: int) -> FeedbackPage:
        event = {
            "event_id": "event/1",
            "need_id": need_id(1),
            "revision": 1,
            "institution_code": "ICBC",
            "type": "received",
            "occurred_at": "2026-10-09T10:00:00+08:00",
            "sequence": 1,
            "remark": "联系人 13800000001",
        }
        return FeedbackPage(items=[] if after else [event], set_aside=[], next_cursor="end", has_more=False)


def under(keys: str) -> Settings:
    return Settings(connections={"business_db": ConnectionFields(host="h", extra={"personal_data_secret": keys})})


def opened(engine: sa.Engine, keys: str) -> dict[str, list[bytes]]:
    """Everything that is encrypted, by table, as these keys open it."""
    cipher = open_cipher(engine, under(keys))
    found: dict[str, list[bytes]] = {}
    with engine.connect() as connection:
        for sealed in SEALED:
            rows = connection.execute(
                sa.text(
                    f"select {', '.join(sealed.key)}, {sealed.column} from {sealed.table}"
                    f" where octet_length({sealed.column}) > 0 order by {', '.join(sealed.key)}"
                )
            )
            found[sealed.table] = [cipher.decrypt(ciphertext, sealed.place(*key)) for *key, ciphertext in rows]
    return found


@pytest.fixture
def filled(database: sa.Engine) -> sa.Engine:
    """Every table that holds ciphertexts, written under the old key."""
    open_cipher(database, under(KEY))
    take_in(database, "run", [clean_need(need_id=need_id(number)) for number in range(1, 6)], now=NOW)
    collect_feedback(database, Feed(), cipher=CIPHER, day=Day.in_force(NOW))
    with database.begin() as connection:
        keep(connection, CIPHER, "a/b", [SetAside(b"1", "?"), SetAside(b"2", "?")], now=NOW, whole=True)
    return database


def test_everything_is_under_the_newest_key_and_the_old_one_can_go(
    filled: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.housekeeping.rekey._BATCH", 2)
    before = opened(filled, KEY)
    assert all(before.values())
    hashed = open_cipher(filled, under(KEY)).keyed_sha256(b"contact")
    done = rekey(filled, open_cipher(filled, under(f"{NEW},{KEY}")))
    assert done.complete
    assert done.renewed == {table: len(found) for table, found in before.items()}
    assert opened(filled, NEW) == before
    assert open_cipher(filled, under(NEW)).keyed_sha256(b"contact") == hashed


def test_a_second_run_leaves_everything_alone_and_what_came_under_the_old_key_meanwhile_is_taken_along(
    filled: sa.Engine,
) -> None:
    cipher = open_cipher(filled, under(f"{NEW},{KEY}"))
    rekey(filled, cipher)
    assert not any(rekey(filled, cipher).renewed.values())
    take_in(filled, "by a task that began before", [clean_need(need_id=need_id(9))], now=NOW)
    assert rekey(filled, cipher).renewed["contact"] == 1


def test_what_no_key_opens_is_left_counted_and_stops_nothing(filled: sa.Engine) -> None:
    with filled.begin() as connection:
        let_history_be_changed(connection)
        connection.execute(sa.text("update contact set ciphertext = 'spoilt' where need_id = :id"), {"id": need_id(1)})
        connection.execute(
            sa.text(
                "update raw_payload set ciphertext = '' where raw_sha256 = (select min(raw_sha256) from raw_payload)"
            )
        )
    done = rekey(filled, open_cipher(filled, under(f"{NEW},{KEY}")))
    assert (done.complete, done.unreadable["contact"], done.renewed["contact"]) == (False, 1, 4)
    assert (done.unreadable["raw_payload"], done.renewed["raw_payload"]) == (0, 4)


def test_two_runs_at_once_are_one(filled: sa.Engine) -> None:
    with filled.connect() as other:
        assert try_for_session(other, Lock.REKEY)
        with pytest.raises(RekeyRefused):
            rekey(filled, CIPHER)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"audit_secret": "the audit key of the tests"}, "可从连接 business_db 的 extra 中删去旧密钥"),
        ({}, "请把旧密钥保留在最后一位"),
    ],
)
def test_the_command_says_what_it_did_whether_the_old_key_can_go_and_is_audited(
    filled: sa.Engine,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    extra: dict[str, str],
    said: str,
) -> None:
    url = sa.make_url(database_url)
    connection_fields = {
        "conn_type": "postgres",
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
        "extra": {"personal_data_secret": f"{NEW},{KEY}", **extra},
    }
    monkeypatch.setenv("AIRFLOW_CONN_BUSINESS_DB", json.dumps(connection_fields))
    assert main(["--actor", "wang", "--reason", "年度更换密钥"]) == 0
    assert said in capsys.readouterr().out
    with filled.connect() as connection:
        entry = connection.execute(sa.text("select actor, reason from audit_entry where action = 'rekey'")).one()
    assert tuple(entry) == ("wang", "年度更换密钥")

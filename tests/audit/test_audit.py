from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from include import audit
from include.audit.__main__ import main
from include.audit.chain import _seal, _unkeyed
from include.base.act import Act
from include.base.errors import ConfigurationError, InvalidRequest
from include.base.settings import Settings
from include.reference import Policy, policy
from include.store.database import connect
from include.store.tables import audit_entry
from tests.support.rows import AUDIT_KEYS, let_history_be_changed

NOW = datetime(2026, 9, 30, 10, tzinfo=UTC)
LAST = 6


def _record(connection: sa.Connection, number: int) -> None:
    audit.record(
        connection,
        act=Act(actor_id="王操作员", role="operator", reason="已核实", at=NOW),
        action="release",
        object_=f"FN{number:012d}",
        details={"rule": "DQ37"},
    )


def _grow(database: sa.Engine, entries: int = LAST) -> audit.Head:
    for number in range(entries):
        with database.begin() as connection:
            _record(connection, number)
    with database.connect() as connection:
        return audit.head(connection)


def _verify(database: sa.Engine, *heads: audit.Head) -> audit.ChainBreak | None:
    with database.connect() as connection:
        return audit.verify(connection, heads)


def test_an_untouched_chain_holds_and_ends_where_it_was_said_to_end(database: sa.Engine) -> None:
    early = _grow(database, 2)
    late = _grow(database)
    assert (early.count, late.count) == (2, 2 + LAST)
    assert _verify(database, early, late) is None


# --- Attacks by somebody who owns the database, and has no key -------------------------------------------------------------


def _sql(*statements: str) -> Callable[[sa.Connection], None]:
    def tamper(connection: sa.Connection) -> None:
        for statement in statements:
            connection.execute(sa.text(statement))

    return tamper


def _reseal(key: str | None) -> Callable[[sa.Connection], None]:
    """Change who acted in the second entry, and seal anew from there on, by a key of one's own or as before there were keys."""

    def tamper(connection: sa.Connection) -> None:
        rows = [dict(row) for row in connection.execute(sa.select(audit_entry).order_by("entry_id")).mappings()]
        previous = audit.GENESIS
        connection.execute(sa.delete(audit_entry))
        for row in rows:
            entry = {name: value for name, value in row.items() if name != "entry_hash"}
            entry |= {"previous_hash": previous, "key_id": key and audit.key_id(key)}
            if row["entry_id"] == 2:
                entry |= {"actor": "别人", "reason": "另有原因"}
            previous = _seal(entry, key) if key else _unkeyed(entry)
            connection.execute(audit_entry.insert().values(**entry, entry_hash=previous))

    return tamper


def _name_the_real_key(connection: sa.Connection) -> None:
    """Sealed with a key of one's own, but said to be sealed with the real one."""
    _reseal("a key of my own, long enough")(connection)
    connection.execute(sa.update(audit_entry).values(key_id=audit.key_id(AUDIT_KEYS[0])))


def _forge_an_acceptance(connection: sa.Connection) -> None:
    """Unkeyed history, and an entry that accepts it without having the key."""
    _reseal(None)(connection)
    head = audit.head(connection)
    entry = {
        "entry_id": head.count + 1,
        "at": NOW,
        "actor": "别人",
        "role": "auditor",
        "action": "accept_audit_history",
        "object": "audit",
        "reason": "从前的记录",
        "details": json.dumps({"heads": [str(head)]}),
        "previous_hash": head.hash,
        "key_id": audit.key_id(AUDIT_KEYS[0]),
    }
    connection.execute(audit_entry.insert().values(**entry, entry_hash=_seal(entry, "not the key")))


@dataclass(frozen=True)
class Attack:
    """What somebody does to six entries, whether it takes a head from outside to find it, and from which entry on."""

    tamper: Callable[[sa.Connection], None]
    entry_id: int
    needs_head: bool = False


ATTACKS = {
    "an edit of the reason": Attack(_sql("update audit_entry set reason = '改过' where entry_id = 2"), 2),
    "an edit of the moment": Attack(_sql("update audit_entry set at = at + interval '1 second' where entry_id = 1"), 1),
    "an edit of the last entry": Attack(_sql("update audit_entry set actor = '别人' where entry_id = 6"), 6),
    "a deletion in the middle": Attack(_sql("delete from audit_entry where entry_id = 2"), 2),
    "a deletion at the beginning": Attack(_sql("delete from audit_entry where entry_id = 1"), 1),
    "a deletion that closes the gap": Attack(
        _sql(
            "delete from audit_entry where entry_id = 3",
            "update audit_entry set entry_id = -entry_id where entry_id > 3",
            "update audit_entry set entry_id = -entry_id - 1 where entry_id < 0",
        ),
        3,
    ),
    "a reordering": Attack(
        _sql(
            "update audit_entry set entry_id = case entry_id when 1 then 20 else 10 end where entry_id in (1, 2)",
            "update audit_entry set entry_id = case entry_id when 20 then 2 else 1 end where entry_id in (10, 20)",
        ),
        1,
    ),
    "a cut tail": Attack(_sql("delete from audit_entry where entry_id > 3"), 4, needs_head=True),
    "a cut tail that grew again": Attack(
        lambda connection: (
            _sql("delete from audit_entry where entry_id > 3")(connection),
            [_record(connection, number) for number in range(5)],
        )[0],
        6,
        needs_head=True,
    ),
    "a wiped chain": Attack(_sql("truncate audit_entry"), 1, needs_head=True),
    "a wiped chain that grew again": Attack(
        lambda connection: (
            _sql("truncate audit_entry")(connection),
            [_record(connection, 90 + number) for number in range(9)],
        )[0],
        6,
        needs_head=True,
    ),
    "sealed anew without a key": Attack(_reseal(None), 1),
    "sealed anew with another key": Attack(_reseal("a key of my own, long enough"), 1),
    "sealed anew with another key under the real one's name": Attack(_name_the_real_key, 1),
    "sealed anew without a key, and accepted": Attack(_forge_an_acceptance, LAST + 1),
    "the tail made to look older than the key": Attack(
        _sql("update audit_entry set key_id = null where entry_id > 4"), 5
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_somebody_with_the_database_and_without_the_key_does_is_found(database: sa.Engine, name: str) -> None:
    attack = ATTACKS[name]
    handed_out = _grow(database)
    with database.begin() as connection:
        let_history_be_changed(connection)
        attack.tamper(connection)
    broken = _verify(database, handed_out)
    assert broken is not None
    assert broken.entry_id == attack.entry_id
    assert (_verify(database) is None) is attack.needs_head


# --- Keys ------------------------------------------------------------------------------------------------------------------


def test_a_new_key_seals_from_now_on_and_the_old_one_still_verifies(database: sa.Engine, database_url: str) -> None:
    before = _grow(database, 2)
    rotated = connect(database_url, audit_keys=("a newer key of the audit", *AUDIT_KEYS))
    after = _grow(rotated, 2)
    assert _verify(rotated, before, after) is None
    with rotated.connect() as connection:
        named = connection.execute(sa.select(audit_entry.c.key_id).order_by(audit_entry.c.entry_id)).scalars().all()
    assert named == [audit.key_id(key) for key in (AUDIT_KEYS[0],) * 2 + ("a newer key of the audit",) * 2]
    rotated.dispose()
    broken = _verify(database)
    assert broken is not None
    assert (broken.entry_id, "不在已配置的密钥之内" in broken.problem) == (3, True)


def test_nothing_is_recorded_without_a_key(database_url: str) -> None:
    keyless = connect(database_url)
    with pytest.raises(ConfigurationError, match="审计封印密钥"), keyless.begin() as connection:
        _record(connection, 1)
    keyless.dispose()


def test_no_key_can_be_told_from_its_name_or_from_an_engine_in_a_log(database: sa.Engine) -> None:
    assert AUDIT_KEYS[0] not in repr(database)
    assert re.fullmatch("[0-9a-f]{12}", audit.key_id(AUDIT_KEYS[0]))


# --- What a person accepts -------------------------------------------------------------------------------------------------


def test_entries_from_before_there_was_a_key_pass_once_a_person_accepted_them(database: sa.Engine) -> None:
    _grow(database, 3)
    with database.begin() as connection:
        let_history_be_changed(connection)
        _reseal(None)(connection)
    broken = _verify(database)
    assert broken is not None
    assert "没有密钥封印" in broken.problem
    with database.begin() as connection:
        accepted = audit.accept(
            connection, act=Act(actor_id="审计员", role="auditor", reason="启用密钥前的记录", at=NOW)
        )
        assert [one.count for one in accepted] == [3]
        assert (
            audit.accept(connection, act=Act(actor_id="审计员", role="auditor", reason="启用密钥前的记录", at=NOW))
            == ()
        )
    assert _verify(database) is None
    with database.begin() as connection:
        let_history_be_changed(connection)
        _sql("delete from audit_entry where entry_id > 2")(connection)
        _record(connection, 9)
    assert _verify(database) is not None


def test_the_tail_that_a_restored_backup_lacks_is_accepted_by_name_and_nothing_else(database: sa.Engine) -> None:
    early, late = _grow(database, 2), _grow(database, 2)
    with database.begin() as connection:
        let_history_be_changed(connection)
        _sql("delete from audit_entry where entry_id > 2")(connection)
    with database.begin() as connection:
        assert audit.accept(
            connection, act=Act(actor_id="审计员", role="auditor", reason="恢复了备份", at=NOW), heads=[early, late]
        ) == (late,)
    assert _verify(database, early, late) is None
    later = _grow(database, 3)
    with database.begin() as connection:
        let_history_be_changed(connection)
        _sql("delete from audit_entry where entry_id > 4")(connection)
    assert _verify(database, early, late, later) == audit.ChainBreak(
        5, f"库外留存的首部为{later.count}条，库中只有4条，尾部缺失"
    )


def test_an_entry_that_does_not_hold_is_never_accepted(database: sa.Engine) -> None:
    _grow(database, 3)
    with database.begin() as connection:
        let_history_be_changed(connection)
        _sql("update audit_entry set reason = '改过' where entry_id = 2")(connection)
    with pytest.raises(InvalidRequest, match="第2条"), database.begin() as connection:
        audit.accept(connection, act=Act(actor_id="审计员", role="auditor", reason="就这样吧", at=NOW))


# --- Heads outside the database ----------------------------------------------------------------------------------------------


def test_the_file_of_heads_only_grows_and_says_which_line_cannot_be_read(database: sa.Engine, tmp_path: Path) -> None:
    first, second = _grow(database, 1), _grow(database, 1)
    for one in (first, second):
        audit.hand_out(tmp_path, one, NOW)
    file = tmp_path / "audit" / "heads.txt"
    assert file.read_text() == f"2026-09-30T10:00:00+00:00 {first}\n2026-09-30T10:00:00+00:00 {second}\n"
    file.write_text(file.read_text().replace(first.hash, "gone"))
    audit.hand_out(tmp_path, second, NOW)
    assert audit.handed_out(tmp_path) == audit.HandedOut([second, second], [1])


@pytest.mark.parametrize(
    "text", ["", "5", "5:abc", f"x:{'0' * 64}", f"-1:{'0' * 64}", f"1:{'G' * 64}", f"{'9' * 30}:{'0' * 64}"]
)
def test_what_is_no_head_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidRequest, match="不是审计首部"):
        audit.Head.parse(text)


def test_auditors_have_a_command_that_speaks_their_language(
    database: sa.Engine,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = sa.make_url(database_url)
    business_db = {
        "conn_type": "postgres",
        "host": url.host,
        "port": url.port,
        "schema": url.database,
        "login": url.username,
        "password": url.password,
        "extra": {"audit_secret": AUDIT_KEYS[0]},
    }
    monkeypatch.setenv("AIRFLOW_CONN_BUSINESS_DB", json.dumps(business_db))
    monkeypatch.setenv("GFF_REPORTS_DIR", str(tmp_path))
    head = _grow(database)
    assert main(["head"]) == 0
    assert capsys.readouterr().out == f"{head}\n"
    assert main(["verify"]) == 0
    assert "尾部是否被截去无从得知" in capsys.readouterr().out
    assert main(["verify", "--head", str(head)]) == 0
    assert "共6条记录" in capsys.readouterr().out
    audit.hand_out(tmp_path, head, NOW)
    with database.begin() as connection:
        let_history_be_changed(connection)
        _sql("delete from audit_entry where entry_id > 3")(connection)
    assert main(["verify"]) == 1
    assert "第4条记录起不再连续" in capsys.readouterr().out
    assert main(["accept", "--actor", "审计员", "--reason", "恢复了备份"]) == 0
    assert str(head) in capsys.readouterr().out
    assert main(["verify"]) == 0
    assert main(["verify", "--head", "nonsense"]) == 2
    assert "不是审计首部" in capsys.readouterr().err


def test_an_entry_falls_with_its_act(database: sa.Engine) -> None:
    with pytest.raises(RuntimeError), database.begin() as connection:
        _record(connection, 1)
        raise RuntimeError("the act failed")
    with database.connect() as connection:
        assert connection.execute(sa.text("select count(*) from audit_entry")).scalar_one() == 0


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("好", "不足4个字"),
        ("核实" * 251, "超过500个字"),
        ("已核实\x00放行", "看不见的字符"),
        ("已核实\x1b[31m放行", "看不见的字符"),
        ("已核实\u202e行放", "看不见的字符"),
        ("已核实\u200b放行了", "看不见的字符"),
        ("已核实\ud800放行", "看不见的字符"),
    ],
)
def test_a_reason_is_one_that_its_readers_can_see_whole(reason: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        audit.signed(_written(reason))


def test_a_reason_of_several_lines_is_kept_on_one() -> None:
    assert audit.signed(_written(" 已核实\r\n\t同意放行 ")) == _written("已核实 同意放行")
    assert len(audit.signed(_written("核" * 500)).reason) == 500


def _written(reason: str) -> Act:
    return Act(actor_id="li", role="operator", reason=reason, at=NOW)


# --- What is noted of itself -------------------------------------------------------------------------------------------------


def _noted(database: sa.Engine, **changed: object) -> tuple[audit.Action, ...]:
    given = {"policy": policy(), "ruleset_version": "r1", "settings": Settings(connections={}, fernet_key="k" * 44)}
    given |= changed
    return audit.note_configuration(database, **given, act=Act.by_stage("quarterly_intake/1", NOW))  # type: ignore[arg-type]


def test_a_change_of_policy_rules_or_keys_is_noted_once_with_what_was_before(database: sa.Engine) -> None:
    assert _noted(database) == (audit.Action.POLICY_CHANGED, audit.Action.RULES_CHANGED, audit.Action.KEYS_CHANGED)
    assert _noted(database) == ()
    other = Policy({**policy().values, "reopen_max": "7"}, policy().of_departments)
    assert _noted(database, policy=other, ruleset_version="r2") == (
        audit.Action.POLICY_CHANGED,
        audit.Action.RULES_CHANGED,
    )
    key = "a newer secret of the personal data"
    newer = Settings(connections={}, fernet_key=f"{key},{'k' * 44}")
    assert _noted(database, policy=other, ruleset_version="r2", settings=newer) == (audit.Action.KEYS_CHANGED,)
    with database.connect() as connection:
        entries = connection.execute(sa.select(audit_entry.c.action, audit_entry.c.details)).all()
        assert audit.verify(connection) is None
    changes = [json.loads(entry.details) for entry in entries if entry.action == "rules_changed"]
    assert changes == [{"old": None, "new": "r1"}, {"old": "r1", "new": "r2"}]
    assert key not in str(entries)

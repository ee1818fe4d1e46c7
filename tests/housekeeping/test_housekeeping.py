from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.audit import handed_out, record
from include.base.act import Act
from include.base.privacy import PersonalDataCipher
from include.housekeeping.stage import AuditChainBroken, HousekeepingSummary, housekeep
from include.reference import policy
from include.reference.day import Day
from include.store import tables
from tests.support.rows import (
    TAKEN_IN,
    add_case,
    add_delivery,
    add_hold,
    add_need,
    add_withdrawal,
    digest,
    let_history_be_changed,
    moment,
    need_id,
    rewrite,
)

CIPHER = PersonalDataCipher(["key of the housekeeping tests"])
RETENTION = timedelta(days=policy().integer("contact_retention_days"))
LONG_AFTER = TAKEN_IN + RETENTION + timedelta(days=60)


def _contacts(database: sa.Engine) -> set[str]:
    with database.connect() as connection:
        return set(connection.execute(sa.select(tables.contact.c.need_id)).scalars())


def _payloads(database: sa.Engine) -> dict[str, bytes]:
    with database.connect() as connection:
        return {
            row.need_id: row.ciphertext
            for row in connection.execute(
                sa.select(tables.intake_item.c.need_id, tables.raw_payload.c.ciphertext).join(tables.raw_payload)
            )
        }


def _audit_actions(database: sa.Engine) -> list[tuple[str, str]]:
    with database.connect() as connection:
        return [
            (row.action, row.details)
            for row in connection.execute(sa.select(tables.audit_entry).order_by(tables.audit_entry.c.entry_id))
        ]


def _housekeep(database: sa.Engine) -> HousekeepingSummary:
    return housekeep(database, CIPHER, day=Day.in_force(LONG_AFTER))


def test_contact_and_payload_of_a_withdrawn_need_go_when_the_retention_is_over(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        add_withdrawal(connection, 1)
        add_need(connection, 2, verdict="held")
        for number in (1, 2):
            connection.execute(
                tables.need_fingerprint.insert().values(
                    need_id=need_id(number), revision=1, intake_id=1, mobile="keyed hash", reports=[]
                )
            )
        hashes = set(connection.execute(sa.select(tables.raw_payload.c.raw_sha256)).scalars())
    summary = _housekeep(database)
    assert (summary.contacts_purged, summary.payloads_emptied) == (1, 1)
    assert _contacts(database) == {need_id(2)}
    with database.connect() as connection:
        hashed = connection.execute(
            sa.select(tables.need_fingerprint.c.need_id).where(tables.need_fingerprint.c.mobile.is_not(None))
        )
        assert set(hashed.scalars()) == {need_id(2)}
    assert _payloads(database) == {need_id(1): b"", need_id(2): b"sealed payload"}
    with database.connect() as connection:
        assert set(connection.execute(sa.select(tables.raw_payload.c.raw_sha256)).scalars()) == hashes


def test_nothing_goes_on_the_last_day_of_the_retention_and_all_of_it_the_day_after(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        add_withdrawal(connection, 1, noticed_at=TAKEN_IN)
    assert housekeep(database, CIPHER, day=Day.in_force(TAKEN_IN + RETENTION)).contacts_purged == 0
    assert housekeep(database, CIPHER, day=Day.in_force(TAKEN_IN + RETENTION + timedelta(days=1))).contacts_purged == 1


@pytest.mark.parametrize(
    ("states", "gone"),
    [(("declined", "closed"), True), (("closed", "drawn"), False), (("declined", "pushed"), False)],
)
def test_a_matched_need_is_closed_once_all_its_cases_have_ended(
    database: sa.Engine, states: tuple[str, str], gone: bool
) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        add_delivery(connection, 1)
        for code, state in zip(("ICBC", "ABC"), states, strict=True):
            add_case(connection, 1, code, state=state, furthest_state="credit_approved")
    _housekeep(database)
    assert (_contacts(database) == set()) is gone


def test_a_returned_need_keeps_its_contact_if_it_was_resubmitted(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1, verdict="returned")
        add_need(connection, 2, verdict="returned")
        add_need(connection, 2, revision=2, verdict="held")
    _housekeep(database)
    assert _contacts(database) == {need_id(2)}


def test_a_confirmed_hold_is_closed_like_a_return_on_the_day_of_the_decision(database: sa.Engine) -> None:
    decided = TAKEN_IN + timedelta(days=9)
    with database.begin() as connection:
        for number, state in enumerate(("returned", "released"), start=1):
            add_need(connection, number, verdict="held")
            add_hold(connection, number, state=state, settled_at=decided)
    assert housekeep(database, CIPHER, day=Day.in_force(decided + RETENTION)).contacts_purged == 0
    assert housekeep(database, CIPHER, day=Day.in_force(decided + RETENTION + timedelta(days=1))).contacts_purged == 1
    assert _contacts(database) == {need_id(2)}


def test_a_hold_ends_with_the_validity_of_its_need_and_what_was_overtaken_ends_at_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1, verdict="held")
        add_hold(connection, 1)
        add_need(connection, 2, verdict="held")
        add_hold(connection, 2)
        add_need(connection, 2, revision=2, verdict=None)
    first = housekeep(database, CIPHER, day=Day.in_force(moment("2027-09-30 12:00")))
    assert (first.holds_closed, first.expired_needs) == (1, 0)
    second = housekeep(database, CIPHER, day=Day.in_force(moment("2027-10-01 12:00")))
    assert (second.holds_closed, second.expired_needs) == (1, 1)
    assert housekeep(database, CIPHER, day=Day.in_force(moment("2027-10-01 12:00"))).holds_closed == 0
    with database.connect() as connection:
        reasons = connection.execute(
            sa.select(tables.quarantine_event.c.reason).order_by(tables.quarantine_event.c.event_id)
        ).scalars()
        assert list(reasons) == ["已收到更高修订号，按新版本重新审核", "需求有效期已过"]
        assert set(connection.execute(sa.select(tables.quarantine.c.state)).scalars()) == {"expired"}


def test_a_pushed_need_without_approval_expires_and_its_contact_goes_in_time(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        add_delivery(connection, 1)
        add_case(connection, 1, state="accepted")
        add_need(connection, 2)
        add_delivery(connection, 2)
        add_case(connection, 2, state="drawn")
    # 2026Q3 and the four quarters after it: expired from 2027-10-01 on.
    assert housekeep(database, CIPHER, day=Day.in_force(moment("2027-09-30 12:00"))).expired_needs == 0
    assert housekeep(database, CIPHER, day=Day.in_force(moment("2027-10-01 12:00"))).expired_needs == 1
    assert _contacts(database) == {need_id(1), need_id(2)}
    housekeep(database, CIPHER, day=Day.in_force(moment("2027-10-01 12:00") + RETENTION + timedelta(days=1)))
    assert _contacts(database) == {need_id(2)}


def test_the_contact_stays_while_a_push_still_needs_it(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        add_withdrawal(connection, 1)
        add_delivery(connection, 1, state="unknown")
    _housekeep(database)
    assert _contacts(database) == {need_id(1)}
    assert _payloads(database) == {need_id(1): b"sealed payload"}


def test_a_payload_that_belongs_to_no_need_goes_by_its_own_age(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1, verdict="held")
        rewrite(connection, sa.update(tables.intake_item).values(need_id=None, revision=None))
        rewrite(connection, tables.contact.delete())
    assert _housekeep(database).payloads_emptied == 1


def test_each_purge_is_audited_with_counts_only_and_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        add_withdrawal(connection, 1)
        add_delivery(connection, 1)
    _housekeep(database)
    second = _housekeep(database)
    assert (second.contacts_purged, second.payloads_emptied, second.snapshots_dropped) == (0, 0, 0)
    assert _audit_actions(database) == [("purge_personal_data", '{"contacts": 1, "payloads": 1, "texts": 3}')]
    with database.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.delivery)).scalar_one() == 1


def test_old_register_snapshots_go_but_the_last_of_each_quarter_and_the_newest_stay(database: sa.Engine) -> None:
    kept = [date(2023, 6, 30), date(2023, 8, 1), date(2026, 10, 8), date(2026, 10, 9)]
    dropped = [date(2023, 6, 29), date(2023, 7, 3)]
    with database.begin() as connection:
        for day in kept + dropped:
            content = digest(day)
            connection.execute(
                tables.register_snapshot.insert().values(
                    as_of=day, content_sha256=content, row_count=1, taken_at=TAKEN_IN
                )
            )
            connection.execute(
                tables.register_factory.insert().values(
                    content_sha256=content,
                    ordinal=0,
                    uscc="91330100MA2TE5T013",
                    name="青禾铸造",
                    aliases=[],
                    level="national",
                    batch="2021年度",
                    department_code="330000",
                    listed_on=date(2022, 1, 1),
                )
            )
    summary = housekeep(database, CIPHER, day=Day.in_force(moment("2026-10-09 23:00")))
    assert summary.snapshots_dropped == len(dropped)
    with database.connect() as connection:
        assert sorted(connection.execute(sa.select(tables.register_snapshot.c.as_of)).scalars()) == kept
        left = set(connection.execute(sa.select(tables.register_factory.c.content_sha256)).scalars())
    assert left == {digest(day) for day in kept}


def test_the_register_that_a_verdict_rests_on_stays_though_its_snapshot_goes(database: sa.Engine) -> None:
    with database.begin() as connection:
        add_need(connection, 1)
        let_history_be_changed(connection)
        connection.execute(sa.update(tables.judgement).values(register_sha256="judged by"))
        for ordinal, content in enumerate(("judged by", "not judged by")):
            connection.execute(
                tables.register_snapshot.insert().values(
                    as_of=date(2022, 1, 1 + ordinal), content_sha256=content, row_count=1, taken_at=TAKEN_IN
                )
            )
            connection.execute(
                tables.register_factory.insert().values(
                    content_sha256=content,
                    ordinal=0,
                    uscc="91330100MA2TE5T013",
                    name="青禾铸造",
                    aliases=[],
                    level="national",
                    batch="2021年度",
                    department_code="330000",
                    listed_on=date(2022, 1, 1),
                )
            )
        connection.execute(
            tables.register_snapshot.insert().values(
                as_of=date(2022, 1, 3), content_sha256="last of the quarter", row_count=1, taken_at=TAKEN_IN
            )
        )
    assert housekeep(database, CIPHER, day=Day.in_force(moment("2026-10-09 23:00"))).snapshots_dropped == 2
    with database.connect() as connection:
        left = set(connection.execute(sa.select(tables.register_factory.c.content_sha256)).scalars())
    assert left == {"judged by"}


def test_a_broken_audit_chain_is_reported_after_the_rest_is_done(database: sa.Engine) -> None:
    with database.begin() as connection:
        for number in range(3):
            record(
                connection,
                act=Act(actor_id="operator", role="operator", reason="核对", at=TAKEN_IN),
                action="rerun",
                object_=f"delivery:{number}",
            )
        add_need(connection, 1)
        add_withdrawal(connection, 1)
    _housekeep(database)
    with database.begin() as connection:
        let_history_be_changed(connection)
        connection.execute(
            sa.update(tables.audit_entry).where(tables.audit_entry.c.entry_id == 2).values(reason="改动")
        )
        add_need(connection, 2)
        add_withdrawal(connection, 2)
    with pytest.raises(AuditChainBroken, match="第2条"):
        _housekeep(database)
    assert _contacts(database) == set()


def test_the_head_of_the_chain_leaves_the_database_each_day_and_finds_a_cut_tail(
    database: sa.Engine, tmp_path: Path
) -> None:
    assert not (tmp_path / "audit").exists()
    for number in range(3):
        with database.begin() as connection:
            add_need(connection, number)
            add_withdrawal(connection, number)
        housekeep(database, CIPHER, day=Day.in_force(LONG_AFTER + timedelta(days=number)), reports_dir=tmp_path)
    assert [head.count for head in handed_out(tmp_path).heads] == [1, 2, 3]
    with database.begin() as connection:
        let_history_be_changed(connection)
        connection.execute(sa.delete(tables.audit_entry).where(tables.audit_entry.c.entry_id > 1))
    with pytest.raises(AuditChainBroken, match=r"第2条.*尾部缺失"):
        housekeep(database, CIPHER, day=Day.in_force(LONG_AFTER + timedelta(days=3)), reports_dir=tmp_path)
    assert len(handed_out(tmp_path).heads) == 3


def test_a_spoilt_file_of_heads_is_told_and_goes_on(database: sa.Engine, tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "heads.txt").write_text("half a li")
    with database.begin() as connection:
        add_need(connection, 1)
        add_withdrawal(connection, 1)
    with pytest.raises(AuditChainBroken, match="第1行"):
        housekeep(database, CIPHER, day=Day.in_force(LONG_AFTER), reports_dir=tmp_path)
    assert len(handed_out(tmp_path).heads) == 1

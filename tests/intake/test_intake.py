"""Intake against the sandbox platform over HTTP: read whole, kept as it came, accounted for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from include import intake
from include.base.errors import IntakeIncomplete, PlatformUnavailable
from include.base.privacy import PersonalDataCipher
from include.base.settings import GreenPlatform
from include.domain.states import IntakeKind
from include.gate import stage as gate
from include.platforms.green_platform import GreenPlatformClient, NeedPage
from include.reference import departments, policy
from include.reference.day import Day
from include.sandbox.scenario.stage import Scenario, make_scenario
from include.sandbox.server import Sandbox
from include.store.sealed import CONTACT
from tests.support.clean_need import clean_need
from tests.support.rows import let_history_be_changed, rewrite
from tests.support.taken_in import take_in

NOW = datetime(2026, 10, 1, 0, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
CIPHER = PersonalDataCipher(["key of the intake tests"])


SCENARIO = make_scenario(seed=7, quarter="2026Q3", needs=150, factories=8300)
# The five departments with most needs; the first has the unreadable items.
CHOSEN = tuple(code for code, _ in Counter(filed.department_code for filed in SCENARIO.filed).most_common(5))


@pytest.fixture
def scenario() -> Scenario:
    return SCENARIO


@pytest.fixture
def sandbox(scenario: Scenario, tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(scenario, now=NOW, mail_dir=tmp_path / "mail") as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[GreenPlatformClient]:
    settings = GreenPlatform(
        base_url=sandbox.green_url, client_id=sandbox.green_client_id, client_secret=sandbox.green_client_secret
    )
    with GreenPlatformClient(settings, sleep=lambda _: None) as opened:
        yield opened


def _begin(database: sa.Engine, run_id: str = "run-1", *, dry_run: bool = False) -> int:
    request = intake.IntakeRequest(
        run_id=run_id, kind=IntakeKind.QUARTERLY, quarter="2026Q3", departments=CHOSEN, dry_run=dry_run
    )
    return intake.begin(database, request, NOW)


def _pull(database: sa.Engine, client: GreenPlatformClient, intake_id: int) -> list[intake.PullSummary]:
    intake.pull_manifest(database, client, CIPHER, intake_id, "2026Q3", Day.in_force(NOW))
    intake.pull_register(database, client, CIPHER, NOW.date(), NOW, policy())
    return [
        intake.pull_department(
            database, client, CIPHER, intake_id=intake_id, department_code=code, day=Day.in_force(NOW)
        )
        for code in CHOSEN
    ]


def _judge(database: sa.Engine, intake_id: int) -> gate.GateSummary:
    return gate.judge_departments(database, CIPHER, intake_id=intake_id, department_codes=CHOSEN, day=Day.in_force(NOW))


def _close(database: sa.Engine, intake_id: int) -> list[intake.DepartmentAccount]:
    return intake.close(database, intake_id, Day.in_force(NOW))


def _count(database: sa.Engine, table: str, where: str = "true") -> int:
    with database.connect() as connection:
        return connection.execute(sa.text(f"select count(*) from {table} where {where}")).scalar_one()


def test_every_record_of_every_department_is_accounted_for(
    database: sa.Engine, client: GreenPlatformClient, scenario: Scenario
) -> None:
    intake_id = _begin(database)
    _pull(database, client, intake_id)
    _judge(database, intake_id)
    accounts = _close(database, intake_id)
    assert len(accounts) == 5
    assert all(account.unaccounted == 0 for account in accounts)
    # A revision listed with two contents (DQ43) is one record.
    records = "(select distinct need_id, revision, coalesce(need_id, ordinal::text) from intake_item) record"
    assert sum(account.listed for account in accounts) == _count(database, records)
    assert sum(account.unreadable for account in accounts) == 2
    assert min(sum(getattr(a, name) for a in accounts) for name in ("passed", "held", "returned")) > 0
    named = "coalesce(document::json #>> '{project,catalogue_code}', '') <> ''"
    assert _count(database, "need_version", f"{named} and catalogue_version = '2025'") > 0
    assert _count(database, "need_version", f"({named}) <> (catalogue_version is not null)") == 0


def test_a_second_intake_judges_and_sends_nothing_again(database: sa.Engine, client: GreenPlatformClient) -> None:
    first = _begin(database)
    _pull(database, client, first)
    _judge(database, first)
    before = {
        table: _count(database, table) for table in ("judgement", "finding", "delivery", "raw_payload", "contact")
    }
    second = _begin(database, "run-2")
    assert second != first
    _pull(database, client, second)
    assert _judge(database, second).judged == 0
    assert {table: _count(database, table) for table in before} == before
    assert _close(database, second) == _close(database, first)


def test_a_task_that_runs_twice_reads_its_department_once(database: sa.Engine, client: GreenPlatformClient) -> None:
    intake_id = _begin(database)
    assert _begin(database) == intake_id
    assert _pull(database, client, intake_id) == _pull(database, client, intake_id)
    assert _count(database, "listing") == 5


def test_the_platforms_faults_lose_and_double_nothing(
    database: sa.Engine, client: GreenPlatformClient, sandbox: Sandbox
) -> None:
    for kind in ("503", "500", "cut_body", "revoke_token", "repeat_page", "reset"):
        sandbox.fault("/v1/financing-needs", kind, count=1, retry_after="0")
    intake_id = _begin(database)
    _pull(database, client, intake_id)
    _judge(database, intake_id)
    assert all(account.unaccounted == 0 for account in _close(database, intake_id))


def test_a_record_without_a_verdict_makes_the_close_red_and_names_the_department(
    database: sa.Engine, client: GreenPlatformClient
) -> None:
    intake_id = _begin(database)
    _pull(database, client, intake_id)
    _judge(database, intake_id)
    with database.begin() as connection:
        row = connection.execute(sa.text("select judgement_id, department_code from judgement limit 1")).one()
        let_history_be_changed(connection)
        connection.execute(sa.text("delete from finding where judgement_id = :id"), {"id": row.judgement_id})
        connection.execute(sa.text("delete from judgement where judgement_id = :id"), {"id": row.judgement_id})
    name = departments()[row.department_code].short_name
    with pytest.raises(IntakeIncomplete, match=rf"{name}：1 条没有结论"):
        _close(database, intake_id)


def test_a_department_that_was_not_read_makes_the_close_red(database: sa.Engine, client: GreenPlatformClient) -> None:
    intake_id = _begin(database)
    intake.pull_department(
        database, client, CIPHER, intake_id=intake_id, department_code=CHOSEN[0], day=Day.in_force(NOW)
    )
    with pytest.raises(IntakeIncomplete, match=f"{departments()[CHOSEN[1]].short_name}：未读取"):
        _close(database, intake_id)


def test_a_listing_other_than_its_manifest_makes_the_close_red(
    database: sa.Engine, client: GreenPlatformClient
) -> None:
    intake_id = _begin(database)
    _pull(database, client, intake_id)
    _judge(database, intake_id)
    with database.begin() as connection:
        rewrite(
            connection,
            sa.text("update manifest_entry set recommended = recommended + 5 where department_code = :code"),
            {"code": CHOSEN[1]},
        )
    name = departments()[CHOSEN[1]].short_name
    with pytest.raises(IntakeIncomplete, match=rf"{name}：清单 \d+ 条，接收 \d+ 条（B02）"):
        _close(database, intake_id)


def test_two_revisions_of_a_need_do_not_hide_that_another_need_was_not_read(database: sa.Engine) -> None:
    first, corrected, missing = (
        json.dumps({"need_id": need_id, "revision": revision}).encode()
        for need_id, revision in (("FN202603000001", 1), ("FN202603000001", 2), ("FN202603000002", 1))
    )
    for run_id, listings, read, complaint in (
        ("short", [[first, corrected]] * 3, 2, "平台称 2 条，只读到 1 条（B06）"),
        ("whole", [[first, corrected], [first, corrected, missing]], 3, None),
    ):
        intake_id = _begin(database, run_id)
        client = cast(GreenPlatformClient, _Listings(listings, total=2))
        pulled = intake.pull_department(
            database, client, CIPHER, intake_id=intake_id, department_code=CHOSEN[0], day=Day.in_force(NOW)
        )
        assert pulled.items == read
        with pytest.raises(IntakeIncomplete) as raised:
            _close(database, intake_id)
        assert ("B06" in str(raised.value)) == (complaint is not None)
        assert (complaint or "") in str(raised.value)


class _Listings:
    """A platform whose listing is read several times, and differs."""

    def __init__(self, listings: list[list[bytes]], total: int) -> None:
        self._listings = iter(listings)
        self._total = total

    def need_listing(self, **_: object) -> Iterator[NeedPage]:
        yield NeedPage.of(next(self._listings), self._total)


def test_a_dry_run_judges_but_stores_no_verdict_and_sends_nothing(
    database: sa.Engine, client: GreenPlatformClient
) -> None:
    intake_id = _begin(database, dry_run=True)
    _pull(database, client, intake_id)
    assert _judge(database, intake_id).judged > 30
    _close(database, intake_id)
    assert _count(database, "judgement") == _count(database, "delivery") == 0


def test_personal_data_is_nowhere_in_the_clear(
    database: sa.Engine, client: GreenPlatformClient, scenario: Scenario
) -> None:
    intake_id = _begin(database)
    _pull(database, client, intake_id)
    _judge(database, intake_id)
    with database.connect() as connection:
        contacts = [
            json.loads(CIPHER.decrypt(row.ciphertext, CONTACT.place(row.need_id, row.revision)))
            for row in connection.execute(sa.text("select * from contact"))
        ]
        tables = (
            "need_version",
            "judgement",
            "finding",
            "delivery",
            "intake_item",
            "audit_entry",
            "raw_payload",
            "contact",
        )
        stored = "\n".join(
            row[0]
            for table in tables
            for row in connection.execute(sa.text(f"select row_to_json(t)::text from {table} t"))
        )
    mobiles = {str(contact["mobile"]) for contact in contacts if contact["mobile"]}
    assert len(mobiles) > 30
    assert not [mobile for mobile in mobiles if len(mobile) >= 11 and mobile in stored]


def test_a_platform_that_is_away_is_said_in_one_sentence(database: sa.Engine) -> None:
    away = GreenPlatform(base_url="http://127.0.0.1:1", client_id="id", client_secret="hush")
    intake_id = _begin(database)
    with GreenPlatformClient(away, sleep=lambda _: None) as client, pytest.raises(PlatformUnavailable) as caught:
        intake.pull_department(
            database, client, CIPHER, intake_id=intake_id, department_code="330000", day=Day.in_force(NOW)
        )
    assert "127.0.0.1:1" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_the_register_is_stored_once_while_it_does_not_change(database: sa.Engine, client: GreenPlatformClient) -> None:
    rows = intake.pull_register(database, client, CIPHER, NOW.date(), NOW, policy()).rows
    assert rows >= 8000
    intake.pull_register(database, client, CIPHER, NOW.date().replace(day=2), NOW, policy())
    assert _count(database, "register_factory") == rows
    assert _count(database, "register_snapshot") == 2


def test_a_withdrawn_need_is_not_pushed_and_a_pushed_one_is_withdrawn(
    database: sa.Engine, client: GreenPlatformClient, scenario: Scenario
) -> None:
    intake_id = _begin(database)
    _pull(database, client, intake_id)
    _judge(database, intake_id)
    listed = [need.record for page in client.need_listing(quarter="2026Q3", status="withdrawn") for need in page.items]
    assert len(listed) >= 2
    untried, pushed = listed[0]["need_id"], listed[1]["need_id"]
    with database.begin() as connection:
        for need_id, state, attempts in ((untried, "pending", 0), (pushed, "delivered", 1)):
            connection.execute(
                sa.text(
                    "insert into delivery (channel, action, idempotency_key, order_key, need_id, revision, quarter,"
                    " body_sha256, state, attempts, created_at, next_attempt_at) values ('market', 'push', :key, :order,"
                    " :need_id, 1, '2026Q3', '', :state, :attempts, now(), now())"
                ),
                {
                    "key": f"push:{need_id}:1",
                    "order": f"market:{need_id}",
                    "need_id": need_id,
                    "state": state,
                    "attempts": attempts,
                },
            )
    assert intake.pull_withdrawals(database, client, CIPHER, "2026Q3", NOW, intake_id) == len(listed)
    assert intake.pull_withdrawals(database, client, CIPHER, "2026Q3", NOW, intake_id) == 0
    assert _count(database, "delivery", f"need_id = '{untried}' and state = 'superseded'") == 1
    assert _count(database, "delivery", f"need_id = '{untried}' and action = 'withdrawal'") == 0
    assert _count(database, "delivery", f"need_id = '{pushed}' and action = 'withdrawal'") == 1


@pytest.mark.parametrize("filed", ["2026年三季度", "", None, 3, "2026Q3\n"])
def test_a_need_whose_quarter_is_unusable_counts_in_the_quarter_it_was_listed_for(
    database: sa.Engine, filed: object
) -> None:
    take_in(database, "run-1", [clean_need() | {"quarter": filed}], now=NOW, quarter="2026Q3")
    assert _count(database, "need_version", "quarter = '2026Q3'") == 1

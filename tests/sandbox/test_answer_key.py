"""The key and the gate were written apart from each other: where they agree on every finding, both are right."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from include import intake
from include.base.privacy import PersonalDataCipher
from include.base.settings import GreenPlatform
from include.domain.identity import item_hash
from include.domain.states import IntakeKind
from include.gate import stage as gate
from include.gate.engine.judge import Verdict, judge
from include.intake.conservation import accounts
from include.local.postgres import PostgresServer
from include.platforms.green_platform import GreenPlatformClient
from include.reference import policy, rules
from include.reference.day import Day
from include.sandbox.scenario.stage import Scenario, make_scenario
from include.sandbox.server import Sandbox
from include.store.database import connect, migrate
from tests.support.rows import AUDIT_KEYS
from tests.support.scenario_surroundings import found, records_of, surroundings_of

CIPHER = PersonalDataCipher(["key of the answer-key test"])


def _judged(scenario: Scenario, checked_at: datetime) -> dict[str, Verdict]:
    verdicts = judge(
        records_of(scenario.needs),
        checked_at=checked_at,
        policy=policy(),
        surroundings=surroundings_of(scenario, checked_at),
    )
    return {need["need_id"]: verdict for need, verdict in zip(scenario.needs, verdicts, strict=True)}


@pytest.mark.parametrize(
    ("seed", "quarter", "checked_at"),
    [(490, "2026Q3", "2026-10-01T00:10:00+08:00"), (6, "2018Q4", "2018-12-30T08:00:00+08:00")],
)
def test_the_gate_finds_exactly_what_was_planted(seed: int, quarter: str, checked_at: str) -> None:
    scenario = make_scenario(seed=seed, quarter=quarter)
    verdicts = _judged(scenario, datetime.fromisoformat(checked_at))
    differing = {}
    for need_id, expected in scenario.answer_key.items():
        if found(verdicts[need_id]) != expected:
            differing[need_id] = (
                sorted(found(verdicts[need_id]) - expected),
                sorted(expected - found(verdicts[need_id])),
            )
    assert differing == {}


def test_a_need_filed_as_it_should_have_been_is_not_returned_again() -> None:
    scenario = make_scenario()
    recommended_at = scenario.cut_off + timedelta(days=9, hours=10)
    surroundings = surroundings_of(scenario, recommended_at)
    moment = recommended_at.isoformat()
    corrected = [
        {**need, "revision": 2, "updated_at": moment, "review": {**need["review"], "recommended_at": moment}}
        for need in scenario.corrected.values()
    ]
    verdicts = judge(records_of(corrected), checked_at=recommended_at, policy=policy(), surroundings=surroundings)
    remaining = {}
    for need, verdict in zip(corrected, verdicts, strict=True):
        expected = {one for one in scenario.answer_key[need["need_id"]] if rules()[one[0]].severity != "block"}
        expected |= {("DQ52", "review.recommended_at"), ("DQ57", "enterprise.factory_level")}
        if unexpected := found(verdict) - expected:
            remaining[need["need_id"]] = unexpected
    assert remaining == {}
    planted = {rule for need_id in scenario.corrected for rule, _ in scenario.answer_key[need_id]}
    assert {"DQ40", "DQ54"} <= planted
    blocked = [need_id for need_id, severity in scenario.severities.items() if severity == "block"]
    # A factory that was taken off the register has nothing to correct.
    gone = [need_id for need_id in blocked if need_id not in scenario.corrected]
    assert gone
    assert all(scenario.answer_key[need_id] == {("DQ40", "enterprise.uscc")} for need_id in gone)


def test_a_verdict_depends_neither_on_the_order_of_the_records_nor_on_their_batch() -> None:
    checked_at = datetime.fromisoformat("2026-10-01T00:10:00+08:00")
    scenario = make_scenario(seed=8, needs=160, factories=1200)
    whole = _judged(scenario, checked_at)
    surroundings = surroundings_of(scenario, checked_at)
    chance = random.Random(8)
    left = chance.sample(scenario.needs, len(scenario.needs))
    for size in (1, 7, 53, 99):
        batch, left = left[:size], left[size:]
        verdicts = judge(records_of(batch), checked_at=checked_at, policy=policy(), surroundings=surroundings)
        assert verdicts == [whole[need["need_id"]] for need in batch]
    assert left == []


def _departments_with_every_wider_rule(scenario: Scenario) -> list[str]:
    """A few departments in whose needs each rule of scope register and history is planted."""
    wider = {rule.rule_id for rule in rules().values() if rule.scope in ("register", "history")}
    planted: dict[str, set[str]] = {}
    for filed in scenario.filed:
        broken = {rule for rule, _ in scenario.answer_key.get(filed.need_id, ())}
        planted.setdefault(filed.department_code, set()).update(broken & wider)
    chosen: list[str] = []
    while wider:
        chosen.append(max(planted, key=lambda code: (len(planted[code] & wider), code)))
        assert planted[chosen[-1]] & wider, wider
        wider -= planted[chosen[-1]]
    return chosen


@pytest.fixture(scope="module")
def stored(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[sa.Engine, Scenario]]:
    """A scenario read over HTTP by a quarterly intake; the stage judged departments that hold every rule of the wider scopes."""
    scenario = make_scenario(seed=9, needs=400, factories=8300)
    now = scenario.cut_off + timedelta(minutes=10)
    postgres.create_database("answer_key")
    database = connect(postgres.url("answer_key"), audit_keys=AUDIT_KEYS)
    migrate(database)
    chosen = sorted({filed.department_code for filed in scenario.filed})
    with Sandbox(scenario, now=now, mail_dir=tmp_path_factory.mktemp("mail")) as sandbox:
        settings = GreenPlatform(
            base_url=sandbox.green_url, client_id=sandbox.green_client_id, client_secret=sandbox.green_client_secret
        )
        request = intake.IntakeRequest(
            run_id="run-1", kind=IntakeKind.QUARTERLY, quarter=scenario.quarter, departments=chosen, dry_run=False
        )
        intake_id = intake.begin(database, request, now)
        with GreenPlatformClient(settings, sleep=lambda _: None) as client:
            intake.pull_manifest(database, client, CIPHER, intake_id, scenario.quarter, Day.in_force(now))
            intake.pull_register(database, client, CIPHER, now.date(), now, policy())
            for code in chosen:
                intake.pull_department(
                    database, client, CIPHER, intake_id=intake_id, department_code=code, day=Day.in_force(now)
                )
    gate.judge_departments(
        database,
        CIPHER,
        intake_id=intake_id,
        department_codes=_departments_with_every_wider_rule(scenario),
        day=Day.in_force(now),
    )
    yield database, scenario
    database.dispose()


def test_the_stage_finds_the_same_in_what_was_read_and_stored(stored: tuple[sa.Engine, Scenario]) -> None:
    database, scenario = stored
    with database.connect() as connection:
        verdicts = connection.execute(
            sa.text(
                "select distinct on (payload_sha256) payload_sha256, array(select rule_id || ' ' || field from finding"
                " where finding.judgement_id = judgement.judgement_id) as findings"
                " from judgement order by payload_sha256, judgement_id desc"
            )
        ).all()
    judged = {row.payload_sha256: {tuple(text.split(" ", 1)) for text in row.findings} for row in verdicts}
    departments = set(_departments_with_every_wider_rule(scenario))
    judged_needs = {filed.need_id for filed in scenario.filed if filed.department_code in departments}
    newest = {
        item_hash(need, CIPHER): need["need_id"]
        for need in records_of(scenario.needs)
        if need["need_id"] in judged_needs
    }
    differing = {}
    for content, need_id in newest.items():
        recorded, expected = judged.get(content), scenario.answer_key[need_id]
        if recorded != expected:
            differing[need_id] = (recorded, set(expected))
    assert differing == {}
    older = set(judged) - set(newest)
    silent = [need_id for need_id in newest.values() if ("DQ43", "revision") in scenario.answer_key[need_id]]
    assert len(older) == len(silent) > 0
    assert all(judged[content] == set() for content in older)


def test_a_need_listed_with_several_contents_counts_once(stored: tuple[sa.Engine, Scenario]) -> None:
    database, scenario = stored
    departments = set(_departments_with_every_wider_rule(scenario))
    with database.connect() as connection:
        found = [one for one in accounts(connection, 1) if one.department_code in departments]
    twice = [before for before in scenario.seen_before if before.department_code in departments]
    newest = {filed.need_id: filed.revision for filed in scenario.filed}
    revised = sum(before.revision < newest[before.need_id] for before in twice)
    assert len(twice) > revised > 0
    assert sum(one.superseded for one in found) == revised
    assert all(one.unaccounted == 0 for one in found)
    assert all(one.listed - one.superseded - one.unreadable == one.recommended for one in found)

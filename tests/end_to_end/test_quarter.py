"""A whole quarter on real Airflow (`dag.test()`), real PostgreSQL, HTTP and SMTP: once, and once more with the same end state."""

from __future__ import annotations

import email
import email.policy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from include.base.privacy import PersonalDataCipher
from include.delivery.mail_message import message_id
from include.local.postgres import PostgresServer
from include.reference.calendar import china_calendar
from include.sandbox.scenario.stage import make_scenario
from include.sandbox.server import Sandbox
from include.store.database import connect
from include.store.sealed import CONTACT
from tests.support.connections import connections_to
from tests.support.rows import let_history_be_changed

SHANGHAI = ZoneInfo("Asia/Shanghai")
CUT_OFF = datetime(2026, 10, 1, 0, 10, tzinfo=SHANGHAI)
PERSONAL_DATA_KEY = "key of the end-to-end test"


@dataclass(frozen=True)
class Stack:
    """A database of each kind, a sandbox, and the environment that names them."""

    environment: dict[str, str]
    sandbox: Sandbox
    business: sa.Engine
    folder: Path

    def run(self, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = self.folder / "answer.json"
        process = subprocess.run(
            [sys.executable, "tests/end_to_end/run_dags.py", str(answer)],
            input=json.dumps(steps),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        (self.folder / "log.txt").open("a").write(process.stdout + process.stderr)
        assert process.returncode == 0, (process.stdout + process.stderr)[-4000:]
        results: list[dict[str, Any]] = json.loads(answer.read_text(encoding="utf-8"))
        return results


@pytest.fixture(scope="module")
def stack(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("quarter")
    for name in ("quarter_airflow", "quarter_business"):
        postgres.create_database(name)
    business = connect(postgres.url("quarter_business"))
    with Sandbox(
        make_scenario(seed=11, quarter="2026Q3", needs=160, factories=8300),
        now=CUT_OFF,
        mail_dir=folder / "mail",
        resubmit_share=0.5,
    ) as sandbox:
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url("quarter_airflow"),
            "AIRFLOW__CORE__FERNET_KEY": "",
            "AIRFLOW__API_AUTH__JWT_SECRET": "t" * 64,
            "GFF_SANDBOX": "1",
            "GFF_REPORTS_DIR": str(folder / "reports"),
            **connections_to(business.url, sandbox, PERSONAL_DATA_KEY),
        }
        subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"], env=environment, check=True, capture_output=True
        )
        yield Stack(environment, sandbox, business, folder)
    business.dispose()


def _step(dag_id: str, moment: datetime, *clocks: str, **conf: Any) -> dict[str, Any]:
    return {
        "dag_id": dag_id,
        "logical_date": moment.isoformat(),
        "conf": {"now": moment.isoformat(), **conf},
        "clocks": [f"{url}/_sandbox/clock" for url in clocks],
    }


def _at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=SHANGHAI)


def _quarter(stack: Stack, *, offset: timedelta = timedelta()) -> list[dict[str, Any]]:
    """Reminder, intake, delivery, three looks at the feedback with their mails, reconciliation, circular."""
    quarter = {"quarter": "2026Q3"}
    steps = [
        _step("remind_departments", _at(date(2026, 9, 22), 9) + offset, **quarter),
        _step("quarterly_intake", CUT_OFF + offset, **quarter),
        _step("deliver", CUT_OFF + timedelta(minutes=20) + offset),
    ]
    platforms = (stack.sandbox.green_url, stack.sandbox.market_url)
    for working_days in (3, 12, 30):
        day = china_calendar().add_working_days(date(2026, 9, 30), working_days).day
        steps += [
            _step("bank_feedback", _at(day, 8) + offset, *platforms),
            _step("escalate_stalled", _at(day, 8, 30) + offset),
            _step("weekly_summary", _at(day, 8, 35) + offset),
            _step("deliver", _at(day, 8, 40) + offset),
        ]
        if working_days > 3:
            steps.append(_step("daily_review", _at(day, 8, 50) + offset))
            steps.append(_step("major_intake", _at(day, 8, 55) + offset))
    steps += [
        _step("reconcile", _at(day, 9) + offset, **quarter),
        _step("quarterly_circular", _at(day, 9, 30) + offset, **quarter),
        _step("housekeeping", _at(day, 10) + offset),
        _step("rejudge", _at(day, 11) + offset, **quarter),
    ]
    return stack.run(steps)


_STATE = {
    "verdicts": "select verdict, count(*) from judgement group by 1 order by 1",
    "findings": "select rule_id, count(*) from finding group by 1 order by 1",
    # The mail that tells of a failed run is noted among them. A department that had nothing to do in a week gets that
    # week's letter when it is played again later, with what came since.
    "deliveries": """
        select channel, action, state, count(*) from delivery
        where not starts_with(idempotency_key, 'failure:') and not starts_with(idempotency_key, 'weekly:')
        group by 1, 2, 3 order by 1, 2, 3
    """,
    "events": "select count(*) from feedback_event",
    "cases": "select state, count(*), sum(approved)::text, sum(drawn)::text from matching_case group by 1 order by 1",
    "steps": "select rule_id, step, state, count(*) from escalation_step group by 1, 2, 3 order by 1, 2, 3",
    "contacts": "select count(*) from contact",
}


def _end_state(stack: Stack) -> dict[str, Any]:
    with stack.business.connect() as connection:
        state: dict[str, Any] = {
            name: [tuple(row) for row in connection.execute(sa.text(query))] for name, query in _STATE.items()
        }
    state["ledger"] = sorted((entry["need_id"], entry["revision"]) for entry in stack.sandbox.ledger())
    weekly = {
        message_id(row.idempotency_key)
        for row in _rows(stack, "select idempotency_key from delivery where starts_with(idempotency_key, 'weekly:')")
    }
    arrived = [mail["message_id"] for mail in stack.sandbox.mails()]
    assert len(arrived) == len(set(arrived)), "nothing was mailed twice"
    state["mails"] = sorted(set(arrived) - weekly)
    return state


@pytest.fixture(scope="module")
def played(stack: Stack) -> list[dict[str, Any]]:
    return _quarter(stack)


def _rows(stack: Stack, query: str) -> list[Any]:
    with stack.business.connect() as connection:
        return list(connection.execute(sa.text(query)))


def test_every_dag_of_the_quarter_succeeds_at_the_first_try(played: list[dict[str, Any]], stack: Stack) -> None:
    red = [(one["dag_id"], one["tasks"]) for one in played if one["state"] != "success" or one["tries"] > 1]
    assert not red, (stack.folder / "log.txt").read_text()[-6000:]


def test_the_platform_holds_each_passed_need_once(played: list[dict[str, Any]], stack: Stack) -> None:
    passed = {(row.need_id, row.revision) for row in _rows(stack, "select * from judgement where verdict = 'passed'")}
    held = [(entry["need_id"], entry["revision"]) for entry in stack.sandbox.ledger()]
    assert passed
    assert sorted(held) == sorted(passed)


def test_every_stage_left_its_trace(played: list[dict[str, Any]], stack: Stack) -> None:
    for query in (
        "select count(*) from delivery where action = 'return' and state = 'delivered'",
        "select count(*) from delivery where action = 'progress' and state = 'delivered'",
        "select count(*) from matching_case where approved > 0",
        "select count(*) from escalation_step where state = 'mailed'",
        "select count(*) from audit_entry where action = 'close_intake'",
        "select count(*) from report where kind = 'circular'",
        "select count(*) from report where kind = 'rejudgement'",
    ):
        assert _rows(stack, query)[0][0] > 0, query
    assert (stack.folder / "reports" / "circular-2026Q3.html").exists()


def test_a_returned_need_that_comes_back_corrected_is_taken_in(played: list[dict[str, Any]], stack: Stack) -> None:
    corrected = _rows(
        stack,
        """
        select verdict, exists (
            select from finding where finding.judgement_id = judgement.judgement_id and rule_id = 'DQ52'
        ) as late
        from judgement
        where need_id in (select need_id from judgement where verdict = 'returned') and revision > 1
        """,
    )
    # A correction within the term of its return is not late, though the quarter has ended; a later one is.
    assert {row.late for row in corrected if row.verdict == "passed"} == {False}
    assert {row.verdict for row in corrected if row.late} <= {"held"}


def test_an_operator_previews_and_then_sends_again_what_was_given_up_on(
    played: list[dict[str, Any]], stack: Stack
) -> None:
    given_up = (
        "select delivery_id, state, receipt_no from delivery where action = 'return' order by delivery_id limit 1"
    )
    before = _rows(stack, given_up)[0]
    with stack.business.begin() as connection:
        connection.execute(
            sa.text(
                "update delivery set state = 'held', error_class = 'exhausted', outcome = null, receipt_no = null"
                " where delivery_id = :id"
            ),
            {"id": before.delivery_id},
        )
    moment = _at(date(2026, 11, 18), 9)
    asked = {"quarter": "2026Q3", "error_class": "exhausted", "reason": "平台已恢复，重新发送"}
    assert stack.run([_step("rerun_deliveries", moment, **asked)])[0]["state"] == "success"
    assert _rows(stack, given_up)[0].state == "held"
    again = _step("rerun_deliveries", moment, **asked, dry_run=False)
    del again["conf"]["now"]
    assert stack.run([again])[0]["state"] == "success"
    assert tuple(_rows(stack, given_up)[0]) == (before.delivery_id, "delivered", before.receipt_no)
    (entry,) = _rows(stack, "select at from audit_entry where reason = '平台已恢复，重新发送'")
    # A run that is given no moment goes on from where the runs before have moved time.
    assert moment <= entry.at < moment + timedelta(hours=12)


@dataclass(frozen=True)
class JudgedAgain:
    """What judging the quarter again gave, as its pages say: under the same rules, and under rules that are new since.

    `warned`: the needs to which the new rules add a warning. `failed`: a run that asked for a department that does not exist.
    """

    same: dict[str, Any]
    other: dict[str, Any]
    warned: list[str]
    left: list[dict[str, Any]]
    failed: dict[str, Any]
    failure_mails: list[EmailMessage]


@pytest.fixture(scope="module")
def judged_again(played: list[dict[str, Any]], stack: Stack) -> JudgedAgain:
    """One more process for both runs: Airflow takes its time to start."""
    page = "select figures from report where kind = 'rejudgement' order by report_id desc limit 1"
    same = _rows(stack, page)[0].figures
    version = _rows(stack, "select ruleset_version from judgement limit 1")[0].ruleset_version
    by_warning = "select need_id from judgement join finding using (judgement_id, need_id) where rule_id = 'DQ63'"
    warned = sorted(row.need_id for row in _rows(stack, by_warning))
    # As if the verdicts had been given by rules that did not know DQ63 yet.
    with stack.business.begin() as connection:
        let_history_be_changed(connection)
        connection.execute(sa.text("create table kept as select * from finding where rule_id = 'DQ63'"))
        connection.execute(sa.text("delete from finding where rule_id = 'DQ63'"))
        connection.execute(sa.text("update judgement set ruleset_version = 'older'"))
    before, told = _end_state(stack), len(_failure_mails(stack))
    moment = _at(date(2026, 11, 18), 10)
    runs = stack.run(
        [
            _step("rejudge", moment, quarter="2026Q3"),
            _step("rejudge", moment + timedelta(minutes=5), quarter="2026Q3", departments=["999999"]),
        ]
    )
    after = _end_state(stack)
    with stack.business.begin() as connection:
        let_history_be_changed(connection)
        connection.execute(sa.text("update judgement set ruleset_version = :version"), {"version": version})
        connection.execute(sa.text("insert into finding select * from kept"))
        connection.execute(sa.text("drop table kept"))
    assert runs[0]["state"] == "success"
    left = [{name: state[name] for name in (*_STATE, "ledger")} for state in (before, after)]
    mails = _failure_mails(stack)[told:]
    return JudgedAgain(same, _rows(stack, page)[0].figures, warned, left, runs[1], mails)


def test_the_quarter_judged_again_gives_the_same_verdicts(judged_again: JudgedAgain) -> None:
    same = judged_again.same
    assert same["judged"] == same["reproduced"] > 100
    assert same["changed"] == []


def test_judged_again_under_other_rules_what_changed_is_listed_and_nothing_else_happens(
    judged_again: JudgedAgain,
) -> None:
    other = judged_again.other
    assert (other["judged"], other["reproduced"]) == (judged_again.same["judged"], 0)
    assert sorted(one["need_id"] for one in other["changed"]) == judged_again.warned != []
    assert {finding["rule_id"] for one in other["changed"] for finding in one["added"]} == {"DQ63"}
    before, after = judged_again.left
    assert after == before


def test_a_failed_run_is_told_to_the_operator_in_one_mail(judged_again: JudgedAgain) -> None:
    assert judged_again.failed["state"] == "failed"
    (mail,) = judged_again.failure_mails
    assert mail.get_all("to") == ["pipeline@green-finance.example"]
    assert mail["list-id"] == "<operator.green-factory-financing>"
    page = mail.get_body(("html",)).get_content()
    assert "重新审核 rejudge" in page and "请这样处理" in page
    assert "/dags/rejudge/runs/" in page
    assert "Traceback" not in page and "999999" not in page


def _failure_mails(stack: Stack) -> list[EmailMessage]:
    files = sorted((stack.folder / "mail").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    mails = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
    return [mail for mail in mails if "运行失败" in str(mail["subject"])]


def test_nobody_gets_a_mail_twice(played: list[dict[str, Any]], stack: Stack) -> None:
    ids = [mail["message_id"] for mail in stack.sandbox.mails()]
    assert ids
    assert len(ids) == len(set(ids))


def test_personal_data_is_in_no_log_xcom_mail_or_report(played: list[dict[str, Any]], stack: Stack) -> None:
    cipher = PersonalDataCipher([PERSONAL_DATA_KEY])
    contacts = [
        json.loads(cipher.decrypt(row.ciphertext, CONTACT.place(row.need_id, row.revision)))
        for row in _rows(stack, "select * from contact")
    ]
    canaries = {str(c["mobile"]) for c in contacts if c["mobile"]} | {str(c["email"]) for c in contacts if c["email"]}
    canaries = {canary for canary in canaries if len(canary) >= 8}
    assert len(canaries) > 100
    airflow = connect(stack.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    with airflow.connect() as connection:
        xcoms = "\n".join(str(row[0]) for row in connection.execute(sa.text("select value::text from xcom")))
    airflow.dispose()
    files = [path for path in stack.folder.rglob("*") if path.is_file() and path.suffix != ".db"]
    texts = {"xcom": xcoms} | {str(path): path.read_text(encoding="utf-8", errors="replace") for path in files}
    assert any(name.endswith(".eml") for name in texts)
    assert any("log" in name for name in texts)
    leaks = [(name, canary) for name, text in texts.items() for canary in canaries if canary in text]
    assert not leaks


def test_the_quarter_played_again_ends_in_the_same_state(played: list[dict[str, Any]], stack: Stack) -> None:
    before = _end_state(stack)
    again = _quarter(stack, offset=timedelta(minutes=1))
    assert {result["state"] for result in again} == {"success"}
    assert _end_state(stack) == before

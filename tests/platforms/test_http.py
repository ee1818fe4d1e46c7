"""What a session makes of every fault that the contracts name: reads are repeated, writes get a clear word."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from include.base.errors import CredentialsRefused, PlatformUnavailable
from include.platforms import exchange
from include.platforms.http import (
    LONGEST_WAITING_S,
    MOST_READS,
    OutcomeUnknown,
    PlatformBusy,
    PlatformSession,
    ProblemResponse,
    own_pace,
)
from include.platforms.reader import read_value
from tests.support.scripted import Answer, NoCredentials, scripted, self_signed

GOOD = Answer(200, b'{"answer": 42}')


def decode(answer: exchange.Answer) -> Any:
    value = read_value(answer)
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def session(url: str, sleeps: list[float] | None = None, **options: object) -> PlatformSession:
    waited = sleeps if sleeps is not None else []
    return PlatformSession("测试平台", url, ca=None, sleep=waited.append, **options)


@pytest.mark.parametrize(
    "fault",
    [
        Answer(500),
        Answer(502),
        Answer(504),
        Answer(503),
        Answer(429),
        Answer(fault="reset"),
        Answer(200, GOOD.body, fault="cut"),
        Answer(200, GOOD.body, fault="silent_cut"),
    ],
    ids=["500", "502", "504", "503", "429", "reset", "cut", "cut without a length"],
)
def test_a_read_is_repeated_until_it_is_whole(fault: Answer) -> None:
    sleeps: list[float] = []
    with scripted(fault, fault, GOOD) as server, session(server.url, sleeps) as opened:
        assert opened.read("/x", decode, None) == {"answer": 42}
    assert len(sleeps) == 2


def test_retry_after_in_seconds_is_waited_for() -> None:
    sleeps: list[float] = []
    with scripted(Answer(429, headers={"Retry-After": "7"}), GOOD) as server, session(server.url, sleeps) as opened:
        opened.read("/x", decode, None)
    assert sleeps == [7.0]


def test_retry_after_as_a_date_is_measured_on_the_platforms_own_clock() -> None:
    fast = datetime.now(UTC) + timedelta(hours=9)
    headers = {"Date": _http_date(fast), "Retry-After": _http_date(fast + timedelta(seconds=30))}
    sleeps: list[float] = []
    with scripted(Answer(503, headers=headers), GOOD) as server, session(server.url, sleeps) as opened:
        opened.read("/x", decode, None)
    assert sleeps == [30.0]


def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def test_waiting_is_bounded_in_number_and_in_time() -> None:
    sleeps: list[float] = []
    with scripted(reply=lambda _: Answer(500)) as server, session(server.url, sleeps) as opened:
        with pytest.raises(PlatformUnavailable):
            opened.read("/x", decode, None)
        assert len(server.received) == MOST_READS
    assert sum(sleeps) <= LONGEST_WAITING_S
    long = Answer(503, headers={"Retry-After": str(int(LONGEST_WAITING_S) + 1)})
    with scripted(long) as server, session(server.url, sleeps := []) as opened, pytest.raises(PlatformBusy) as caught:
        opened.read("/x", decode, None)
    assert sleeps == []
    assert caught.value.retry_after_s == LONGEST_WAITING_S + 1


@pytest.mark.parametrize(
    "fault",
    [
        Answer(500),
        Answer(502),
        Answer(504),
        Answer(408),
        Answer(fault="reset"),
        Answer(200, GOOD.body, fault="cut"),
        Answer(200, GOOD.body, fault="silent_cut"),
        Answer(200, b"[]"),
        Answer(200, b"{}", {"Content-Encoding": "gzip"}),
        Answer(200, b"{}", {"Content-Encoding": "br"}),
    ],
)
def test_a_write_whose_answer_is_lost_is_sent_once_and_unknown(fault: Answer) -> None:
    with scripted(reply=lambda _: fault) as server, session(server.url) as opened:
        with pytest.raises(OutcomeUnknown):
            opened.write("/x", b"{}", decode, NoCredentials())
        assert len(server.received) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_write_that_is_refused_for_now_is_not_unknown(status: int) -> None:
    with (
        scripted(Answer(status, headers={"Retry-After": "600"})) as server,
        session(server.url) as opened,
        pytest.raises(PlatformBusy) as caught,
    ):
        opened.write("/x", b"{}", decode, NoCredentials())
    assert (caught.value.status, caught.value.retry_after_s) == (status, 600.0)


def test_a_write_that_could_not_connect_was_not_sent() -> None:
    with session("http://127.0.0.1:1") as opened, pytest.raises(PlatformUnavailable) as caught:
        opened.write("/x", b"{}", decode, NoCredentials())
    assert not isinstance(caught.value, PlatformBusy)
    assert "测试平台（http://127.0.0.1:1）" in str(caught.value)


def test_a_problem_says_what_and_where_but_its_text_repeats_nothing_that_was_sent() -> None:
    problem = {"title": "坏", "status": 422, "detail": "13912345678", "errors": [{"field": "a.b", "message": "张三丰"}]}
    answer = Answer(422, json.dumps(problem).encode(), {"Content-Type": "application/problem+json"})
    with scripted(answer) as server, session(server.url) as opened, pytest.raises(ProblemResponse) as caught:
        opened.write("/x", b"{}", decode, NoCredentials())
    assert caught.value.problem.errors[0].field == "a.b"
    assert "13912345678" not in repr(caught.value) + str(caught.value)
    assert "张三丰" not in repr(caught.value) + str(caught.value)


def test_an_answer_that_is_no_problem_document_is_one_all_the_same() -> None:
    with scripted(Answer(404, b"<html>")) as server, session(server.url) as opened:
        with pytest.raises(ProblemResponse) as caught:
            opened.read("/x", decode, None)
        assert len(server.received) == 1
    assert caught.value.status == 404


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_never_tried_blindly(status: int) -> None:
    with scripted(Answer(status)) as server, session(server.url) as opened, pytest.raises(CredentialsRefused) as caught:
        opened.read("/x", decode, NoCredentials())
    assert len(server.received) == 1
    assert "hush" not in str(caught.value)


def test_a_redirect_is_not_followed() -> None:
    with scripted(Answer(302, headers={"Location": "http://127.0.0.1:1/"})) as server, session(server.url) as opened:
        with pytest.raises(PlatformUnavailable, match="跳转"):
            opened.read("/x", decode, NoCredentials())
        assert len(server.received) == 1


def test_credentials_in_the_address_are_not_shown() -> None:
    with session("http://user:hush@127.0.0.1:1") as opened, pytest.raises(PlatformUnavailable) as caught:
        opened.read("/x", decode, None)
    assert "hush" not in str(caught.value)


def test_a_missing_certificate_file_is_said() -> None:
    unusable = PlatformSession("测试平台", "https://127.0.0.1:1", ca="missing.pem", sleep=lambda _: None)
    with unusable as opened, pytest.raises(PlatformUnavailable, match=r"extra[.]ca"):
        opened.read("/x", decode, None)


def test_a_certificate_that_nobody_vouches_for_ends_the_connection(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    with scripted(GOOD, tls=(certificate, key)) as server:
        with session(server.url) as opened, pytest.raises(PlatformUnavailable, match="证书"):
            opened.write("/x", b"{}", decode, NoCredentials())
        assert server.received == []
        trusting = PlatformSession("测试平台", server.url, ca=str(certificate), sleep=lambda _: None)
        with trusting as opened:
            assert opened.read("/x", decode, None) == {"answer": 42}


def test_requests_keep_the_agreed_rate() -> None:
    sleeps: list[float] = []
    pace = own_pace(2.0, sleeps.append)
    with scripted(GOOD, GOOD, GOOD) as server, session(server.url, pace=pace) as opened:
        for _ in range(3):
            opened.read("/x", decode, None)
    assert len(sleeps) == 2
    assert 0.4 < sleeps[0] <= 0.5 < sleeps[1] <= 1.0

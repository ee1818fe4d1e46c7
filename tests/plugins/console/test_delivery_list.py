"""All deliveries can be found, a mail can be read as it was sent, and a channel can be stopped from the page."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from green_finance.console import delivery_list, reruns
from include.delivery import listing
from include.store.outbox import NewDelivery, enqueue
from tests.support import rows
from tests.support.console import REASON, SAME_ORIGIN, Console

MAIL = {
    "to": ["c0@coordinators.example"],
    "subject": "【绿厂融通】江苏：新增6项",
    "text": "您好：\n以下事项需要您协调。",
    "html": "<p>您好</p>",
    "list_id": "escalation",
    "references": [],
}


@pytest.fixture
def outbox(database: sa.Engine) -> sa.Engine:
    """Three pushes of needs, one of them waiting and one given up on, and a mail."""
    with database.begin() as connection:
        for number, state in ((1, "delivered"), (2, "pending"), (3, "held")):
            rows.add_need(connection, number)
            rows.add_delivery(connection, number, state=state, error_class="rejected" if state == "held" else None)
        enqueue(
            connection,
            [NewDelivery(channel="mail", action="mail", idempotency_key="digest:c0", body=MAIL)],
            rows.REPORTED,
        )
    return database


def page(console: Console, query: str, role: str = "op") -> str:
    text: str = console.log_in("wang", role).get(f"/green-finance/deliveries/list?{query}").text
    return text


@pytest.mark.parametrize(
    ("query", "found", "other"),
    [
        ("state=held", rows.need_id(3), rows.need_id(1)),
        ("state=delivered", rows.need_id(1), rows.need_id(3)),
        ("q=0002", rows.need_id(2), rows.need_id(1)),
        ("q=青禾&state=pending", rows.need_id(2), rows.need_id(1)),
        ("q=江苏", "江苏：新增6项", rows.need_id(1)),
        ("channel=mail", "江苏：新增6项", rows.need_id(1)),
    ],
)
def test_deliveries_are_found_by_what_is_known_of_them(
    console: Console, outbox: sa.Engine, query: str, found: str, other: str
) -> None:
    text = page(console, query)
    assert found in text and other not in text


def test_the_pages_hold_every_delivery_once(
    console: Console, outbox: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)
    first = page(console, "")
    assert "4 条" in first
    following = first.split('rel="next"')[0].rsplit('href="', 1)[1].partition('"')[0].partition("?")[2]
    second = page(console, following.replace("&amp;", "&"))
    shown = [f'<a href="{number}">#{number}</a>' for number in range(1, 5)]
    assert [one in first for one in shown] == [False, True, True, True]
    assert [one in second for one in shown] == [True, False, False, False]


def test_who_acts_reads_a_mail_as_it_was_sent_and_a_viewer_does_not(console: Console, outbox: sa.Engine) -> None:
    address = "/green-finance/deliveries/4"
    text = console.log_in("wang", "op").get(address).text
    assert "以下事项需要您协调。" in text and "c0@coordinators.example" not in text
    assert "以下事项需要您协调。" not in console.log_in("guan", "viewer").get(address).text


def test_a_channel_is_stopped_and_let_go_on_from_the_page(
    console: Console, outbox: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_list, "start_sending", lambda _: "")
    browser = console.log_in("wang", "op")
    for act, shown in (("stop", "人工暂停"), ("resume", "正常")):
        answer = browser.post(
            f"/green-finance/deliveries/channels/mail/{act}", data={"reason": REASON}, headers=SAME_ORIGIN
        )
        assert answer.status_code == 303
        assert shown in browser.get("/green-finance/deliveries").text


def test_what_was_given_up_on_is_sent_again_from_its_own_page(
    console: Console, outbox: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reruns, "start_sending", lambda _: "")
    browser = console.log_in("wang", "op")
    assert "立即重新发送" in browser.get("/green-finance/deliveries/3").text
    answer = browser.post("/green-finance/reruns", data={"delivery_ids": "3", "reason": REASON}, headers=SAME_ORIGIN)
    assert answer.status_code == 303
    with outbox.connect() as connection:
        state = connection.execute(sa.text("select state from delivery where delivery_id = 3")).scalar_one()
    assert state == "pending"

"""The page of what could not be read: what, from whom, since when, how often; its bytes for operators alone, audited."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from include.base.privacy import PersonalDataCipher
from include.domain.pieces import SetAside
from include.store.set_aside import keep
from include.store.tables import audit_entry
from tests.support import rows
from tests.support.console import Console

CIPHER = PersonalDataCipher(["key of the console tests"])
PAGE = "/green-finance/unreadable"
NEEDS = "needs/2026Q3/330000/recommended"
PIECE = SetAside(b'<script>alert("13800001234")</script>', "不是 UTF-8 编码的文字", "FN202603000009")


def put(database: sa.Engine, source: str, *pieces: SetAside, days: int = 0, whole: bool = False) -> None:
    with database.begin() as connection:
        keep(connection, CIPHER, source, pieces, now=rows.TAKEN_IN + timedelta(days=days), whole=whole)


def piece_id(database: sa.Engine) -> int:
    with database.connect() as connection:
        found: int = connection.execute(sa.text("select max(set_aside_id) from set_aside")).scalar_one()
    return found


def test_a_piece_is_told_with_source_problem_times_and_count_until_it_is_read_whole(
    console: Console, database: sa.Engine
) -> None:
    browser = console.log_in("li", "viewer")
    assert "没有未能读取的内容" in browser.get(PAGE).text
    put(database, NEEDS, PIECE)
    put(database, NEEDS, PIECE, days=2)
    page = browser.get(PAGE).text
    for words in (
        "绿色平台融资需求 2026Q3 浙江 已推荐",
        "FN202603000009",
        PIECE.problem,
        "2026-09-30 20:00",
        "2026-10-02 20:00",
        '<td data-label="次数">2</td>',
    ):
        assert words in page
    assert "script" not in page
    assert "13800001234" not in page
    overview = browser.get("/green-finance/").text
    assert '<td><a href="unreadable">未能读取</a></td>\n<td data-label="数量">1 条</td>' in overview
    put(database, NEEDS, days=3, whole=True)
    assert "没有未能读取的内容" in browser.get(PAGE).text
    assert '<td><a href="unreadable">' not in browser.get("/green-finance/").text


def test_the_bytes_are_saved_by_operators_alone_and_the_look_is_audited(console: Console, database: sa.Engine) -> None:
    put(database, NEEDS, PIECE)
    address = f"{PAGE}/{piece_id(database)}/raw"
    assert "下载原文" not in console.log_in("li", "viewer").get(PAGE).text
    assert console.log_in("li", "viewer").get(address).status_code == 403
    browser = console.log_in("wang", "op")
    assert f'href="unreadable/{piece_id(database)}/raw"' in browser.get(PAGE).text
    answer = browser.get(address)
    assert answer.content == PIECE.raw
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["x-content-type-options"] == "nosniff"
    with database.connect() as connection:
        told = connection.execute(sa.select(audit_entry.c.actor, audit_entry.c.action, audit_entry.c.object)).all()
    assert [tuple(one) for one in told] == [("wang", "view_personal_data", f"set_aside/{piece_id(database)}")]


def test_what_is_purged_or_never_was_is_not_found_in_words(console: Console, database: sa.Engine) -> None:
    put(database, NEEDS, PIECE)
    with database.begin() as connection:
        connection.execute(sa.text("update set_aside set ciphertext = ''"))
    browser = console.log_in("wang", "op")
    assert "已清除" in browser.get(PAGE).text
    for number in (piece_id(database), 0, -1, 2**63, 10**30):
        answer = browser.get(f"{PAGE}/{number}/raw")
        assert (answer.status_code, "处理办法" in answer.text) in ((404, True), (400, True), (422, True))
    with database.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(audit_entry)).scalar_one() == 0


def test_pieces_are_filtered_by_their_source_and_paged(console: Console, database: sa.Engine) -> None:
    put(database, "feedback", *(SetAside(b"%d" % number, "不是一个对象", f"EV-{number}") for number in range(60)))
    put(database, "register", SetAside(b"null", "名单行不是 JSON 对象"))
    browser = console.log_in("li", "viewer")
    first = browser.get(PAGE, params={"kind": "feedback"}).text
    assert (first.count('data-label="来源"'), "共 60 条，第 1 页，共 2 页" in first, "下一页" in first) == (
        50,
        True,
        True,
    )
    second = browser.get(PAGE, params={"kind": "feedback", "page": 2}).text
    assert (second.count('data-label="来源"'), "下一页" in second) == (10, False)
    named = [line.split("<")[0] for text in (first, second) for line in text.split(">EV-")[1:]]
    assert sorted(map(int, named)) == list(range(60))
    assert browser.get(PAGE, params={"kind": "register"}).text.count('data-label="来源"') == 1
    assert browser.get(PAGE, params={"kind": "\0'"}).status_code == 400
    assert "没有这一页" in browser.get(PAGE, params={"page": 9}).text


@pytest.mark.parametrize("page", ["0", "-1", "99999999999999999999", "1" * 5_000, "x"])
def test_a_page_that_cannot_be_is_refused_in_words(console: Console, page: str) -> None:
    answer = console.log_in("li", "viewer").get(PAGE, params={"page": page})
    assert (answer.status_code in (400, 404, 422), "处理办法" in answer.text) == (True, True)


def test_an_identifier_that_is_a_telephone_number_is_masked(console: Console, database: sa.Engine) -> None:
    put(database, "feedback", SetAside(b"1", "不是一个对象", "13800001234"))
    assert "13800001234" not in console.log_in("li", "viewer").get(PAGE).text


def test_who_is_confined_to_departments_sees_and_saves_theirs_alone(console: Console, database: sa.Engine) -> None:
    put(database, NEEDS, PIECE)
    own = piece_id(database)
    put(database, "needs/2026Q3/110000/recommended", SetAside(b"2", "不是一个对象", "FN202603000008"))
    other = piece_id(database)
    with database.begin() as connection:
        rows.set_grant(connection, "li", roles=(), departments=["330000"], by="root", now=rows.TAKEN_IN)
    browser = console.log_in("li", "op")
    page = browser.get(PAGE).text
    assert ("FN202603000009" in page, "FN202603000008" in page, "共 1 条" in page) == (True, False, True)
    assert browser.get(f"{PAGE}/{own}/raw").content == PIECE.raw
    assert browser.get(f"{PAGE}/{other}/raw").status_code == 404

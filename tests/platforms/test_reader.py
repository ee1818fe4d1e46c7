"""Pages split into pieces, so that what is wrong with one costs that one alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from include.domain.pieces import SetAside
from include.platforms.exchange import Answer
from include.platforms.reader import Page, read_page
from include.platforms.splitting import MOST_PIECES

FIRST = '{"need_id": "FN1", "name": "绿色工厂“一号”", "ratio": 1.10}'
LAST = '{"need_id": "FN9", "name": "钢铁{[]}\\"\\\\", "ratio": 60.0}'


def answer(body: bytes, content_type: str = "application/json") -> Answer:
    headers = {"Content-Type": content_type} if content_type else {}
    return Answer(status=200, reason="OK", headers=headers, url="http://platform/x", body=body)


def page_of(*pieces: bytes, tail: bytes = b', "next_cursor": "c", "total": 3}') -> bytes:
    return b'{"items": [' + b", ".join(pieces) + b"]" + tail


def texts(page: Page) -> list[str]:
    """What is read, in its place; of what was set aside its problem."""
    return [
        one.problem if isinstance(one, SetAside) else f"{one['need_id']} {one['ratio']}" for one in page.values("items")
    ]


PILLS = {
    "digits": b'{"need_id": "FN5", "n": %b}' % (b"7" * 5000),
    "exponent": b'{"need_id": "FN5", "n": 1e99999999999999999999}',
    "nesting": b'{"need_id": "FN5", "n": %b}' % (b"[" * 1000 + b"]" * 1000),
    "deep nesting": b'{"need_id": "FN5", "n": %b}' % (b'{"a":' * 200_000 + b"1" + b"}" * 200_000),
    "tab": b'{"need_id": "FN5", "n": "a\tb"}',
    "U+0000": b'{"need_id": "FN5", "n": "a\x00b"}',
    "half a character": rb'{"need_id": "FN5", "n": "\ud800"}',
    "NaN": b'{"need_id": "FN5", "n": NaN}',
    "cut byte": '{"need_id": "FN5", "n": "绿色'.encode()[:-1] + b'"}',
    "GBK": '{"need_id": "FN5", "n": "联系电话，绿色工厂"}'.encode("gbk"),
    # The second byte of each of these is a backslash, a bracket or a brace.
    "GBK that looks like escapes": '{"need_id": "FN5", "n": "誠乗僛侺厈", "m": "亅"}'.encode("gbk"),
    "GBK that ends like an escape": '{"need_id": "FN5", "n": "誠"}'.encode("gbk"),
    "no value": b'{"need_id": "FN5", "n": }',
    "a word": b'{"need_id": "FN5", "n": undefined}',
    "single quotes": b"{'need_id': 'FN5'}",
    "too large": b'{"need_id": "FN5", "n": "%b"}' % (b"a" * 2**20),
    "quotation marks in a text": '{"need_id": "FN5", "n": "他说"好"。"}'.encode(),
    "one quotation mark too many": '{"need_id": "FN5", "n": "12" 钢管"}'.encode(),
    "one quotation mark too few": '{"need_id": "FN5", "n": "钢管}'.encode(),
    "a bracket too many": b'{"need_id": "FN5", "n": [1]]}',
    "a bracket too few": b'{"need_id": "FN5", "n": [[1]}',
    "a brace of another kind": b'{"need_id": "FN5", "n": [1}}',
}


@pytest.mark.parametrize("pill", PILLS.values(), ids=PILLS)
def test_one_bad_piece_is_set_aside_alone_and_its_neighbours_stay_as_they_are(pill: bytes) -> None:
    page = read_page(answer(page_of(FIRST.encode(), pill, LAST.encode())), "items")
    assert page.lists["items"][0] == FIRST.encode()
    assert page.lists["items"][-1] == LAST.encode()
    first, *between, last = page.values("items")
    assert (str(first["ratio"]), str(last["ratio"])) == ("1.10", "60.0")
    assert first["name"] == "绿色工厂“一号”"
    assert [type(one) for one in between] == [SetAside]
    assert between[0].raw == pill
    assert between[0].known_as in ("FN5", "")
    assert (page.number("total"), page.cursor("next_cursor")) == (3, "c")


@pytest.mark.parametrize("name", [name for name in PILLS if name != "single quotes"])
def test_so_are_two_of_them_wherever_they_stand(name: str) -> None:
    pill = PILLS[name]
    page = read_page(answer(page_of(pill, LAST.encode(), pill)), "items")
    found = list(page.values("items"))
    assert [isinstance(one, SetAside) for one in found] == [True, False, True]


def test_gbk_is_told_apart_also_where_pieces_begin_differently() -> None:
    pills = [b'{"name": "\xd5\x5c", "need_id": "FN5"}', b'{"opinion": "\x81\x5b\x81\x7d\x81\x5c", "need_id": "FN6"}']
    page = read_page(answer(page_of(FIRST.encode(), *pills, LAST.encode())), "items")
    assert page.lists["items"] == [FIRST.encode(), *pills, LAST.encode()]


@pytest.mark.parametrize("charset", ["GBK", "gb2312", '"GB18030"', "gbk ; q=1"])
def test_a_declared_charset_is_read(charset: str) -> None:
    body = page_of(FIRST.encode("gb18030"), LAST.encode("gb18030"))
    page = read_page(answer(body, f"application/json; charset={charset}"), "items")
    assert page.lists["items"] == [FIRST.encode(), LAST.encode()]


def test_what_is_no_gb18030_is_set_aside_as_it_was_sent() -> None:
    broken = b'{"need_id": "FN5", "n": "\xff\xff"}'
    page = read_page(answer(page_of(FIRST.encode("gbk"), broken, LAST.encode("gbk")), "text/json;charset=gbk"), "items")
    assert texts(page) == ["FN1 1.10", "文字的编码无法识别", "FN9 60.0"]
    assert [one.raw for one in page.values("items") if isinstance(one, SetAside)] == [broken]


def test_an_undeclared_page_in_gbk_is_never_read_as_other_words() -> None:
    needs = [f'{{"need_id": "FN{number}", "name": "绿色工厂誠", "ratio": 1.0}}'.encode("gbk") for number in range(5)]
    page = read_page(answer(page_of(*needs)), "items")
    assert texts(page) == ["文字的编码无法识别"] * 5
    assert [one.known_as for one in page.values("items")] == [f"FN{number}" for number in range(5)]


@pytest.mark.parametrize("charset", ["gbk", "iso-8859-1", "utf-8", "UTF8", "nonsense"])
def test_sound_utf8_is_read_as_such_whatever_is_declared(charset: str) -> None:
    page = read_page(answer(page_of(FIRST.encode(), LAST.encode()), f"application/json; charset={charset}"), "items")
    assert page.lists["items"] == [FIRST.encode(), LAST.encode()]


@pytest.mark.parametrize("charset", ["hz-gb-2312", "UTF-7", "iso-2022-cn"])
def test_a_charset_that_looks_like_ascii_is_refused(charset: str) -> None:
    body = page_of(b'{"need_id": "FN1", "name": "~{BLIz~}", "ratio": 1.10}')
    with pytest.raises(ValueError):
        read_page(answer(body, f"application/json; charset={charset}"), "items")


@pytest.mark.parametrize(
    ("mark", "content_type", "coding"), [("\ufeff", "", "utf-8"), ("\ufeff", "text/json;charset=GB18030", "gb18030")]
)
def test_a_byte_order_mark_is_dropped(mark: str, content_type: str, coding: str) -> None:
    body = (mark + page_of(FIRST.encode()).decode()).encode(coding)
    assert texts(read_page(answer(body, content_type), "items")) == ["FN1 1.10"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"items": null}',
        b'{"items": {}}',
        b'{"items": [1, 2',
        b'{"items": [1, 2]',
        b'{"items": [1, 2]} {}',
        b'{"items": [1,, 2]}',
        b'{"items": [' + b"1," * 20,
        page_of(FIRST.encode())[:-40],
        FIRST.encode("utf-16"),
        b"<html>\xb5\xc7\xc2\xbc</html>",
    ],
)
def test_what_cannot_be_split_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(ValueError):
        read_page(answer(body), "items")


@pytest.mark.parametrize(("filler", "number"), [(b"1,", 5_000_000), (b"[],", 2 * MOST_PIECES)])
def test_pieces_without_end_are_refused_before_they_fill_the_memory(filler: bytes, number: int) -> None:
    with pytest.raises(ValueError):
        read_page(answer(b'{"items": [' + filler * number + b"1]}"), "items")


@pytest.mark.parametrize(
    ("written", "number"), [("60", 60), ("60.0", 60), ("6e1", 60), ("0", 0), ("-1", None), ("1.5", None)]
)
def test_a_count_is_a_whole_number_however_it_is_written(written: str, number: int | None) -> None:
    page = read_page(answer(b'{"items": [], "total": %b}' % written.encode()), "items")
    if number is None:
        with pytest.raises(ValueError):
            page.number("total")
    else:
        assert page.number("total") == number


@pytest.mark.parametrize("member", ["1e99999999999", "9" * 5000, '"1"', "null", "true", "NaN", "4294967296"])
def test_a_count_that_is_none_is_refused(member: str) -> None:
    page = read_page(answer(b'{"items": [], "total": %b}' % member.encode()), "items")
    with pytest.raises(ValueError):
        page.number("total")


@pytest.mark.parametrize("cursor", [json.dumps("a\x00b"), json.dumps("a\nb"), json.dumps("a" * 2001), "7", "[]"])
def test_a_cursor_that_cannot_be_kept_or_sent_is_refused(cursor: str) -> None:
    page = read_page(answer(b'{"items": [], "next_cursor": %b}' % cursor.encode()), "items")
    with pytest.raises(ValueError):
        page.cursor("next_cursor")


def test_several_lists_come_from_one_answer() -> None:
    body: dict[str, Any] = {"institutions": [{"a": 1}], "branches": [{"b": 2}, {"c": 3}], "more": [1]}
    page = read_page(answer(json.dumps(body).encode()), "institutions", "branches")
    assert (len(page.lists["institutions"]), len(page.lists["branches"]), page.member("more")) == (1, 2, [1])

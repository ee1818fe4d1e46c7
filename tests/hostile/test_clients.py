"""One table: where, what comes, what must happen. At the clients, over HTTP: the piece alone is set aside.

What the stages make of it is proved beside this file, listing by listing.
"""

from __future__ import annotations

from typing import Any

import pytest

from include.base.errors import PlatformUnavailable
from tests.hostile.green import written
from tests.hostile.listings import LISTINGS, Listing
from tests.support.scripted import scripted

PILLS: dict[str, bytes] = {
    "integer of 5,000 digits": b"1" * 5_000,
    "integer of 201 digits": b"1" * 201,
    "exponent of 20 digits": b"1e99999999999999999999",
    "exponent of four digits": b"1e-1000",
    "nesting of 1,000": b"[" * 1_000 + b"]" * 1_000,
    "nesting of 100,000": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "a raw tab": b'"a\tb"',
    "a raw line break": b'"a\nb"',
    "a raw U+0000": b'"a\x00b"',
    "half a character": rb'"\ud83d"',
    "half a character as bytes": b'"\xed\xa0\xbd"',
    "GBK bytes": '"银行备注：已联系企业"'.encode("gbk"),
    "GBK whose last byte is a backslash": '"誠"'.encode("gbk"),
    "a cut byte": '"已受理"'.encode()[:-2] + b'"',
    "more than 1 MiB": b'"' + b"a" * 2**20 + b'"',
    "a quotation mark too many": '"12" 管"'.encode(),
    "quotation marks inside": '"他说"好""'.encode(),
    "a word": b"undefined",
    "nothing": b"",
}


def spoilt(listing: Listing, pill: bytes, *, front: bool) -> bytes:
    """Row 5 with a property more, behind the first one or at the end."""
    row = written(listing.row(5))
    if not front:
        return row[:-1] + b', "x": ' + pill + b"}"
    at = row.index(b", ")
    return row[:at] + b', "x": ' + pill + row[at:]


@pytest.mark.parametrize("front", [True, False], ids=["in front", "behind"])
@pytest.mark.parametrize("pill", PILLS.values(), ids=PILLS)
@pytest.mark.parametrize("listing", LISTINGS.values(), ids=LISTINGS)
def test_a_piece_that_cannot_be_read_is_set_aside_alone(listing: Listing, pill: bytes, front: bool) -> None:
    rows = [written(listing.row(number)) for number in (1, 2)]
    bad = spoilt(listing, pill, front=front)
    with scripted(reply=listing.reply(listing.answer(rows))) as server:
        expected, nothing = listing.read(server)
    assert nothing == []
    with scripted(reply=listing.reply(listing.answer([rows[0], bad, rows[1]]))) as server:
        found, set_aside = listing.read(server)
        assert found == expected
        assert [one.raw for one in set_aside] == [bad]
        assert set_aside[0].known_as in (str(listing.row(5)[listing.identifier]), "")
        assert set_aside[0].problem
        assert len(server.received) <= 2, "nothing is asked again"


NO_ROWS = [b"null", b"7", b'"x"', b"[]", b"true"]


@pytest.mark.parametrize("piece", NO_ROWS)
@pytest.mark.parametrize("where", [name for name in LISTINGS if name not in ("register", "feedback")])
def test_so_is_what_is_no_object(where: str, piece: bytes) -> None:
    listing = LISTINGS[where]
    rows = [written(listing.row(1)), piece, written(listing.row(2))]
    with scripted(reply=listing.reply(listing.answer(rows))) as server:
        found, set_aside = listing.read(server)
    assert [one.raw for one in set_aside] == [piece]
    assert len(found) == (3 if listing.path == "/v1/institutions" else 2)


@pytest.mark.parametrize("where", ["register", "feedback"])
def test_what_may_be_any_value_keeps_its_place(where: str) -> None:
    listing = LISTINGS[where]
    first, last = listing.row(1), listing.row(2)
    with scripted(reply=listing.reply(listing.answer([written(first), *NO_ROWS, written(last)]))) as server:
        assert listing.read(server) == ([first, None, 7, "x", [], True, last], [])


# Where, what is changed of a sound row (... : left out), and the word that the problem names; "": the row is usable.
ROWS: list[tuple[str, dict[str, Any], str]] = [
    ("coordinators", {"email": None}, "email"),
    ("coordinators", {"email": ...}, "email"),
    ("coordinators", {"email": "王五 <wang@example.test>"}, "email"),
    ("coordinators", {"email": "a@example.test, b@example.test"}, "email"),
    ("coordinators", {"email": "a@example.test\nBcc: b@example.test"}, "email"),
    ("coordinators", {"email": "a" * 250 + "@b.cn"}, "email"),
    ("coordinators", {"on_duty": "Y"}, "on_duty"),
    ("coordinators", {"on_duty": 1}, "on_duty"),
    ("coordinators", {"on_duty": None}, "on_duty"),
    ("coordinators", {"authority": "NDRC"}, "authority"),
    ("coordinators", {"level": "county"}, "level"),
    ("coordinators", {"region_code": 330000}, "region_code"),
    ("coordinators", {"region_code": "33000"}, "region_code"),
    ("coordinators", {"region_code": "330000\n"}, "region_code"),
    ("coordinators", {"coordinator_id": ""}, "coordinator_id"),
    ("coordinators", {"coordinator_id": "x" * 6_000}, "coordinator_id"),
    ("coordinators", {"role": "x" * 30_000}, "role"),
    ("coordinators", {"role": "a\x00b"}, ""),
    ("coordinators", {"unknown": [1]}, ""),
    ("manifest", {"financing_need": None}, "financing_need"),
    ("manifest", {"financing_need": ...}, "financing_need"),
    ("manifest", {"financing_need": "1,234.50"}, "financing_need"),
    ("manifest", {"financing_need": "NaN"}, "financing_need"),
    ("manifest", {"financing_need": "-1.00"}, "financing_need"),
    ("manifest", {"financing_need": "1e3"}, "financing_need"),
    ("manifest", {"financing_need": "１２"}, "financing_need"),
    ("manifest", {"financing_need": "12\n"}, "financing_need"),
    ("manifest", {"financing_need": 1234.5}, "financing_need"),
    ("manifest", {"recommended": 3_000_000_000}, "recommended"),
    ("manifest", {"recommended": -1}, "recommended"),
    ("manifest", {"recommended": 2.5}, "recommended"),
    ("manifest", {"recommended": "2"}, "recommended"),
    ("manifest", {"recommended": True}, "recommended"),
    ("manifest", {"recommended": 2.0}, ""),
    ("manifest", {"recommended": 2**31 - 1}, ""),
    ("manifest", {"zero_return": "false"}, "zero_return"),
    ("manifest", {"department_code": "浙江"}, "department_code"),
    ("manifest", {"department_code": None}, "department_code"),
    ("manifest", {"reported_at": "2026-09-29T17:00:00"}, "reported_at"),
    ("manifest", {"reported_at": "2026-09-31T17:00:00Z"}, "reported_at"),
    ("manifest", {"reported_at": "9999-12-31T23:59:59-12:00"}, "时间"),
    ("manifest", {"reported_at": "0001-01-01T00:00:00+14:00"}, "时间"),
    ("manifest", {"reported_at": 1_790_000_000}, "reported_at"),
    ("ledger", {"revision": 2**31}, "revision"),
    ("ledger", {"revision": 0}, "revision"),
    ("ledger", {"revision": 1.0}, ""),
    ("ledger", {"need_id": None}, "need_id"),
    ("ledger", {"need_id": "x" * 6_000}, "need_id"),
    ("ledger", {"idempotency_key": 7}, "idempotency_key"),
    ("ledger", {"receipt_no": ""}, "receipt_no"),
    ("ledger", {"receipt_no": "R\x001"}, ""),
    ("ledger", {"state": "lost"}, "state"),
    ("ledger", {"received_at": "9999-12-31T23:59:59-12:00"}, "时间"),
    ("institutions", {"institution_code": None}, "institution_code"),
    ("institutions", {"name": "x" * 30_000}, "name"),
    ("institutions", {"kind": 7}, "kind"),
    ("branches", {"region_code": "x"}, "region_code"),
    ("branches", {"branch_code": ...}, "branch_code"),
    ("needs recommended", {"status": "submitted"}, "状态"),
    ("needs recommended", {"status": None}, "状态"),
    ("needs recommended", {"status": ...}, "状态"),
    ("needs recommended", {"status": ["recommended"]}, "状态"),
    ("needs withdrawn", {"status": "recommended"}, "状态"),
    ("needs submitted", {"status": "recommended"}, "状态"),
    ("needs recommended", {"quarter": "2026Q2"}, "季度"),
    ("needs recommended", {"quarter": "2026年三季度"}, ""),
    ("needs recommended", {"quarter": None}, ""),
    ("needs recommended", {"department_code": "440000"}, "主管部门"),
    ("needs recommended", {"department_code": "100000"}, ""),
    ("needs recommended", {"department_code": 330000}, ""),
    ("needs recommended", {"revision": 2**31}, ""),
]


@pytest.mark.parametrize(("where", "changes", "named"), ROWS)
def test_a_row_that_does_not_fit_is_set_aside_with_what_is_wrong(
    where: str, changes: dict[str, Any], named: str
) -> None:
    listing = LISTINGS[where]
    row = {name: value for name, value in (listing.row(5) | changes).items() if value is not ...}
    rows = [listing.row(1), row, listing.row(2)]
    with scripted(reply=listing.reply(listing.answer([written(one) for one in rows]))) as server:
        found, set_aside = listing.read(server)
    around = 1 if listing.path == "/v1/institutions" else 0
    assert len(found) == around + (2 if named else 3)
    assert len(set_aside) == (1 if named else 0)
    if named:
        assert set_aside[0].raw == written(row)
        assert named in set_aside[0].problem
        assert not any(value in set_aside[0].problem for value in changes.values() if isinstance(value, str) and value)


@pytest.mark.parametrize("listing", LISTINGS.values(), ids=LISTINGS)
def test_a_page_in_gb18030_is_read_where_it_says_so(listing: Listing) -> None:
    rows = [written(listing.row(number)) for number in range(5)]
    with scripted(reply=listing.reply(listing.answer(rows))) as server:
        expected = listing.read(server)
    in_gbk = listing.answer(rows).decode().encode("gb18030")
    with scripted(reply=listing.reply(in_gbk, "application/json;charset=GBK")) as server:
        assert listing.read(server) == expected


@pytest.mark.parametrize("listing", LISTINGS.values(), ids=LISTINGS)
def test_one_that_does_not_say_so_is_never_read_as_other_words(listing: Listing) -> None:
    rows = [written(listing.row(number) | {"note": "绿色工厂誠乗"}) for number in range(5)]
    body = listing.answer([row.decode().encode("gbk") for row in rows])
    with scripted(reply=listing.reply(body)) as server:
        found, set_aside = listing.read(server)
    assert [one.raw for one in set_aside] == [row.decode().encode("gbk") for row in rows]
    assert [one.known_as for one in set_aside] == [str(listing.row(number)[listing.identifier]) for number in range(5)]
    assert len(found) == (1 if listing.path == "/v1/institutions" else 0)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b"<html></html>", b'{"%b": null}', b'{"%b": {}}', b'{"%b": [1, ', b'{"%b": "x"}'],
)
@pytest.mark.parametrize("listing", LISTINGS.values(), ids=LISTINGS)
def test_what_is_no_such_page_is_a_fault_in_words(listing: Listing, body: bytes) -> None:
    sent = body.replace(b"%b", listing.name.encode())
    with scripted(reply=listing.reply(sent)) as server, pytest.raises(PlatformUnavailable, match="暂时不可用"):
        listing.read(server)


@pytest.mark.parametrize("listing", [LISTINGS["needs recommended"], LISTINGS["register"], LISTINGS["ledger"]])
@pytest.mark.parametrize("cursor", [b'"a\\u0000b"', b'"%b"' % (b"c" * 3_000), b"7", b'"\\ud800"', b"[]"])
def test_a_cursor_that_cannot_be_sent_is_a_fault_in_words(listing: Listing, cursor: bytes) -> None:
    body = listing.answer([]).replace(b'"next_cursor": null', b'"next_cursor": ' + cursor)
    with scripted(reply=listing.reply(body)) as server, pytest.raises(PlatformUnavailable):
        listing.read(server)


def test_a_manifest_of_another_quarter_is_used_for_none() -> None:
    listing = LISTINGS["manifest"]
    body = listing.answer([written(listing.row(1))]).replace(b'"2026Q3"', b'"2026Q2"')
    with scripted(reply=listing.reply(body)) as server:
        found, set_aside = listing.read(server)
    assert (found, [one.known_as for one in set_aside]) == ([], ["120000"])

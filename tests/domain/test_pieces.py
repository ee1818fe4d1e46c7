import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from include.base.canonical import canonical_parts, read_json
from include.domain.pieces import LARGEST_BYTES, UnreadablePiece, known_as, read_piece, set_aside

PILLS = {
    "integer of 5,000 digits": (b"1" * 5000, "有超过 200 位的数字"),
    "integer of 201 digits": (b"-" + b"1" * 201, "有超过 200 位的数字"),
    "fraction of 201 digits": (b"1." + b"5" * 200, "有超过 200 位的数字"),
    "201 digits before an exponent": (b"1" * 101 + b"." + b"1" * 100 + b"e1", "有超过 200 位的数字"),
    "exponent of 20 digits": (b"1e99999999999999999999", "有指数超过三位的数字"),
    "exponent of four digits": (b"1E+1000", "有指数超过三位的数字"),
    "negative exponent of four digits": (b"-1.5e-1000", "有指数超过三位的数字"),
    "exponent of four digits, small": (b"1e0001", "有指数超过三位的数字"),
    "nesting of 1,000": (b"[" * 1000 + b"]" * 1000, "嵌套超过 64 层"),
    "nesting of 100,000": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "嵌套超过 64 层"),
    "nesting of 64 in the object": (b"[" * 64 + b"]" * 64, "嵌套超过 64 层"),
    "raw tab": (b'"a\tb"', "文字中有控制字符"),
    "raw U+0000": (b'"a\x00b"', "文字中有控制字符"),
    "half a character": (rb'"a\ud83db"', "文字中有半个字符"),
    "the other half": (rb'"\udc00"', "文字中有半个字符"),
    "two first halves": (rb'"\ud83d\ud83d"', "文字中有半个字符"),
    "NaN": (b"NaN", "有 NaN 或 Infinity"),
    "-Infinity": (b"[-Infinity]", "有 NaN 或 Infinity"),
    "GBK": ('"绿色工厂"'.encode("gbk"), "文字的编码无法识别"),
    "a cut byte": ('"绿'.encode()[:-1] + b'"', "文字的编码无法识别"),
    "a surrogate as bytes": (b'"\xed\xa0\x80"', "文字的编码无法识别"),
    "one byte too many": (b'"' + b"a" * LARGEST_BYTES + b'"', "超过 1 MiB"),
    "no JSON": (b"1,", "不是完整的 JSON"),
}
SOUND = {
    "200 digits": (b"1" * 200, int("1" * 200)),
    "fraction of 200 digits": (b"-1." + b"5" * 199, Decimal("-1." + "5" * 199)),
    "exponent of three digits": (b"1.5E+999", Decimal("1.5E+999")),
    "decimals": (b"[1.10, 60.0, 6e1, 0.1e-7]", [Decimal("1.10"), Decimal("60.0"), Decimal("6e1"), Decimal("0.1e-7")]),
    "digits in a text": (b'"%b"' % (b"1" * 5000), "1" * 5000),
    "exponent in a text": (b'"1e99999 [[[ NaN \\u005c"', "1e99999 [[[ NaN \\"),
    "brackets in a text": (b'"%b"' % (b"[" * 1000), "[" * 1000),
    "nesting of 63 in the object": (b"[" * 63 + b"]" * 63, json.loads("[" * 63 + "]" * 63)),
    "many objects side by side": (b"[" + b"{}," * 1000 + b"{}]", [{}] * 1001),
    "both halves": (rb'"\ud83d\ude00"', "😀"),
    "U+0000 escaped": (rb'"R\u00001"', "R�1"),
}


@pytest.mark.parametrize("property_name", ["need_id", "debt_ratio", "remark"])
@pytest.mark.parametrize(("pill", "problem"), PILLS.values(), ids=PILLS)
def test_a_piece_beyond_the_limits_is_unreadable(pill: bytes, problem: str, property_name: str) -> None:
    with pytest.raises(UnreadablePiece) as raised:
        read_piece(b'{"first": 1, "%b": %b, "last": [1.50]}' % (property_name.encode(), pill))
    assert raised.value.problem == problem


@pytest.mark.parametrize(("value", "expected"), SOUND.values(), ids=SOUND)
def test_a_piece_within_the_limits_is_read_exactly(value: bytes, expected: Any) -> None:
    read = read_piece(b'{"one": %b, "other": 1.10}' % value)
    assert read == {"one": expected, "other": Decimal("1.10")}
    assert repr(read["one"]) == repr(expected)


def test_a_piece_of_1_mib_is_read() -> None:
    assert read_piece(b'"' + b"a" * (LARGEST_BYTES - 2) + b'"') == "a" * (LARGEST_BYTES - 2)


@pytest.mark.parametrize(
    "broken", [b"", b"{", b'"abc', b"[1", b"01", b"+1", b"1.", b"\\", b'"' + b"\\" * 99_999, b"{} {}"]
)
def test_what_is_no_json_is_unreadable(broken: bytes) -> None:
    with pytest.raises(UnreadablePiece):
        read_piece(broken)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"need_id": "FN202600000001", "debt_ratio": 1e99999999999999999999}', "FN202600000001"),
        (b'{"need_id":"FN202600000001","event_id" :\n"E-1","remark":"\xc4\xe3\t"}', "E-1"),
        (b'{"name": NaN, "uscc": "91330100MA27XXXX1X", "department_code": "330000"}', "91330100MA27XXXX1X"),
        (b'{"coordinator_id": "C1", "email": null}', "C1"),
        (b'{"department_code": "330000", "financing_need": "NaN"}', "330000"),
        (b'{"uscc": "%b"}' % (b"9" * 6000), ""),
        (b'{"event_id": "1\x1b[31m", "need_id": "FN\\u0000"}', ""),
        (b'{"event_id": "a b@c.cn"}', ""),
        (rb'{"remark": "\"need_id\": \"FN202600000001\""}', ""),
        (b"null", ""),
        (b"", ""),
    ],
)
def test_a_piece_is_known_by_its_identifier_though_it_cannot_be_read(raw: bytes, expected: str) -> None:
    assert known_as(raw) == expected


def test_what_was_set_aside_does_not_show_itself() -> None:
    piece = set_aside(b'{"event_id": "E1", "remark": "13812345678"}', "不是完整的 JSON")
    assert (piece.known_as, piece.problem) == ("E1", "不是完整的 JSON")
    assert "1381234" not in repr(piece)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1e99999999999999999999}',
        b'{"a": %b}' % (b"1" * 5000),
        b'{"a": %b}' % (b"[" * 100_000 + b"]" * 100_000),
        b'{"a": %b}' % (b"[" * 900 + b"]" * 900),
        b'{"a": %b}' % (b"[" * 900 + rb'"\ud800"' + b"]" * 900),
        b'{"a": "\xff"}',
        b'{"a"',
    ],
)
def test_what_is_stored_is_read_or_refused_with_a_value_error(raw: bytes) -> None:
    with suppress(ValueError):
        read_json(raw)
    with suppress(ValueError):
        canonical_parts(raw.decode("utf-8", "replace"))

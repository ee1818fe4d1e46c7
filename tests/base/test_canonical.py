"""Canonical JSON: the same content, the same hash, whatever a platform sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from include.base.canonical import (
    canonical_json,
    canonical_parts,
    canonical_sha256,
    read_json,
    storable,
)

scalars = (
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)))
documents = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(documents)
def test_it_is_the_hash_of_rfc_8785_however_numbers_were_read(document: Any) -> None:
    expected = hashlib.sha256(rfc8785.dumps(document)).hexdigest()
    assert canonical_sha256(document) == expected
    assert canonical_sha256(json.loads(json.dumps(document), parse_float=Decimal)) == expected


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(texts, documents, max_size=4), st.text())
@example({"": 2**53 + 1, "a": [0, -(2**53) - 1]}, "")
@example({"code": "210633010066490000000000", "\U0001f343": 1, "\uff5e": [2**53 + 1]}, "\U0001f343")
def test_a_part_is_written_as_the_whole_would_be(document: Any, added: str) -> None:
    value, written = canonical_parts(json.dumps(document, ensure_ascii=False))
    storable_text = added.encode("utf-8", "replace").decode()
    for part, same in ((value, document), (value | {"added": storable_text}, document | {"added": storable_text})):
        assert written(part) == canonical_json(same)


def test_the_order_of_properties_does_not_matter() -> None:
    assert canonical_sha256({"a": 1, "b": [Decimal("2.50")]}) == canonical_sha256({"b": [2.5], "a": 1})


def test_what_canonical_json_cannot_say_still_has_a_stable_hash() -> None:
    odd = [
        '{"a": "\\ud800"}',
        '{"\\u0000": 1}',
        "NaN",
        "1e999",
        "9" * 400,
        "[" * 500 + "]" * 500,
        "18446744073709551616",
    ]
    hashes = [canonical_sha256(json.loads(text, parse_float=Decimal)) for text in odd]
    assert hashes == [canonical_sha256(json.loads(text, parse_float=Decimal)) for text in odd]
    assert len(set(hashes)) == len(odd)


def test_storable_replaces_only_what_postgresql_cannot_hold() -> None:
    value = {"a\x00": ["正常", "坏\ud800", 1, None, Decimal("1.10")]}
    assert storable(value) == {
        "a\N{REPLACEMENT CHARACTER}": ["正常", "坏\N{REPLACEMENT CHARACTER}", 1, None, Decimal("1.10")]
    }
    json.dumps(storable(json.loads("[" * 500 + "]" * 500)))


def _read(reader: Callable[[bytes], Any], raw: bytes) -> str:
    """What is read, NaN equal to itself, or the kind of error."""
    try:
        return repr(reader(raw))
    except RecursionError:
        return "RecursionError"
    except ValueError:
        return "ValueError"


def _by_the_standard_library(raw: bytes) -> Any:
    try:
        return storable(json.loads(raw, parse_float=Decimal))
    except (ArithmeticError, RecursionError) as error:
        raise ValueError("more than Python can hold") from error


@pytest.mark.parametrize(
    "raw",
    [
        b"1.10",
        b"-0",
        b"-0.0",
        b"1E+999",
        b"1e99999999999999999999",
        b"1e400",
        b"0.1e1",
        b"18446744073709551616",
        b"123456789012345678901234567890",
        b"1" * 5000,
        b"NaN",
        b"[-Infinity]",
        b'{"a": 1, "b": 2, "a": {"a": 3}}',
        b'"\\ud800"',
        b'"\\ud83d\\ude00"',
        b'{"\\udc00": "\\u0000"}',
        b'"\\\\u0000"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b'"a\x00b"',
        b'"a\tb"',
        b"\xef\xbb\xbf{}",
        '{"需求": 1}'.encode("utf-16"),
        b"{} x",
        b"[1,]",
        b"",
        b"[" * 64 + b"1.50" + b"]" * 64,
        b"[" * 65 + b"1.50" + b"]" * 65,
        b'{"a":' * 70 + b"null" + b"}" * 70,
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_json_is_read_as_the_standard_library_reads_it_numbers_exactly(raw: bytes) -> None:
    assert _read(read_json, raw) == _read(_by_the_standard_library, raw)


@settings(max_examples=300, deadline=None)
@given(documents | st.text(), st.booleans(), st.integers(0, 300), st.binary(max_size=3))
@example([1.5, {"a": 10**30}], True, 0, b"")
def test_so_is_json_that_was_damaged(document: Any, escaped: bool, at: int, damage: bytes) -> None:
    raw = json.dumps(document, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    damaged = raw[:at] + damage + raw[at + len(damage) :]
    for one in (raw, damaged):
        assert _read(read_json, one) == _read(_by_the_standard_library, one)

"""Canonical JSON: the same content, the same hash, whatever a platform sent."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from include.domain.canonical import canonical_json, canonical_parts, canonical_sha256, storable

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

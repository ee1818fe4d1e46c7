"""Checks over many texts at once give what a check of each text by itself gives."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.characters import FIGURES, character_matrix, matching
from include.domain.identifiers import (
    normalise_id,
    normalise_ids,
    normalise_text,
    normalise_texts,
    skeleton,
    skeletons_of_normal,
)

_PATTERN = "[0-9]{1,3}(?:[.][0-9]{1,2})?"


@given(st.lists(st.text("0123.\n年", max_size=8), max_size=12))
def test_matching_is_a_full_match_of_each_text(texts: list[str]) -> None:
    assert matching(_PATTERN, texts).tolist() == [re.fullmatch(_PATTERN, text) is not None for text in texts]


_WRITTEN = st.lists(st.text(max_size=30) | st.text(" \n\t-甲Aａ（\u0301\u2013\u200b\u3000\x00", max_size=6), max_size=8)


@given(_WRITTEN)
def test_normal_forms_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    assert normalise_texts(texts) == [normalise_text(text) for text in texts]
    assert normalise_ids(texts) == [normalise_id(text) for text in texts]


@pytest.mark.parametrize("taken", [lambda c: c != "\n", lambda c: c.isprintable() and c != " "])
def test_each_character_beside_others_has_the_normal_form_it_has_alone(taken: Callable[[str], bool]) -> None:
    characters = filter(taken, map(chr, range(sys.maxunicode + 1)))
    beside = [between for character in characters for between in ("\u0301", character, "e")]
    assert normalise_texts(beside) == [normalise_text(text) for text in beside]


@given(st.lists(st.text(max_size=30), max_size=8))
def test_skeletons_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    assert skeletons_of_normal([normalise_text(text) for text in texts]) == [skeleton(text) for text in texts]


@pytest.mark.parametrize("other", ["12", "1234", "12３", "1\x002", ""])
def test_a_text_of_another_length_or_alphabet_has_no_figures(other: str) -> None:
    assert (FIGURES[character_matrix([other, "123"], 3)] >= 0).all(axis=1).tolist() == [False, True]

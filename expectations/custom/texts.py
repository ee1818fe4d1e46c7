"""Expectations about texts: substance, and words that give a purpose away."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
import pandas as pd

from expectations.custom.base import (
    RowExpectation,
    ValueExpectation,
    row_condition,
    value_condition,
)
from include.reference import word_list

_BETWEEN = "\n"
"""A pattern without matches, for an empty word list."""


class ExpectTextToHaveSubstance(RowExpectation):
    """A text has the length that the form asks for and is more than a placeholder (DQ10)."""

    lengths: dict[str, list[int]]
    map_metric = "multicolumn_values.substance"
    success_keys = ("mostly", "lengths")


@row_condition("substance", "lengths")
def substance(columns: pd.DataFrame, lengths: dict[str, list[int]]) -> pd.Series:
    """`columns`: path of the field, length, beginning of the skeleton, whether that is one character repeated."""
    field, length, wording, monotonous = (columns.iloc[:, at] for at in range(4))
    shortest, longest = (
        field.map({path: bounds[at] for path, bounds in lengths.items()}).astype("int64") for at in range(2)
    )
    empty = wording.isin({"", *_words("placeholder")})
    return (length >= shortest) & (length <= longest) & ~empty & ~monotonous.astype(bool)


class ExpectConcretePurpose(ValueExpectation):
    """A purpose, as skeleton and without a leading `prefixes`, is none of the generic ones (DQ34)."""

    prefixes: list[str]
    map_metric = "column_values.concrete_purpose"
    success_keys = ("mostly", "prefixes")


@value_condition("concrete_purpose", "prefixes")
def concrete_purpose(purposes: pd.Series, prefixes: list[str]) -> pd.Series:
    """Whether each purpose says more than the word list generic_use; the first matching prefix is dropped once."""
    generic = _words("generic_use")

    def is_generic(purpose: str) -> bool:
        prefix = next((prefix for prefix in prefixes if purpose.startswith(prefix)), "")
        return purpose.removeprefix(prefix) in generic

    said = {prefix + words for prefix in ("", *prefixes) for words in generic}
    return ~purposes.isin({purpose for purpose in said if is_generic(purpose)})


class ExpectTextWithoutPhrase(ValueExpectation):
    """A normalised text holds no phrase of a word list (DQ58)."""

    words: str
    map_metric = "column_values.without_phrase"
    success_keys = ("mostly", "words")


@value_condition("without_phrase", "words")
def without_phrase(texts: pd.Series, words: str) -> pd.Series:
    """Whether each text holds none of the phrases of the list `words`."""
    return ~holding_any(texts, word_list(words))


def holding_any(texts: pd.Series, phrases: Iterable[str]) -> pd.Series:
    """Which texts contain one of the phrases: one search through all texts for each phrase, instead of one for each text."""
    listed = texts.tolist()
    ends = np.cumsum(np.fromiter(map(len, listed), dtype=np.int64, count=len(listed)) + 1)
    whole = _BETWEEN.join(listed)
    found = np.zeros(len(listed), dtype=bool)
    for phrase in phrases:
        at = whole.find(phrase)
        while at >= 0:
            text = int(np.searchsorted(ends, at, side="right"))
            found[text] = True
            at = whole.find(phrase, int(ends[text]))
    return pd.Series(found, index=texts.index)


class ExpectFactoryProject(RowExpectation):
    """Neither the catalogue entry nor the purpose points to ecology, trade or consumption (G05)."""

    level_1: list[str]
    words: str
    map_metric = "multicolumn_values.factory_project"
    success_keys = ("mostly", "level_1", "words")


@row_condition("factory_project", "level_1", "words")
def factory_project(columns: pd.DataFrame, level_1: list[str], words: str) -> pd.Series:
    """`columns`: catalogue code, normalised purpose; a row holds one of them."""
    codes, purposes = columns.iloc[:, 0], columns.iloc[:, 1]
    fits = np.ones(len(columns), dtype=bool)
    given = codes.notna().to_numpy()
    fits[given] = ~codes[given].str[0].isin(level_1).to_numpy(dtype=bool)
    fits[~given] = without_phrase(purposes[~given], words).to_numpy(dtype=bool)
    return pd.Series(fits, index=columns.index)


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(word_list(name))

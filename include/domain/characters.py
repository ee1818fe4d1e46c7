"""Many texts processed at once: joined to one long text that is searched once, or as a matrix of characters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from string import digits

import numpy as np
from numpy.typing import NDArray

_ASCII = 128
_BREAK = "\n"


def matching(pattern: str, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Which of the texts fully match a regular expression; the expression must match neither a line break nor an empty text."""
    matched = np.ones(len(texts), dtype=bool)
    lines = _BREAK.join(texts) + _BREAK
    if lines.count(_BREAK) > max(len(texts), 1):
        lines = "".join([_BREAK if _BREAK in text else text + _BREAK for text in texts])
    several = _lines_of(pattern)
    line = at = 0
    # The search stops at the first line that does not match; the next search starts after it.
    while line < len(texts):
        found = several.match(lines, at)
        end = found.end() if found else at
        line += lines.count(_BREAK, at, end)
        if line < len(texts):
            matched[line] = False
            line += 1
            at = lines.index(_BREAK, end) + 1
    return matched


@cache
def _lines_of(pattern: str) -> re.Pattern[str]:
    return re.compile(f"(?:(?:{pattern}){_BREAK})*+")


def character_matrix(texts: Sequence[str], length: int) -> NDArray[np.uint8]:
    """The ASCII codes of texts of this length, [text, position]; all 0 for texts of another length or with other characters."""
    if set(map(len, texts)) != {length} or not "".join(texts).isascii():
        texts = [text if len(text) == length and text.isascii() else "" for text in texts]
    return np.array(texts, dtype=f"S{length}").view(np.uint8).reshape(len(texts), length)


def places_in(alphabet: str) -> NDArray[np.int8]:
    """For each ASCII code its position in an alphabet; -1 for others."""
    places = np.full(_ASCII, -1, dtype=np.int8)
    places[[ord(character) for character in alphabet]] = range(len(alphabet))
    return places


FIGURES = places_in(digits)
"""The digit of each ASCII code; -1 for others."""

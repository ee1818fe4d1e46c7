"""Amounts and benefits as exact whole numbers: ten-thousandths of their unit, so that both can be compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from include.domain.characters import matching

DECIMALS = 4
"""Benefits have up to four decimals, amounts up to two; 16 digits fit into 64 bits."""

MALFORMED = -1

_AMOUNT = r"[0-9]{1,10}(?:[.][0-9]{1,2})?"
_BENEFIT = r"[0-9]{1,12}(?:[.][0-9]{1,4})?"
_EXACT_BELOW = 10**11
"""Below this, a number with four decimals has at most 15 digits, so that a double distinguishes it from its neighbours."""


def scaled_amounts(texts: Sequence[str]) -> NDArray[np.int64]:
    """Amounts (万元, at most two decimals) times 10,000; MALFORMED if not written as the form demands."""
    return _scaled(_AMOUNT, texts)


def scaled_benefits(texts: Sequence[str]) -> NDArray[np.int64]:
    """Yearly benefits (at most four decimals) times 10,000; MALFORMED if not written as the form demands."""
    return _scaled(_BENEFIT, texts)


def _scaled(pattern: str, texts: Sequence[str]) -> NDArray[np.int64]:
    written = matching(pattern, texts)
    if not written.all():
        texts = [text if good else "0" for text, good in zip(texts, written.tolist(), strict=True)]
    numbers = np.fromiter(map(float, texts), dtype=np.float64, count=len(texts))
    scaled: NDArray[np.int64] = np.rint(numbers * 10**DECIMALS).astype(np.int64)
    for large in np.flatnonzero(numbers >= _EXACT_BELOW).tolist():
        whole, _, decimals = texts[large].partition(".")
        scaled[large] = int(whole + decimals.ljust(DECIMALS, "0"))
    scaled[~written] = MALFORMED
    return scaled

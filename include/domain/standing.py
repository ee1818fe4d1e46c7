"""State of a fold as JSON text, so that later events can be added to a case without its history.

`load_fold(dump_fold(folding))` goes on exactly as `folding` would; equal sets of events give equal text.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from include.domain.case import Folding, Standing

_ENCODER = msgspec.json.Encoder(decimal_format="string")
_DECODER = msgspec.json.Decoder(Standing)


def dump_fold(folding: Folding) -> str:
    """The whole state of a fold; defaults are left out."""
    return _ENCODER.encode(folding.standing).decode()


def load_fold(text: str, *, transitions: Collection[tuple[str, str]], reopen_max: int) -> Folding:
    """The fold that `text` was dumped from, ready for later events."""
    return Folding(_DECODER.decode(text), transitions=transitions, reopen_max=reopen_max)

"""Where a fold stands, as JSON text: so that later events can be added to a case without its history.

`resumed(kept(folding))` goes on exactly as `folding` would; equal sets of events keep equal text.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from include.domain.case import Folding, Standing

_ENCODER = msgspec.json.Encoder(decimal_format="string")
_DECODER = msgspec.json.Decoder(Standing)


def kept(folding: Folding) -> str:
    """All that a folding knows; what is as at the start of a case is left out."""
    return _ENCODER.encode(folding.standing).decode()


def resumed(kept: str, *, transitions: Collection[tuple[str, str]], reopen_max: int) -> Folding:
    """The folding that `kept` was taken from, ready for later events."""
    return Folding(_DECODER.decode(kept), transitions=transitions, reopen_max=reopen_max)

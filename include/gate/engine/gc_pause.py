"""Python's garbage collector, which would take longer over thousands of needs than reading them does."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collecting_by_hand() -> Iterator[None]:
    """Within: nothing is collected but by `gc.collect()`; call it after each chunk.

    Parsed needs hold no cycles, yet by their number they set off one collection after the other of all that is in memory.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()

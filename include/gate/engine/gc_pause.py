"""Pauses Python's cyclic garbage collector, which would take longer over thousands of needs than reading them does."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pauses the cyclic garbage collector; call gc.collect() after each chunk.

    Parsed needs hold no cycles, but their number triggers one full collection after the other.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()

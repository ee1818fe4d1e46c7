"""Python's garbage collector, which would take as long as reading the needs themselves."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collecting_new_objects_only() -> Iterator[None]:
    """Leave out of each collection what was there before.

    Needs by the thousand set off one collection after the other, each of which goes through all modules and suites.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

"""Whatever an exception could tell, for canary tests."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

_TESTS = Path(__file__).parents[1]


def told(error: BaseException) -> str:
    """An exception, and those before it, with the variables of every frame but the test's own, as an error tracker shows them."""
    return "\n".join(f"{error!r} {error}\n{''.join(_frames(error))}" for error in _chain(error))


def _frames(error: BaseException) -> list[str]:
    frames = (
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if _is_the_system_s(frame.f_code.co_filename)
    )
    return traceback.StackSummary.extract(frames, capture_locals=True).format()


def _is_the_system_s(path: str) -> bool:
    return not Path(path).is_relative_to(_TESTS)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

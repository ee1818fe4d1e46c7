"""Heads of the audit chain outside the database: a line a day in a file beside the reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from include.audit.chain import Head
from include.base.errors import InvalidRequest
from include.store.reports import write_page

_FILE = Path("audit") / "heads.txt"


@dataclass(frozen=True, slots=True)
class HandedOut:
    """The heads of a file, oldest first, and the numbers of the lines that cannot be read."""

    heads: Sequence[Head]
    unreadable: Sequence[int]


def handed_out(reports_dir: Path) -> HandedOut:
    """The heads in the file beside the reports; none if it does not exist yet."""
    heads: list[Head] = []
    unreadable: list[int] = []
    for number, line in enumerate(_lines(reports_dir), start=1):
        try:
            heads.append(Head.parse(line.rpartition(" ")[2]))
        except InvalidRequest:
            unreadable.append(number)
    return HandedOut(heads, unreadable)


def hand_out(reports_dir: Path, head: Head, now: datetime) -> None:
    """Add a line "moment head" to the file beside the reports, atomically; earlier lines stay as they are."""
    written = "".join(f"{line}\n" for line in [*_lines(reports_dir), f"{now.isoformat(timespec='seconds')} {head}"])
    write_page(written, reports_dir / _FILE)


def _lines(reports_dir: Path) -> list[str]:
    file = reports_dir / _FILE
    return file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []

"""Where the databases of tests are kept: in memory where there is room, since creating one on a disk costs twenty times as much."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ROOM = 4 * 1024**3


@contextmanager
def folder_for_databases(prefix: str) -> Iterator[Path]:
    """A fresh folder, gone at the end; PostgreSQL's account may enter it even where the tests run as root."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM
    with tempfile.TemporaryDirectory(prefix=prefix, dir=_MEMORY if roomy else "/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)

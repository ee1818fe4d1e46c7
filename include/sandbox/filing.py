"""What is filed on the green platform: one item with what the platform's own index knows of it.

The index is kept apart from the item because an item may be broken in any field, and is still listed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class FiledNeed:
    """A need (融资需求) as filed, at its newest revision; `item` is its JSON, `need_id` empty if it is no object."""

    need_id: str
    revision: int
    department_code: str
    quarter: str
    status: str
    is_major: bool
    updated_at: datetime
    item: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class DepartmentReport:
    """That a department has reported its quarter: with needs, or with a zero return (零报送)."""

    department_code: str
    reported_at: datetime
    zero_return: bool

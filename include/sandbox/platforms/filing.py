"""What is filed on the green platform: an item and the platform's own index of it.

The index is separate because an item may be broken in any field and is still listed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class FiledNeed:
    """A need (融资需求) as filed, at its newest revision; `item` is its JSON, `need_id` empty if it is not an object.

    From `submitted_at` until `updated_at` it waits for its department's review.
    """

    need_id: str
    revision: int
    department_code: str
    quarter: str
    status: str
    is_major: bool
    submitted_at: datetime
    updated_at: datetime
    item: Any = field(repr=False)

    def unreviewed(self) -> FiledNeed:
        """The need between its filing and its department's review."""
        item = self.item
        if isinstance(item, dict):
            filed_at = self.submitted_at.isoformat(timespec="seconds")
            review = item.get("review")
            item = item | {"status": "submitted", "updated_at": filed_at}
            item["review"] = dict.fromkeys(review) if isinstance(review, dict) else review
        return replace(self, status="submitted", updated_at=self.submitted_at, item=item)


@dataclass(frozen=True, slots=True)
class DepartmentReport:
    """A department has reported its quarter: with needs, or with a zero return (零报送)."""

    department_code: str
    reported_at: datetime
    zero_return: bool

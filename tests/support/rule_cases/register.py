"""The rules of the register (scope register): odd rows, and snapshots that lost too many."""

from __future__ import annotations

from typing import Any

from include.reference import policy
from include.register.rules import judge_rows, read_entry


def row(**changes: Any) -> dict[str, Any]:
    """A row as the platform lists it."""
    return {
        "uscc": "91330100MA2TE5T013",
        "name": "浙江青禾新材料有限公司",
        "aliases": [],
        "level": "national",
        "batch": "2023年度",
        "department_code": "330000",
        "listed_on": "2024-03-01",
        "removed_on": None,
    } | changes


ROWS: list[tuple[list[object], list[str]]] = [
    ([row()], []),
    ([row(uscc="91330100MA2TE5T014")], ["0 T01 uscc"]),
    ([row(uscc=" 9133 0100ma2te5t013")], []),
    ([row(uscc=None)], ["0 T01 uscc"]),
    ([row(listed_on="2024-02-30")], ["0 T02 listed_on;removed_on"]),
    ([row(listed_on="20240301")], ["0 T02 listed_on;removed_on"]),
    ([row(listed_on=None)], ["0 T02 listed_on;removed_on"]),
    ([row(removed_on="soon")], ["0 T02 listed_on;removed_on"]),
    ([row(removed_on="2024-02-29")], ["0 T02 listed_on;removed_on"]),
    ([row(removed_on="2024-03-01")], []),
    ([row(), row(name="浙江青禾 新材料有限公司")], ["0 T03 uscc", "1 T03 uscc"]),
    ([row(removed_on="2025-01-01"), row(listed_on="2025-01-01")], []),
    ([row(removed_on="2025-01-02"), row(listed_on="2025-01-01")], ["0 T03 uscc", "1 T03 uscc"]),
    ([row(), row(name="另一工厂")], []),
    ([row(department_code="999999", level=3)], ["0 T04 department_code", "0 T04 level"]),
    ([7], ["0 T01 uscc", "0 T02 listed_on;removed_on", "0 T04 department_code", "0 T04 level"]),
]

# Rows in use, those before, whether too many are gone.
SNAPSHOTS: list[tuple[int, int | None, bool]] = [
    (90, 100, False),
    (89, 100, True),
    (8995, 10_000, True),
    (0, None, True),
    (1, None, False),
    (0, 100, True),
    (110, 100, False),
]


def found(*rows: object) -> list[str]:
    """What is odd about these rows."""
    findings = judge_rows([read_entry(one) for one in rows], policy())
    return sorted(f"{one.ordinal} {one.rule_id} {one.field}" for one in findings)

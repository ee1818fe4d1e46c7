"""The rules of a batch (scope batch): numbers of a department, and what they give."""

from __future__ import annotations

from include.reference import policy
from include.rule_book.batch import SUITE, batch_frame
from include.rule_book.suites import RuleBook

CASES: list[tuple[dict[str, int], list[str]]] = [
    ({}, []),
    ({"manifest_rows": 0}, ["B01"]),
    ({"manifest_rows": 1}, []),
    ({"count_difference": 1}, ["B02"]),
    ({"count_difference": 0}, []),
    ({"need_difference": -1}, ["B03"]),
    ({"need_difference": 1}, ["B03"]),
    ({"need_difference": 0}, []),
    ({"zero_return_contradictions": 1}, ["B04"]),
    ({"zero_return_contradictions": 0}, []),
    ({"needs": 4, "needs_before": 9}, ["B05"]),
    ({"needs": 4, "needs_before": 8}, []),
    ({"needs": 1, "needs_before": 4}, ["B05"]),
    ({"needs": 0, "needs_before": 3}, []),
    ({"unread": 1}, ["B06"]),
    ({"unread": 0}, []),
    ({"unread": -1}, []),
    ({"reported_seconds_late": 0}, ["B07"]),
    ({"reported_seconds_late": -1}, []),
    ({"judged": 10, "returned": 4}, ["B08"]),
    ({"judged": 10, "returned": 3}, []),
    ({"judged": 1000, "returned": 301}, ["B08"]),
    ({"judged": 4, "returned": 4}, []),
    ({"judged": 5, "returned": 2}, ["B08"]),
    ({"manifest_faults": 1}, ["B09"]),
    ({"manifest_faults": 0}, []),
    ({"unaccounted": 1}, ["B10"]),
    ({"unaccounted": -1}, ["B10"]),
    ({"benefits": 10, "round_benefits": 6}, ["G15"]),
    ({"benefits": 10, "round_benefits": 5}, []),
    ({"benefits": 1000, "round_benefits": 501}, ["G15"]),
    ({"benefits": 9, "round_benefits": 9}, []),
]


def found(row: dict[str, int]) -> list[str]:
    """The rules that a department with these numbers breaks."""
    return [breach.rule.rule_id for breach in RuleBook(policy()).breaches(SUITE, batch_frame([row]))]

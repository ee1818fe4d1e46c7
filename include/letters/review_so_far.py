"""What the gate has returned and held of a quarter so far (预审), by department and rule, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from include.words.names import rule_text

_MOST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSoFar:
    """`returned`, `held`: needs; `reasons`: the commonest rules in words, each with its needs."""

    returned: int = 0
    held: int = 0
    reasons: Sequence[str] = ()


_FOUND = sa.text(
    """
    with open as (
        select department_code, need_id, 'returned' as outcome, unnest(rule_ids) as rule_id
        from open_return where quarter = :quarter
        union
        select hold.department_code, coalesce(hold.need_id, hold.quarantine_id::text), 'held', found.rule_id
        from quarantine hold join quarantine_finding found using (quarantine_id)
        where hold.state = 'open' and hold.quarter = :quarter
    )
    select department_code, outcome, rule_id, count(distinct need_id) as needs
    from open group by grouping sets ((department_code, outcome), (department_code, outcome, rule_id))
    order by needs desc, rule_id
    """
)


def review_so_far(connection: sa.Connection, quarter: str) -> Mapping[str, ReviewSoFar]:
    """Department code → what waits for its factories or for a decision; only departments with any."""
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    words = {"returned": "退回", "held": "待核实"}
    for row in connection.execute(_FOUND, {"quarter": quarter}):
        if row.rule_id is None:
            counts[row.department_code][row.outcome] = row.needs
        else:
            told = f"{rule_text(row.rule_id).rstrip('。')}（{words[row.outcome]} {row.needs} 项）"
            reasons[row.department_code].append(told)
    return {
        code: ReviewSoFar(
            returned=found.get("returned", 0), held=found.get("held", 0), reasons=tuple(reasons[code][:_MOST])
        )
        for code, found in counts.items()
    }

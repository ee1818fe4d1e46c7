"""What a person looks at before deciding on a stopped department (B08): figures, causes and examples of what was returned.

Read-only. Amounts in 万元. Causes are those that a return names, never why a need is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

CAUSES, EXAMPLES = 6, 5
"""How many causes and returned needs are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A rule for which needs were returned, and how many."""

    rule_id: str
    needs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A returned need, with the rules that its return names; none: a person returned it. Amount in 万元."""

    need_id: str
    enterprise: str | None
    project: str | None
    uscc: str | None
    financing_need: Decimal | None
    rules: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopFigures:
    """A department's quarter as it is now. `waiting`: passed and not pushed, with their sum and the major ones."""

    judged: int
    returned: int
    held: int
    corrected: int
    waiting: int
    waiting_major: int
    waiting_amount: Decimal
    causes: Sequence[Cause]
    examples: Sequence[Returned]


_NEEDS = """
    select * from need_state
    where quarter = :quarter and department_code = :department_code and withdrawn_at is null and verdict is not null
"""
# The judgement in force of a stored content is its newest.
_FINDINGS = f"""
    select state.need_id, found.rule_id
    from ({_NEEDS}) state
    cross join lateral (
        select judgement_id from judgement where payload_sha256 = state.item_hash order by judgement_id desc limit 1
    ) judged
    join finding found using (judgement_id)
    where state.verdict = 'returned' and found.severity = 'block'
"""
_FIGURES = sa.text(
    f"""
    select count(*) as judged, count(*) filter (where verdict = 'returned') as returned,
           count(*) filter (where verdict = 'held') as held,
           count(*) filter (where revision > 1 and verdict = 'passed') as corrected,
           count(*) filter (where verdict = 'passed' and pushed_at is null) as waiting,
           count(*) filter (where verdict = 'passed' and pushed_at is null and is_major) as waiting_major,
           coalesce(sum(financing_need) filter (where verdict = 'passed' and pushed_at is null), 0) as waiting_amount
    from ({_NEEDS}) state
    """
)
_CAUSES = sa.text(
    f"""
    select rule_id, count(distinct need_id) as needs from ({_FINDINGS}) found
    group by rule_id order by needs desc, rule_id limit :at_most
    """
)
# The largest first: where a return weighs most.
_EXAMPLES = sa.text(
    f"""
    select version.need_id, version.enterprise_name as enterprise, version.project_name as project, version.uscc,
           version.financing_need,
           array(select distinct rule_id from ({_FINDINGS}) found where found.need_id = version.need_id order by 1) as rules
    from (
        select need_id, revision from ({_NEEDS}) state where verdict = 'returned'
        order by financing_need desc nulls last, need_id limit :at_most
    ) chosen join need_version version using (need_id, revision)
    order by version.financing_need desc nulls last, version.need_id
    """
)


def stop_figures(connection: sa.Connection, quarter: str, department_code: str) -> StopFigures:
    """The figures of a department's quarter now, why needs were returned, and the largest of these."""
    where = {"quarter": quarter, "department_code": department_code}
    return StopFigures(
        **connection.execute(_FIGURES, where).one()._mapping,
        causes=[Cause(**row) for row in connection.execute(_CAUSES, {**where, "at_most": CAUSES}).mappings()],
        examples=[Returned(**row) for row in connection.execute(_EXAMPLES, {**where, "at_most": EXAMPLES}).mappings()],
    )

"""Rules about the totals of a need's cases (G02a, G02b, G18), and about missing reports on the use of funds (G16).

The totals are judged whenever a case of the need was folded, G16 once a day because time makes it true. Findings become
the grounds of an alert, one for each rule and need. Amounts in 万元, exact.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime

import sqlalchemy as sa

from include.alerts.stage import Grounds, sync_alerts
from include.base.act import Act
from include.domain.quarter import Quarter
from include.matching.frames import answers, scaled, whole_numbers
from include.matching.sums import NeedSums
from include.reference.day import Day
from include.rule_book.suites import RuleBook
from include.store.locks import Lock, hold
from include.words.alerts import SUMS

_ACTOR = "matching"
_AMOUNTS = ("contracted", "approved", "drawn", "financing_need", "external_funds", "total")


def judge_needs(connection: sa.Connection, sums: Sequence[NeedSums], day: Day) -> None:
    """Open alerts on the totals of these needs, add to them, and close them."""
    import pandas as pd

    looked_at = [one for one in sums if one.contracted or one.approved or one.drawn]
    found = []
    if looked_at:
        frame = pd.DataFrame(
            {name: whole_numbers([scaled(getattr(one, name)) for one in looked_at]) for name in _AMOUNTS}
        )
        for breach in RuleBook(day.policy).breaches("need_amounts", frame):
            found += [_on_sum(breach.rule.rule_id, breach.rule.severity, looked_at[at]) for at in breach.rows]
    sync_alerts(
        connection,
        found,
        rule_ids=sorted(SUMS),
        complete_cases=[(one.need_id, "") for one in sums],
        act=Act.by_stage(_ACTOR, day.now),
        policy=day.policy,
    )


def watch_post_loan(engine: sa.Engine, *, day: Day) -> int:
    """Find full quarters without a report after a draw (G16); returns how many needs have one. Safe to repeat."""
    import pandas as pd

    with engine.begin() as connection:
        hold(connection, Lock.MATCHING)
        looked_at = [
            (row.need_id, row.institution_code, quarter, reported)
            for row in connection.execute(_DRAWN_CASES)
            for quarter, reported in _quarters(row.steps, day.today)
        ]
        frame = pd.DataFrame({"reported": answers([one[3] for one in looked_at])})
        missing: dict[str, set[str]] = defaultdict(set)
        severity = "hold"
        for breach in RuleBook(day.policy).breaches("post_loan", frame):
            severity = breach.rule.severity
            for at in breach.rows:
                need_id, institution_code, quarter, _ = looked_at[at]
                missing[need_id].add(f"{institution_code} {quarter}")
        told = connection.execute(_NEEDS_TOLD, {"rule_id": "G16"}).scalars().all()
        sync_alerts(
            connection,
            [
                Grounds("G16", need_id, "", severity=severity, grounds=frozenset(grounds))
                for need_id, grounds in sorted(missing.items())
            ],
            rule_ids=["G16"],
            complete_cases=[(need_id, "") for need_id in sorted({*told, *missing})],
            act=Act.by_stage(_ACTOR, day.now),
            policy=day.policy,
        )
    return len(missing)


def _quarters(steps: Sequence[Sequence[str]], today: date) -> Iterator[tuple[Quarter, bool]]:
    """Each full quarter after that of the first draw and before `today`, and whether it has a report."""
    draws = [_day(at) for state, at in steps if state == "drawn"]
    if not draws:
        return
    reported = {Quarter.of(_day(at)) for state, at in steps if state == "post_loan"}
    quarter = Quarter.of(draws[0]).next()
    while quarter.last_day < today:
        yield quarter, quarter in reported
        quarter = quarter.next()


def _day(at: str) -> date:
    return datetime.fromisoformat(at).date()


def _on_sum(rule_id: str, severity: str, sums: NeedSums) -> Grounds:
    amounts = {name: f"{getattr(sums, name):,.2f}" for name in _AMOUNTS if getattr(sums, name) is not None}
    ground = SUMS[rule_id].format(**amounts)
    return Grounds(rule_id, sums.need_id, "", severity=severity, grounds=frozenset({ground}))


_DRAWN_CASES = sa.text(
    """
    select need_id, institution_code, folding::json -> 'steps' as steps from matching_case
    where drawn > 0 and state <> 'closed' and folding is not null order by need_id, institution_code
    """
)

_NEEDS_TOLD = sa.text("select need_id from alert where rule_id = :rule_id and institution_code = ''")

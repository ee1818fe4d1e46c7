"""How an institution behaves towards one need: a plan of steps, a pure function of (seed, need_id, institution).

Shares as in the handbook's section 13: about 31 % of the cases approved, 6 % obstructed, 5 % of the events repeated, 5 %
late, 1 % contradictory. Some institutions never answer, some fall silent half-way.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from include.reference import institutions
from include.reference.calendar import china_calendar

_OUTCOMES = {"silent": 10, "stalled": 14, "declined": 38, "approved": 33, "closed": 5}
_SPEEDS = {"quick": (0.5, 55), "usual": (1.0, 27), "slow": (2.6, 18)}
_DECLINE_REASONS = {
    "R02": 16,
    "R03": 12,
    "R04": 22,
    "R05": 8,
    "R06": 7,
    "R07": 4,
    "R08": 3,
    "R09": 5,
    "R10": 8,
    "R12": 7,
    "R14": 3,
    "R15": 3,
    "R17": 1,
    "R99": 1,
}
_OBSTRUCTION_REASONS = {"R04": 24, "R05": 16, "R06": 20, "R07": 8, "R11": 8, "R12": 10, "R13": 10, "R01": 4}
_REMARKS = {
    "R01": "企业信用报告有一笔逾期待核实。",
    "R04": "抵押物已在他行设押，需补充担保。",
    "R05": "尚缺近三年审计报告和项目可研报告。",
    "R06": "项目节能审查批复尚未取得。",
    "R07": "项目资本金尚未按比例到位。",
    "R11": "目录条目与主要设备不完全对应，需补充技术说明。",
    "R12": "利率和期限未达成一致。",
    "R13": "超出本级行审批权限，已报上级行。",
    "R17": "多次拨打电话无人接听。",
    "R99": "行内政策调整，暂缓办理。",
}
_REPEATED, _LATE, _CONTRADICTED = 0.05, 0.05, 0.04
_OBSTRUCTED = 0.078  # Of those that answer.
_EXTRA_INSTITUTION, _UNCLAIMED = 0.08, 0.15


@dataclass(frozen=True, slots=True)
class NeedFacts:
    """What a bank looks at in a pushed need; amounts in 万元."""

    need_id: str
    financing_need: Decimal
    term_months: int | None
    rate_max: float | None
    catalogue_code: str | None
    use_of_funds: str
    intended: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One event to come: `gap` working days after the previous one; `fields` as in the contract."""

    type: str
    gap: int
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CasePlan:
    """The steps of a case up to an obstruction, if it meets one, and those after it was cleared.

    `cleared_after` is in working days after the obstruction; None: only after the coordinators report it resolved.
    """

    steps: tuple[Step, ...]
    obstruction: Step | None = None
    cleared_after: int | None = None
    after: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """An event with two moments: when it happened, and from when the feed shows it."""

    type: str
    occurred_at: datetime
    published_at: tuple[datetime, ...]
    sequence: int
    event_id: str
    fields: dict[str, Any]


def institutions_for(seed: int, facts: NeedFacts) -> tuple[str, ...]:
    """Who works on a need: the intended ones, sometimes one more; with none intended up to two, or nobody."""
    chance = random.Random(f"{seed}:{facts.need_id}:institutions")
    others = [code for code in institutions() if code not in facts.intended]
    if facts.intended:
        return facts.intended + ((chance.choice(others),) if chance.random() < _EXTRA_INSTITUTION else ())
    if chance.random() < _UNCLAIMED:
        return ()
    return tuple(chance.sample(others, chance.choice((1, 1, 2))))


def plan_case(seed: int, facts: NeedFacts, institution_code: str, share_of: int) -> CasePlan:
    """What `institution_code` does about a need that `share_of` institutions work on."""
    chance = random.Random(f"{seed}:{facts.need_id}:{institution_code}:plan")
    outcome = _pick(chance, _OUTCOMES)
    if outcome == "silent":
        return CasePlan(())
    factor = _SPEEDS[_pick(chance, {speed: weight for speed, (_, weight) in _SPEEDS.items()})][0]

    def gap(low: int, high: int) -> int:
        return round(chance.randint(low, high) * factor)

    steps = [Step("received", gap(0, 2))]
    if chance.random() < 0.93:
        steps.append(Step("contacted", gap(0, 4)))
    if outcome == "stalled":
        return CasePlan(tuple(steps[: chance.randint(1, 2)]))
    if chance.random() < 0.75:
        steps.append(Step("visited", gap(1, 8)))
    if outcome == "approved" or chance.random() < 0.4:
        steps.append(Step("accepted", gap(1, 9)))
    if outcome == "approved":
        steps += _money(chance, facts, share_of, gap)
    else:
        steps += _refusal(chance, outcome, gap)
    if chance.random() < _CONTRADICTED:
        steps = _contradict(chance, steps)
    if chance.random() < _OBSTRUCTED:
        return _obstruct(chance, facts.need_id, institution_code, steps)
    return CasePlan(tuple(steps))


def _refusal(chance: random.Random, outcome: str, gap: Any) -> list[Step]:
    reason = _pick(chance, {"R14": 5, "R15": 4, "R16": 1} if outcome == "closed" else _DECLINE_REASONS)
    steps = [Step(outcome, gap(2, 12), _reason(reason))]
    if outcome == "declined" and chance.random() < 0.06:
        steps.append(Step("contacted", gap(4, 9)))
    return steps


def _money(chance: random.Random, facts: NeedFacts, share_of: int, gap: Any) -> list[Step]:
    approved = _whole(facts.financing_need * _between(chance, 55, 100) / max(1, share_of))
    rate = round(chance.uniform(2.6, min(facts.rate_max or 4.6, 4.6)) if (facts.rate_max or 9) > 2.6 else 2.6, 2)
    green = chance.random() < (0.85 if facts.catalogue_code else 0.55)
    code = facts.catalogue_code or ("1.4.2" if green else None)
    if code and chance.random() < 0.02:
        code = "2.1.3"
    terms = {"rate": rate, "term_months": facts.term_months or 36, "green_label": green, "catalogue_code": code}
    steps = [Step("credit_approved", gap(3, 14), {"amount": _text(approved), **terms})]
    if chance.random() > 0.86:
        return steps
    contracted = _whole(approved * _between(chance, 85, 100))
    use = facts.use_of_funds if chance.random() > 0.01 else "偿还到期流动资金贷款"
    steps.append(Step("contracted", gap(3, 14), {"amount": _text(contracted), "use_of_funds": use, **terms}))
    if chance.random() > 0.86:
        return steps
    left = _whole(contracted * _between(chance, 70, 100))
    for _ in range(chance.choice((1, 1, 2))):
        draw = max(Decimal(1), _whole(left * _between(chance, 75, 100)))
        fields = {"amount": _text(draw), **terms} | ({"use_of_funds": use} if chance.random() > 0.03 else {})
        steps.append(Step("drawn", gap(2, 16), fields))
        left -= draw
        if left < 1:
            break
    if chance.random() < 0.6:
        steps.append(Step("post_loan", gap(40, 60), {"use_of_funds": use, "remark": "资金按合同约定用于项目建设。"}))
    return steps


def _contradict(chance: random.Random, steps: list[Step]) -> list[Step]:
    """Add an event that contradicts the ones before."""
    amounts = [i for i, step in enumerate(steps) if step.type == "drawn"]
    if amounts and chance.random() < 0.5:
        drawn = steps[amounts[-1]]
        doubled = drawn.fields | {"amount": _text(Decimal(drawn.fields["amount"]) * 3)}
        return [*steps[: amounts[-1]], replace(drawn, fields=doubled), *steps[amounts[-1] + 1 :]]
    if steps[-1].type == "closed":
        return [*steps, Step("accepted", 1)]
    if steps[-1].type == "declined":
        return [*steps, Step("drawn", 2, {"amount": "100.00", "use_of_funds": "购置项目设备"})]
    return [*steps, Step("contacted", 1)]


def _obstruct(chance: random.Random, need_id: str, institution_code: str, steps: list[Step]) -> CasePlan:
    at = min(len(steps), chance.randint(2, 4))
    if any(step.type in ("declined", "closed") for step in steps[:at]):
        at -= 1
    digest = hashlib.sha256(f"obstruction:{need_id}:{institution_code}".encode()).hexdigest()
    fields = {"obstruction_id": f"OB{int(digest[:12], 16) % 10**12:012d}"}
    reason = _pick(chance, _OBSTRUCTION_REASONS)
    return CasePlan(
        steps=tuple(steps[:at]),
        obstruction=Step("obstructed", chance.randint(1, 3), fields | _reason(reason)),
        cleared_after=chance.randint(4, 16) if chance.random() < 0.45 else None,
        after=(Step("obstruction_cleared", 0, fields), *steps[at:]),
    )


def schedule(
    seed: int, case: tuple[str, str, int], steps: Sequence[Step], start: datetime, first_sequence: int
) -> list[PlannedEvent]:
    """The steps of a case with their moments, on working days from `start`; `case` is (need, institution, round)."""
    events = []
    moment = start
    for sequence, step in enumerate(steps, first_sequence):
        chance = random.Random(f"{seed}:{case}:{sequence}:{step.type}")
        moment = working_moment(chance, moment, step.gap)
        published = moment
        if chance.random() < _LATE:
            published = working_moment(chance, moment, chance.randint(2, 6))
        times: tuple[datetime, ...] = (published,)
        if chance.random() < _REPEATED:
            times = (published, working_moment(chance, published, chance.randint(0, 4)))
        digest = hashlib.sha256(f"{seed}:{case}:{sequence}:{step.type}".encode()).hexdigest()
        events.append(PlannedEvent(step.type, moment, times, sequence, f"EV{digest[:20].upper()}", step.fields))
    return events


def working_moment(chance: random.Random, start: datetime, gap: int) -> datetime:
    """A moment in office hours `gap` working days after `start`, and after it."""
    calendar = china_calendar()
    earliest = start + timedelta(minutes=chance.randint(5, 50))
    day = calendar.add_working_days(start.date(), gap).day if gap else calendar.roll_forward(start.date()).day
    moment = start.replace(
        year=day.year,
        month=day.month,
        day=day.day,
        hour=chance.randint(9, 16),
        minute=chance.randint(0, 59),
        second=chance.randint(0, 59),
        microsecond=0,
    )
    if moment >= earliest:
        return moment
    if earliest.hour < 18:
        return earliest.replace(microsecond=0)
    return working_moment(chance, start, gap + 1)


def _pick(chance: random.Random, weights: dict[str, int]) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]


def _between(chance: random.Random, low: int, high: int) -> Decimal:
    """A share between `low` and `high` percent."""
    return Decimal(chance.randint(low, high)) / 100


def _whole(amount: Decimal) -> Decimal:
    return max(Decimal(1), amount.quantize(Decimal(1), rounding=ROUND_DOWN))


def _text(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _reason(code: str) -> dict[str, Any]:
    return {"reason_code": code, "remark": _REMARKS.get(code)}

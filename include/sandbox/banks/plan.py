"""How an institution behaves towards one need: a plan of steps, a pure function of (seed, need_id, institution).

Shares as in the handbook's section 13: of the cases about 78 % move within their limits, 12 % breach one limit by a few
days, 6 % stand still until a coordinator rings, 4 % never answer; 6 % are obstructed; 5 % of the events repeated, 5 % late,
1 % contradictory. What slows a bank mostly lies with the need, so the banks of one need mostly behave alike.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from typing import Any, TypeVar

from include.reference import institutions
from include.reference.calendar import china_calendar

Code = TypeVar("Code", bound=str)


class Manner(StrEnum):
    """How a bank moves: within all limits, a few days beyond one, only when somebody rings, not at all."""

    STEADY = "steady"
    LATE_ONCE = "late_once"
    WAITING = "waiting"
    SILENT = "silent"


MANNERS = {Manner.STEADY: 78, Manner.LATE_ONCE: 12, Manner.WAITING: 6, Manner.SILENT: 4}
"""Percent of the cases."""
STORM = {Manner.SILENT: 100}
"""The test of tests: no bank ever answers."""
_ALIKE = 0.85
_OUTCOMES = {"declined": 54, "approved": 39, "closed": 7}
_LIMITS = {"received": 1, "contacted": 3, "visited": 7, "accepted": 10, "contracted": 20}
"""Working days of the limit that ends with this step (case_limits.csv), where a plan may be late."""
_LATE_AT = {"received": 30, "contacted": 30, "visited": 18, "accepted": 12, "contracted": 10}
_DAYS_LATE = (1, 4)
_UNLIMITED = 6
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
_REPEATED, _LATE, _CONTRADICTED = 0.05, 0.065, 0.055
_OBSTRUCTED = 0.067  # Of those that move by themselves: 6 % of all cases.
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
    """One event to come: `gap` working days after the previous one; `fields` as in the contract.

    `slack`: so many working days later it may be reported without a limit being overdue meanwhile.
    """

    type: str
    gap: int
    fields: dict[str, Any] = field(default_factory=dict)
    slack: int = _UNLIMITED


@dataclass(frozen=True, slots=True)
class CasePlan:
    """The steps of a case up to an obstruction, if it meets one, and those after it was cleared.

    `cleared_after` is in working days after the obstruction; None: only after the coordinators report it resolved.
    `after_call`: the steps that follow only when a coordinator has rung.
    """

    manner: Manner
    steps: tuple[Step, ...] = ()
    obstruction: Step | None = None
    cleared_after: int | None = None
    after: tuple[Step, ...] = ()
    after_call: tuple[Step, ...] = ()


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


def institution_asked(seed: int, facts: NeedFacts) -> str:
    """Which institution takes on a need that nobody wanted, once a coordinator asks around."""
    return random.Random(f"{seed}:{facts.need_id}:asked").choice(list(institutions()))


def plan_case(
    seed: int, facts: NeedFacts, institution_code: str, share_of: int, manners: Mapping[Manner, int] = MANNERS
) -> CasePlan:
    """What `institution_code` does about a need that `share_of` institutions work on; `manners` in percent."""
    chance = random.Random(f"{seed}:{facts.need_id}:{institution_code}:plan")
    alike = random.Random(f"{seed}:{facts.need_id}:manner")
    manner = _pick(alike if chance.random() < _ALIKE else chance, manners)
    if manner == Manner.SILENT:
        return CasePlan(manner)
    steps = _within_limits(chance, facts, share_of, brisk=manner == Manner.LATE_ONCE)
    if manner == Manner.WAITING:
        done = chance.choice((0, 1, 1, 2))
        return CasePlan(manner, tuple(steps[:done]), after_call=tuple(steps[done:]))
    if manner == Manner.LATE_ONCE:
        steps = _late_once(chance, steps)
    if chance.random() < _CONTRADICTED:
        steps = _contradict(chance, steps)
    if chance.random() < _OBSTRUCTED:
        return _obstruct(chance, manner, (facts.need_id, institution_code), steps)
    return CasePlan(manner, tuple(steps))


def _within_limits(chance: random.Random, facts: NeedFacts, share_of: int, *, brisk: bool) -> list[Step]:
    """The way to a decision within every limit; the decision itself within three weeks of the receipt."""
    most = 2 if brisk else 4
    outcome = _pick(chance, _OUTCOMES)
    steps = [Step("received", chance.randint(0, 1), slack=0)]
    contacted = chance.random() < 0.93
    if contacted:
        steps.append(_timed(chance, "contacted", 0, 2))
    if not contacted or chance.random() < 0.75:
        steps.append(_timed(chance, "visited", 1, most if contacted else 3, limit=7 if contacted else 3))
    if outcome == "approved" or chance.random() < 0.4:
        steps.append(_timed(chance, "accepted", 1, most, limit=10 if steps[-1].type == "visited" else 7))
    if outcome == "approved":
        return steps + _money(chance, facts, share_of, most)
    return steps + _refusal(chance, outcome, most)


def _timed(chance: random.Random, type_: str, low: int, high: int, limit: int | None = None) -> Step:
    """A step `low` to `high` working days after the one before, in a limit of `limit` (default: that of the path)."""
    gap = chance.randint(low, high)
    return Step(type_, gap, slack=(_LIMITS[type_] if limit is None else limit) - gap)


def _late_once(chance: random.Random, steps: list[Step]) -> list[Step]:
    """The same, with one step some days beyond its limit."""
    free = {step.type: _LATE_AT[step.type] for step in steps if step.type in _LATE_AT}
    late = _pick(chance, free)
    at = next(number for number, step in enumerate(steps) if step.type == late)
    limit = _LIMITS[late] if late == "received" else steps[at].gap + steps[at].slack
    gap = limit + chance.randint(*_DAYS_LATE)
    return [*steps[:at], replace(steps[at], gap=gap, slack=0), *steps[at + 1 :]]


def _refusal(chance: random.Random, outcome: str, most: int) -> list[Step]:
    reason = _pick(chance, {"R14": 5, "R15": 4, "R16": 1} if outcome == "closed" else _DECLINE_REASONS)
    gap = chance.randint(1, most)
    # It stops every clock of the path: the tightest then is that of the visit.
    steps = [Step(outcome, gap, _reason(reason), slack=_LIMITS["visited"] - gap)]
    if outcome == "declined" and chance.random() < 0.06:  # Tried once more, and given up.
        steps += [Step("contacted", chance.randint(4, 9)), Step("closed", chance.randint(2, 6), _reason("R14"))]
    return steps


def _money(chance: random.Random, facts: NeedFacts, share_of: int, most: int) -> list[Step]:
    approved = _whole(facts.financing_need * _between(chance, 55, 100) / max(1, share_of))
    rate = round(chance.uniform(2.6, min(facts.rate_max or 4.6, 4.6)) if (facts.rate_max or 9) > 2.6 else 2.6, 2)
    green = chance.random() < (0.85 if facts.catalogue_code else 0.55)
    code = facts.catalogue_code or ("1.4.2" if green else None)
    if code and chance.random() < 0.02:
        code = "2.1.3"
    terms = {"rate": rate, "term_months": facts.term_months or 36, "green_label": green, "catalogue_code": code}
    steps = [Step("credit_approved", chance.randint(1, most), {"amount": _text(approved), **terms}, slack=2)]
    if chance.random() > 0.93:
        return [*steps, Step("closed", chance.randint(6, 15), _reason("R14"))]
    contracted = _whole(approved * _between(chance, 85, 100))
    use = facts.use_of_funds if chance.random() > 0.01 else "偿还到期流动资金贷款"
    gap = chance.randint(3, 12)
    fields = {"amount": _text(contracted), "use_of_funds": use, **terms}
    steps.append(Step("contracted", gap, fields, slack=_LIMITS["contracted"] - gap))
    left = _whole(contracted * _between(chance, 70, 100))
    for _ in range(chance.choice((1, 1, 2))):
        draw = max(Decimal(1), _whole(left * _between(chance, 75, 100)))
        fields = {"amount": _text(draw), **terms} | ({"use_of_funds": use} if chance.random() > 0.03 else {})
        steps.append(Step("drawn", chance.randint(2, 22), fields))
        left -= draw
        if left < 1:
            break
    report = {"use_of_funds": use, "remark": "资金按合同约定用于项目建设。"}
    steps += [Step("post_loan", chance.randint(42, 55), report) for _ in range(chance.randint(3, 8))]
    return [*steps, Step("closed", chance.randint(20, 40), {"reason_code": "R99", "remark": "贷款本息已结清。"})]


def _contradict(chance: random.Random, steps: list[Step]) -> list[Step]:
    """Add an event that contradicts the ones before."""
    amounts = [i for i, step in enumerate(steps) if step.type == "drawn"]
    if amounts and chance.random() < 0.5:
        drawn = steps[amounts[-1]]
        doubled = drawn.fields | {"amount": _text(Decimal(drawn.fields["amount"]) * 3)}
        return [*steps[: amounts[-1]], replace(drawn, fields=doubled), *steps[amounts[-1] + 1 :]]
    if steps[-1].type == "declined":
        return [*steps, Step("drawn", 2, {"amount": "100.00", "use_of_funds": "购置项目设备"})]
    return [*steps, Step("accepted", 1)]


def _obstruct(chance: random.Random, manner: Manner, case: tuple[str, str], steps: list[Step]) -> CasePlan:
    need_id, institution_code = case
    at = min(len(steps), chance.randint(1, 3))
    if any(step.type in ("declined", "closed") for step in steps[:at]):
        at -= 1
    digest = hashlib.sha256(f"obstruction:{need_id}:{institution_code}".encode()).hexdigest()
    fields = {"obstruction_id": f"OB{int(digest[:12], 16) % 10**12:012d}"}
    reason = _pick(chance, _OBSTRUCTION_REASONS)
    return CasePlan(
        manner,
        steps=tuple(steps[:at]),
        obstruction=Step("obstructed", 1, fields | _reason(reason), slack=0),
        cleared_after=chance.randint(4, 16) if chance.random() < 0.25 else None,
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
        if chance.random() < _LATE and step.slack > 0:
            published = working_moment(chance, moment, min(step.slack, chance.randint(1, 6)))
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


def _pick(chance: random.Random, weights: Mapping[Code, int]) -> Code:
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

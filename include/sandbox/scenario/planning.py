"""Where defects are planted: the handbook's mix (section 13), spread over the departments."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence

from include.sandbox.scenario.boundaries import BOUNDARIES, Boundary
from include.sandbox.scenario.defects import BLOCK, HOLD, WARN, Defect, several

Planted = tuple[Defect, ...] | Boundary

_BLOCK_SHARE, _HOLD_SHARE, _WARN_SHARE, _BOUNDARY_SHARE, _SEVERAL_SHARE = 0.12, 0.08, 0.10, 0.035, 0.15
_BLOCKED_AT_MOST, _BREAKER_ROWS = 0.30, 5


class TooFewNeeds(ValueError):
    """A department has too few needs for rule B08 to stop it."""


def plan(chance: random.Random, counts: Mapping[str, int], stopped_department: str | None) -> list[tuple[str, Planted]]:
    """(department, what to plant in one of its needs), by department in the order of `counts`; () plants nothing.

    No department gets so many blocks that rule B08 would stop it, except `stopped_department`. Raises TooFewNeeds if
    that one has too few for the rule.
    """
    total = sum(counts.values())
    places = [code for code, count in counts.items() for _ in range(count)]
    chance.shuffle(places)
    blocks: list[Planted] = [*_round(chance, BLOCK, round(total * _BLOCK_SHARE * (1 - _SEVERAL_SHARE)))]
    blocks += [several(chance) for _ in range(round(total * _BLOCK_SHARE * _SEVERAL_SHARE))]
    blocked, rest = _place_blocks(places, blocks, _room(counts, stopped_department), stopped_department)
    others: list[Planted] = [
        *_round(chance, HOLD, round(total * _HOLD_SHARE)),
        *_round(chance, WARN, round(total * _WARN_SHARE)),
        *chance.sample(BOUNDARIES, min(len(BOUNDARIES), round(total * _BOUNDARY_SHARE))),
    ]
    beside = [planted for planted in others if beside_own_department(planted)]
    paired = _place_beside_clean_needs(rest, beside)
    others = [planted for planted in others if not beside_own_department(planted)]
    others += [()] * (len(rest) - len(others))
    plans = [*blocked, *paired, *zip(rest, others, strict=False)]
    order = {code: position for position, code in enumerate(counts)}
    chance.shuffle(plans)
    return sorted(plans, key=lambda one: order[one[0]])


def beside_own_department(planted: Planted) -> bool:
    """Whether it uses a clean need of the same factory, and so of the same department."""
    return any(one.filed_by == "witness" for one in (planted if isinstance(planted, tuple) else (planted,)))


def _room(counts: Mapping[str, int], stopped_department: str | None) -> dict[str, int]:
    """How many blocks each department may get."""
    room = {
        code: int(count * _BLOCKED_AT_MOST) if count >= _BREAKER_ROWS else (count + 1) // 2
        for code, count in counts.items()
    }
    if stopped_department is not None:
        count = counts.get(stopped_department, 0)
        if count < _BREAKER_ROWS:
            raise TooFewNeeds(f"department {stopped_department} has {count} needs, rule B08 asks for {_BREAKER_ROWS}")
        room[stopped_department] = count // 2
    return room


def _place_blocks(
    places: Sequence[str], blocks: list[Planted], room: dict[str, int], first: str | None
) -> tuple[list[tuple[str, Planted]], list[str]]:
    """The blocks at places that have room, in department `first` before all others; and the remaining places."""
    blocked: list[tuple[str, Planted]] = []
    rest: list[str] = []
    for code in sorted(places, key=lambda code: code != first):
        if blocks and room[code] > 0:
            room[code] -= 1
            blocked.append((code, blocks.pop()))
        else:
            rest.append(code)
    return blocked, rest


def _place_beside_clean_needs(rest: list[str], planted: Sequence[Planted]) -> list[tuple[str, Planted]]:
    """Places out of `rest` in departments that have a clean need for each; defects without a place are left out."""
    free = Counter(rest)
    paired: list[tuple[str, Planted]] = []
    clean: list[str] = []
    for one in planted:
        code, count = max(free.items(), key=lambda item: (item[1], item[0]))
        if count < 2:
            break
        free[code] -= 2
        clean.append(code)
        paired.append((code, one))
    for code in (*clean, *(code for code, _ in paired)):
        rest.remove(code)
    return [*paired, *((code, ()) for code in clean)]


def _round(chance: random.Random, defects: Sequence[Defect], count: int) -> list[tuple[Defect, ...]]:
    """`count` defects: each once before any repeats; if they are few, of as many rules as possible."""
    first: dict[str, Defect] = {}
    for defect in chance.sample(defects, len(defects)):
        first.setdefault(defect.rule, defect)
    chosen = set(first.values())
    rest = [defect for defect in chance.sample(defects, len(defects)) if defect not in chosen]
    ordered = [*first.values(), *rest]
    return [(ordered[position % len(ordered)],) for position in range(count)]

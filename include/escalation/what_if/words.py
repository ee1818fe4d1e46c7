"""A what-if in words: the rows of its tables as page and command show them. No names of enterprises or people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from include.domain.states import Level, Stall
from include.escalation.what_if.comparison import Counts, Group, WhatIf
from include.escalation.what_if.replay import OPERATOR
from include.reference import rules
from include.words.names import region_name
from include.words.states import word, words

_ORDER = ("city", "province", "nation", OPERATOR, "")


def totals(outcome: WhatIf) -> list[tuple[str, Counts]]:
    """The figures of the whole quarter."""
    return [
        ("提请次数", outcome.steps()),
        ("日报邮件", outcome.mails(urgent=False)),
        ("加急邮件", outcome.mails(urgent=True)),
        ("收到邮件的地址", outcome.recipients()),
        ("运维提示（日）", outcome.notices()),
    ]


def by_level_and_rule(outcome: WhatIf) -> list[tuple[Group, Counts]]:
    """Steps by level and rule."""
    return _actual_where_kept(outcome.counted(lambda one: (_ORDER.index(one.level), one.rule_id)), place=0)


def by_day(outcome: WhatIf) -> list[tuple[Group, Counts]]:
    """Steps by day, level, region and rule."""
    rows = outcome.counted(lambda one: (one.day, _ORDER.index(one.level), one.region_code, one.rule_id))
    return _actual_where_kept(rows, place=1)


def _actual_where_kept(rows: Iterable[tuple[Group, Counts]], *, place: int) -> list[tuple[Group, Counts]]:
    """What an operator was really told of is not kept by need."""
    told_operator = _ORDER.index(OPERATOR)
    return [(group, replace(one, actual=None) if group[place] == told_operator else one) for group, one in rows]


def row_words(group: Group) -> tuple[str, ...]:
    """A row of `by_day` in words."""
    day, level, region, rule_id = group
    assert isinstance(level, int)
    region_words = region_name(str(region)) if region else "—"
    return (str(day), level_words(level), region_words, rule_words(str(rule_id)))


def level_words(place: int) -> str:
    """A level of `by_level_and_rule` or `by_day` in words."""
    level = _ORDER[place]
    if level == OPERATOR:
        return "运维"
    return words(Level).get(level, "岗位已不在名录")


def rule_words(rule_id: str) -> str:
    """A rule in words, with its number where it has one that is quoted."""
    if rule_id in words(Stall):
        return word(Stall, rule_id) + (f"（{rule_id}）" if rule_id != "OBSTRUCTION" else "")
    return f"警示：{rules()[rule_id].message.rstrip('。')}（{rule_id}）" if rule_id in rules() else rule_id

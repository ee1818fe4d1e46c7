"""Which figures of the policy a person may try out, in words, and a policy with some of them changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from include.base.errors import InvalidRequest
from include.domain.policy_snapshot import PolicySnapshot
from include.domain.states import Level
from include.reference import Policy, case_limits, limit_overrides, policy
from include.words.moments import UNITS
from include.words.names import case_state
from include.words.states import words

_MOST = 250


@dataclass(frozen=True, slots=True)
class Parameter:
    """A figure to try out. `choices`: value → words, where it is no number; else it is a whole number from `least` on."""

    key: str
    label: str
    unit: str
    value: str
    least: int = 1
    choices: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that belong together."""

    title: str
    parameters: tuple[Parameter, ...]


_GROUPS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "升级阶梯": (
        ("ladder_step1_working_days", "逾期满多少日提请市级（人民银行）", "个工作日"),
        ("ladder_step2_working_days", "逾期满多少日提请省级（人民银行）", "个工作日"),
        ("ladder_step3_working_days", "逾期满多少日提请省级（两部门）", "个工作日"),
        ("ladder_step4_working_days", "逾期满多少日提请国家级（两部门，仅重大需求）", "个工作日"),
        ("acknowledged_idle_working_days", "认领后多少日没有进展再升一级", "个工作日"),
        ("digest_lines", "一封日报最多列出多少项（协调事项和重大需求另计）", "项"),
    ),
    "逾期认定": (
        ("unclaimed_working_days", "推送后多少日没有任何反馈（S06）", "个工作日"),
        ("return_respond_working_days", "退回补正的答复期限（S07）", "个工作日"),
        ("push_unanswered_working_days", "推送无结果的期限（S04）", "个工作日"),
        ("hold_decision_working_days", "待核实事项的决定期限（S08）", "个工作日"),
        ("need_validity_quarters", "未获授信的需求有效期", "个季度"),
    ),
    "融资梗阻": (
        ("obstruction_ack_working_days", "各级受理期限", "个工作日"),
        ("obstruction_city_working_days", "市级办理期限", "个工作日"),
        ("obstruction_province_working_days", "省级办理期限", "个工作日"),
        ("obstruction_nation_working_days", "国家级办理期限", "个工作日"),
        ("obstruction_confirm_working_days", "办结后机构确认期限", "个工作日"),
        ("major_start_level", "重大需求的起始级别", ""),
    ),
}


def in_force() -> PolicySnapshot:
    """The policy as it stands today."""
    return PolicySnapshot.of(case_limits(), limit_overrides(), policy())


def groups(snapshot: PolicySnapshot) -> list[Group]:
    """Everything that can be tried out, with the values of `snapshot`."""
    found = [
        Group(title, tuple(_of_policy(key, label, unit, snapshot) for key, label, unit in rows))
        for title, rows in _GROUPS.items()
    ]
    limits = tuple(
        Parameter(
            f"{one.from_type}-{one.to_type}",
            f"{case_state(one.from_type)} → {case_state(one.to_type)}",
            UNITS[one.unit],
            str(one.limit),
        )
        for one in snapshot.limits
    )
    return [*found, Group("机构办理时限（S01）", limits)]


def changed(snapshot: PolicySnapshot, values: Mapping[str, str]) -> PolicySnapshot:
    """`snapshot` with these values, by key of policy.csv or by limit (pushed-received).

    Raises InvalidRequest for a key that cannot be tried out, or a value that it cannot have.
    """
    known = {one.key: one for group in groups(snapshot) for one in group.parameters}
    for key, value in values.items():
        if key not in known:
            raise InvalidRequest(f"参数“{key}”不能试算。", f"可试算的参数：{'、'.join(known)}。")
        _check(known[key], value)
    own = {key: value.strip() for key, value in values.items()}
    limits = tuple(
        replace(one, limit=int(own.get(f"{one.from_type}-{one.to_type}", one.limit))) for one in snapshot.limits
    )
    of_policy = {key: value for key, value in own.items() if key in snapshot.policy.values}
    return PolicySnapshot(limits, snapshot.overrides, Policy({**snapshot.policy.values, **of_policy}))


def differences(before: PolicySnapshot, after: PolicySnapshot) -> list[tuple[Parameter, str]]:
    """What was changed, as it was before, and its new value."""
    news = {one.key: one.value for one in _all(after)}
    return [(one, news[one.key]) for one in _all(before) if news[one.key] != one.value]


def _all(snapshot: PolicySnapshot) -> Iterable[Parameter]:
    return (one for group in groups(snapshot) for one in group.parameters)


def _of_policy(key: str, label: str, unit: str, snapshot: PolicySnapshot) -> Parameter:
    choices = words(Level) if key == "major_start_level" else None
    return Parameter(key, label, unit, snapshot.policy.text(key), choices=choices)


def _check(one: Parameter, value: str) -> None:
    value = value.strip()
    if one.choices is not None:
        if value not in one.choices:
            raise InvalidRequest(f"“{one.label}”不能是“{value[:40]}”。", f"请填写 {'、'.join(one.choices)} 之一。")
    elif not (value.isascii() and value.isdigit() and len(value) < 10 and one.least <= int(value) <= _MOST):
        raise InvalidRequest(f"“{one.label}”不能是“{value[:40]}”。", f"请填写 {one.least} 到 {_MOST} 的整数。")

"""The reference tables that the project carries (CSV, UTF-8), read once for each process.

Every loader returns immutable rows in the order of the file. `policy.csv` holds each figure that the notice does not
fix; code reads the key, never the number. `policy_departments.csv` holds the values that differ for single departments.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType

from include.base.errors import ConfigurationError
from include.reference import policy_keys

REFERENCE_DIR = Path(__file__).parent


def rows(name: str) -> tuple[Mapping[str, str], ...]:
    """All rows of the reference table `name` (file name without .csv)."""
    with (REFERENCE_DIR / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(MappingProxyType(row) for row in csv.DictReader(file))


@dataclass(frozen=True, slots=True)
class Department:
    """A provincial department (省级工业和信息化主管部门): one of 37."""

    code: str
    name: str
    short_name: str
    branch_code: str
    planned_city: bool
    parent_code: str


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of the PBoC (人民银行分行): one of 36."""

    code: str
    name: str
    region_code: str


@dataclass(frozen=True, slots=True)
class Institution:
    """A financial institution (金融机构): one of 26."""

    code: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the rule book, with the texts that users see."""

    rule_id: str
    severity: str
    scope: str
    field: str
    message: str
    how_to_fix: str
    provenance: str


@dataclass(frozen=True, slots=True)
class ReasonCode:
    """A cause that institutions give for a refusal or an obstruction (R01 … R99)."""

    code: str
    name: str
    repairable: str
    owner: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Playbook:
    """How an obstruction is worked on: the steps in order, the evidence that the bank needs, and whom to write to for
    what (`addressee`: enterprise, bank, approver or guarantor). The project's own."""

    reason_code: str
    steps: tuple[str, ...]
    evidence: str
    addressee: str
    request: str


@dataclass(frozen=True, slots=True)
class CaseLimit:
    """A time limit between two states of a case; `unit` is working_days, calendar_days or calendar_quarters."""

    from_type: str
    to_type: str
    limit: int
    unit: str


@cache
def departments() -> Mapping[str, Department]:
    """Departments by code."""
    return MappingProxyType(
        {
            r["code"]: Department(
                r["code"], r["name"], r["short_name"], r["branch_code"], r["planned_city"] == "true", r["parent_code"]
            )
            for r in rows("departments")
        }
    )


def department_short_name(code: str) -> str:
    """The short name of a department; the code itself where it is unknown."""
    department = departments().get(code)
    return department.short_name if department else code


@cache
def branches() -> Mapping[str, Branch]:
    """Branches by code."""
    return MappingProxyType(
        {r["branch_code"]: Branch(r["branch_code"], r["name"], r["region_code"]) for r in rows("branches")}
    )


@cache
def institutions() -> Mapping[str, Institution]:
    """Institutions by short code."""
    return MappingProxyType(
        {r["institution_code"]: Institution(r["institution_code"], r["name"], r["kind"]) for r in rows("institutions")}
    )


@cache
def rules() -> Mapping[str, Rule]:
    """The rule book by rule id."""
    return MappingProxyType(
        {
            r["rule_id"]: Rule(
                r["rule_id"],
                r["severity"],
                r["scope"],
                r["field"],
                r["message_zh"],
                r["how_to_fix_zh"],
                r["provenance"],
            )
            for r in rows("rules")
        }
    )


@cache
def reason_codes() -> Mapping[str, ReasonCode]:
    """Reason codes of institutions by code."""
    return MappingProxyType(
        {
            r["code"]: ReasonCode(r["code"], r["name_zh"], r["repairable"], r["owner"], r["remedy_zh"])
            for r in rows("reason_codes")
        }
    )


@cache
def playbooks() -> Mapping[str, Playbook]:
    """How an obstruction is worked on, by reason code."""
    return MappingProxyType(
        {
            r["reason_code"]: Playbook(
                r["reason_code"], tuple(r["steps"].split(";")), r["evidence"], r["addressee"], r["request"]
            )
            for r in rows("playbooks")
        }
    )


@cache
def case_limits() -> tuple[CaseLimit, ...]:
    """The limits between states of a case."""
    return tuple(CaseLimit(r["from_type"], r["to_type"], int(r["limit"]), r["unit"]) for r in rows("case_limits"))


@dataclass(frozen=True, slots=True)
class LimitOverride:
    """A limit that differs for one institution, by its own promise of service or by agreement."""

    institution_code: str
    limit: CaseLimit


@cache
def limit_overrides() -> tuple[LimitOverride, ...]:
    """The limits that differ for single institutions. Raises ConfigurationError as `own_limits` does."""
    return own_limits(rows("limit_overrides"))


def own_limits(table: Iterable[Mapping[str, str]]) -> tuple[LimitOverride, ...]:
    """Limits of single institutions, from rows as in limit_overrides.csv.

    Raises ConfigurationError for an institution, a step or a unit that does not exist, a limit below 1, and a step given twice.
    """
    steps = {(limit.from_type, limit.to_type) for limit in case_limits()}
    units = {limit.unit for limit in case_limits()}
    own: dict[tuple[str, str, str], LimitOverride] = {}
    for row in table:
        code, from_type, to_type = key = (row["institution_code"], row["from_type"], row["to_type"])
        if code not in institutions():
            raise _limit_error(f"金融机构代码“{code}”不存在", "请改为 institutions.csv 中的代码。")
        if (from_type, to_type) not in steps:
            raise _limit_error(f"时限环节“{from_type} → {to_type}”不存在", "请改为 case_limits.csv 中的环节。")
        if row["unit"] not in units or not row["limit"].isdigit() or int(row["limit"]) < 1:
            raise _limit_error(
                f"{code} 的时限“{row['limit']} {row['unit']}”不可用",
                f"时限须为正整数，单位须为 {'、'.join(sorted(units))}。",
            )
        if key in own:
            raise _limit_error(f"{code} 的环节“{from_type} → {to_type}”重复", "请只保留一行。")
        own[key] = LimitOverride(code, CaseLimit(from_type, to_type, int(row["limit"]), row["unit"]))
    return tuple(own.values())


def _limit_error(what: str, next_step: str) -> ConfigurationError:
    return ConfigurationError(f"分机构时限表 limit_overrides.csv 有误：{what}。", next_step)


@cache
def case_transitions() -> frozenset[tuple[str, str]]:
    """Allowed (from, to) pairs of the case path."""
    return frozenset((r["from_type"], r["to_type"]) for r in rows("case_transitions"))


@cache
def word_list(name: str) -> tuple[str, ...]:
    """The phrases of one word list, in the order of the file."""
    return tuple(r["phrase"] for r in rows("word_lists") if r["list"] == name)


@cache
def enum_labels(field: str) -> Mapping[str, str]:
    """Value → Chinese name of an enumerated field of enums.csv."""
    return MappingProxyType({r["value"]: r["name_zh"] for r in rows("enums") if r["field"] == field})


@cache
def calendar_exceptions() -> Mapping[date, str]:
    """Published exceptions of China's calendar: day → off (weekday off) or work (weekend day worked)."""
    return MappingProxyType({date.fromisoformat(r["date"]): r["kind"] for r in rows("calendar_cn")})


@dataclass(frozen=True, slots=True)
class Policy:
    """Typed access to policy.csv. A missing key is a KeyError: a defect, not a default."""

    values: Mapping[str, str]
    of_departments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of_department(self, department_code: str) -> Policy:
        """The policy with the values that differ for one department."""
        own = self.of_departments.get(department_code, {})
        return Policy({**self.values, **own}, self.of_departments) if own else self

    def by_department(self, codes: Iterable[str]) -> list[tuple[Policy, list[str]]]:
        """These departments by the policy that holds for them: those under the common one together, then each other alone."""
        own = {code: self.of_department(code) for code in codes}
        common = [code for code, policy in own.items() if policy is self]
        return [
            *([(self, common)] if common else []),
            *((policy, [code]) for code, policy in own.items() if policy is not self),
        ]

    def text(self, key: str) -> str:
        """The value as written."""
        return self.values[key]

    def integer(self, key: str) -> int:
        """The value as a whole number, in the unit that policy.csv states."""
        return int(self.values[key])

    def decimal(self, key: str) -> Decimal:
        """The value as an exact decimal, in the unit that policy.csv states."""
        return Decimal(self.values[key])

    def flag(self, key: str) -> bool:
        """The value as true or false."""
        return {"true": True, "false": False}[self.values[key]]

    def closing_time(self, key: str) -> time | None:
        """A time of day, HH:MM; None for 24:00. Raises ConfigurationError for anything else."""
        written = self.values[key]
        if written == "24:00":
            return None
        try:
            return datetime.strptime(written, "%H:%M").time()
        except ValueError:
            raise ConfigurationError(
                f"参数表 policy.csv 的 {key} 的值“{written}”不是时刻。",
                "请改为 HH:MM，例如 17:30；24:00 表示不计上班时间。",
            ) from None

    def listed(self, key: str) -> tuple[str, ...]:
        """The value split at semicolons."""
        return tuple(part for part in self.values[key].split(";") if part)

    def persons_to_release(self, rule_id: str) -> int:
        """How many different persons must agree to release a finding of this rule, or to settle an alert of it."""
        return 2 if rule_id.startswith(self.listed("release_two_persons")) else 1


@cache
def policy() -> Policy:
    """The policy in force, departments' own values included. Raises ConfigurationError as `policy_values` does."""
    values = policy_values(rows("policy"))
    return Policy(MappingProxyType(values), own_policy_values(rows("policy_departments"), values))


def policy_values(table: Iterable[Mapping[str, str]]) -> Mapping[str, str]:
    """Key → value, from rows as in policy.csv.

    Raises ConfigurationError for a key that no code reads, is missing or is given twice, and for a value that cannot be used.
    """
    values: dict[str, str] = {}
    for row in table:
        key, value = row["key"], row["value"]
        policy_keys.check(key, value, "policy.csv")
        if key in values:
            raise ConfigurationError(f"参数表 policy.csv 有误：参数“{key}”重复。", "请只保留一行。")
        values[key] = value
    policy_keys.check_together(values, "policy.csv")
    return values


def own_policy_values(
    table: Iterable[Mapping[str, str]], in_general: Mapping[str, str]
) -> Mapping[str, Mapping[str, str]]:
    """Department → its own policy values, from rows as in policy_departments.csv.

    Raises ConfigurationError for an unknown department or key, a key given twice, a key that cannot differ by
    department, and an unusable value.
    """
    own: dict[str, dict[str, str]] = {}
    for row in table:
        code, key = row["department_code"], row["key"]
        if code not in departments():
            raise _policy_error(f"主管部门代码“{code}”不存在", "请改为 departments.csv 中的代码。")
        policy_keys.check(key, row["value"], "policy_departments.csv", department=True)
        if key in own.setdefault(code, {}):
            raise _policy_error(f"主管部门 {code} 的参数“{key}”重复", "请只保留一行。")
        own[code][key] = row["value"]
    for values in own.values():
        policy_keys.check_together({**in_general, **values}, "policy_departments.csv")
    return MappingProxyType({code: MappingProxyType(values) for code, values in own.items()})


def _policy_error(what: str, next_step: str) -> ConfigurationError:
    return ConfigurationError(f"分部门参数表 policy_departments.csv 有误：{what}。", next_step)

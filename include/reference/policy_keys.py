"""Which keys policy.csv has, and their valid values: a key that no code reads, or an invalid value, is refused at load.

Add a key here together with its row and the code that reads it. `by_department`: policy_departments.csv may set it for
one department; other keys have one value for all, because code reads them without a department.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from include.base.errors import ConfigurationError


class Kind(Protocol):
    """The kind of values of a key."""

    @property
    def by_department(self) -> bool:
        """Whether a department may have a value of its own."""

    def accepts(self, written: str) -> bool:
        """Whether a value may be written so."""

    def in_words(self) -> str:
        """The accepted values, in Chinese."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds, both included."""

    least: int
    most: int
    by_department: bool = False

    def accepts(self, written: str) -> bool:
        return re.fullmatch("[0-9]{1,9}", written) is not None and self.least <= int(written) <= self.most

    def in_words(self) -> str:
        return f"{self.least} 到 {self.most} 的整数"


@dataclass(frozen=True, slots=True)
class Figure:
    """An exact decimal within bounds, both included."""

    least: str
    most: str
    by_department: bool = False

    def accepts(self, written: str) -> bool:
        plain = re.fullmatch("[0-9]{1,12}([.][0-9]{1,6})?", written) is not None
        return plain and Decimal(self.least) <= Decimal(written) <= Decimal(self.most)

    def in_words(self) -> str:
        return f"{self.least} 到 {self.most} 的数"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    among: tuple[str, ...]
    by_department: bool = False

    def accepts(self, written: str) -> bool:
        return written in self.among

    def in_words(self) -> str:
        return "、".join(self.among) + (" 之一" if len(self.among) > 1 else "")


@dataclass(frozen=True, slots=True)
class Listed:
    """Parts separated by semicolons, none twice, each a full match of `part`; at least `least` of them."""

    part: str
    example: str
    least: int = 1
    by_department: bool = False

    def accepts(self, written: str) -> bool:
        parts = written.split(";") if written else []
        return (
            len(parts) >= self.least
            and len(set(parts)) == len(parts)
            and all(re.fullmatch(self.part, one) for one in parts)
        )

    def in_words(self) -> str:
        return f"用分号隔开、不重复的值，例如“{self.example}”"


@dataclass(frozen=True, slots=True)
class Written:
    """A text of a given form."""

    form: str
    example: str
    by_department: bool = False

    def accepts(self, written: str) -> bool:
        return re.fullmatch(self.form, written) is not None

    def in_words(self) -> str:
        return f"形如“{self.example}”"


_YES_OR_NO = ("true", "false")
_TIME_OF_DAY = "([01][0-9]|2[0-3]):[0-5][0-9]"
_DAYS = Whole(1, 366)
_AMOUNT = Figure("0.01", "9999999999.99", by_department=True)
_SHARE = Figure("0", "1", by_department=True)
_RATIO = Figure("0", "1000", by_department=True)
_COUNT = Whole(1, 1000, by_department=True)

KINDS: Mapping[str, Kind] = {
    "ruleset_version": Written("[0-9A-Za-z._-]{1,20}", "2026.1"),
    "supported_form_versions": Listed("[0-9]{4}[.][0-9]{1,2}", "2025.1"),
    "timezone": Choice(("Asia/Shanghai",)),
    "cutoff_inclusive": Choice(_YES_OR_NO),
    "working_hours_start": Written(_TIME_OF_DAY, "08:30"),
    "working_hours_end": Written(f"{_TIME_OF_DAY}|24:00", "18:00"),
    "major_interval_minutes": Whole(5, 480),
    "ordinary_push": Choice(("at_cut_off", "at_once")),
    "late_report_working_days": Whole(1, 60),
    "reminder_working_days": Listed("[1-9][0-9]?", "10;5;1"),
    "late_reminder_working_days": Listed("[1-9][0-9]?", "1;3;5"),
    "register_max_age_days": Whole(1, 31),
    "clock_skew_seconds": Whole(0, 3600),
    "industries_complete": Choice(_YES_OR_NO, by_department=True),
    "catalogue_complete": Choice(_YES_OR_NO, by_department=True),
    "county_less_cities": Listed("[1-9][0-9]{5}", "441900;442000", least=0, by_department=True),
    "amount_upper_bound": _AMOUNT,
    "max_intended_institutions": Whole(1, 3, by_department=True),
    "sources_tolerance": Figure("1", "10", by_department=True),
    "min_own_capital_ratio": _SHARE,
    "min_term_months": Whole(1, 600, by_department=True),
    "max_term_months": Whole(1, 600, by_department=True),
    "ratio_warn_min": _RATIO,
    "ratio_warn_max": _RATIO,
    "ratio_hold_min": _RATIO,
    "ratio_hold_max": _RATIO,
    "unit_suspect_min": _AMOUNT,
    "unit_suspect_max": _AMOUNT,
    "funding_gap_ratio": _RATIO,
    "name_similarity_min": _SHARE,
    "max_project_years": Whole(1, 100, by_department=True),
    "push_factory_levels": Listed("[a-z_]{2,20}", "national;provincial", by_department=True),
    "debt_ratio_note": Figure("0", "100", by_department=True),
    "major_min_total_investment": _AMOUNT,
    "carbon_per_investment_warn": _RATIO,
    "carbon_per_investment_hold": _RATIO,
    "saving_share_hold": _SHARE,
    "invested_share_hold": _SHARE,
    "wrapping_min_carbon": _RATIO,
    "benefit_rise_hold": Figure("1", "1000", by_department=True),
    "farming_min_enterprises": Whole(2, 1000, by_department=True),
    "farming_quarters": Whole(1, 40, by_department=True),
    "lookback_years": Whole(0, 30),
    "rounding_min_rows": _COUNT,
    "rounding_share": _SHARE,
    "drop_min_previous": _COUNT,
    "blocked_share_min_rows": _COUNT,
    "blocked_share": _SHARE,
    "event_amount_max_factor": Figure("1", "1000"),
    "event_amount_min": Figure("0", "9999999999.99"),
    "register_drop": Figure("0", "1"),
    "return_respond_working_days": Whole(1, 366, by_department=True),
    "hold_decision_working_days": _DAYS,
    "release_two_persons": Listed("[A-Z]{1,2}[0-9]{0,2}[a-d]?", "G", least=0, by_department=True),
    "push_approval": Choice(("none", "one", "two")),
    "approval_outlier_factor": Figure("1", "1000000"),
    "push_batch_size": Whole(1, 100),
    "breaker_failures": Whole(1, 1000),
    "receiver_wait_min_seconds": Whole(1, 60),
    "receiver_wait_max_minutes": Whole(1, 10080),
    "judge_set_size": Whole(1, 1_000_000),
    "delivery_workers_market": Whole(1, 64),
    "delivery_workers_green_platform": Whole(1, 64),
    "delivery_workers_mail": Whole(1, 64),
    "push_unanswered_working_days": _DAYS,
    "need_validity_quarters": Whole(1, 40),
    "reopen_max": Whole(0, 100),
    "calendar_days_roll_forward": Choice(_YES_OR_NO),
    "office_hours_end": Written(f"{_TIME_OF_DAY}|24:00", "17:30"),
    "extension_max_working_days": _DAYS,
    "idle_working_days": _DAYS,
    "declined_needed": Whole(1, 26),
    "contact_failures": Whole(1, 100),
    "unclaimed_working_days": _DAYS,
    "ladder_step1_working_days": _DAYS,
    "ladder_step2_working_days": _DAYS,
    "ladder_step3_working_days": _DAYS,
    "ladder_step4_working_days": _DAYS,
    "reoffer_after_declined": Whole(1, 26),
    "reoffer_after_silence_working_days": _DAYS,
    "reoffer_max_suggestions": Whole(1, 26),
    "reoffer_results_quarters": Whole(1, 40),
    "acknowledged_idle_working_days": _DAYS,
    "urgent_interval_minutes": Whole(5, 240),
    "digest_lines": Whole(1, 1000),
    "action_link_days": _DAYS,
    "mail_on_working_days_only": Choice(_YES_OR_NO),
    "obstruction_ack_working_days": _DAYS,
    "obstruction_city_working_days": _DAYS,
    "obstruction_province_working_days": _DAYS,
    "obstruction_nation_working_days": _DAYS,
    "obstruction_confirm_working_days": _DAYS,
    "major_start_level": Choice(("city", "province", "nation")),
    "circular_working_days": _DAYS,
    "small_cell_min": Whole(1, 1000),
    "audit_retention_days": Whole(180, 36500),
    "contact_retention_days": Whole(1, 36500),
}


def check(key: str, written: str, table: str, *, department: bool = False) -> None:
    """Refuse an invalid row of `table` (a file name). Raises ConfigurationError, which says what is accepted."""
    kind = KINDS.get(key)
    if kind is None:
        raise _error(table, f"参数“{key}”不存在", "请核对参数名；程序不读取的参数不能写入。")
    if department and not kind.by_department:
        raise _error(table, f"参数“{key}”全国统一，不能按地区设置", "请删去该行，需要调整的请改 policy.csv。")
    if not kind.accepts(written):
        raise _error(table, f"参数“{key}”的值“{written[:40]}”不可用", f"请改为{kind.in_words()}。")


def check_together(values: Mapping[str, str], table: str) -> None:
    """Refuse values that contradict each other, or a missing key. Raises ConfigurationError."""
    if missing := sorted(KINDS.keys() - values.keys()):
        raise _error(table, f"缺少参数 {'、'.join(missing)}", "请补上该行，单位和含义见 docs/rules.md 或上一版本。")
    for lower, upper in _ASCENDING:
        if Decimal(values[lower]) > Decimal(values[upper]):
            raise _error(
                table, f"参数“{lower}”（{values[lower]}）大于“{upper}”（{values[upper]}）", "请使前者不大于后者。"
            )
    start, end = values["working_hours_start"], values["working_hours_end"]
    if start >= end:
        raise _error(
            table, f"参数“working_hours_start”（{start}）不早于“working_hours_end”（{end}）", "请使前者早于后者。"
        )


_ASCENDING = (
    ("min_term_months", "max_term_months"),
    ("ratio_hold_min", "ratio_warn_min"),
    ("ratio_warn_min", "ratio_warn_max"),
    ("ratio_warn_max", "ratio_hold_max"),
    ("unit_suspect_min", "unit_suspect_max"),
    ("carbon_per_investment_warn", "carbon_per_investment_hold"),
    ("ladder_step1_working_days", "ladder_step2_working_days"),
    ("ladder_step2_working_days", "ladder_step3_working_days"),
    ("ladder_step3_working_days", "ladder_step4_working_days"),
)


def _error(table: str, what: str, next_step: str) -> ConfigurationError:
    return ConfigurationError(f"参数表 {table} 有误：{what}。", next_step)

"""What the system's mails (邮件) say: text and HTML from templates, without personal data.

A mail is a JSON object in the outbox: {to, subject, text, html, list_id, references}. The delivery engine makes a
message of it, with a Message-ID from the idempotency key; `references` are the idempotency keys of earlier mails of the
same thread.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from stdnum import numdb

from include.base.addresses import is_address
from include.domain.escalation import ALERT, Rung
from include.domain.quarter import Quarter
from include.domain.reoffer import Occasion, Suggestion
from include.domain.routing import Authority, Level, Post
from include.reference import branches, departments, enum_labels, institutions, reason_codes, rules
from include.words.shown import one_line

PREFIX = "【绿厂融通】"
LIST_DOMAIN = "green-factory-financing"
SUBJECT_LIMIT = 70
"""Characters; mail clients cut longer subjects."""

_TEMPLATES = Path(__file__).parent / "templates"
_WEEKDAYS = "一二三四五六日"
_YI = Decimal(10_000)
_SHORT_AUTHORITY: Mapping[str, str] = {"MIIT": "工信部门", "PBOC": "人民银行"}


TRIGGERED = "触发日期"


# --- What a digest shows ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a subject is in a digest: since when, until when, what is asked, and what comes next."""

    title: str
    since: date
    due_label: str
    due_on: date
    provisional: bool
    overdue_working_days: int
    asked: str
    act_by: date | None
    climbs_to: str
    note: str

    @property
    def is_limit(self) -> bool:
        """Whether the due day is the end of a limit, and not the day on which something had happened too often."""
        return self.due_label != TRIGGERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A case, or a need as a whole (`institution` and `state` empty), with every reason why it is here."""

    need_id: str
    company: str
    institution: str
    state: str
    is_major: bool
    link: str
    """To its page in the console; empty where mails carry no links."""
    reasons: tuple[Reason, ...]

    @property
    def overdue_working_days(self) -> int:
        """Of the reason that has waited longest."""
        return max(reason.overdue_working_days for reason in self.reasons)

    @property
    def lateness(self) -> str:
        """How long the reason that has waited longest is past its day, in words; empty where none is."""
        longest = max(self.reasons, key=lambda reason: reason.overdue_working_days)
        if not longest.overdue_working_days:
            return ""
        return f"{'逾期' if longest.is_limit else '已过'} {longest.overdue_working_days} 个工作日"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorItem:
    """A need whose push has no result (S04) or whose hold is not decided (S08). `link`: its page in the console, if any."""

    need_id: str
    link: str
    since: date
    due_on: date
    provisional: bool
    overdue_working_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """What a department has filed for a quarter so far, as printed; `total` in 万元."""

    recommended: int
    total: str
    reported_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedNeed:
    """A need that was sent back and has not come again; `company` is empty and `respond_by` None where it was not by us."""

    need_id: str
    company: str
    respond_by: date | None
    overdue: bool
    link: str


_STALLED_LIMITS: Mapping[str, str] = {
    "pushed-received": "推送后机构尚未接收",
    "received-contacted": "机构接收后尚未联系企业",
    "contacted-visited": "机构联系后尚未走访或尽调",
    "visited-accepted": "机构走访后尚未决定是否受理",
    "received-credit_approved": "机构首次反馈后尚无审批结论",
    "credit_approved-contracted": "授信后尚未签约",
    "contracted-drawn": "签约后尚无放款反馈",
    "drawn-post_loan": "放款后尚未按季反馈资金使用情况",
}
_STALLS: Mapping[str, str] = {
    "S02": "对接长时间没有新的反馈",
    "S03": "多家机构不予支持或结案，尚无机构授信",
    "S05": "机构多次反馈无法联系企业",
    "S06": "推送后尚无任何机构反馈",
    "S07": "退回补正逾期未答复",
}
_ASKED: Mapping[str, str] = {
    "S01": "了解未推进的原因，协调解决；机构决定不予支持的，请其如实反馈原因。",
    "S02": "了解对接是否仍在进行，提醒机构更新反馈；已经终止的，请其反馈结果和原因。",
    "S03": "了解各机构的考虑，指导企业补充材料或调整融资方案；是否另行对接，由企业和机构自主决定。",
    "S05": "核实企业的联系渠道，请企业在平台更新联系方式并主动联系机构。",
    "S06": "了解辖内机构是否已收到推送，组织初步对接。",
    "S07": "提醒企业按退回意见修改后重新推荐；不再申报的，请在平台撤回。",
}


def why(rule_id: str, breach: str, reason_code: str | None = None) -> str:
    """A stall in words a coordinator understands."""
    if is_alert(breach):
        return f"警示：{rules()[rule_id].message}"
    if rule_id == "OBSTRUCTION" and waits_for_confirmation(breach):
        return f"融资梗阻已办结，机构尚未确认：{_reason(reason_code).name}"
    if rule_id == "OBSTRUCTION":
        return f"机构报告融资梗阻：{_reason(reason_code).name}"
    if rule_id == "S01":
        return _STALLED_LIMITS[breach.split("@")[0]]
    return _STALLS[rule_id]


def is_alert(breach: str) -> bool:
    """Whether what is told is an open alert and no stall."""
    return breach.startswith(f"{ALERT}@")


def waits_for_confirmation(breach: str) -> bool:
    """Whether an obstruction is told of because its institution does not confirm what was resolved."""
    return "@confirm@" in breach


def due_label(rule_id: str) -> str:
    """What the due day of a stall is called: for S03 and S05 the day on which it came true, else the end of a limit."""
    if rule_id == "OBSTRUCTION":
        return "办理时限"
    return TRIGGERED if rule_id in ("S03", "S05") or rule_id in rules() else "约定时限"


def asked(rule_id: str, reason_code: str | None = None) -> str:
    """What a coordinator is asked to do: to look into it and to help, never to have a need financed."""
    if rule_id == "OBSTRUCTION":
        cause = _reason(reason_code)
        lead = f"（{_SHORT_AUTHORITY[cause.owner]}牵头）" if cause.owner in _SHORT_AUTHORITY else ""
        return f"确认接单并协调{lead}。参考处置：{cause.remedy}"
    if rule_id in rules():
        return f"{rules()[rule_id].how_to_fix}核实后由运维人员在系统中排除或确认。"
    return _ASKED[rule_id]


def state_label(state: str) -> str:
    """Chinese name of a case's state."""
    return "已推送" if state == "pushed" else enum_labels("feedback.type")[state]


def _reason(code: str | None) -> Any:
    return reason_codes().get(code or "R99") or reason_codes()["R99"]


def operator_headline(
    *, pushes: int, holds: int, vacancies: int, provisional: int, unsigned: int = 0, unreadable: int = 0
) -> str:
    """What operators have to look at, the gravest first; provisional due days only where there is nothing else."""
    counted = (
        (pushes, "项推送无结果"),
        (holds, "项挂起未决定"),
        (unsigned, "条待签批"),
        (vacancies, "个岗位空缺"),
        (unreadable, "条内容未能读取"),
    )
    told = "，".join(f"{number}{what}" for number, what in counted if number)
    return f"运维提示：{told or (f'{provisional}个时限暂定' if provisional else '无待处理事项，请留存审计首部')}"


# --- Other institutions to think of --------------------------------------------------------------------------------------

REOFFER_NOTE = (
    "供参考，是否对接由企业和机构自主决定。企业有意的，可在平台补充意向机构，经审核后重新推荐；系统不会自行向机构推送。"
)


def reoffer_reason(found: Occasion) -> str:
    """Why other institutions are named."""
    if found.cause == "declined":
        return f"{found.refusals} 家机构不予支持或结案，尚无机构授信"
    refused = f"，{found.refusals} 家不予支持或结案" if found.refusals else ""
    return f"推送后尚无机构联系企业{refused}，且已较长时间没有新的反馈"


def reoffer_institution(found: Suggestion) -> str:
    """An institution with what is known of its kind, and nothing of itself."""
    known = institutions()[found.institution_code]
    kind = enum_labels("institution.kind")[known.kind]
    landed = f"，同类机构近期在本地区同类项目放款 {found.landed} 项" if found.landed else ""
    return f"{known.name}（{kind}{landed}）"


# --- Names of levels and posts ---------------------------------------------------------------------------------------


def level_label(level: Level) -> str:
    """市级, 省级, 国家级."""
    return enum_labels("coordinator.level")[level]


def rung_label(rung: Rung) -> str:
    """A rung as the next stop of an item, e.g. 省级（人民银行）."""
    who = "和".join(_SHORT_AUTHORITY[authority] for authority in rung.authorities)
    return f"{level_label(rung.level)}（{who}）"


def post_label(authority: Authority, level: Level, region_code: str) -> str:
    """A post in full, e.g. 浙江 · 省级 · 人民银行."""
    return " · ".join((region_name(region_code), level_label(level), _SHORT_AUTHORITY[authority]))


@cache
def region_name(code: str) -> str:
    """The place that a region code stands for: a department's or branch's area, a city, or the nation."""
    if code == "000000":
        return "全国"
    if code in departments():
        return departments()[code].short_name
    branch = next((branch for branch in branches().values() if branch.region_code == code), None)
    if branch is not None:
        return branch.name
    parts = numdb.get("cn/loc").info(code)
    if not parts[-1][1]:
        return code
    name: str = parts[-1][1].get("county") or parts[-1][1].get("province") or code
    return name.split(",")[-1].split("]")[-1]


# --- Figures and links -----------------------------------------------------------------------------------------------


def amount_label(amount: Decimal) -> str:
    """An amount of 万元 for readers: from one 亿元 on in 亿元 with two decimals (half up), else as it is, without empty decimals."""
    if amount >= _YI:
        return f"{(amount / _YI).quantize(Decimal('0.01'), ROUND_HALF_UP):,.2f} 亿元"
    plain = f"{amount:,.2f}"
    return f"{plain.rstrip('0').rstrip('.')} 万元"


def padded(text: str, columns: int) -> str:
    """`text` with spaces up to so many columns, for tables in plain text: Chinese characters are two columns wide."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return text + " " * (columns - len(text) - wide)


def quarter_label(quarter: Quarter) -> str:
    """E.g. 2026年第三季度."""
    return f"{quarter.year}年第{'一二三四'[quarter.number - 1]}季度"


def need_link(console_url: str, need_id: str) -> str:
    """The page of a need in the console; empty where mails carry no links."""
    return console_link(console_url, f"needs/{need_id}")


def console_link(console_url: str, page: str) -> str:
    """A page of the console; empty where mails carry no links."""
    return f"{console_url}/{page}" if console_url else ""


# --- Composing -------------------------------------------------------------------------------------------------------


def compose(
    template: str,
    *,
    to: Sequence[str],
    subject: str,
    list_id: str,
    today: date,
    references: Sequence[str] = (),
    **context: Any,
) -> dict[str, Any]:
    """The body of a mail delivery, rendered from `<template>.txt` and `<template>.html`.

    Raises ValueError if a recipient is not a plain address.
    """
    if not to or not all(map(is_address, to)):
        raise ValueError("a recipient is not a plain e-mail address")
    headline = one_line(subject)
    shown = {"headline": headline, "today": today, **context}
    return {
        "to": list(to),
        "subject": (PREFIX + headline)[:SUBJECT_LIMIT],
        "text": _environment().get_template(f"{template}.txt").render(shown),
        "html": _environment().get_template(f"{template}.html").render(shown),
        "list_id": f"{list_id}.{LIST_DOMAIN}",
        "references": list(references),
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["day"] = day_label
    environment.filters["amount"] = amount_label
    environment.filters["padded"] = padded
    environment.filters["post"] = lambda post: _post(post)
    return environment


def day_label(day: date, today: date, provisional: bool = False) -> str:
    """A local date for readers, e.g. 10月12日（周一）; the year only where it is not the mail's own."""
    year = "" if day.year == today.year else f"{day.year}年"
    mark = "，暂定" if provisional else ""
    return f"{year}{day.month}月{day.day}日（周{_WEEKDAYS[day.weekday()]}{mark}）"


def _post(post: Post) -> str:
    return post_label(post.authority, post.level, post.region_code)

"""Evidence of rules that look at other needs and earlier revisions: both filings, and side by side."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from difflib import SequenceMatcher

from include.base.business_time import SHANGHAI
from include.domain.quarter import Quarter
from include.quarantine.evidence.by_record import figure, value, words
from include.quarantine.evidence.shapes import Comparison, Evidence, Facts, Link, OtherNeed, Pair, Piece
from include.reference import department_short_name
from include.reference.form import field_name
from include.words.evidence import SHARED, STANDINGS
from include.words.filed import filed_in_words, number_of, with_separators
from include.words.moments import moment
from include.words.shown import shown

MOST_COMPARED = 5
"""Other filings shown side by side; the rest are links."""

_FIELDS = (
    "enterprise.name",
    "project.name",
    "project.project_code",
    "project.category",
    "project.content",
    "project.site_county_code",
    "finance.total_investment",
    "finance.financing_need",
    "finance.use_of_funds",
    "benefit.energy_saving_tce",
    "benefit.carbon_reduction_tco2",
    "benefit.baseline_energy_tce",
    "finance.intended_institutions[]",
    "submitted_at",
)
_IN_PIECES = frozenset({"enterprise.name", "project.name", "project.content", "finance.use_of_funds"})
_SHORTEST = 4
"""Characters that two texts must have in common to be marked: a shared 的 says nothing."""

_G13_KEYS = {"project.content": "content", "benefit": "benefit", "enterprise.contact.mobile": "mobile"}


def duplicate(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """DQ42: other needs of the enterprise with the code of the project, or with a name as alike as the policy says."""
    at_least = float(facts.policy.decimal("name_similarity_min"))
    found = [one for one in _own(facts) if "project_code" in one.shares or _name_counts(facts, one, at_least)]
    how = "；".join(
        f"{one.need_id}：{'项目代码相同' if 'project_code' in one.shares else f'项目名称相似度 {one.alike:.2f}'}"
        for one in found[:MOST_COMPARED]
    )
    return (
        Evidence(
            label=field_name(field),
            filed=words(facts, field),
            compared=how or _NOT_VISIBLE,
            limit=f"项目代码相同，或一方无代码且名称相似度不低于 {at_least:.2f}",
            links=_links(found),
            comparisons=_side_by_side(facts, found),
        ),
    )


def same_code(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """G01: needs of other enterprises with the code of the project."""
    found = [one for one in facts.others if "project_code" in one.shares and one.uscc != facts.uscc]
    return (
        Evidence(
            label=field_name(field),
            filed=words(facts, field),
            compared=_enterprises(found),
            limit="同一项目代码只能由一家企业申报",
            links=_links(found),
            comparisons=_side_by_side(facts, found),
        ),
    )


def farmed(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """G13: needs of other enterprises with the same content, benefits or mobile number, over the quarters of the policy."""
    key = _G13_KEYS.get(field, "")
    quarters, enough = (facts.policy.integer(f"farming_{name}") for name in ("quarters", "min_enterprises"))
    found = [
        one
        for one in facts.others
        if key in one.shares and one.uscc != facts.uscc and _within(one.quarter, facts.quarter, quarters)
    ]
    enterprises = len({one.uscc for one in found}) + 1
    if field == "enterprise.contact.mobile":
        filed = "（号码不显示；按加密摘要比对）"
    elif field == "benefit":
        filed = "；".join(words(facts, f"benefit.{name}") for name in _BENEFITS)
    else:
        filed = words(facts, field)
    return (
        Evidence(
            label=SHARED.get(field, field_name(field)),
            filed=filed,
            compared=f"连同本企业共 {enterprises} 家相同：{_enterprises(found)}" if found else _NOT_VISIBLE,
            limit=f"近 {quarters} 个季度内少于 {enough} 家",
            links=_links(found),
            comparisons=_side_by_side(facts, found),
        ),
    )


def rise(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """G12: the benefit of the revision before."""
    most = facts.policy.decimal("benefit_rise_hold")
    before = facts.previous
    if before is None:
        return (Evidence(label=field_name(field), filed=words(facts, field)),)
    old, new = number_of(_of(before, field)), figure(facts, field)
    times = f"；为其 {with_separators(round(new / old, 4))} 倍" if old and new is not None else ""
    basis = filed_in_words("benefit.basis", value(facts, "benefit.basis"), facts.uscc, facts.reader)
    return (
        Evidence(
            label=field_name(field),
            filed=f"第{facts.revision}版 {words(facts, field)}（测算依据：{basis}）",
            compared=f"第{before.revision}版 {_shown_of(facts, before, field)}{times}",
            limit=f"不超过 {with_separators(most)} 倍，或附新的第三方报告",
            links=(Link("need", before.need_id, "需求全程"),),
        ),
    )


def another_content(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """DQ43: the contents that were received under one revision; the first stored counts."""
    found = [
        f"{'先存' if at == 0 else '另有'} {name}（{moment(when)} 接收）"
        for at, (name, when) in enumerate(facts.contents)
    ]
    link = (Link("need", facts.need_id, "需求全程"),) if facts.need_id else ()
    return (
        Evidence(
            label=field_name(field),
            filed=f"第{facts.revision}版",
            compared="；".join(found),
            limit="同一版本只能有一份内容，以先存的为准",
            links=link,
        ),
    )


def late(facts: Facts, field: str) -> tuple[Evidence, ...]:
    """DQ52: the moment of the recommendation, and the span of the quarter; for a correction, by when it was asked for."""
    after = _past(facts)
    span = f"{moment(facts.opens_at)} 至 {moment(facts.deadline)}（不含）" if facts.opens_at and facts.deadline else ""
    answer = f"；上一版退回，补正期限 {facts.respond_by}" if facts.respond_by else "；没有退回补正在先"
    return (
        Evidence(
            label=field_name(field),
            filed=words(facts, field),
            compared=f"提交于 {words(facts, 'submitted_at')}{answer}{after}",
            limit=span,
        ),
    )


def _past(facts: Facts) -> str:
    """By how many days the recommendation came after the cut-off, or before the quarter began."""
    day = facts.judged_on
    if day is None or facts.opens_at is None or facts.deadline is None:
        return ""
    last = (facts.deadline - timedelta(microseconds=1)).astimezone(SHANGHAI).date()
    if day > last:
        return f"；迟于截止日 {(day - last).days} 天"
    early = (facts.opens_at.astimezone(SHANGHAI).date() - day).days
    return f"；早于本季度 {early} 天" if early > 0 else ""


# --- Which needs ----------------------------------------------------------------------------------------------------------


def _own(facts: Facts) -> list[OtherNeed]:
    return [one for one in facts.others if one.uscc is not None and one.uscc == facts.uscc]


def _name_counts(facts: Facts, one: OtherNeed, at_least: float) -> bool:
    """Whether the names decide: not if both have a code, which then differ."""
    both = bool(value(facts, "project.project_code")) and bool(_of(one, "project.project_code"))
    return not both and one.alike >= at_least


def _within(quarter: str, newest: str, quarters: int) -> bool:
    try:
        last, other = Quarter.parse(newest), Quarter.parse(quarter)
    except ValueError:
        return False
    apart = (last.year - other.year) * 4 + last.number - other.number
    return 0 <= apart < quarters


# --- Side by side ---------------------------------------------------------------------------------------------------------


_BENEFITS = ("energy_saving_tce", "carbon_reduction_tco2", "baseline_energy_tce")
_NOT_VISIBLE = "相关需求此后已不在比较范围内，或属于其他主管部门，不在您的查看范围"


def _enterprises(found: list[OtherNeed]) -> str:
    names = [
        f"{shown('enterprise.name', _of(one, 'enterprise.name'), one.uscc, 'public')}"
        f"（{department_short_name(one.department_code)}，{one.need_id}）"
        for one in found[:MOST_COMPARED]
    ]
    more = f"等 {len(found)} 项" if len(found) > MOST_COMPARED else ""
    return f"{'、'.join(names)}{more}" if names else _NOT_VISIBLE


def _links(found: list[OtherNeed]) -> tuple[Link, ...]:
    return tuple(Link("need", one.need_id, one.need_id) for one in found)


def _side_by_side(facts: Facts, found: list[OtherNeed]) -> tuple[Comparison, ...]:
    return tuple(_comparison(facts, one) for one in found[:MOST_COMPARED]) if facts.document else ()


def _comparison(facts: Facts, other: OtherNeed) -> Comparison:
    notes = [] if other.earlier else ["该需求提交在后"]
    if other.standing:
        notes.append(STANDINGS[other.standing])
    return Comparison(
        ours=f"{facts.need_id} 第{facts.revision}版",
        theirs=Link("need", other.need_id, f"{other.need_id} 第{other.revision}版"),
        note="；".join([f"{other.quarter} {department_short_name(other.department_code)}", *notes]),
        pairs=tuple(_pair(facts, other, path) for path in _FIELDS),
    )


def _pair(facts: Facts, other: OtherNeed, path: str) -> Pair:
    ours = _listed(path, lambda at: words(facts, at), value(facts, path.removesuffix("[]")))
    theirs = _listed(path, lambda at: _shown_of(facts, other, at), _of(other, path.removesuffix("[]")))
    equal = ours == theirs and ours != "—" and not ours.startswith("（")
    first, second = _pieces(ours, theirs) if path in _IN_PIECES and not equal else (None, None)
    return Pair(
        label=field_name(path.removesuffix("[]")),
        ours=first or (Piece(ours, equal),),
        theirs=second or (Piece(theirs, equal),),
        equal=equal,
    )


def _listed(path: str, one: Callable[[str], str], values: object) -> str:
    """A value, or the values of a list one after the other."""
    if not path.endswith("[]"):
        return one(path)
    return (
        "、".join(str(filed_in_words(path, each, None, "public")) for each in values)
        if isinstance(values, list) and values
        else "—"
    )


def _pieces(ours: str, theirs: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Both texts in pieces, those of at least _SHORTEST characters that both have marked."""
    first: list[Piece] = []
    second: list[Piece] = []
    for tag, a, b, c, d in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        same = tag == "equal" and b - a >= _SHORTEST
        _add(first, ours[a:b], same)
        _add(second, theirs[c:d], same)
    return tuple(first), tuple(second)


def _add(pieces: list[Piece], text: str, equal: bool) -> None:
    if text and pieces and pieces[-1].equal == equal:
        pieces[-1] = Piece(pieces[-1].text + text, equal)
    elif text:
        pieces.append(Piece(text, equal))


def _of(other: OtherNeed, path: str) -> object:
    here: object = other.document
    for step in path.split("."):
        here = here.get(step) if isinstance(here, dict) else None
    return here


def _shown_of(facts: Facts, other: OtherNeed, path: str) -> str:
    return filed_in_words(path, _of(other, path), other.uscc, facts.reader)

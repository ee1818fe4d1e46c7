"""The rules of scope history, pair by pair: H, P and W of the handbook's section 4, over needs that are all open."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from difflib import SequenceMatcher
from typing import Any

from include.domain.quarter import Quarter
from include.reference.calendar import china_calendar
from tests.gate.engine.handbook.need import BENEFITS, Finding, Need
from tests.gate.engine.handbook.texts import SHANGHAI, normalise_id, normalise_mobile, skeleton

SAVING, CARBON, BASELINE = BENEFITS[:3]


Returns = Mapping[tuple[str, int], date]
"""need_id and revision of what was returned → respond_by of the return."""


def history_findings(need: Need, stored: Sequence[Need], returns: Returns) -> Iterator[Finding]:
    """Findings of scope history (DQ43 excepted) among `stored`, every revision of every need, this one perhaps included."""
    numbers = [other for other in stored if other.usable("need_id", "revision")]
    newest: dict[str, Need] = {}
    for other in numbers:
        known = newest.get(other.value("need_id"))
        if known is None or other.value("revision") > known.value("revision"):
            newest[other.value("need_id")] = other
    others = [other for other in newest.values() if need.usable("need_id") and _is_earlier(other, need)]
    code, project = _code(need), _project_code(need)
    if code is not None and any(_code(other) == code and _is_same_project(need, other) for other in others):
        yield "DQ42", "project.name"
    same_code = [other for other in others if project is not None and _project_code(other) == project]
    if code is not None and any(_code(other) not in (None, code) for other in same_code):
        yield "G01", "project.project_code"
    previous = _previous(need, numbers)
    yield from _late(need, previous, returns)
    yield from _rises(need, previous)
    yield from _templates(need, others)


def _is_earlier(other: Need, need: Need) -> bool:
    if other.value("need_id") == need.value("need_id"):
        return False
    there, here = other.moment("submitted_at"), need.moment("submitted_at")
    if there is None or here is None:
        return False
    return (there, other.value("need_id")) < (here, need.value("need_id"))


def _code(need: Need) -> str | None:
    given = need.text("enterprise.uscc")
    return None if given is None else normalise_id(given)


def _project_code(need: Need) -> str | None:
    given = need.text("project.project_code")
    return None if given is None else normalise_id(given)


def _is_same_project(need: Need, other: Need) -> bool:
    first, second = _project_code(need), _project_code(other)
    if first is not None and second is not None:
        return first == second
    names = [need.text("project.name"), other.text("project.name")]
    bones = sorted("" if name is None else skeleton(name) for name in names)
    if "" in bones:
        return False
    likeness = SequenceMatcher(None, *bones, autojunk=False).ratio()
    return likeness >= float(need.policy.decimal("name_similarity_min"))


def _reports(need: Need) -> set[str]:
    attached = need.item.get("attachments")
    return {
        one["sha256"]
        for one in (attached if isinstance(attached, list) else ())
        if isinstance(one, dict) and one.get("kind") == "third_party_report" and isinstance(one.get("sha256"), str)
    }


def _previous(need: Need, stored: Sequence[Need]) -> Need | None:
    """P of section 4."""
    if not need.usable("need_id", "revision"):
        return None
    earlier = [
        other
        for other in stored
        if other.value("need_id") == need.value("need_id") and other.value("revision") < need.value("revision")
    ]
    return max(earlier, key=lambda other: other.value("revision"), default=None)


def _late(need: Need, previous: Need | None, returns: Returns) -> Iterator[Finding]:
    quarter, recommended = need.text("quarter"), need.moment("review.recommended_at")
    if not need.usable("is_major") or need.value("is_major") or quarter is None or recommended is None:
        return
    respond_by = returns.get((previous.value("need_id"), previous.value("revision"))) if previous else None
    if respond_by is not None and recommended.astimezone(SHANGHAI).date() <= respond_by:
        return
    opens = datetime.combine(date(int(quarter[:4]), 3 * int(quarter[5]) - 2, 1), time(), SHANGHAI)
    closes = china_calendar().deadline(Quarter.parse(quarter), need.policy.flag("cutoff_inclusive"))
    if recommended < opens or recommended >= closes:
        yield "DQ52", "review.recommended_at"


def _rises(need: Need, previous: Need | None) -> Iterator[Finding]:
    if previous is None or not need.usable("benefit.basis"):
        return
    if need.choice("benefit.basis") == "third_party" and _reports(need) - _reports(previous):
        return
    for path in (SAVING, CARBON):
        new, old = need.number(path), previous.number(path)
        if new and old and new * 100 > old * int(100 * need.policy.decimal("benefit_rise_hold")):
            yield "G12", path


def _templates(need: Need, others: Sequence[Need]) -> Iterator[Finding]:
    here = _quarter(need)
    if _code(need) is None or here is None:
        return
    span = range(here - need.policy.integer("farming_quarters") + 1, here + 1)
    window = [other for other in others if _code(other) is not None and _quarter(other) in span]
    parts: dict[str, Callable[[Need], Any]] = {
        "project.content": _content,
        "benefit": _triple,
        "enterprise.contact.mobile": _mobile,
    }
    for field, shared in parts.items():
        value = shared(need)
        if value is not None:
            enterprises = {_code(need), *(_code(other) for other in window if shared(other) == value)}
            if len(enterprises) >= need.policy.integer("farming_min_enterprises"):
                yield "G13", field


def _quarter(need: Need) -> int | None:
    text = need.text("quarter")
    return None if text is None else int(text[:4]) * 4 + int(text[5])


def _content(need: Need) -> str | None:
    text = need.text("project.content")
    return None if text is None else hashlib.sha256(skeleton(text).encode("utf-8", "replace")).hexdigest()


def _triple(need: Need) -> tuple[Any, ...] | None:
    values = tuple(need.number(path) for path in (SAVING, CARBON, BASELINE))
    return values if all(values) else None


def _mobile(need: Need) -> str | None:
    text = need.text("enterprise.contact.mobile")
    return None if text is None else normalise_mobile(text)

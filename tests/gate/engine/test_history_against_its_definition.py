"""The indexed history against H, P and W written down as the handbook's section 4 defines them, pair by pair."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from include.gate.engine.fingerprints import Fingerprint
from include.gate.engine.history import SHARED, History, name_similarity

AT_LEAST, QUARTERS, ENOUGH = 0.9, 5, 3
NAMES = ("余热锅炉改造项目一期工程", "余热锅炉改造项目二期工程", "一期工程余热锅炉改造项目", "空压站改造", None)

_few = st.sampled_from
needs = st.lists(
    st.builds(
        Fingerprint,
        need_id=st.just(""),
        revision=st.just(1),
        quarter=_few(("2025Q2", "2025Q3", "2026Q2", "2026Q3", "2026Q4", None)),
        submitted=_few(("000000000000001.", "000000000000001.5", "000000000000002.", None)),
        uscc=_few(("A", "B", "C", "D", None)),
        project_code=_few(("1", "2", None)),
        project_name=_few(NAMES),
        content=_few(("x", "y", None)),
        benefit=_few(("1/2/3", None)),
        mobile=_few(("m", "n")),
        saving=st.none(),
        carbon=st.none(),
        reports=st.just(()),
    ),
    max_size=12,
)


def numbered(given_needs: list[Fingerprint]) -> list[Fingerprint]:
    values = ({name: getattr(one, name) for name in Fingerprint.__dataclass_fields__} for one in given_needs)
    return [Fingerprint(**value | {"need_id": f"FN{number:012d}"}) for number, value in enumerate(values)]


def is_earlier(other: Fingerprint, one: Fingerprint) -> bool:
    return (
        other.submitted is not None
        and one.submitted is not None
        and other.need_id != one.need_id
        and (other.submitted, other.need_id or "") < (one.submitted, one.need_id or "")
    )


def repeats_a_project(one: Fingerprint, others: list[Fingerprint]) -> bool:
    def same(other: Fingerprint) -> bool:
        if one.project_code and other.project_code:
            return one.project_code == other.project_code
        return name_similarity(one.project_name, other.project_name) >= AT_LEAST

    return any(is_earlier(h, one) and h.uscc == one.uscc and one.uscc is not None and same(h) for h in others)


def shares_a_code(one: Fingerprint, others: list[Fingerprint]) -> bool:
    return any(
        is_earlier(h, one)
        and None not in (h.uscc, one.uscc, one.project_code)
        and h.uscc != one.uscc
        and h.project_code == one.project_code
        for h in others
    )


def is_farmed(one: Fingerprint, others: list[Fingerprint], name: str) -> bool:
    value = getattr(one, name)
    if one.uscc is None or one.quarter is None or value is None:
        return False
    span = range(number(one.quarter) - QUARTERS + 1, number(one.quarter) + 1)
    sharing = {
        w.uscc
        for w in others
        if is_earlier(w, one) and w.quarter is not None and number(w.quarter) in span and getattr(w, name) == value
    }
    return len(sharing - {None} | {one.uscc}) >= ENOUGH


def number(quarter: str) -> int:
    return int(quarter[:4]) * 4 + int(quarter[5])


@settings(max_examples=400, deadline=None)
@given(needs=needs, chance=st.randoms(use_true_random=False))
def test_the_index_finds_what_the_definition_says_in_whatever_order(
    needs: list[Fingerprint], chance: random.Random
) -> None:
    known = numbered(needs)
    shuffled = list(known)
    chance.shuffle(shuffled)
    history = History(open_needs=shuffled, window=shuffled)
    for one in known:
        assert (history.same_project_similarity(one, AT_LEAST) >= AT_LEAST) == repeats_a_project(one, known)
        assert (history.other_enterprises_with_the_code(one) > 0) == shares_a_code(one, known)
        for name in SHARED:
            enterprises = history.enterprises_sharing(one, name, QUARTERS, ENOUGH)
            assert (enterprises >= ENOUGH) == is_farmed(one, known, name)

"""Tokens of action links: only what was signed, for whom, until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from include.action_links import tokens
from include.action_links.tokens import LinkRefused, LinkSubject, Refusal
from include.base.business_time import SHANGHAI
from include.domain.states import CoordinatorAct, LinkKind
from include.reference.day import Day

KEY, NEWER = b"the tests' key of action links", b"a newer key of action links"
LAST = date(2026, 11, 3)
CASE = LinkSubject(kind=LinkKind.CASE, need_id="2026Q3-330000-0001", institution_code="ICBC")


def _mint(key: bytes = KEY, subject: LinkSubject = CASE, who: str = "PBOC-330100") -> str:
    return tokens.mint(key, coordinator_id=who, subject=subject, expires_on=LAST, idempotency_key="digest:1")


def test_a_token_says_who_may_do_what_about_which_subject_until_when() -> None:
    claims = tokens.read([KEY], _mint(), today=LAST)
    assert (claims.coordinator_id, claims.subject, claims.expires_on) == ("PBOC-330100", CASE, LAST)
    assert claims.idempotency_key == "digest:1"
    assert claims.acts == frozenset(CoordinatorAct) - {CoordinatorAct.UNRESOLVABLE}
    need = tokens.read([KEY], _mint(subject=LinkSubject(kind=LinkKind.NEED, need_id="N1")), today=LAST)
    assert need.acts == claims.acts - {CoordinatorAct.NEEDS_TIME}, "a need as a whole has no limit to extend"


def test_only_a_link_to_an_obstruction_permits_to_give_up() -> None:
    for kind in LinkKind:
        claims = tokens.read([KEY], _mint(subject=replace(CASE, kind=kind)), today=LAST)
        assert (CoordinatorAct.UNRESOLVABLE in claims.acts) == (kind is LinkKind.OBSTRUCTION), kind


def test_a_link_ends_with_its_last_day() -> None:
    with pytest.raises(LinkRefused, match="到期") as refused:
        tokens.read([KEY], _mint(), today=date(2026, 11, 4))
    assert refused.value.refusal is Refusal.EXPIRED


def test_the_last_day_is_counted_in_working_days() -> None:
    # Ten working days from Monday, with no holiday between.
    assert tokens.expires_on(Day.in_force(datetime(2026, 11, 2, 8, tzinfo=SHANGHAI))) == date(2026, 11, 16)


@given(at=st.integers(0, 10_000), to=st.sampled_from("AQgwz09_-."))
def test_a_token_of_which_one_character_was_changed_is_refused(at: int, to: str) -> None:
    token = _mint()
    at %= len(token)
    changed = token[:at] + to + token[at + 1 :]
    if changed == token:
        return
    try:
        claims = tokens.read([KEY], changed, today=LAST)
    except LinkRefused as refused:
        assert refused.refusal is Refusal.UNREADABLE
    else:
        # The last character of base64 has bits that mean nothing: another writing of the same signature.
        assert at == len(token) - 1 and claims == tokens.read([KEY], token, today=LAST)


@given(length=st.integers(0, 10_000))
def test_a_token_that_was_cut_is_refused(length: int) -> None:
    token = _mint()
    with pytest.raises(LinkRefused) as refused:
        tokens.read([KEY], token[: length % len(token)], today=LAST)
    assert refused.value.refusal is Refusal.UNREADABLE


@given(st.text(max_size=60))
def test_no_text_is_taken_for_a_token(text: str) -> None:
    with pytest.raises(LinkRefused):
        tokens.read([KEY], text, today=LAST)


def test_both_live_keys_are_accepted_during_a_rotation_and_the_old_one_no_longer_after_it() -> None:
    old, new = _mint(), _mint(NEWER)
    assert tokens.read([NEWER, KEY], old, today=LAST) == tokens.read([NEWER, KEY], new, today=LAST)
    with pytest.raises(LinkRefused):
        tokens.read([NEWER], old, today=LAST)
    with pytest.raises(LinkRefused):
        tokens.read([], new, today=LAST)


@pytest.mark.parametrize(
    "said", [None, {}, [], ["a"] * 7, ["a"] * 8, [1] * 8, ["x", "case", "n", "i", "", "t", "soon", "k"]], ids=repr
)
def test_a_signed_content_of_another_layout_is_refused(said: object) -> None:
    signer = tokens._serializer([KEY])
    with pytest.raises(LinkRefused):
        tokens.read([KEY], str(signer.dumps(said)), today=LAST)


def test_a_signature_made_with_the_key_for_another_purpose_is_refused() -> None:
    elsewhere = URLSafeSerializer(KEY, salt=b"something else")
    with pytest.raises(LinkRefused):
        tokens.read([KEY], str(elsewhere.dumps(["x"] * 8)), today=LAST)


def test_a_token_is_short_and_safe_in_an_address() -> None:
    token = _mint(subject=replace(CASE, kind=LinkKind.OBSTRUCTION, obstruction_id="ICBC-2026-000123"))
    assert len(token) < 300
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")

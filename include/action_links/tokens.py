"""The token of an action link: who may do what about which subject, until when, from which mail.

The token is the whole authority of the page that it opens: the page asks for no login. So it is signed with a key of its
own (extra `action_link_secret` of business_db) and names one recipient and one subject. It is signed, not encrypted:
nothing is in it that the mail beside it does not say. Source: handbook section 12.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from itsdangerous import BadSignature, URLSafeSerializer

from include.base.errors import UserFacingError
from include.domain.states import CoordinatorAct, LinkKind
from include.reference.day import Day

LONGEST_TOKEN = 1024
"""Characters; a longer text is not looked at."""

_SALT = b"green-finance action link 1"
_FIELDS = 8
_LETTERS: Mapping[CoordinatorAct, str] = {
    CoordinatorAct.TAKEN_ON: "t",
    CoordinatorAct.CONTACTED: "c",
    CoordinatorAct.SETTLED: "s",
    CoordinatorAct.NEEDS_TIME: "n",
    CoordinatorAct.HANDED_OVER: "h",
    CoordinatorAct.UNRESOLVABLE: "u",
}
_ACTS = {letter: act for act, letter in _LETTERS.items()}

_ALWAYS = frozenset(
    {CoordinatorAct.TAKEN_ON, CoordinatorAct.CONTACTED, CoordinatorAct.SETTLED, CoordinatorAct.HANDED_OVER}
)
ACTS_ON: Mapping[LinkKind, frozenset[CoordinatorAct]] = {
    LinkKind.CASE: _ALWAYS | {CoordinatorAct.NEEDS_TIME},
    LinkKind.NEED: _ALWAYS,
    LinkKind.OBSTRUCTION: _ALWAYS | {CoordinatorAct.NEEDS_TIME, CoordinatorAct.UNRESOLVABLE},
    LinkKind.ALERT: _ALWAYS,
}
"""The acts that a link to a subject of this kind permits: only a case has limits of its own to extend."""


class Refusal(StrEnum):
    """Why a link is refused."""

    UNREADABLE = "unreadable"
    EXPIRED = "expired"


class LinkRefused(UserFacingError):
    """A link that permits nothing: altered, cut, forged, signed with a key no longer in use, or expired."""

    def __init__(self, refusal: Refusal, what: str, next_step: str) -> None:
        super().__init__(what, next_step)
        self.refusal = refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSubject:
    """What a link is about; parts that a kind does not have are empty."""

    kind: LinkKind
    need_id: str
    institution_code: str = ""
    obstruction_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkClaims:
    """What a genuine token says. It permits until the end of `expires_on`."""

    coordinator_id: str
    subject: LinkSubject
    acts: frozenset[CoordinatorAct]
    expires_on: date
    idempotency_key: str
    """Of the mail with the link; the mail's Message-ID follows from it."""


def expires_on(day: Day) -> date:
    """Last day of a link that is mailed today: action_link_days working days from now."""
    return day.calendar.add_working_days(day.today, day.policy.integer("action_link_days")).day


def mint(key: bytes, *, coordinator_id: str, subject: LinkSubject, expires_on: date, idempotency_key: str) -> str:
    """A token for this recipient and subject, with all acts of the kind; safe in a URL. `key`: the newest one."""
    acts = "".join(_LETTERS[act] for act in CoordinatorAct if act in ACTS_ON[subject.kind])
    said = [
        coordinator_id,
        subject.kind,
        subject.need_id,
        subject.institution_code,
        subject.obstruction_id,
        acts,
        expires_on.isoformat(),
        idempotency_key,
    ]
    return _serializer([key]).dumps(said)


def read(keys: Sequence[bytes], token: str, *, today: date) -> LinkClaims:
    """What the token says, if one of `keys` signed it. Raises LinkRefused if none did, or after its last day."""
    return unexpired(genuine(keys, token), today)


def genuine(keys: Sequence[bytes], token: str) -> LinkClaims:
    """What the token says, if one of `keys` signed it, expired or not. Raises LinkRefused if none did.

    The comparison takes the same time for every wrong signature.
    """
    if not keys or len(token) > LONGEST_TOKEN or not token.isascii():
        raise _unreadable()
    try:
        said = _serializer(keys).loads(token)
    except BadSignature:
        raise _unreadable() from None
    return _claims(said)


def unexpired(claims: LinkClaims, today: date) -> LinkClaims:
    """The same claims. Raises LinkRefused after their last day."""
    if today > claims.expires_on:
        raise LinkRefused(
            Refusal.EXPIRED,
            f"该链接已于 {claims.expires_on.isoformat()} 到期。",
            "请使用最近一封督办邮件中的链接；没有新邮件的，说明该事项近期无需办理，也可登录控制台查看。",
        )
    return claims


def _claims(said: object) -> LinkClaims:
    """The claims of a signed content. Whoever has the key wrote it, so only an older layout can be unusable."""
    if not isinstance(said, list) or len(said) != _FIELDS or not all(isinstance(one, str) for one in said):
        raise _unreadable()
    coordinator_id, kind, need_id, institution_code, obstruction_id, acts, expires, idempotency_key = said
    try:
        return LinkClaims(
            coordinator_id=coordinator_id,
            subject=LinkSubject(
                kind=LinkKind(kind), need_id=need_id, institution_code=institution_code, obstruction_id=obstruction_id
            ),
            acts=frozenset(_ACTS[letter] for letter in acts if letter in _ACTS),
            expires_on=date.fromisoformat(expires),
            idempotency_key=idempotency_key,
        )
    except ValueError:
        raise _unreadable() from None


def _unreadable() -> LinkRefused:
    return LinkRefused(
        Refusal.UNREADABLE,
        "该链接不完整或已失效，不能办理。",
        "请从邮件中重新打开完整的链接（复制时不要漏掉末尾字符）；仍不成功的，请使用最近一封督办邮件中的链接。",
    )


def _serializer(keys: Sequence[bytes]) -> URLSafeSerializer:
    return _serializer_of(tuple(keys))


@lru_cache(maxsize=4)
def _serializer_of(keys: tuple[bytes, ...]) -> URLSafeSerializer:
    """Signs with the first key, accepts all; itsdangerous wants the newest last. Kept: a day's digests carry many links."""
    return URLSafeSerializer(
        list(reversed(keys)), salt=_SALT, signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
    )

"""What a user of the console can report of a need: as the coordinator that he is, or for one that called him."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from include.action_links.tokens import LinkSubject
from include.base.errors import NotFound
from include.coordination.subjects import Standing, stands, subjects_of
from include.domain.routing import AUTHORITIES, LEVELS, Coordinator
from include.domain.states import CoordinatorAct, LinkKind
from include.reference.day import Day
from include.store.coordinators import network, on_duty
from include.words.names import post_label
from include.words.states import word


class Reporter(Protocol):
    """The user: whether he may note for coordinators, and which one he is himself, if any."""

    @property
    def may_operate(self) -> bool:
        """Whether he may act as an operator."""

    @property
    def coordinator_id(self) -> str:
        """His own post, or empty."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What this user can report of a need: for each subject its value in the form and its words; the acts; the posts.

    `own`: the user's own post in words, empty for an operator, who chooses one of `posts`.
    """

    subjects: list[tuple[str, str]]
    acts: list[tuple[CoordinatorAct, str]]
    own: str
    posts: list[tuple[str, str]]


def offer(
    connection: sa.Connection, need_id: str, who: Reporter, day: Day, only: LinkSubject | None = None
) -> Offer | None:
    """What the user can report of this need, or of one subject of it; None if nothing."""
    if not (who.may_operate or who.coordinator_id):
        return None
    asked = [only] if only is not None else subjects_of(connection, need_id)
    open_ones = [one for one in _standing(connection, asked, day) if not one.over]
    if not open_ones:
        return None
    roster = network(connection)
    place = open_ones[0].place
    holders = [one for level in LEVELS for side in AUTHORITIES if (one := roster.holder(side, level, place))]
    own = on_duty(connection, who.coordinator_id) if who.coordinator_id else None
    if own is not None and not open_ones[0].in_scope_of(own):
        own = None
    if own is None and not who.may_operate:
        return None
    may = {act for one in open_ones for post in ([own] if own else holders) for act in one.may(post)}
    return Offer(
        subjects=[(_value(one.subject), _label(one)) for one in open_ones],
        acts=[(act, word(CoordinatorAct, act)) for act in CoordinatorAct if act in may],
        own=_post(own) if own else "",
        posts=[(one.coordinator_id, _post(one)) for one in holders],
    )


def _standing(connection: sa.Connection, subjects: Iterable[LinkSubject], day: Day) -> Iterator[Standing]:
    """The subjects as they stand, without those that nobody coordinates: of a need that was not pushed yet."""
    for one in subjects:
        with suppress(NotFound):
            yield stands(connection, one, day)


def _value(subject: LinkSubject) -> str:
    return f"{subject.kind}|{subject.institution_code}|{subject.obstruction_id}"


def _label(one: Standing) -> str:
    if one.subject.kind is LinkKind.NEED:
        return "整项需求"
    if one.subject.kind is LinkKind.OBSTRUCTION:
        return f"{one.institution}融资梗阻（{one.cause}）"
    return f"{one.institution}（{one.state}）"


def _post(one: Coordinator) -> str:
    return post_label(one.authority, one.level, one.region_code)

"""Who is accountable (协调人): by authority, level and region; one level up if nobody is on duty.

Source: handbook section 1. MIIT and the PBoC own every level jointly (工业和信息化主管部门, 人民银行).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from include.base.addresses import is_address, mailbox
from include.domain.states import Authority, Level

AUTHORITIES = tuple(Authority)
LEVELS = tuple(Level)
NATION = "000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinator:
    """A coordinator as listed by the green platform; `role` is a post, never a person."""

    coordinator_id: str
    authority: Authority
    level: Level
    region_code: str
    role: str
    email: str
    on_duty: bool


@dataclass(frozen=True, slots=True, order=True)
class Post:
    """A post for a coordinator that should be filled."""

    authority: Authority
    level: Level
    region_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The place of a need: `city_code` as filed, `branch_region` of its PBoC branch; None if unknown."""

    city_code: str | None
    department_code: str
    branch_region: str | None

    def region(self, authority: Authority, level: Level) -> str | None:
        """The region whose coordinator is responsible: XPCC has 660000 at MIIT and shares 650000 at the PBoC."""
        if level == Level.NATION:
            return NATION
        if level == Level.CITY:
            return self.city_code
        return self.department_code if authority == Authority.MIIT else self.branch_region


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Who is accountable, and which posts below turned out to be vacant.

    `coordinator` is None if nobody is on duty up to the highest level that may be asked. `vacant` starts with the level asked for.
    """

    coordinator: Coordinator | None
    asked_level: Level
    vacant: tuple[Post, ...]


class Network:
    """The coordinators of one day; of several at one post the first on duty counts.

    A coordinator without a usable address cannot be notified, and counts as not on duty.
    """

    def __init__(self, coordinators: Iterable[Coordinator]) -> None:
        self._on_duty: dict[Post, Coordinator] = {}
        for one in coordinators:
            if one.on_duty and is_address(one.email):
                self._on_duty.setdefault(Post(one.authority, one.level, one.region_code), one)
        self._by_mailbox: defaultdict[str, list[Coordinator]] = defaultdict(list)
        for one in sorted(self._on_duty.values(), key=lambda one: one.coordinator_id):
            self._by_mailbox[mailbox(one.email)].append(one)

    def at_mailbox(self, address: str) -> Sequence[Coordinator]:
        """All on duty who read this mailbox (as `base.addresses.mailbox` writes it), by coordinator id."""
        return self._by_mailbox.get(address, ())

    def mailboxes(self) -> Collection[str]:
        """All mailboxes that somebody on duty reads."""
        return self._by_mailbox.keys()

    def at_level(self, level: Level) -> Sequence[Coordinator]:
        """All on duty at a level, by coordinator id."""
        on_duty = (one for one in self._on_duty.values() if one.level == level)
        return sorted(on_duty, key=lambda one: one.coordinator_id)

    def holder(self, authority: Authority, level: Level, place: Place) -> Coordinator | None:
        """Who is on duty at exactly this level, if anybody."""
        region = place.region(authority, level)
        return None if region is None else self._on_duty.get(Post(authority, level, region))

    def accountable(
        self, authority: Authority, level: Level, place: Place, *, highest: Level = Level.NATION
    ) -> Assignment:
        """Who is accountable at `level`, or at the next level up if that post is vacant, up to `highest`."""
        vacant: list[Post] = []
        for asked in LEVELS[LEVELS.index(level) : LEVELS.index(highest) + 1]:
            if (found := self.holder(authority, asked, place)) is not None:
                return Assignment(coordinator=found, asked_level=level, vacant=tuple(vacant))
            if (region := place.region(authority, asked)) is not None:
                vacant.append(Post(authority, asked, region))
        return Assignment(coordinator=None, asked_level=level, vacant=tuple(vacant))

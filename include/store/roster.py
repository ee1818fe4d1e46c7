"""The roster of coordinators (协调人名册): each post that there should be, and whether somebody is on duty there.

Source: handbook section 1. At city level there may be nobody: what belongs there goes to the province.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from include.base.addresses import is_address
from include.domain.identifiers import XPCC
from include.domain.routing import AUTHORITIES, LEVELS, NATION, Post
from include.domain.states import Authority, Level
from include.reference import branches, departments, rows
from include.store.tables import coordinator


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterRow:
    """A post and who holds it. `role`: the office, never a person; empty if nobody is listed.

    `on_duty`: somebody is listed as on duty with an address that can be written to.
    """

    post: Post
    department_code: str
    role: str
    on_duty: bool
    listed: bool


def roster(connection: sa.Connection, level: Level, department_code: str = "") -> list[RosterRow]:
    """The posts of a level, those of one department only if it is given; vacant posts first, then by region."""
    found = [
        row for row in _rows(connection) if row.post.level == level and department_code in ("", row.department_code)
    ]
    return sorted(found, key=lambda row: (row.on_duty, row.post.region_code, row.post.authority))


def vacancies(connection: sa.Connection) -> Mapping[Level, int]:
    """How many posts of each level have nobody on duty, the nation first."""
    counts = dict.fromkeys(reversed(LEVELS), 0)
    for row in _rows(connection):
        counts[row.post.level] += not row.on_duty
    return counts


def _rows(connection: sa.Connection) -> Iterator[RosterRow]:
    listed: dict[Post, tuple[str, bool]] = {}
    for row in connection.execute(sa.select(coordinator).order_by(coordinator.c.position)):
        post = Post(Authority(row.authority), Level(row.level), row.region_code)
        on_duty = row.on_duty and is_address(row.email)
        # Of several at one post the first on duty counts.
        if post not in listed or (on_duty and not listed[post][1]):
            listed[post] = (row.role, on_duty)
    posts = _posts()
    for post in {**posts, **dict.fromkeys(listed, "")}:
        role, on_duty = listed.get(post, ("", False))
        yield RosterRow(
            post=post, department_code=posts.get(post, ""), role=role, on_duty=on_duty, listed=post in listed
        )


def _posts() -> dict[Post, str]:
    """Every post that there should be, with the department that it belongs to."""
    found = {Post(authority, Level.NATION, NATION): "" for authority in AUTHORITIES}
    for code in departments():
        found[Post(Authority.MIIT, Level.PROVINCE, code)] = code
    # XPCC has no branch of its own: its coordinator at the PBoC is Xinjiang's.
    by_branch = {one.branch_code: code for code, one in departments().items() if code != XPCC}
    for branch_code, branch in branches().items():
        found[Post(Authority.PBOC, Level.PROVINCE, branch.region_code)] = by_branch[branch_code]
    for city in rows("cities"):
        for authority in AUTHORITIES:
            found[Post(authority, Level.CITY, city["code"])] = city["department_code"]
    return found

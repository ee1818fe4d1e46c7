"""The roles of people in the console, and how a person is told apart from any other."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from enum import StrEnum

LONGEST_ID = 200
"""Characters: the longest id of an auth manager that is taken for a person's."""


class Role(StrEnum):
    """What a person may be; one person may be several."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


def with_implied(roles: Iterable[Role]) -> frozenset[Role]:
    """These roles, and to look for whoever may act on what is looked at. An auditor or administrator alone may not."""
    held = frozenset(roles)
    return held | {Role.VIEWER} if held & {Role.OPERATOR, Role.APPROVER} else held


def person_id(given: str | None) -> str:
    """An auth manager's immutable id as it is compared and stored; "" for nobody.

    Two ids that look alike must not be two persons: compatibility forms become one (NFKC), invisible characters go.
    """
    return _visible(given)[:LONGEST_ID]


def display_name(given: str | None) -> str:
    """A person's name for show, on one line."""
    return " ".join(_visible(given).split())[:100]


def _visible(text: str | None) -> str:
    folded = unicodedata.normalize("NFKC", text or "")
    return "".join(one for one in folded if unicodedata.category(one) not in ("Cf", "Cc", "Cs", "Co", "Cn")).strip()

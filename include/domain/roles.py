"""The roles of people in the console, and what makes two persons differ."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from enum import StrEnum

LONGEST_ID = 200
"""Characters; a longer id of an auth manager is not taken for a person's."""


class Role(StrEnum):
    """The roles of a person; one person may have several."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    COORDINATOR = "coordinator"
    """An account that an administrator tied to a coordinator of the roster; no auth manager gives it."""


def with_implied(roles: Iterable[Role]) -> frozenset[Role]:
    """These roles and, for whoever may act, VIEWER. Auditor or administrator alone do not include it."""
    held = frozenset(roles)
    return held | {Role.VIEWER} if held & {Role.OPERATOR, Role.APPROVER} else held


def person_id(given: str | None) -> str:
    """An auth manager's immutable id in the form that is compared and stored; "" for nobody.

    Two ids that look alike must not be two persons: compatibility forms are unified (NFKC), invisible characters
    removed.
    """
    return _visible(given)[:LONGEST_ID]


def display_name(given: str | None) -> str:
    """A person's name for display, on one line."""
    return " ".join(_visible(given).split())[:100]


def _visible(text: str | None) -> str:
    folded = unicodedata.normalize("NFKC", text or "")
    return "".join(one for one in folded if unicodedata.category(one) not in ("Cf", "Cc", "Cs", "Co", "Cn")).strip()

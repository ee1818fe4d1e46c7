"""Why a decision on a hold cannot be taken."""

from __future__ import annotations

from include.base.errors import UserFacingError


class DecisionRefused(UserFacingError):
    """A hold cannot be decided in this way, or not any more."""

"""In which role the console's user reads: `shown` asks for it on every page."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from green_finance.console.access import Admitted
from include.domain.roles import Role
from include.words.shown import Reader


def reader(access: Admitted) -> Reader:
    """The role in which he may see most. An administrator without other roles sees what everybody sees."""
    return next((role for role in (Role.OPERATOR, Role.APPROVER, Role.AUDITOR) if role in access.roles), Role.VIEWER)


ReadsAs = Annotated[Reader, Depends(reader)]

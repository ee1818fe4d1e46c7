"""Who reports what: the values that travel together through this room."""

from __future__ import annotations

from dataclasses import dataclass

from include.action_links.maker import LinkMaker
from include.base.act import Act
from include.domain.routing import Coordinator
from include.domain.states import CoordinatorAct


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is reported. `working_days`: of more time asked for; `handed_to`: the coordinator id of the other post."""

    act: CoordinatorAct
    remark: str = ""
    working_days: int | None = None
    handed_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Whose report it is, and who records it. `idempotency_key`: of the mail with the link; empty in the console.

    `links` makes the link in a mail to somebody else.
    """

    coordinator: Coordinator
    actor: Act
    links: LinkMaker
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a report, in words. `new` is False if the same report was there already, and nothing was done."""

    new: bool
    told: str

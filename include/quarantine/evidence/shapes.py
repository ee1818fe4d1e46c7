"""What evidence is made of, and the facts that it is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from include.reference import Policy
from include.register.in_use import RegisterRow
from include.words.shown import Reader

# --- What a page shows --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """Where the other side can be looked at: a need by its number, an enterprise's rows of the register, an event."""

    kind: Literal["need", "enterprise", "event"]
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text; `equal`: the other side has it too."""

    text: str
    equal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One field of both sides, in pieces; `equal`: the sides do not differ at all."""

    label: str
    ours: tuple[Piece, ...]
    theirs: tuple[Piece, ...]
    equal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two filings side by side. `note`: what became of the other one meanwhile, or empty."""

    ours: str
    theirs: Link
    note: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One line of evidence, in words (Chinese). Empty texts are not shown."""

    label: str
    filed: str = ""
    compared: str = ""
    limit: str = ""
    links: tuple[Link, ...] = ()
    comparisons: tuple[Comparison, ...] = ()


# --- What it is made from -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherNeed:
    """Another need or an earlier revision, as stored.

    `shares`: the keys in which its fingerprint equals ours (uscc, project_code, content, benefit, mobile). `alike`: similarity
    of the names of the projects. `earlier`: it was submitted first, so that ours was flagged and not it. `standing`: "",
    "withdrawn" or "returned". `reports`: SHA-256 of the third-party reports attached.
    """

    need_id: str
    revision: int
    quarter: str
    department_code: str
    uscc: str | None
    document: Mapping[str, Any]
    submitted: str
    shares: frozenset[str]
    alike: float = 0.0
    earlier: bool = True
    standing: Literal["", "withdrawn", "returned"] = ""
    reports: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is stored about a need and bears on a finding.

    `document`: as filed, without contact; empty if another content of the revision was stored first (DQ43) or it was
    purged. `judged_on`: the local day of the recommendation. `opens_at`, `deadline`: of the quarter's filing; None if
    the quarter is unusable. `respond_by`: by when the return of the previous revision asked for an answer. `register`:
    the enterprise's rows in the register used for the verdict, of `register_as_of`. `others`: newest revisions of needs
    that share something, the earliest first. `contents`: moments at which contents of this revision were received,
    with their short hashes, the stored one first. `false_information`: needs of the enterprise withdrawn for it.
    """

    need_id: str | None
    revision: int | None
    quarter: str
    department_code: str
    uscc: str | None
    document: Mapping[str, Any]
    policy: Policy
    reader: Reader
    judged_on: date | None = None
    opens_at: datetime | None = None
    deadline: datetime | None = None
    respond_by: date | None = None
    register: Sequence[RegisterRow] = ()
    register_as_of: date | None = None
    previous: OtherNeed | None = None
    others: tuple[OtherNeed, ...] = ()
    contents: tuple[tuple[str, datetime], ...] = ()
    false_information: tuple[tuple[str, date], ...] = ()

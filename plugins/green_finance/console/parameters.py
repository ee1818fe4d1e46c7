"""Types of request parameters: bounded, without invisible characters. Anything else is refused with a message."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from annotated_types import Interval, Len
from fastapi import Form
from pydantic import AfterValidator, BeforeValidator, StringConstraints

from include.domain.identity import QUARTER

MOST_ID = 2**63 - 1
"""The largest number that a key of the database can be."""


def seen(text: str) -> str:
    """`text`, without blanks around it. Raises ValueError for invisible characters: control, format, lone surrogates."""
    if any(unicodedata.category(one) in _UNSEEN for one in text):
        raise ValueError("characters that are not seen")
    return text.strip()


_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")

Id = Annotated[int, Interval(ge=1, le=MOST_ID)]
OptionalId = Annotated[Id | None, BeforeValidator(lambda given: given or None)]
"""A number that may be left empty."""
OptionalDays = Annotated[
    Annotated[int, Interval(ge=1, le=999)] | None, BeforeValidator(lambda given: given or None), Form()
]
"""A number of days that may be left empty."""
Quarter = Annotated[str, StringConstraints(pattern=f"^{QUARTER}$")]
AnyQuarter = Annotated[str, StringConstraints(pattern=f"^({QUARTER})?$")]
"""A filter: empty means every quarter. Likewise the next ones."""
Department = Annotated[str, StringConstraints(pattern="^[1-9][0-9]{5}$")]
AnyDepartment = Annotated[str, StringConstraints(pattern="^([1-9][0-9]{5})?$")]
AnyCode = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_.-]{0,64}$")]
"""A rule, a channel, an error class, an institution: a code of ours."""
AnyAmount = Annotated[str, StringConstraints(pattern="^([0-9]{1,10}([.][0-9]{1,2})?)?$")]
"""An amount in 万元 that may be left empty."""
Words = Annotated[str, StringConstraints(max_length=100), AfterValidator(seen)]
"""A search text, or an identifier from outside."""
Numbers = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(seen)]
"""Many ids, separated by commas."""
SeenHolds = Annotated[
    list[Annotated[str, StringConstraints(pattern="^[0-9]{1,18} [0-9a-f]{12}$")]], Len(max_length=500)
]
"""Holds as a page showed them: the id, a blank, the stamp of their findings."""
Findings = Annotated[list[Words], Len(max_length=500), Form()]
Ids = Annotated[list[Id], Len(max_length=1_000)]
Reason = Annotated[str, Form()]
"""A reason: `audit.signed` bounds it, and says what is wrong with it."""

"""Moments (RFC 3339) compared exactly, whatever their offset and number of fractional digits.

Seconds count from the day before 0001-01-01 (UTC), so that no moment is negative.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.base.business_time import SHANGHAI
from include.domain.characters import FIGURES, character_matrix
from include.gate.engine.columns import ABSENT, FieldValues, as_texts

_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.]([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_USUAL = "0000-00-00T00:00:00+00:00"
_MARKS = np.array([mark not in "0+" for mark in _USUAL])
_FIGURES = np.array([mark == "0" for mark in _USUAL])
_SIGN = _USUAL.index("+")
_DAY_SECONDS = 86_400
_LOCAL_OFFSET = 8 * 3600
_EPOCH = date(1970, 1, 1).toordinal()

Moment = tuple[int, str]
"""Seconds, and the digits of the fraction without trailing zeros."""


@dataclass(frozen=True, slots=True)
class Moments:
    """A moment for each need of a batch; `known` is false where there is none."""

    seconds: NDArray[np.int64]
    fractions: NDArray[Any]
    known: NDArray[np.bool_]

    def only(self, usable: NDArray[np.bool_]) -> Moments:
        """These moments, unknown where they are not usable."""
        return Moments(self.seconds, self.fractions, self.known & usable)

    def earlier_than(self, other: Moments) -> NDArray[np.bool_]:
        """For each need whether both moments are known and this one is earlier."""
        earlier = self.seconds < other.seconds
        tied = self.seconds == other.seconds
        earlier[tied] = self.fractions[tied] < other.fractions[tied]
        return earlier & self.known & other.known

    def not_after(self, latest: Moment) -> NDArray[np.bool_]:
        """For each need whether its moment is known and not after the latest one."""
        seconds, fraction = latest
        within: NDArray[np.bool_] = (self.seconds < seconds) | (
            (self.seconds == seconds) & (self.fractions <= fraction)
        )
        return self.known & within

    def days(self, path: str) -> FieldValues:
        """The day in Asia/Shanghai of each moment, absent if unknown."""
        ordinals = (self.seconds[self.known] + _LOCAL_OFFSET) // _DAY_SECONDS
        codes = np.full(len(self.known), ABSENT)
        codes[self.known], distinct = pd.factorize(np.clip(ordinals, 1, date.max.toordinal()))
        return FieldValues(path, np.arange(len(codes)), codes, list(map(date.fromordinal, distinct.tolist())))

    def sortable(self) -> list[str | None]:
        """Texts that sort as the moments do, None if unknown."""
        told = zip(self.known.tolist(), self.seconds.tolist(), self.fractions.tolist(), strict=True)
        return [f"{seconds:015d}.{fraction}" if known else None for known, seconds, fraction in told]


def read_moments(values: Sequence[object]) -> Moments:
    """The moments in texts: those written 2026-09-30T09:30:00+08:00 all at once, others one by one."""
    texts = as_texts(values)
    seconds, known = _usually_written(texts)
    fractions = np.full(len(texts), "", dtype=object)
    for other in np.flatnonzero(~known).tolist():
        found = moment(texts[other])
        if found is not None:
            known[other] = True
            seconds[other], fractions[other] = found
    return Moments(seconds, fractions, known)


def moment(text: str) -> Moment | None:
    """A date-time with an offset, comparable with others; None for anything else."""
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        return None
    day, time = _day_seconds(found[1]), _time_seconds(found[2], found[4])
    return None if day is None or time is None else (day + time, (found[3] or "").rstrip("0"))


def moment_of(when: datetime) -> Moment:
    """An aware datetime as a moment."""
    local = when.astimezone(SHANGHAI)
    seconds = local.toordinal() * _DAY_SECONDS + local.hour * 3600 + local.minute * 60 + local.second
    return seconds - _LOCAL_OFFSET, f"{local.microsecond:06d}".rstrip("0")


def _usually_written(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    characters = character_matrix(texts, len(_USUAL))
    figures = FIGURES[characters]
    written = (figures[:, _FIGURES] >= 0).all(axis=1)
    written &= (characters[:, _MARKS] == np.frombuffer(_USUAL.encode(), dtype=np.uint8)[_MARKS]).all(axis=1)

    def number(start: int, digits: int) -> NDArray[np.int64]:
        return figures[:, start : start + digits] @ 10 ** np.arange(digits - 1, -1, -1)

    year, month, day = number(0, 4), number(5, 2), number(8, 2)
    hour, minute, second = number(11, 2), number(14, 2), number(17, 2)
    ahead_hour, ahead_minute = number(20, 2), number(23, 2)
    begin, end = (((year - 1970) * 12 + month - at).astype("M8[M]").astype("M8[D]").astype(np.int64) for at in (1, 0))
    written &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= end - begin)
    # RFC 3339 allows the leap second 60.
    written &= (hour <= 23) & (minute <= 59) & (second <= 60) & (ahead_hour <= 23) & (ahead_minute <= 59)
    sign = characters[:, _SIGN]
    written &= (sign == ord("+")) | (sign == ord("-"))
    ahead = (ahead_hour * 60 + ahead_minute) * 60 * np.where(sign == ord("-"), -1, 1)
    seconds = (begin + day - 1 + _EPOCH) * _DAY_SECONDS + hour * 3600 + minute * 60 + second - ahead
    return np.where(written, seconds, 0), written


def _day_seconds(text: str) -> int | None:
    try:
        return date.fromisoformat(text).toordinal() * _DAY_SECONDS
    except ValueError:
        return None


def _time_seconds(time: str, offset: str) -> int | None:
    """Seconds since midnight UTC of a time 09:30:00 and an offset +08:00 or Z; None if invalid."""
    hour, minute, second = int(time[:2]), int(time[3:5]), int(time[6:])
    offset_hour, offset_minute = (int(offset[1:3]), int(offset[4:])) if len(offset) > 1 else (0, 0)
    if hour > 23 or minute > 59 or second > 60 or offset_hour > 23 or offset_minute > 59:
        return None
    ahead = (offset_hour * 60 + offset_minute) * 60 * (-1 if offset[0] == "-" else 1)
    return hour * 3600 + minute * 60 + second - ahead

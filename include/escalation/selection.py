"""What goes into which mail (选取): one digest for each e-mail address and working day, with room for so many lines. Pure.

Obstructions and major needs always have room. Of the rest, what waited for room leads, then what is overdue longest.
What has none is not told: it waits, and leads the next digest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from include.base.addresses import mailbox
from include.domain.states import Authority, BreachKind
from include.escalation.breaches import StepKey
from include.escalation.steps import DueStep, Telling

TellingKey = tuple[StepKey, int, Authority]
_LATER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail to an address: what it tells, and what had no room in it."""

    mailbox: str
    urgent: bool
    told: tuple[Telling, ...]
    waiting: tuple[Telling, ...]


def key_of(telling: Telling) -> TellingKey:
    """What is told once."""
    return (telling.item.key, telling.step, telling.authority)


def select(
    due: Iterable[DueStep],
    *,
    had_digest: Collection[str],
    waited_since: Mapping[TellingKey, datetime],
    most_lines: int,
    urgent_only: bool = False,
) -> list[Mail]:
    """The mails to send now, by address. `had_digest`: addresses that had their digest of the day.

    What is urgent leaves with the digest of the day, or by a mail of its own if that is out or `urgent_only`. All else
    that comes due after the digest of the day waits for the next one.
    """
    of: defaultdict[str, list[Telling]] = defaultdict(list)
    for step in due:
        for telling in step.tellings:
            if telling.assignment.coordinator is not None:
                of[mailbox(telling.assignment.coordinator.email)].append(telling)
    mails = []
    for address in sorted(of):
        urgent = urgent_only or address in had_digest
        tellings = [one for one in of[address] if one.urgent] if urgent else of[address]
        if tellings:
            told, waiting = _fit(tellings, waited_since, most_lines)
            mails.append(Mail(mailbox=address, urgent=urgent, told=told, waiting=waiting))
    return mails


def _fit(
    tellings: Iterable[Telling], waited_since: Mapping[TellingKey, datetime], most_lines: int
) -> tuple[tuple[Telling, ...], tuple[Telling, ...]]:
    """What has room. An item told to two posts of one address is one line."""
    told: list[Telling] = []
    others: defaultdict[StepKey, list[Telling]] = defaultdict(list)
    for one in tellings:
        if one.in_full:
            told.append(one)
        else:
            others[one.item.key].append(one)

    def order(key: StepKey) -> tuple[object, ...]:
        ones = others[key]
        waited = min(waited_since.get(key_of(one), _LATER) for one in ones)
        item = ones[0].item
        return (waited, item.breach.kind is not BreachKind.ALERT, -item.overdue, key)

    ordered = sorted(others, key=order)
    told += [one for key in ordered[:most_lines] for one in others[key]]
    return tuple(told), tuple(one for key in ordered[most_lines:] for one in others[key])

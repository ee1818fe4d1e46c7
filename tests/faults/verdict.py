"""The verdict, from the receiver's side: acknowledged ⊆ received ⊆ attempted, nothing doubled, lost or out of order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from tests.faults.stage import Stage

Revision = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is wrong, by kind; empty lists where all is well.

    `inverted`: a lower revision taken in after a higher one, or a push that the platform had to refuse as out of date: it would
    have been overtaken. `conflicts`: the platform held another content under the key. `repeated`: a key came again although a
    look-up would have found it.
    """

    needs: int
    lost: list[str]
    doubled: list[Revision]
    inverted: list[str]
    conflicts: int
    repeated: int
    acknowledged_not_received: list[Revision]
    received_not_attempted: list[Revision]
    still_open: int

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return not self.broken()

    def broken(self) -> dict[str, int]:
        """How often each promise was broken; those that were kept are left out."""
        counts = {name: _number(getattr(self, name)) for name in _PROMISES}
        return {name: number for name, number in counts.items() if number}


_PROMISES = (
    "lost",
    "doubled",
    "inverted",
    "conflicts",
    "repeated",
    "acknowledged_not_received",
    "received_not_attempted",
    "still_open",
)


def judge(stage: Stage) -> Verdict:
    """Compare the platform's ledger with what was to be sent and with what the outbox says.

    Where requests may still be on their way when their answer is given up (`stage.requests_linger`), a look-up cannot see them, and
    the key alone keeps them from having two effects: a repetition is no fault there.
    """
    ledger = stage.sandbox.ledger()
    received = {(entry["need_id"], entry["revision"]): entry for entry in ledger}
    orders: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for entry in ledger:
        orders[entry["need_id"]].append((entry["order"], entry["revision"]))
    with stage.engine.connect() as connection:
        acknowledged = set(connection.execute(_ACKNOWLEDGED).tuples())
        attempted = set(connection.execute(_ATTEMPTED).tuples())
        refused_as_late = list(connection.execute(_REFUSED_AS_LATE).scalars())
        still_open = connection.execute(_OPEN).scalar_one()
    outcomes = stage.sandbox.state()["market"]["outcomes"]
    inverted = [
        need for need, seen in orders.items() if [one for _, one in sorted(seen)] != sorted(one for _, one in seen)
    ]
    unseen_late = outcomes.get("stale", 0) - len(refused_as_late)
    return Verdict(
        needs=len(stage.expected),
        lost=[need for need, end in sorted(stage.expected.items()) if not _ended_so(need, end, received)],
        doubled=sorted(key for key, entry in received.items() if entry["effects"] != 1),
        inverted=sorted({*inverted, *refused_as_late}) + ["?"] * max(0, unseen_late),
        conflicts=outcomes.get("conflict", 0),
        repeated=0 if stage.requests_linger else outcomes.get("duplicate", 0),
        acknowledged_not_received=sorted(acknowledged - received.keys()),
        received_not_attempted=sorted(received.keys() - attempted),
        still_open=still_open,
    )


def _ended_so(need: str, end: tuple[int, str], received: dict[Revision, dict[str, object]]) -> bool:
    revision, state = end
    entry = received.get((need, revision))
    # A withdrawal that came before its push keeps the need out altogether.
    return (
        (entry is None or entry["state"] == state) if state == "withdrawn" else bool(entry and entry["state"] == state)
    )


def _number(wrong: int | Sequence[object]) -> int:
    return wrong if isinstance(wrong, int) else len(wrong)


_ACKNOWLEDGED = sa.text("select need_id, revision from delivery where action = 'push' and state = 'delivered'")
_ATTEMPTED = sa.text(
    """
    select distinct need_id, revision from delivery join delivery_attempt using (delivery_id)
    where action = 'push' and kind = 'send'
    """
)
_REFUSED_AS_LATE = sa.text(
    """
    select need_id from delivery join delivery_attempt attempt using (delivery_id)
    where action = 'push' and attempt.outcome = 'stale'
    """
)
_OPEN = sa.text("select count(*) from delivery where state in ('pending', 'unknown')")

"""The verdict, from the receiver's side: acknowledged ⊆ received ⊆ attempted, nothing doubled, lost or out of order."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import sqlalchemy as sa

from tests.faults.stage import Stage

Revision = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is wrong, by kind; empty lists where all is well."""

    needs: int
    lost: list[str]
    doubled: list[Revision]
    inverted: list[str]
    acknowledged_not_received: list[Revision]
    received_not_attempted: list[Revision]
    still_open: int

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return not (
            self.lost
            or self.doubled
            or self.inverted
            or self.acknowledged_not_received
            or self.received_not_attempted
            or self.still_open
        )


def judge(stage: Stage) -> Verdict:
    """Compare the platform's ledger with what was to be sent and with what the outbox says."""
    ledger = stage.sandbox.ledger()
    received = {(entry["need_id"], entry["revision"]): entry for entry in ledger}
    orders: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for entry in ledger:
        orders[entry["need_id"]].append((entry["order"], entry["revision"]))
    with stage.engine.connect() as connection:
        acknowledged = set(connection.execute(_ACKNOWLEDGED).tuples())
        attempted = set(connection.execute(_ATTEMPTED).tuples())
        still_open = connection.execute(_OPEN).scalar_one()
    return Verdict(
        needs=len(stage.expected),
        lost=[need for need, end in sorted(stage.expected.items()) if not _ended_so(need, end, received)],
        doubled=sorted(key for key, entry in received.items() if entry["effects"] != 1),
        inverted=sorted(
            need for need, seen in orders.items() if [revision for _, revision in sorted(seen)] != _rising(seen)
        ),
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


def _rising(seen: list[tuple[int, int]]) -> list[int]:
    return sorted(revision for _, revision in seen)


_ACKNOWLEDGED = sa.text("select need_id, revision from delivery where action = 'push' and state = 'delivered'")
_ATTEMPTED = sa.text(
    "select need_id, revision from delivery join delivery_attempt using (delivery_id) where action = 'push'"
)
_OPEN = sa.text("select count(*) from delivery where state in ('pending', 'unknown')")

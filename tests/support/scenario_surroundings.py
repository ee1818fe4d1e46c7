"""What the gate is told beside the records of a scenario: its register, its other needs, its earlier contents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from include.domain.identity import item_sha256
from include.gate.engine.history import History
from include.gate.engine.judge import Surroundings, Verdict, fingerprints
from include.reference import policy
from include.register.in_use import Register, RegisterRow
from include.sandbox.scenario.stage import Scenario

FindingKey = tuple[str, str]


def records_of(needs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The needs as they come out of JSON."""
    return [json.loads(json.dumps(need), parse_float=Decimal) for need in needs]


def surroundings_of(scenario: Scenario, checked_at: datetime) -> Surroundings:
    """As if the whole scenario were stored: of a revision listed with two contents the older one first."""
    newest = records_of(scenario.needs)
    before = records_of([filed.item for filed in scenario.seen_before])
    newest_revisions = {(need["need_id"], need["revision"]) for need in newest if type(need["revision"]) is int}
    superseded = [need for need in before if (need["need_id"], need["revision"]) not in newest_revisions]
    rewritten = [need for need in before if (need["need_id"], need["revision"]) in newest_revisions]

    def known(records: list[dict[str, Any]]) -> list[Any]:
        return fingerprints(records, checked_at=checked_at, policy=policy(), keyed_hash=_keyed_hash)

    stored = known(newest)
    history = History(
        open_needs=stored,
        window=stored,
        revisions=[*known(superseded), *stored],
        first_stored={(need["need_id"], need["revision"]): item_sha256(need) for need in rewritten},
    )
    rows = [
        RegisterRow(
            **{
                **row,
                "listed_on": date.fromisoformat(row["listed_on"]),
                "removed_on": date.fromisoformat(row["removed_on"]) if row["removed_on"] else None,
            }
        )
        for row in scenario.factories
    ]
    return Surroundings(register=Register.of(rows), history=history, keyed_hash=_keyed_hash, hash_item=item_sha256)


def found(verdict: Verdict) -> frozenset[FindingKey]:
    """The findings of a verdict as the answer key writes them."""
    return frozenset((finding.rule_id, finding.field) for finding in verdict.findings)


def _keyed_hash(text: str) -> str:
    return hashlib.sha256(b"scenario" + text.encode()).hexdigest()

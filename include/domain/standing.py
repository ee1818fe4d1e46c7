"""Where a fold stands, as JSON values: so that later events can be added to a case without its history.

`resumed(kept(folding))` goes on exactly as `folding` would; equal sets of events keep equal values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from include.domain.calendar import SHANGHAI
from include.domain.case import Anomaly, Folding, OpenObstruction, Pause, Round, Step


def kept(folding: Folding) -> dict[str, Any]:
    """All that a folding holds, as JSON values; equal for equal sets of events."""
    return {
        "opened_on": _iso(folding.opened_on),
        "state": folding.state,
        "state_since": _iso(folding.state_since),
        "steps": [[step.state, _iso(step.day)] for step in folding.steps],
        "first_event_on": _iso(folding.first_event_on),
        "rounds": [
            [_iso(one.first_event_on), [[step.state, _iso(step.day)] for step in one.steps]] for one in folding.rounds
        ],
        "furthest_state": folding.furthest_state,
        "money": [f"{amount:.2f}" for amount in (folding.approved, folding.contracted, folding.drawn)],
        "contract_reported": folding.contract_reported,
        "draw_applied": folding.draw_applied,
        "obstructions": [[o.obstruction_id, _iso(o.opened_on), o.reason_code] for o in folding.obstructions.values()],
        "pauses": [[_iso(pause.obstructed_on), _iso(pause.cleared_on)] for pause in folding.pauses],
        "reason_code": folding.reason_code,
        "anomalies": [[anomaly.event_id, anomaly.reason] for anomaly in folding.anomalies],
        "reopened": folding.reopened,
        "last": folding.last and [folding.last[0], _moment(folding.last[1]), folding.last[2]],
        "last_event_at": folding.last_event_at and _moment(folding.last_event_at),
    }


def resumed(kept: Mapping[str, Any], *, transitions: Collection[tuple[str, str]], reopen_max: int) -> Folding:
    """The folding that `kept` was taken from, ready for later events."""
    folding = Folding(_date(kept["opened_on"]), transitions=transitions, reopen_max=reopen_max)
    folding.state, folding.state_since = kept["state"], _date(kept["state_since"])
    folding.steps = _steps(kept["steps"])
    folding.first_event_on = _date(kept["first_event_on"])
    folding.rounds = [Round(_date(first), tuple(_steps(steps))) for first, steps in kept["rounds"]]
    folding.furthest_state = kept["furthest_state"]
    folding.approved, folding.contracted, folding.drawn = map(Decimal, kept["money"])
    folding.contract_reported, folding.draw_applied = kept["contract_reported"], kept["draw_applied"]
    folding.obstructions = {
        name: OpenObstruction(name, date.fromisoformat(day), reason) for name, day, reason in kept["obstructions"]
    }
    folding.pauses = [Pause(date.fromisoformat(start), _date(end)) for start, end in kept["pauses"]]
    folding.reason_code, folding.reopened = kept["reason_code"], kept["reopened"]
    folding.anomalies = [Anomaly(event_id, reason) for event_id, reason in kept["anomalies"]]
    if kept["last"] is not None:
        sequence, occurred_at, event_id = kept["last"]
        folding.last = (sequence, datetime.fromisoformat(occurred_at), event_id)
        folding.last_event_at = datetime.fromisoformat(kept["last_event_at"])
    return folding


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _moment(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).isoformat()


def _steps(kept: Iterable[tuple[str, str]]) -> list[Step]:
    return [Step(state, date.fromisoformat(day)) for state, day in kept]

"""The policy at the moment when a case opened: later changes of policy do not affect an open case."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import time

from include.reference import CaseLimit, LimitOverride, Policy


@dataclass(frozen=True, slots=True)
class PolicySnapshot:
    """What the clocks of a case are counted by, and the other values of policy.csv."""

    limits: tuple[CaseLimit, ...]
    overrides: tuple[LimitOverride, ...]
    policy: Policy

    @classmethod
    def of(cls, limits: Iterable[CaseLimit], overrides: Iterable[LimitOverride], policy: Policy) -> PolicySnapshot:
        """The policy given, without the values of single departments."""
        return cls(tuple(limits), tuple(overrides), Policy(policy.values))

    @classmethod
    def read(cls, content: str) -> PolicySnapshot:
        """The inverse of `content`."""
        values = json.loads(content)
        return cls(
            tuple(CaseLimit(**one) for one in values["limits"]),
            tuple(LimitOverride(one["institution_code"], CaseLimit(**one["limit"])) for one in values["overrides"]),
            Policy(values["policy"]),
        )

    def content(self) -> str:
        """All of it as JSON, the same text for the same policy."""
        values = {
            "limits": [asdict(one) for one in self.limits],
            "overrides": [asdict(one) for one in self.overrides],
            "policy": dict(self.policy.values),
        }
        return json.dumps(values, ensure_ascii=False, sort_keys=True)

    def sha256(self) -> str:
        """Hash of the content; its key in the database."""
        return hashlib.sha256(self.content().encode()).hexdigest()

    @property
    def office_hours_end(self) -> time | None:
        """End of the office hours by which clocks are counted; None: office hours do not count, as before this key existed."""
        return self.policy.closing_time("office_hours_end") if "office_hours_end" in self.policy.values else None

    def limits_of(self, institution_code: str) -> tuple[CaseLimit, ...]:
        """The limits of an institution: its own where it has some."""
        own = {
            (one.limit.from_type, one.limit.to_type): one.limit
            for one in self.overrides
            if one.institution_code == institution_code
        }
        return tuple(own.get((limit.from_type, limit.to_type), limit) for limit in self.limits)

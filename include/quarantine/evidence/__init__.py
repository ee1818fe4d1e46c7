"""Evidence (依据) of a finding: the value filed, what it was compared with, the limit, and where both stand.

Computed when a page opens, from what is stored; masked like every other text of a page. One pure function per rule
(`by_record`, `by_register`, `by_history`), listed in `book`; `facts` reads what they need.
"""

from __future__ import annotations

from include.quarantine.evidence.book import evidence, evidence_of, has_evidence
from include.quarantine.evidence.facts import facts_of, facts_of_hold
from include.quarantine.evidence.shapes import Comparison, Evidence, Facts, Link, OtherNeed, Pair, Piece

__all__ = [
    "Comparison",
    "Evidence",
    "Facts",
    "Link",
    "OtherNeed",
    "Pair",
    "Piece",
    "evidence",
    "evidence_of",
    "facts_of",
    "facts_of_hold",
    "has_evidence",
]

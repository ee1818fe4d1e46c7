"""What if (试算): who would have been told when on a past quarter's cases under another policy. Reads; never writes or sends."""

from include.escalation.what_if.bounds import MOST_NEEDS, record_look, take_turn
from include.escalation.what_if.comparison import Counts, WhatIf, only_changed, quarters, what_if
from include.escalation.what_if.parameters import Group, Parameter, changed, differences, groups, in_force
from include.escalation.what_if.replay import OPERATOR, Told

__all__ = [
    "MOST_NEEDS",
    "OPERATOR",
    "Counts",
    "Group",
    "Parameter",
    "Told",
    "WhatIf",
    "changed",
    "differences",
    "groups",
    "in_force",
    "only_changed",
    "quarters",
    "record_look",
    "take_turn",
    "what_if",
]

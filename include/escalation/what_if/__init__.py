"""What if (试算): who would have been told when on a past quarter's cases under another policy. Reads; never writes or sends."""

from include.escalation.what_if.comparison import Counts, WhatIf, only_changed, quarters, what_if
from include.escalation.what_if.parameters import Group, Parameter, changed, differences, groups, in_force
from include.escalation.what_if.replay import OPERATOR, Told

__all__ = [
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
    "what_if",
]

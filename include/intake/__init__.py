"""Intake (征集): reads what the departments recommended whole, stores it as received, and accounts for every record.

One transaction for each department, guarded by the intake's run id: a task that is started twice, or killed half-way,
leaves either nothing or everything.
"""

from include.intake.closing import close
from include.intake.conservation import DepartmentAccount, accounts, agrees_with_manifest
from include.intake.needs import PullSummary, pull_department, pull_departments
from include.intake.reference import RegisterPull, pull_coordinators, pull_manifest, pull_register
from include.intake.review import DepartmentSet, ReviewRequest, open_reviews
from include.intake.stage import IntakeRequest, begin, department_sets, header
from include.intake.withdrawals import pull_withdrawals
from include.register.acceptance import HeldSnapshot, accept_snapshot, held_snapshots

__all__ = [
    "DepartmentAccount",
    "DepartmentSet",
    "HeldSnapshot",
    "IntakeRequest",
    "PullSummary",
    "RegisterPull",
    "ReviewRequest",
    "accept_snapshot",
    "accounts",
    "agrees_with_manifest",
    "begin",
    "close",
    "department_sets",
    "header",
    "held_snapshots",
    "open_reviews",
    "pull_coordinators",
    "pull_department",
    "pull_departments",
    "pull_manifest",
    "pull_register",
    "pull_withdrawals",
]

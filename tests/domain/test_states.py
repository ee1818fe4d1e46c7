"""The enums of states.py are what the database lets in: each check constraint on codes is one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

import pytest
from sqlalchemy import CheckConstraint

from include.domain import states
from include.domain.roles import Role
from include.store.tables import metadata

CODES = re.compile(r"(\w+) in \(((?:'\w+'(?:, *)?)+)\)")

ENUMS: dict[tuple[str, str], type[StrEnum] | set[str]] = {
    ("alert", "severity"): set(states.Severity) - {states.Severity.BLOCK},
    ("alert", "state"): states.AlertState,
    ("alert_event", "kind"): states.AlertEvent,
    ("channel_state", "breaker"): states.BreakerState,
    ("delivery", "action"): states.DeliveryAction,
    ("delivery", "channel"): states.Channel,
    ("delivery", "state"): states.DeliveryState,
    ("delivery_attempt", "kind"): states.AttemptKind,
    ("department_stop", "state"): states.StopState,
    ("dry_run_judgement", "verdict"): states.Verdict,
    ("escalation_step", "state"): states.StepState,
    ("escalation_step", "authority"): states.Authority,
    ("escalation_waiting", "authority"): states.Authority,
    ("finding", "severity"): states.Severity,
    ("intake", "kind"): states.IntakeKind,
    ("listing_cursor", "kind"): states.IntakeKind,
    ("judgement", "verdict"): states.Verdict,
    ("coordinator_act", "act"): states.CoordinatorAct,
    ("coordinator_act", "kind"): states.LinkKind,
    ("obstruction_event", "kind"): states.TicketEvent,
    ("obstruction_ticket", "authority"): states.Authority,
    ("obstruction_ticket", "level"): states.Level,
    ("obstruction_ticket", "state"): states.TicketState,
    ("quarantine", "origin"): states.HoldOrigin,
    ("quarantine", "state"): states.HoldState,
    ("quarantine_event", "kind"): states.HoldEvent,
    ("withdrawal_decision", "decision"): states.WithdrawalDecision,
    ("withdrawal_request", "reason_code"): {
        states.WithdrawalReason.DUPLICATE_PROJECT,
        states.WithdrawalReason.FALSE_INFORMATION,
    },
}


def checked() -> Iterator[tuple[tuple[str, str], set[str]]]:
    for table in metadata.tables.values():
        for constraint in table.constraints:
            if isinstance(constraint, CheckConstraint) and (found := CODES.fullmatch(str(constraint.sqltext))):
                yield (table.name, found[1]), set(re.findall(r"'(\w+)'", found[2]))


@pytest.mark.parametrize(
    ("column", "codes"), [pytest.param(*one, id=".".join(one[0])) for one in sorted(checked(), key=lambda one: one[0])]
)
def test_every_set_of_codes_that_a_table_lets_in_is_an_enum(column: tuple[str, str], codes: set[str]) -> None:
    assert codes == {str(member) for member in ENUMS[column]}


def test_every_enum_of_a_column_is_checked_by_the_database() -> None:
    assert ENUMS.keys() == dict(checked()).keys()


def test_the_roles_that_an_administrator_grants_are_roles() -> None:
    granted = next(
        str(one.sqltext)
        for one in metadata.tables["console_grant"].constraints
        if isinstance(one, CheckConstraint) and str(one.sqltext).startswith("roles")
    )
    assert set(re.findall(r"'(\w+)'", granted)) == {Role.APPROVER, Role.AUDITOR}

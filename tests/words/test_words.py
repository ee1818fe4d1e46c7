"""Every code has one name, and names of codes stand in one room."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from include.domain import states
from include.domain.audited import Action
from include.domain.roles import Role
from include.reconciliation.checks import CHECKS
from include.reference import enum_labels, playbooks, reason_codes
from include.words.acts import ACTS
from include.words.names import OFFICES, OWNERS
from include.words.needs import APPROVAL_DEMANDED
from include.words.states import BATCH_SEVERITIES, WHAT_TO_DO, word, words

CHINESE = re.compile("[\u4e00-\u9fff]")
ELSEWHERE = {
    (
        "include/escalation/what_if/parameters.py",
        "_GROUPS",
    ): "the form that tries figures of the policy: its own labels",
    ("include/housekeeping/erasure.py", "_WHY"): "sentences of one command",
    ("include/reference/form.py", "GROUPS"): "labels of the form, which reference/ holds",
    ("plugins/green_finance/console/app.py", "_REFUSALS"): "sentences for HTTP statuses",
}
"""Mappings with Chinese values outside of words/, and why they may stand there."""
IN_OTHER_WAYS = {
    states.BreachKind: "a breach is named by its rule, its limit or its cause (words/stalls.py)",
    states.Difference: "the explanation of its check",
}

ENUMS = [
    found for found in vars(states).values() if isinstance(found, type) and issubclass(found, StrEnum) and len(found)
]


@pytest.mark.parametrize(
    "kind", [*(one for one in ENUMS if one not in IN_OTHER_WAYS), Role], ids=lambda one: one.__name__
)
def test_every_member_of_every_enum_has_a_word(kind: type[StrEnum]) -> None:
    assert {member: bool(CHINESE.search(word(kind, member))) for member in kind} == dict.fromkeys(kind, True)


def test_every_difference_is_explained_by_its_check() -> None:
    assert [check.kind for check in CHECKS] == list(states.Difference)
    assert all(CHINESE.search(check.explanation) for check in CHECKS)


def test_every_audited_act_has_a_word() -> None:
    assert set(ACTS) == set(Action)


def test_every_class_of_error_says_what_to_do_and_every_severity_what_it_means_for_a_listing() -> None:
    assert set(WHAT_TO_DO) == set(states.ErrorClass)
    assert set(BATCH_SEVERITIES) == set(states.Severity)


def test_every_code_of_the_reference_data_that_is_no_state_has_a_word() -> None:
    assert {reason.owner for reason in reason_codes().values()} <= set(OWNERS)
    assert {one.addressee for one in playbooks().values()} - {"enterprise", "bank"} <= set(OFFICES)
    assert set(APPROVAL_DEMANDED) == {"none", "one", "two"}


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (states.PlatformStatus, "status"),
        (states.ProgressStage, "progress.stage"),
        (states.FeedbackType, "feedback.type"),
        (states.WithdrawalReason, "withdrawal.reason_code"),
        (states.TicketAct, "obstruction.status"),
        (states.Authority, "coordinator.authority"),
        (states.Level, "coordinator.level"),
    ],
)
def test_an_enum_of_a_contract_has_the_codes_of_the_contract(kind: type[StrEnum], field: str) -> None:
    assert [str(member) for member in kind] == list(enum_labels(field))


def test_a_code_that_is_none_of_ours_is_shown_as_it_is() -> None:
    assert word(states.Outcome, "teapot") == "teapot"
    assert "teapot" not in words(states.Outcome)


def _mappings(path: Path) -> Iterator[str]:
    """The names of module-level values that hold a mapping with two or more Chinese values."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            for found in ast.walk(node.value):
                if isinstance(found, ast.Dict) and sum(map(_is_chinese, found.values)) >= 2:
                    yield ast.unparse(target)
                    break


def _is_chinese(value: ast.expr) -> bool:
    return any(
        isinstance(part, ast.Constant) and isinstance(part.value, str) and CHINESE.search(part.value) is not None
        for part in ast.walk(value)
    )


def test_words_for_codes_stand_in_their_own_room_alone(repository: Path) -> None:
    found = {
        (str(path.relative_to(repository)), name)
        for folder in ("include", "plugins", "dags")
        for path in (repository / folder).rglob("*.py")
        if not {"words", "sandbox", "local", "migrations"} & set(path.relative_to(repository).parts)
        for name in _mappings(path)
    }
    assert found == set(ELSEWHERE)

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from include.domain.case import Case, FeedbackEvent, fold
from include.domain.progress import Progress, progress
from include.reference import case_transitions

START = datetime.fromisoformat("2026-10-08T09:00+08:00")
NEED = Decimal(1000)


def case(*reports: str) -> Case:
    """A case that an institution brought there by reports such as "drawn 100"."""
    events = []
    for number, report in enumerate(reports, start=1):
        type_, _, amount = report.partition(" ")
        events.append(
            FeedbackEvent(
                event_id=f"e{number}",
                need_id="FN000000000001",
                revision=1,
                institution_code="ICBC",
                type=type_,
                occurred_at=START + timedelta(days=number),
                sequence=number,
                amount=Decimal(amount) if amount else None,
            )
        )
    return fold(START, events, transitions=case_transitions(), reopen_max=1)


@dataclass(frozen=True)
class Sums:
    """What cases add up to, as the store sums them."""

    states: frozenset[str]
    answered: int
    approved: Decimal
    drawn: Decimal


def told(cases: list[Case], need: Decimal | None = NEED, withdrawn: bool = False) -> Progress:
    sums = Sums(
        frozenset(one.state for one in cases),
        sum(one.answered for one in cases),
        sum((one.approved for one in cases), Decimal(0)),
        sum((one.drawn for one in cases), Decimal(0)),
    )
    return progress(sums, need, withdrawn)


FINANCED = ("credit_approved 600", "contracted 600")


@pytest.mark.parametrize(
    ("cases", "stage"),
    [
        ([], "pushed"),
        ([case()], "pushed"),
        ([case("received"), case()], "distributed"),
        ([case("received"), case("visited")], "contacted"),
        ([case("contacted"), case("declined")], "contacted"),
        ([case("accepted"), case("received")], "accepted"),
        ([case("accepted"), case("credit_approved 500")], "approved"),
        ([case(*FINANCED), case("credit_approved 500")], "contracted"),
        ([case(*FINANCED, "drawn"), case()], "contracted"),
        ([case(*FINANCED, "drawn 600"), case(*FINANCED, "drawn 399.99")], "funded_partly"),
        ([case(*FINANCED, "drawn 600"), case(*FINANCED, "drawn 400")], "funded"),
        ([case(*FINANCED, "drawn 600", "closed"), case("declined")], "funded_partly"),
        ([case("declined"), case("closed")], "unmet"),
        ([case("declined"), case()], "pushed"),
    ],
)
def test_the_stage_is_that_of_the_best_case(cases: list[Case], stage: str) -> None:
    assert told(cases).stage == stage


def test_a_withdrawn_need_is_withdrawn_whatever_the_banks_do() -> None:
    assert told([case(*FINANCED, "drawn 600")], withdrawn=True).stage == "withdrawn"


def test_amounts_add_up_over_the_institutions_that_answered() -> None:
    cases = [case(*FINANCED, "drawn 100.10"), case("credit_approved 0.20"), case(), case("declined")]
    assert told(cases) == Progress("funded_partly", 3, Decimal("600.20"), Decimal("100.10"))


def test_without_a_usable_amount_a_need_is_never_funded_in_full() -> None:
    assert told([case(*FINANCED, "drawn 600")], None).stage == "funded_partly"

from __future__ import annotations

from typing import Any

import pytest

from include.domain.known_parts import known_part
from tests.support.clean_need import clean_need

PERSON = {"name": "林晓", "mobile": "13800000000"}


def test_all_of_a_sound_need_is_known_but_the_contact() -> None:
    need = clean_need()
    known = known_part(need)
    del need["enterprise"]["contact"]
    assert known == need


@pytest.mark.parametrize(
    ("filed", "known"),
    [
        ({"contact": PERSON}, {}),
        ({"enterprise": {"name": "厂", "contacts": [PERSON], "contact": PERSON}}, {"enterprise": {"name": "厂"}}),
        ({"enterprise": [PERSON]}, {}),
        ({"enterprise": "林晓"}, {}),
        ({"enterprise": None}, {"enterprise": None}),
        ({"is_major": PERSON}, {}),
        ({"is_major": [PERSON]}, {}),
        ({"is_major": ["否", 1]}, {"is_major": ["否", 1]}),
        (
            {"finance": {"methods": [{"method": "loan", "by": PERSON}, PERSON, "林晓", None]}},
            {"finance": {"methods": [{"method": "loan"}, {}, None, None]}},
        ),
        (
            {"finance": {"methods": PERSON, "collateral": ["credit", PERSON]}},
            {"finance": {"collateral": ["credit", None]}},
        ),
        ({"project": {"permits": {"filing": "done", "person": PERSON}}}, {"project": {"permits": {"filing": "done"}}}),
    ],
)
def test_what_the_form_does_not_know_is_left_out_and_its_neighbours_keep_their_places(
    filed: dict[str, Any], known: dict[str, Any]
) -> None:
    assert known_part(filed) == known

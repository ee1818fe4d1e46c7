from __future__ import annotations

from collections import Counter

from include.reference import rows
from include.reference.classifications import catalogue, catalogue_marks, industry_classes


def test_the_catalogue_is_whole_and_each_code_lies_under_its_group() -> None:
    levels = Counter(row["level"] for row in rows("catalogue_2025"))
    assert levels == {"1": 9, "2": 38, "3": 271}
    assert all(code.rpartition(".")[0] in catalogue() for code in catalogue() if "." in code)


def test_each_entry_of_level_3_has_its_mark() -> None:
    assert catalogue_marks().keys() == {row["code"] for row in rows("catalogue_2025") if row["level"] == "3"}
    assert set(catalogue_marks().values()) == {"direct", "enabling", "none", "mixed"}


def test_manufacturing_is_whole() -> None:
    divisions = {row["code"] for row in rows("industries") if row["level"] == "division"}
    assert len(divisions) == 97 and len(industry_classes()) == 1381
    assert {code[:2] for code in industry_classes()} == divisions

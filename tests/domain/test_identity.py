"""What a record is known by, and which values of it can be used."""

from __future__ import annotations

from decimal import Decimal

import pytest

from include.base.privacy import PersonalDataCipher
from include.domain.identity import LARGEST_REVISION, identity_of, usable_need_id, usable_quarter, usable_revision

CIPHER = PersonalDataCipher(["key of identities"])


@pytest.mark.parametrize("given", ["fn202609000001", "FN2026", "FN202609000001\n", "FN20260900000１", 1, None, ["FN1"]])
def test_a_need_id_of_another_form_addresses_nothing(given: object) -> None:
    assert usable_need_id(given) is None


@pytest.mark.parametrize("given", [0, -1, LARGEST_REVISION + 1, "1", 1.5, True, None, Decimal("1E+999")])
def test_a_revision_that_no_column_holds_is_not_usable(given: object) -> None:
    assert usable_revision(given) is None


@pytest.mark.parametrize("given", ["2026Q5", "1999Q1", "2026q3", "2026Q3\n", "２026Q3", 20263, None])
def test_a_quarter_of_another_form_is_not_usable(given: object) -> None:
    assert usable_quarter(given) is None


def test_a_record_is_known_by_what_is_usable_in_it() -> None:
    known = identity_of({"need_id": "FN202609000001", "revision": Decimal("2.0"), "a": 1}, CIPHER)
    assert (known.need_id, known.revision, known.addresses_a_need) == ("FN202609000001", 2, True)
    assert not identity_of({"need_id": "FN202609000001", "revision": 0}, CIPHER).addresses_a_need


def test_the_hash_of_an_item_leaves_out_when_it_was_updated_and_needs_the_key() -> None:
    first, later = {"a": 1, "updated_at": "x"}, {"updated_at": "y", "a": 1}
    assert identity_of(first, CIPHER).item_hash == identity_of(later, CIPHER).item_hash
    assert identity_of(first, CIPHER).item_hash != identity_of({"a": 2}, CIPHER).item_hash
    assert (
        identity_of(first, CIPHER).item_hash != identity_of(first, PersonalDataCipher(["another secret key"])).item_hash
    )

from __future__ import annotations

import copy
import json
import re
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from include.domain.amendment import NOISE, FieldChange, difference
from include.reference import rows
from include.reference.form import OTHER
from tests.support.clean_need import MISSING, clean_need

CANARY = "绝密13912345678"
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.decimals(-9, 9, places=1), st.text("甲乙丙A1 ", max_size=4)
)
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "amount", "x"]), inner),
    max_leaves=4,
)


def _tree() -> dict[str, Any]:
    """The form as nested dictionaries; a list is {"[]": element}, a field None."""
    tree: dict[str, Any] = {}
    for row in rows("form_fields"):
        *parents, last = re.findall(r"[^.\[]+|\[", row["path"].replace("[]", "["))
        node = tree
        for step in parents:
            node = node.setdefault(step, {})
        node[last] = None
    return tree


def _items(tree: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Items as the form has them: anything may be absent or null, lists hold up to three elements."""
    if list(tree) == ["["]:
        element = _SCALARS if tree["["] is None else _items(tree["["])
        return st.lists(element, max_size=3) | st.none()
    children = {name: _SCALARS if below is None else _items(below) for name, below in tree.items()}
    return st.fixed_dictionaries({}, optional=children) | st.none()


_ITEMS = _items(_tree()).filter(lambda item: item is not None)


def apply(before: dict[str, Any], changes: list[FieldChange]) -> dict[str, Any]:
    """The later item, as far as its changes say: what appears goes in from the outside, what goes from the inside."""
    item = copy.deepcopy(before)
    for change in changes:
        if change.after is not None:
            _put(item, change.field, json.loads(change.after, parse_float=Decimal))
    for change in reversed(changes):
        if change.after is None and not change.personal:
            _put(item, change.field, MISSING)
    return item


def _put(item: Any, field: str, value: Any) -> None:
    *parents, last = [int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", field)]
    for step in parents:
        item = item[step] if isinstance(item, list) or step in (item or {}) else None
        if item is None:  # went with what held it
            return
    if value is MISSING:
        if isinstance(item, list):
            del item[last:]
        elif isinstance(item, dict):
            item.pop(last, None)
    elif isinstance(item, list) and last == len(item):
        item.append(value)
    else:
        item[last] = value


def _amendable(item: dict[str, Any]) -> dict[str, Any]:
    """The item without what no difference shows."""
    seen = copy.deepcopy(item)
    for path in NOISE:
        _put(seen, path, MISSING)
    for name in ("name", "mobile", "email"):
        _put(seen, f"enterprise.contact.{name}", MISSING)
    return seen


@given(_ITEMS, _ITEMS)
@settings(max_examples=200, deadline=None)
def test_the_changes_applied_to_the_old_give_the_new(before: dict[str, Any], after: dict[str, Any]) -> None:
    changes = difference(before, after)
    assert _amendable(apply(before, changes)) == _amendable(after)
    assert len({change.field for change in changes}) == len(changes)


@given(_ANYTHING, _ANYTHING, st.sampled_from(["enterprise", "enterprise.contact", "project.name", "finance.methods"]))
@settings(max_examples=200, deadline=None)
def test_any_value_anywhere_can_be_compared(before: Any, after: Any, path: str) -> None:
    changes = difference(clean_need({path: before}), clean_need({path: after}))
    back = difference(clean_need({path: after}), clean_need({path: before}))
    assert [(one.field, one.after, one.before) for one in back] == [(c.field, c.before, c.after) for c in changes]
    assert difference(clean_need({path: after}), clean_need({path: after})) == []


def test_each_field_that_changed_is_named_with_its_place_in_the_list() -> None:
    after = clean_need(
        {
            "finance.methods[1].amount": "700",
            "finance.collateral": ["mortgage"],
            "finance.expected_rate_max": Decimal("4.0"),
            "project.basis_document": "《工业能效提升行动计划》第3条",
            "benefit.baseline_energy_tce": MISSING,
        }
    )
    assert difference(clean_need(), after) == [
        FieldChange("benefit.baseline_energy_tce", '"20000"', None, personal=False),
        FieldChange("finance.collateral[1]", '"credit"', None, personal=False),
        FieldChange("finance.methods[1].amount", '"500.00"', '"700"', personal=False),
        FieldChange("project.basis_document", "null", '"《工业能效提升行动计划》第3条"', personal=False),
    ]


def test_true_is_not_one() -> None:
    changes = difference(clean_need(is_major=True), clean_need(is_major=1))
    assert [(change.before, change.after) for change in changes] == [("true", "1")]


def test_handing_in_again_unchanged_is_no_amendment() -> None:
    again = clean_need(
        {
            "revision": 2,
            "status": "submitted",
            "submitted_at": "2026-10-08T09:00:00+08:00",
            "updated_at": "2026-10-08T09:00:00+08:00",
            "review.recommended_at": "2026-10-09T09:00:00+08:00",
        }
    )
    assert difference(clean_need(), again) == []


def test_of_a_contact_it_is_said_that_it_changed_and_never_how() -> None:
    for path in ("enterprise.contact.name", "enterprise.contact.mobile", "enterprise.contact.email"):
        for before, after in ((CANARY, "x"), ("x", CANARY), (MISSING, CANARY), (CANARY, MISSING)):
            changes = difference(clean_need({path: before}), clean_need({path: after}))
            assert changes == [FieldChange(path, None, None, personal=True)]


def test_what_the_form_does_not_know_is_never_shown() -> None:
    """A filer may write a telephone number anywhere: as a key, below a text field, in place of an object."""
    for path, value, field in (
        (CANARY, 1, OTHER),
        ("note", CANARY, OTHER),
        (f"enterprise.{CANARY}", CANARY, "enterprise"),
        (f"enterprise.contact.{CANARY}", CANARY, "enterprise.contact"),
        ("enterprise.contact", CANARY, "enterprise.contact"),
        ("enterprise", CANARY, "enterprise"),
        ("enterprise", [{"contact": {"mobile": CANARY}}], "enterprise"),
        ("project.name", {CANARY: CANARY}, "project.name"),
        ("project.name", [CANARY], "project.name"),
        ("finance.methods", CANARY, "finance.methods"),
        ("finance.methods[0]", CANARY, "finance.methods[0]"),
        ("finance.collateral[0]", {"x": CANARY}, "finance.collateral[0]"),
        ("finance.methods[0].remark", CANARY, "finance.methods[0]"),
    ):
        for old, new in ((clean_need(), clean_need({path: value})), (clean_need({path: value}), clean_need())):
            changes = difference(old, new)
            assert CANARY not in repr(changes)
            assert field in {change.field for change in changes if change.personal}, path

"""The sandbox as an unsound partner: raw pieces among the rows of its listings, its own rows untouched."""

from __future__ import annotations

from include.sandbox.platforms.hostility import HostilePlan, among_the_rows


def test_pieces_stand_in_front_of_the_rows_and_leave_them_as_they_are() -> None:
    put = among_the_rows([b"\xff", b"NaN"])
    assert put(b'{"items": [{"a": 1.10}], "total": 1}') == b'{"items": [\xff, NaN, {"a": 1.10}], "total": 1}'
    assert put(b'{"items":[],"total":0}') == b'{"items":[\xff, NaN],"total":0}'


def test_a_plan_asks_for_path_and_query_and_is_used_up() -> None:
    plan = HostilePlan()
    plan.plant("/v1/feedback", among_the_rows([b"1"]), count=1)
    plan.plant("/v1/financing-needs", among_the_rows([b"2"]), {"department": "330000"})
    assert plan.take("/v1/feedback", b"limit=10") is not None
    assert plan.take("/v1/feedback", b"limit=10") is None
    assert plan.take("/v1/financing-needs", b"department=330000&status=recommended") is not None
    assert plan.take("/v1/financing-needs", b"department=110000") is None

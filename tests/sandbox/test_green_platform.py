"""The green platform keeps its contract."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from include.sandbox.platforms.contract import load_contract
from include.sandbox.scenario.stage import Scenario
from include.sandbox.server import Sandbox
from tests.support.sandbox_clients import NOW, GreenClient

LISTING = "quarter=2026Q3&status=recommended"


def _ids(pages: list[dict[str, Any]]) -> list[Any]:
    return [item["need_id"] if isinstance(item, dict) else None for page in pages for item in page["items"]]


def test_a_wrong_secret_and_a_wrong_token_are_refused(sandbox: Sandbox, green: GreenClient) -> None:
    wrong = {"grant_type": "client_credentials", "client_id": sandbox.green_client_id, "client_secret": "wrong"}
    assert green.call("POST", "/oauth/token", data=wrong).status_code == 401
    green.session.headers["Authorization"] = "Bearer made-up"
    assert green.call("GET", "/v1/coordinators").status_code == 401
    del green.session.headers["Authorization"]
    assert green.call("GET", f"/v1/financing-needs?{LISTING}").status_code == 401


def test_a_token_expires(scenario: Scenario, tmp_path: Path) -> None:
    with Sandbox(scenario, now=NOW, mail_dir=tmp_path, token_seconds=1) as sandbox:
        client = GreenClient(sandbox)
        deadline = time.monotonic() + 5
        while client.call("GET", "/v1/financing-needs?limit=1").status_code == 200:
            assert time.monotonic() < deadline, "a token of one second is taken after five"
        assert client.sign_in(sandbox).status_code == 200
        assert client.call("GET", "/v1/financing-needs?limit=1").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=ten",
        "quarter=2026-Q3",
        "department=33",
        "status=new",
        "major=yes",
        "updated_since=2026-09-01",
        "colour=green",
    ],
)
def test_a_query_outside_the_contract_is_a_problem_that_names_the_parameter(green: GreenClient, query: str) -> None:
    response = green.call("GET", f"/v1/financing-needs?{query}")
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [query.split("=")[0]]


@pytest.mark.parametrize("limit", [1, 7, 45, 91, 92, 93, 500])
def test_a_listing_is_complete_and_in_order_under_every_limit(
    green: GreenClient, scenario: Scenario, limit: int
) -> None:
    pages = list(green.pages("/v1/financing-needs", f"{LISTING}&limit={limit}"))
    recommended = [filed for filed in scenario.filed if filed.status == "recommended"]
    expected = sorted((filed.updated_at, filed.need_id) for filed in (*recommended, *scenario.seen_before))
    assert [need_id or None for _, need_id in expected] == _ids(pages)
    assert {page["total"] for page in pages} == {len(recommended)}
    assert all(len(page["items"]) <= limit for page in pages)


def test_a_need_that_changed_while_it_was_read_is_listed_with_both_contents_until_it_changes_again(
    green: GreenClient, scenario: Scenario
) -> None:
    before = scenario.seen_before[0]

    def listed() -> list[dict[str, Any]]:
        pages = green.pages("/v1/financing-needs", f"{LISTING}&department={before.department_code}")
        items = [item for page in pages for item in page["items"]]
        return [item for item in items if isinstance(item, dict) and item["need_id"] == before.need_id]

    newest = next(need for need in scenario.needs if need["need_id"] == before.need_id)
    assert listed() == [before.item, newest]
    assert green.call("GET", f"/v1/financing-needs/{before.need_id}").json() == newest
    returned = _return(before.need_id, revision=newest["revision"])
    assert green.tell("/v1/returns", "return:6:abc", returned).status_code == 201
    assert listed() == []


def test_a_need_waits_for_its_review_between_its_filing_and_its_recommendation(
    sandbox: Sandbox, green: GreenClient, scenario: Scenario, sound: list[Mapping[str, Any]]
) -> None:
    item = sound[0]
    filed = next(one for one in scenario.filed if one.need_id == item["need_id"])
    alone = f"/v1/financing-needs/{filed.need_id}"
    waiting = f"quarter=2026Q3&status=submitted&department={filed.department_code}"
    sandbox.set_clock(filed.submitted_at - timedelta(seconds=1))
    assert green.call("GET", alone).status_code == 404
    for moment in (filed.submitted_at, filed.updated_at - timedelta(seconds=1)):
        sandbox.set_clock(moment)
        assert filed.need_id in _ids(list(green.pages("/v1/financing-needs", waiting)))
        found = green.call("GET", alone).json()
        assert (found["status"], found["revision"]) == ("submitted", item["revision"])
        assert set(found["review"].values()) == {None} and found["finance"] == item["finance"]
    sandbox.set_clock(filed.updated_at)
    assert filed.need_id not in _ids(list(green.pages("/v1/financing-needs", waiting)))
    assert green.call("GET", alone).json() == item


def test_each_filter_gives_exactly_its_share(green: GreenClient, scenario: Scenario) -> None:
    department = max(
        {f.department_code for f in scenario.filed}, key=lambda c: sum(f.department_code == c for f in scenario.filed)
    )
    since = scenario.filed[30].updated_at
    filters = {
        f"department={department}": lambda f: f.department_code == department,
        "major=true": lambda f: f.is_major,
        "major=false": lambda f: not f.is_major,
        "status=withdrawn": lambda f: f.status == "withdrawn",
        f"updated_since={since.isoformat().replace('+', '%2B')}": lambda f: f.updated_at >= since,
        "quarter=2026Q2": lambda f: False,
    }
    for query, belongs in filters.items():
        found = _ids(list(green.pages("/v1/financing-needs", query)))
        filed = (*scenario.filed, *scenario.seen_before)
        assert sorted(map(str, found)) == sorted(f.need_id or "None" for f in filed if belongs(f)), query


def test_a_sound_need_is_as_the_contract_says_alone_and_in_the_listing(
    green: GreenClient, sound: list[Mapping[str, Any]]
) -> None:
    operation = load_contract("green-platform").operation("GET", "/v1/financing-needs")
    page = green.call("GET", f"/v1/financing-needs?{LISTING}&limit=500").json()
    wanted = {need["need_id"] for need in sound}
    items = [item for item in page["items"] if isinstance(item, dict) and item["need_id"] in wanted]
    assert len(items) == len(wanted) > 50
    assert operation.complaints(200, "application/json", page | {"items": items}) == []
    green.checks_items = True
    assert green.call("GET", f"/v1/financing-needs/{sound[0]['need_id']}").json() == sound[0]
    assert green.call("GET", "/v1/financing-needs/FN209901999999").status_code == 404


def test_a_cursor_is_bound_to_its_filter_and_to_this_platform(green: GreenClient) -> None:
    cursor = green.call("GET", f"/v1/financing-needs?{LISTING}&limit=5").json()["next_cursor"]
    assert green.call("GET", f"/v1/financing-needs?quarter=2026Q3&cursor={cursor}").status_code == 400
    assert green.call("GET", f"/v1/financing-needs?{LISTING}&cursor=made-up").status_code == 400


def test_the_manifest_agrees_with_the_listing(green: GreenClient, scenario: Scenario) -> None:
    manifest = green.call("GET", "/v1/quarters/2026Q3/manifest").json()
    assert len(manifest["departments"]) == 36
    assert sum(row["zero_return"] for row in manifest["departments"]) == 5
    for row in manifest["departments"]:
        items = [
            i
            for p in green.pages("/v1/financing-needs", f"{LISTING}&department={row['department_code']}")
            for i in p["items"]
        ]
        newest = {str(item["need_id"]): item for item in items if isinstance(item, dict)}
        readable = list(newest.values())
        assert row["recommended"] == len(readable)
        assert (row["recommended"] == 0) == row["zero_return"]
        amounts = [item.get("finance", {}).get("financing_need") for item in readable]
        usable = [
            Decimal(a)
            for a in amounts
            if isinstance(a, str) and a.replace(".", "").isascii() and a.replace(".", "").isdigit()
        ]
        assert Decimal(row["financing_need"]) == sum(usable)
    assert green.call("GET", "/v1/quarters/2025Q1/manifest").json()["departments"] == []


def test_before_the_cut_off_only_what_has_been_filed_is_there(sandbox: Sandbox, green: GreenClient) -> None:
    everything = green.call("GET", f"/v1/financing-needs?{LISTING}").json()["total"]
    sandbox.set_clock(datetime.fromisoformat("2026-09-22T09:00:00+08:00"))
    early = green.call("GET", f"/v1/financing-needs?{LISTING}").json()["total"]
    reported = green.call("GET", "/v1/quarters/2026Q3/manifest").json()["departments"]
    assert 0 < early < everything
    assert 0 <= len(reported) < 36


def test_the_register_pages_completely_and_stands_as_on_the_day_asked_for(
    green: GreenClient, scenario: Scenario
) -> None:
    green.checks_items = True
    now = [row for page in green.pages("/v1/green-factories", "limit=333") for row in page["items"]]
    assert now == list(scenario.factories)
    removed = [row for row in now if row["removed_on"]]
    assert removed
    before = (datetime.fromisoformat(removed[0]["removed_on"]) - timedelta(days=1)).date()
    then = [row for page in green.pages("/v1/green-factories", f"as_of={before}") for row in page["items"]]
    assert {row["uscc"] for row in then} == {row["uscc"] for row in now if row["listed_on"] <= str(before)}
    assert next(row for row in then if row["uscc"] == removed[0]["uscc"])["removed_on"] is None


def test_coordinators_cover_the_nation_and_every_province(green: GreenClient) -> None:
    green.checks_items = True
    items = green.call("GET", "/v1/coordinators").json()["items"]
    on_duty = {(c["authority"], c["level"], c["region_code"]) for c in items if c["on_duty"]}
    assert {("MIIT", "nation", "000000"), ("PBOC", "nation", "000000")} <= on_duty
    assert len({place for place in on_duty if place[:2] == ("MIIT", "province")}) == 37
    assert len({place for place in on_duty if place[:2] == ("PBOC", "province")}) == 36
    assert any(not c["on_duty"] for c in items)


def _return(returned: str, **changed: Any) -> dict[str, Any]:
    reason = {"rule_id": "DQ02", "field": "enterprise.uscc", "message": "有误", "how_to_fix": "请更正"}
    return {
        "need_id": returned,
        "revision": 1,
        "ruleset_version": "2026.1",
        "reasons": [reason],
        "respond_by": "2026-10-20",
    } | changed


def test_a_return_counts_once_and_changes_the_status(
    sandbox: Sandbox, green: GreenClient, sound: list[Mapping[str, Any]]
) -> None:
    need_id = str(sound[0]["need_id"])
    first = green.tell("/v1/returns", "return:1:abc", _return(need_id))
    again = green.tell("/v1/returns", "return:1:abc", _return(need_id))
    other = green.tell("/v1/returns", "return:1:abc", _return(need_id, respond_by="2026-10-21"))
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert first.json() == again.json()
    assert len(sandbox.returns()) == 1
    assert green.call("GET", f"/v1/financing-needs/{need_id}").json()["status"] == "returned"
    assert need_id not in _ids(list(green.pages("/v1/financing-needs", LISTING)))


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"reasons": []}, "reasons"),
        ({"respond_by": "soon"}, "respond_by"),
        ({"revision": 0}, "revision"),
        ({"need_id": 1}, "need_id"),
    ],
)
def test_a_return_that_breaks_the_schema_is_refused_with_its_field(
    green: GreenClient, sound: list[Mapping[str, Any]], changed: dict[str, Any], field: str
) -> None:
    response = green.tell("/v1/returns", "return:2:abc", _return(str(sound[0]["need_id"]), **changed))
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == field


def test_keys_and_bodies_that_are_missing_or_unreadable_are_refused(
    sandbox: Sandbox, green: GreenClient, sound: list[Mapping[str, Any]]
) -> None:
    body = _return(str(sound[0]["need_id"]))
    assert green.call("POST", "/v1/returns", json=body).status_code == 400
    assert green.tell("/v1/returns", "short", body).status_code == 400
    headers = {"Idempotency-Key": "return:3:abc"}
    assert (
        green.call("POST", "/v1/returns", data="{", headers=headers | {"Content-Type": "application/json"}).status_code
        == 400
    )
    assert green.call("POST", "/v1/returns", data="a=1", headers=headers).status_code == 415
    assert green.tell("/v1/returns", "return:4:abc", _return("FN209901999999")).status_code == 404
    assert sandbox.returns() == []


def test_progress_is_recorded_once(sandbox: Sandbox, green: GreenClient, sound: list[Mapping[str, Any]]) -> None:
    body = {
        "need_id": sound[0]["need_id"],
        "revision": 1,
        "stage": "contacted",
        "as_of": "2026-10-12T09:00:00+08:00",
        "institutions": 2,
        "approved_amount": "0.00",
        "drawn_amount": "0.00",
    }
    assert [green.tell("/v1/progress", "progress:1", body).status_code for _ in range(3)] == [201, 200, 200]
    assert green.tell("/v1/progress", "progress:1", body | {"institutions": 3}).status_code == 409
    assert green.tell("/v1/progress", "progress:2", body | {"approved_amount": "1,0"}).status_code == 422
    assert len(sandbox.progress()) == 1


def test_returned_needs_come_back_corrected_at_a_higher_revision(scenario: Scenario, tmp_path: Path) -> None:
    with Sandbox(scenario, now=NOW, mail_dir=tmp_path, resubmit_share=1.0) as sandbox:
        green = GreenClient(sandbox)
        need_id = next(iter(scenario.corrected))
        assert green.tell("/v1/returns", "return:5:abc", _return(need_id)).status_code == 201
        sandbox.set_clock(NOW + timedelta(days=40))
        back = green.call("GET", f"/v1/financing-needs/{need_id}").json()
        assert (back["revision"], back["status"]) == (2, "recommended")
        assert back["finance"] == scenario.corrected[need_id]["finance"]
        assert need_id in _ids(list(green.pages("/v1/financing-needs", LISTING)))


def test_the_control_plane_answers_and_refuses_nonsense(sandbox: Sandbox) -> None:
    url = sandbox.green_url + "/_sandbox"
    assert requests.post(f"{url}/clock", json={"now": "2026-10-12T08:00:00+08:00"}, timeout=5).status_code == 200
    assert requests.get(f"{sandbox.market_url}/_sandbox/state", timeout=5).json()["now"].startswith("2026-10-12T08")
    for body in ({"now": "2026-10-12T08:00:00"}, {"now": "soon"}, {}):
        assert requests.post(f"{url}/clock", json=body, timeout=5).status_code == 422
    assert requests.post(f"{url}/faults", json={"path": "/v1", "kind": "meteor"}, timeout=5).status_code == 422
    assert requests.post(f"{url}/faults", data="[", timeout=5).status_code == 400

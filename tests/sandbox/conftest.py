"""A running sandbox with a small scenario."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from include.reference import departments
from include.sandbox.scenario.stage import Scenario, make_scenario
from include.sandbox.server import Sandbox
from tests.support.sandbox_clients import NOW, GreenClient, MarketClient


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    return make_scenario(seed=3, needs=90, factories=1200)


@pytest.fixture
def sandbox(scenario: Scenario, tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(scenario, now=NOW, mail_dir=tmp_path / "mail") as running:
        yield running


@pytest.fixture
def green(sandbox: Sandbox) -> GreenClient:
    return GreenClient(sandbox)


@pytest.fixture
def market(sandbox: Sandbox) -> MarketClient:
    return MarketClient(sandbox)


@pytest.fixture(scope="session")
def sound(scenario: Scenario) -> list[Mapping[str, Any]]:
    """The needs without any planted defect."""
    return [need for need in scenario.needs if scenario.severities[need["need_id"]] == "clean"]


@pytest.fixture(scope="session")
def item_of() -> Callable[..., dict[str, Any]]:
    """Builds the pushed form of a need; keywords replace envelope fields."""

    def build(need: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
        payload = {part: need[part] for part in ("enterprise", "project", "finance", "benefit")}
        contact = {key: need["enterprise"]["contact"][key] for key in ("name", "mobile")}
        payload["enterprise"] = {**need["enterprise"], "contact": contact}
        payload = changed.pop("payload", payload)
        return {
            "idempotency_key": f"push:{need['need_id']}:1",
            "need_id": need["need_id"],
            "revision": 1,
            "quarter": need["quarter"],
            "is_major": need["is_major"],
            "branch_code": departments()[need["department_code"]].branch_code,
            "intended_institutions": need["finance"]["intended_institutions"],
            "payload_sha256": hashlib.sha256(rfc8785.dumps(payload)).hexdigest(),
            "payload": payload,
        } | changed

    return build

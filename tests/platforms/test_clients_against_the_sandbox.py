"""Our clients and the sandbox platforms were written apart from the same contracts: here they meet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

import pytest

from include.base.business_time import SHANGHAI
from include.base.errors import CredentialsRefused
from include.base.settings import CreditMarket, GreenPlatform, SigningKey
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.sandbox.platforms.signature import LiveKey
from include.sandbox.scenario.stage import make_scenario
from include.sandbox.server import Credentials, Sandbox

NOW = datetime(2026, 10, 1, 0, 10, tzinfo=SHANGHAI)
NEEDS = "/v1/financing-needs"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    scenario = make_scenario(seed=5, quarter="2026Q3", needs=60, factories=300)
    credentials = Credentials(key=LiveKey("k1", "first-secret"), next_key=LiveKey("k2", "second-secret"))
    with Sandbox(scenario, now=NOW, mail_dir=tmp_path_factory.mktemp("mail"), credentials=credentials) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_faults_left(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.clear_faults()


def green(sandbox: Sandbox, secret: str | None = None) -> GreenPlatformClient:
    settings = GreenPlatform(
        base_url=sandbox.green_url,
        client_id=sandbox.green_client_id,
        client_secret=secret or sandbox.green_client_secret,
    )
    return GreenPlatformClient(settings, sleep=lambda _: None)


def market(sandbox: Sandbox, key: SigningKey, next_key: SigningKey | None = None) -> CreditMarketClient:
    settings = CreditMarket(
        base_url=sandbox.market_url,
        app_id=sandbox.market_app_id,
        key_id=key.key_id,
        secret=key.secret,
        algorithm=key.algorithm,
        next_key=next_key,
    )
    return CreditMarketClient(settings, sleep=lambda _: None)


FIRST = SigningKey(key_id="k1", secret="first-secret", algorithm="HMAC-SHA256")
SECOND = SigningKey(key_id="k2", secret="second-secret", algorithm="HMAC-SM3")
RETIRED = SigningKey(key_id="k0", secret="gone", algorithm="HMAC-SHA256")


def listed(sandbox: Sandbox, limit: int = 7) -> list[str]:
    with green(sandbox) as client:
        pages = list(client.need_listing(quarter="2026Q3", limit=limit))
    items = [json.loads(item.raw) for page in pages for item in page.items]
    return sorted(json.dumps(item, sort_keys=True) for item in items)


@pytest.mark.parametrize("key", [FIRST, SECOND], ids=lambda key: key.algorithm)
def test_both_algorithms_are_accepted_with_queries_and_bodies(sandbox: Sandbox, key: SigningKey) -> None:
    with market(sandbox, key) as client:
        assert len(client.institutions().institutions) == 26
        assert [page.items for page in client.ledger("2026Q3", limit=3)] == [[]]
        assert client.look_up("FN000000000001", 1) is None
        assert client.feedback(limit=5).items == []
        withdrawal = {
            "idempotency_key": "withdrawal:x",
            "need_id": "FN000000000001",
            "revision": 1,
            "reason_code": "withdrawn_by_enterprise",
        }
        assert client.withdraw(withdrawal).outcome == "rejected"


def test_a_retired_key_gives_way_to_the_next_one(sandbox: Sandbox) -> None:
    with market(sandbox, RETIRED, SECOND) as client:
        assert client.institutions().branches
    with market(sandbox, RETIRED) as client, pytest.raises(CredentialsRefused):
        client.institutions()


def test_a_wrong_secret_is_refused(sandbox: Sandbox) -> None:
    wrong = SigningKey(key_id="k1", secret="wrong", algorithm="HMAC-SHA256")
    with market(sandbox, wrong) as client, pytest.raises(CredentialsRefused):
        client.institutions()
    with green(sandbox, "wrong") as opened, pytest.raises(CredentialsRefused, match="绿色平台"):
        opened.coordinators()


@pytest.mark.parametrize(
    "kind", ["429", "500", "502", "503", "504", "reset", "cut_body", "revoke_token", "repeat_page", "expire_cursor"]
)
def test_a_listing_is_the_same_whatever_happens_on_the_way(sandbox: Sandbox, kind: str) -> None:
    untroubled = listed(sandbox)
    assert len(untroubled) > 30
    times = 1 if kind == "revoke_token" else 2
    sandbox.fault(NEEDS, kind, count=times, retry_after="1" if kind in ("429", "503") else None)
    assert listed(sandbox) == untroubled
    assert sandbox.pending_faults() == []


def test_a_page_states_the_total(sandbox: Sandbox) -> None:
    with green(sandbox) as client:
        pages = list(client.need_listing(quarter="2026Q3", limit=7))
    assert pages[0].total == sum(len(page.items) + len(page.set_aside) for page in pages)


def test_register_manifest_and_coordinators_are_read_whole(sandbox: Sandbox) -> None:
    sandbox.fault("/v1/green-factories", "repeat_page", count=1)
    with green(sandbox) as client:
        factories = [row for page in client.green_factories(NOW.date()) for row in page]
        manifest = client.manifest("2026Q3")
        assert {row.authority for row in client.coordinators().items} == {"MIIT", "PBOC"}
    assert len({row["uscc"] for row in factories}) >= 290
    assert sum(row.recommended for row in manifest.departments) > 30

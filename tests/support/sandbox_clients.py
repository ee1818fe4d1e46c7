"""Clients that hold every answer of the sandbox against the contracts; they sign by the contract's own words."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from include.sandbox.platforms.contract import Contract, load_contract
from include.sandbox.server import Sandbox

NOW = datetime.fromisoformat("2026-10-01T00:10:00+08:00")
_MOST_PAGES = 10_000


class CheckedClient:
    """A client whose every answer must be one that the contract knows."""

    def __init__(self, base: str, contract: Contract) -> None:
        self.base = base
        self.contract = contract
        self.session = requests.Session()
        self.checks_items = True

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        response = self.session.request(method, self.base + path, timeout=10, allow_redirects=False, **options)
        operation = self.contract.matching(method, urlsplit(path).path)
        content = response.json()
        if isinstance(content, dict) and "items" in content and not self.checks_items:
            content = content | {"items": []}
        complaints = operation.complaints(response.status_code, response.headers["Content-Type"], content)
        assert not complaints, (path, complaints[:3])
        return response


class GreenClient(CheckedClient):
    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox.green_url, load_contract("green-platform"))
        self.checks_items = False
        self.sign_in(sandbox)

    def sign_in(self, sandbox: Sandbox) -> requests.Response:
        response = self.call(
            "POST",
            "/oauth/token",
            data={
                "grant_type": "client_credentials",
                "client_id": sandbox.green_client_id,
                "client_secret": sandbox.green_client_secret,
            },
        )
        self.session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"
        return response

    def tell(self, path: str, key: str, body: Any) -> requests.Response:
        return self.call("POST", path, json=body, headers={"Idempotency-Key": key})

    def pages(self, path: str, query: str) -> Iterator[dict[str, Any]]:
        cursor = None
        for _ in range(_MOST_PAGES):
            page = self.call("GET", f"{path}?{query}" + (f"&cursor={cursor}" if cursor else "")).json()
            yield page
            cursor = page["next_cursor"]
            if cursor is None:
                return
        raise AssertionError(f"{path}: no end after {_MOST_PAGES} pages")


def mac(algorithm: str, secret: str, text: str) -> str:
    if algorithm == "HMAC-SHA256":
        return hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()
    made = HMAC(secret.encode(), hashes.SM3())
    made.update(text.encode())
    return made.finalize().hex()


class MarketClient(CheckedClient):
    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox.market_url, load_contract("credit-market"))
        self.app_id, self.key_id, self.secret = sandbox.market_app_id, sandbox.market_key_id, sandbox.market_secret
        self.algorithm = sandbox.market_algorithm

    def headers(self, method: str, path: str, body: bytes, **changed: str) -> dict[str, str]:
        timestamp = changed.get("X-Timestamp", str(int(time.time())))
        nonce = changed.get("X-Nonce", secrets.token_hex(16))
        algorithm = changed.get("X-Signature-Algorithm", self.algorithm)
        text = "\n".join((method, path, timestamp, nonce, hashlib.sha256(body).hexdigest()))
        headers = {
            "X-App-Id": self.app_id,
            "X-Key-Id": self.key_id,
            "X-Timestamp": timestamp,
            "X-Nonce": nonce,
            "X-Signature-Algorithm": algorithm,
            "X-Signature": mac(algorithm, self.secret, text),
        }
        return headers | changed

    def signed(self, method: str, path: str, body: Any = None, **changed: str) -> requests.Response:
        content = b"" if body is None else json.dumps(body).encode()
        headers = self.headers(method, path, content, **changed)
        if content:
            headers["Content-Type"] = "application/json"
        return self.call(method, path, data=content or None, headers=headers)

    def push(self, *items: Mapping[str, Any]) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = self.signed("POST", "/v1/need-batches", {"items": list(items)}).json()[
            "results"
        ]
        return results

    def feed(self, limit: int = 1000) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        after = ""
        for _ in range(_MOST_PAGES):
            page = self.signed("GET", f"/v1/feedback?limit={limit}{after}").json()
            events += page["items"]
            after = f"&after={page['next_cursor']}"
            if not page["has_more"]:
                return events
        raise AssertionError(f"the feed has no end after {_MOST_PAGES} pages")

"""The credit-market platform (信贷市场服务平台): its ledger of needs and how that changes. HTTP: `market_api`."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import rfc8785

from include.domain.identity import NEED_ID, QUARTER
from include.reference import branches, institutions
from include.sandbox.banks.feed import BankFeed
from include.sandbox.platforms.clock import SandboxClock
from include.sandbox.platforms.problem import Problem

_PAYLOAD_KEYS = {"enterprise", "project", "finance", "benefit"}
_CONTACT_KEYS = {"name", "mobile"}


@dataclass(slots=True)
class Entry:
    """What the platform holds of one revision; `effects` counts how often it took effect (once, if all is well)."""

    need_id: str
    revision: int
    quarter: str
    idempotency_key: str
    receipt_no: str
    payload_sha256: str
    received_at: datetime
    state: str
    order: int
    branch_code: str
    intended_institutions: tuple[str, ...]
    payload_keys: tuple[str, ...]
    effects: int = 1
    history: list[str] = field(default_factory=list)

    @property
    def position(self) -> tuple[datetime, str, int]:
        """The ledger's order."""
        return (self.received_at, self.need_id, self.revision)

    def content(self) -> dict[str, Any]:
        """As the contract's schema LedgerEntry."""
        return {
            "need_id": self.need_id,
            "revision": self.revision,
            "idempotency_key": self.idempotency_key,
            "receipt_no": self.receipt_no,
            "payload_sha256": self.payload_sha256,
            "received_at": self.received_at.isoformat(timespec="microseconds"),
            "state": self.state,
        }

    def dump(self) -> dict[str, Any]:
        """For a verdict from the receiver's side: effects, order, and the names of the payload's keys, never values."""
        return self.content() | {
            "quarter": self.quarter,
            "effects": self.effects,
            "order": self.order,
            "branch_code": self.branch_code,
            "intended_institutions": list(self.intended_institutions),
            "payload_keys": list(self.payload_keys),
            "history": list(self.history),
        }


@dataclass(frozen=True, slots=True)
class _Answered:
    """The first outcome under an idempotency key, kept for ever."""

    digest: str
    receipt_no: str


class CreditMarket:
    """The platform's state. One event loop owns it."""

    def __init__(self, clock: SandboxClock, feed: BankFeed) -> None:
        self._clock = clock
        self.feed = feed
        self._entries: dict[tuple[str, int], Entry] = {}
        self._newest: dict[str, int] = {}
        self._withdrawn: dict[str, int] = {}
        self._answered: dict[tuple[str, str], _Answered] = {}
        self._order = 0
        self._receipts = 0
        self.outcomes: dict[str, int] = {}
        self.updates: list[dict[str, Any]] = []

    # --- Needs -----------------------------------------------------------------------------------------------------

    def take_in(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Judge one pushed item; returns the contract's ItemResult."""
        result = self._judge(item)
        self.outcomes[result["outcome"]] = self.outcomes.get(result["outcome"], 0) + 1
        return result

    def _judge(self, item: Mapping[str, Any]) -> dict[str, Any]:
        key, need_id, revision = item["idempotency_key"], item["need_id"], item["revision"]
        known = self._answered.get(("push", key))
        if known is not None:
            outcome = "duplicate" if known.digest == item["payload_sha256"] else "conflict"
            return _result(key, outcome, known.receipt_no if outcome == "duplicate" else None)
        errors = _errors(item)
        if errors:
            return _result(key, "rejected", errors=errors)
        if revision < self._newest.get(need_id, 0) or revision <= self._withdrawn.get(need_id, 0):
            return _result(key, "stale")
        receipt_no = self._receipt("XS")
        self._answered["push", key] = _Answered(item["payload_sha256"], receipt_no)
        self._hold(item, receipt_no)
        return _result(key, "accepted", receipt_no)

    def _hold(self, item: Mapping[str, Any], receipt_no: str) -> None:
        need_id, revision = item["need_id"], item["revision"]
        self._order += 1
        now = self._clock.now
        known = self._entries.get((need_id, revision))
        if known is not None:
            known.effects += 1
            known.history.append(f"{now.isoformat()} accepted again")
            return
        older = self._entries.get((need_id, self._newest.get(need_id, 0)))
        if older is not None and older.state == "held":
            older.state = "superseded"
        self._newest[need_id] = revision
        self._entries[need_id, revision] = Entry(
            need_id=need_id,
            revision=revision,
            quarter=item["quarter"],
            idempotency_key=item["idempotency_key"],
            receipt_no=receipt_no,
            payload_sha256=item["payload_sha256"],
            received_at=now,
            state="held",
            order=self._order,
            branch_code=item["branch_code"],
            intended_institutions=tuple(item["intended_institutions"]),
            payload_keys=tuple(sorted(_key_paths(item["payload"]))),
            history=[f"{now.isoformat()} accepted"],
        )
        self.feed.open_need(item, now)

    def withdraw(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Withdraw a need; the banks stop. Returns the contract's ItemResult."""
        key = body["idempotency_key"]
        known = self._repeated("withdrawal", key, body)
        if known is not None:
            return known
        newest = self._newest.get(body["need_id"], 0)
        if not newest:
            return _result(key, "rejected", errors=[{"field": "need_id", "message": "平台未收到过该需求。"}])
        if body["revision"] < newest:
            return _result(key, "stale")
        result = self._settled("withdrawal", key, body, "CH")
        self._withdrawn[body["need_id"]] = max(newest, body["revision"])
        entry = self._entries[body["need_id"], newest]
        entry.state = "withdrawn"
        entry.history.append(f"{self._clock.now.isoformat()} withdrawn: {body['reason_code']}")
        self.feed.stop_need(body["need_id"], self._clock.now)
        return result

    def look_up(self, need_id: str, revision: int) -> dict[str, Any]:
        """The ledger's entry of one revision; Problem 404 if it is not held."""
        entry = self._entries.get((need_id, revision))
        if entry is None:
            raise Problem(404, "平台没有这一版需求")
        return entry.content()

    def ledger_page(self, quarter: str, cursor: str | None, limit: int) -> tuple[Sequence[dict[str, Any]], str | None]:
        """A page of the ledger by keyset, ordered by (received_at, need_id, revision)."""
        entries = sorted((e for e in self._entries.values() if e.quarter == quarter), key=lambda e: e.position)
        start = 0
        if cursor is not None:
            try:
                moment, need_id, revision = json.loads(base64.urlsafe_b64decode(cursor.encode()))
                after = (datetime.fromisoformat(moment), str(need_id), int(revision))
            except (ValueError, TypeError):
                raise bad_cursor() from None
            start = bisect_right(entries, after, key=lambda e: e.position)
        chosen = entries[start : start + limit]
        if start + limit >= len(entries):
            return [e.content() for e in chosen], None
        moment, need_id, revision = chosen[-1].position
        position = json.dumps([moment.isoformat(), need_id, revision])
        return [e.content() for e in chosen], base64.urlsafe_b64encode(position.encode()).decode()

    # --- Obstructions ----------------------------------------------------------------------------------------------

    def update_obstruction(self, obstruction_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Pass on an act of the coordinators; Problem 404 for an unknown obstruction."""
        if not self.feed.knows_obstruction(obstruction_id):
            raise Problem(404, "没有这条融资梗阻")
        key = body["idempotency_key"]
        content = {"obstruction_id": obstruction_id, **body}
        known = self._repeated("obstruction", key, content)
        if known is not None:
            return known
        result = self._settled("obstruction", key, content, "GZ")
        self.updates.append(content | {"received_at": self._clock.now.isoformat()})
        if body["status"] == "resolved":
            self.feed.note_resolved(obstruction_id, self._clock.now)
        return result

    def _repeated(self, kind: str, key: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        known = self._answered.get((kind, key))
        if known is None:
            return None
        same = known.digest == _digest(body)
        return _result(key, "duplicate", known.receipt_no) if same else _result(key, "conflict")

    def _settled(self, kind: str, key: str, body: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        receipt_no = self._receipt(prefix)
        self._answered[kind, key] = _Answered(_digest(body), receipt_no)
        return _result(key, "accepted", receipt_no)

    def _receipt(self, prefix: str) -> str:
        self._receipts += 1
        return f"{prefix}{self._receipts:012d}"

    def dump(self) -> list[dict[str, Any]]:
        """The whole ledger in the order in which it was written."""
        return [entry.dump() for entry in sorted(self._entries.values(), key=lambda entry: entry.order)]

    def state(self) -> dict[str, Any]:
        """Counters for a test or a demo."""
        return {
            "ledger": len(self._entries),
            "doubled": sum(entry.effects > 1 for entry in self._entries.values()),
            "withdrawn": len(self._withdrawn),
            "outcomes": dict(self.outcomes),
            "feedback": self.feed.length(),
            "obstruction_updates": len(self.updates),
        }


def bad_cursor() -> Problem:
    """The refusal of a cursor that the platform did not issue."""
    return Problem(400, "游标无法识别", errors=[{"field": "cursor", "message": "不是本平台发出的游标。"}])


def deferred(item: Mapping[str, Any], seconds: int) -> dict[str, Any]:
    """The ItemResult of a deferred item (a fault)."""
    return _result(item["idempotency_key"], "deferred") | {"retry_after": seconds}


def refused(item: Mapping[str, Any]) -> dict[str, Any]:
    """The ItemResult of a rejected item (a fault): nothing of it is kept, so that it may be sent again under its key."""
    errors = [{"field": "branch_code", "message": "受理分行的接收权限尚未开通，请开通后重新推送。"}]
    return _result(item["idempotency_key"], "rejected", errors=errors)


def _errors(item: Mapping[str, Any]) -> list[dict[str, str]]:
    """What is wrong with a pushed item beyond its form, without any value."""
    payload = item["payload"]
    errors = []
    if not re.fullmatch(NEED_ID, item["need_id"]):
        errors.append(("need_id", "需求编号应为FN加12位数字。"))
    if not re.fullmatch(QUARTER, item["quarter"]):
        errors.append(("quarter", "季度格式应为2026Q3。"))
    if item["branch_code"] not in branches():
        errors.append(("branch_code", "分行代码不在名单内。"))
    if not set(item["intended_institutions"]) <= set(institutions()):
        errors.append(("intended_institutions", "金融机构代码不在名单内。"))
    errors += [(f"payload.{key}", "不接收该项内容。") for key in payload if key not in _PAYLOAD_KEYS]
    contact = payload["enterprise"].get("contact")
    if not isinstance(contact, dict) or set(contact) != _CONTACT_KEYS:
        errors.append(("payload.enterprise.contact", "联系人只接收姓名和手机号。"))
    if _canonical_sha256(payload) != item["payload_sha256"]:
        errors.append(("payload_sha256", "摘要与内容不符。"))
    return [{"field": name, "message": message} for name, message in errors]


def _canonical_sha256(payload: Any) -> str | None:
    try:
        return hashlib.sha256(rfc8785.dumps(payload)).hexdigest()
    except rfc8785.CanonicalizationError:
        return None


def _key_paths(node: Any, prefix: str = "") -> set[str]:
    if isinstance(node, dict):
        return {path for key, value in node.items() for path in _key_paths(value, f"{prefix}.{key}" if prefix else key)}
    if isinstance(node, list):
        return {path for element in node for path in _key_paths(element, f"{prefix}[]")} or {f"{prefix}[]"}
    return {prefix}


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _result(
    key: str, outcome: str, receipt_no: str | None = None, *, errors: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    result: dict[str, Any] = {"idempotency_key": key, "outcome": outcome, "receipt_no": receipt_no}
    if errors:
        result["errors"] = [dict(error) for error in errors]
    return result

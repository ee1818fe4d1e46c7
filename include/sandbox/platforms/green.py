"""The green platform (工业节能与绿色发展管理平台): its state and how that changes. Its HTTP side is `green_api`."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from include.sandbox.people.resubmission import Resubmissions
from include.sandbox.platforms.clock import SandboxClock
from include.sandbox.platforms.filing import DepartmentReport, FiledNeed
from include.sandbox.platforms.problem import Problem
from include.sandbox.scenario.stage import Scenario

_AMOUNT = re.compile(r"[0-9]{1,10}([.][0-9]{1,2})?")
TOKEN_SECONDS = 1800
CURSOR_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Filter:
    """The filter of a listing; None: all."""

    quarter: str | None
    department: str | None
    status: str | None
    major: bool | None
    updated_since: datetime | None

    def matches(self, need: FiledNeed) -> bool:
        """Whether `need` matches."""
        return (
            (self.quarter is None or need.quarter == self.quarter)
            and (self.department is None or need.department_code == self.department)
            and (self.status is None or need.status == self.status)
            and (self.major is None or need.is_major == self.major)
            and (self.updated_since is None or need.updated_at >= self.updated_since)
        )

    @property
    def fingerprint(self) -> str:
        """Binds a cursor to the filter of its listing."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing, items as JSON bytes."""

    items: Sequence[bytes]
    next_cursor: str | None
    total: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a return or a progress report, kept for ever under its key."""

    receipt_no: str
    received_at: datetime
    body_sha256: str

    def content(self) -> dict[str, str]:
        """As the contract's schema Receipt."""
        return {"receipt_no": self.receipt_no, "received_at": self.received_at.isoformat(timespec="seconds")}


class Tokens:
    """Access tokens of one client; `seconds` on the real clock."""

    def __init__(self, client_id: str, client_secret: str, seconds: int = TOKEN_SECONDS) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self.seconds = seconds
        self._live: dict[str, float] = {}
        self.issued = 0

    def issue(self, client_id: str, client_secret: str) -> str | None:
        """A new token, or None if the credentials are wrong."""
        right = secrets.compare_digest(client_id.encode(), self._client_id.encode())
        right &= secrets.compare_digest(client_secret.encode(), self._client_secret.encode())
        if not right:
            return None
        token = secrets.token_urlsafe(24)
        self._live[token] = time.monotonic() + self.seconds
        self.issued += 1
        return token

    def valid(self, token: str) -> bool:
        """Whether `token` was issued here, has not expired and was not revoked."""
        return self._live.get(token, 0.0) > time.monotonic()

    def revoke_all(self) -> None:
        """End every token early."""
        self._live.clear()


class GreenPlatform:
    """The platform's state. One event loop owns it."""

    def __init__(self, scenario: Scenario, clock: SandboxClock, tokens: Tokens, resubmissions: Resubmissions) -> None:
        self._scenario = scenario
        self._clock = clock
        self._resubmissions = resubmissions
        self.tokens = tokens
        self._needs: dict[str, FiledNeed] = {}
        self._version = 0
        for position, need in enumerate(scenario.filed):
            self._needs[need.need_id or f"unreadable-{position:06d}"] = need
        self._seen_before = {
            f"{need.need_id} before {position}": (need, self._needs[need.need_id])
            for position, need in enumerate(scenario.seen_before)
        }
        self._unreviewed: dict[str, tuple[FiledNeed, FiledNeed]] = {}
        self._encoded: dict[str, tuple[FiledNeed, bytes]] = {}
        self._listings: dict[tuple[Filter, int, datetime], list[tuple[tuple[datetime, str], str]]] = {}
        self._registers: dict[date, list[bytes]] = {}
        self._receipts: dict[tuple[str, str], Receipt] = {}
        self.returns: list[dict[str, Any]] = []
        self.progress: list[dict[str, Any]] = []
        clock.on_change(self._file_resubmissions)

    # --- Listing ---------------------------------------------------------------------------------------------------

    def list_needs(self, wanted: Filter, cursor: str | None, limit: int, *, repeat: bool = False) -> Page:
        """A page by keyset: a need that changes while a client reads moves to the end, and is seen twice.

        Needs of `Scenario.seen_before` are seen twice from the start, as long as their newest content is current. The
        total counts needs, not items. `repeat` makes the next page the same one again (a fault).
        """
        matching = self._matching(wanted)
        after, total = None, len({name.partition(" before ")[0] for _, name in matching})
        if cursor is not None:
            after, total = self._read_cursor(cursor, wanted)
        start = 0 if after is None else bisect_right(matching, (after, "\U0010ffff"))
        chosen = matching[start : start + limit]
        items = [self._encode(key) for _, key in chosen]
        more = start + limit < len(matching)
        next_cursor = None
        if repeat:
            next_cursor = self._cursor(wanted, after, total)
        elif more:
            next_cursor = self._cursor(wanted, chosen[-1][0], total)
        return Page(items, next_cursor, total)

    def one_need(self, need_id: str) -> bytes:
        """A need at its newest revision as JSON; Problem 404 if there is none yet."""
        if need_id not in self._needs or self._standing(need_id) is None:
            raise Problem(404, "没有这条融资需求")
        return self._encode(need_id)

    def _standing(self, name: str) -> FiledNeed | None:
        """The need at this moment: absent before it was filed, then not reviewed, then as it ended."""
        need = self._needs[name]
        if need.updated_at <= self._clock.now:
            return need
        if need.submitted_at > self._clock.now:
            return None
        known = self._unreviewed.get(name)
        if known is None or known[0] is not need:
            known = self._unreviewed[name] = (need, need.unreviewed())
        return known[1]

    def _matching(self, wanted: Filter) -> list[tuple[tuple[datetime, str], str]]:
        """Sort keys and keys of the needs that match and are filed by now, in the contract's order."""
        key = (wanted, self._version, self._clock.now)
        if key not in self._listings:
            if len(self._listings) > 200:
                self._listings.clear()
            listed = {name: need for name in self._needs if (need := self._standing(name)) is not None}
            for name, (before, newest) in self._seen_before.items():
                if self._needs[newest.need_id] is newest and before.updated_at <= self._clock.now:
                    listed[name] = before
                    if newest.updated_at > self._clock.now:
                        listed.pop(newest.need_id, None)
            self._listings[key] = sorted(
                ((need.updated_at, name), name) for name, need in listed.items() if wanted.matches(need)
            )
        return self._listings[key]

    def _encode(self, key: str) -> bytes:
        need = self._standing(key) if key in self._needs else self._seen_before[key][0]
        assert need is not None
        known = self._encoded.get(key)
        if known is None or known[0] is not need:
            known = (need, json.dumps(need.item, ensure_ascii=False).encode())
            self._encoded[key] = known
        return known[1]

    def _cursor(self, wanted: Filter, after: tuple[datetime, str] | None, total: int) -> str:
        position = None if after is None else [after[0].isoformat(), after[1]]
        content = [wanted.fingerprint, position, total, int(time.time()) + CURSOR_SECONDS]
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()

    @staticmethod
    def _read_cursor(cursor: str, wanted: Filter) -> tuple[tuple[datetime, str] | None, int]:
        try:
            fingerprint, position, total, expires = json.loads(base64.urlsafe_b64decode(cursor.encode()))
            after = None if position is None else (datetime.fromisoformat(position[0]), str(position[1]))
        except (ValueError, TypeError):
            raise Problem(
                400, "游标无法识别", errors=[{"field": "cursor", "message": "不是本平台发出的游标。"}]
            ) from None
        if fingerprint != wanted.fingerprint:
            raise Problem(
                400, "游标与查询条件不符", errors=[{"field": "cursor", "message": "翻页时查询条件不得改变。"}]
            )
        if expires < time.time():
            raise Problem(410, "游标已过期", detail="请从第一页重新读取。")
        return after, total

    # --- What else there is to read --------------------------------------------------------------------------------

    def manifest(self, quarter: str) -> dict[str, Any]:
        """What each department that has reported by now recommended, counted over the current needs."""
        counts: dict[str, tuple[int, Decimal]] = {}
        for need in self._needs.values():
            if need.quarter != quarter or need.status != "recommended" or not isinstance(need.item, dict):
                continue
            if need.updated_at > self._clock.now:
                continue
            number, amount = counts.get(need.department_code, (0, Decimal(0)))
            counts[need.department_code] = (number + 1, amount + usable_financing_need(need.item))
        reports: Sequence[DepartmentReport] = (
            self._scenario.reports
            if quarter == self._scenario.quarter
            else self._scenario.earlier_reports.get(quarter, ())
        )
        return {
            "quarter": quarter,
            "departments": [
                {
                    "department_code": report.department_code,
                    "recommended": counts.get(report.department_code, (0, Decimal(0)))[0],
                    "financing_need": f"{counts.get(report.department_code, (0, Decimal(0)))[1]:.2f}",
                    "zero_return": report.zero_return,
                    "reported_at": report.reported_at.isoformat(timespec="seconds"),
                }
                for report in reports
                if report.reported_at <= self._clock.now
            ],
        }

    def register(self, as_of: date | None, cursor: str | None, limit: int, *, repeat: bool = False) -> Page:
        """A page of the register as it stood on a day (default: the sandbox's today), in the order of the codes."""
        day = as_of or self._clock.now.date()
        rows = self._register_on(day)
        start = 0
        if cursor is not None:
            try:
                start = int(base64.urlsafe_b64decode(cursor.encode()).decode().removeprefix(f"register:{day}:"))
            except ValueError:
                raise Problem(
                    400, "游标无法识别", errors=[{"field": "cursor", "message": "不是本次查询的游标。"}]
                ) from None
        following = start if repeat else start + limit
        more = repeat or following < len(rows)
        next_cursor = base64.urlsafe_b64encode(f"register:{day}:{following}".encode()).decode() if more else None
        return Page(rows[start : start + limit], next_cursor, len(rows))

    def _register_on(self, day: date) -> list[bytes]:
        if day not in self._registers:
            self._registers[day] = [
                json.dumps(
                    dict(row) | {"removed_on": None}
                    if row["removed_on"] and row["removed_on"] > str(day)
                    else dict(row),
                    ensure_ascii=False,
                ).encode()
                for row in self._scenario.factories
                if row["listed_on"] <= str(day)
            ]
        return self._registers[day]

    def coordinators(self) -> Sequence[Mapping[str, Any]]:
        """Every coordinator (协调人) in the platform's order."""
        return self._scenario.coordinators

    # --- What it receives -------------------------------------------------------------------------------------------

    def receive_return(self, key: str, body: Mapping[str, Any]) -> tuple[int, Receipt]:
        """Send a need back; 201 the first time, 200 with the first receipt after that, Problem 409 for another body."""
        if body["need_id"] not in self._needs:
            raise Problem(404, "没有这条融资需求", errors=[{"field": "need_id", "message": "平台没有这个编号。"}])
        return self._once("return", key, body, self._take_back)

    def receive_progress(self, key: str, body: Mapping[str, Any]) -> tuple[int, Receipt]:
        """Store how far a need has come; answers as `receive_return`."""
        if body["need_id"] not in self._needs:
            raise Problem(404, "没有这条融资需求", errors=[{"field": "need_id", "message": "平台没有这个编号。"}])
        return self._once("progress", key, body, self._note_progress)

    def _once(
        self, kind: str, key: str, body: Mapping[str, Any], effect: Callable[[str, Mapping[str, Any]], None]
    ) -> tuple[int, Receipt]:
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        known = self._receipts.get((kind, key))
        if known is not None:
            if known.body_sha256 != digest:
                raise Problem(409, "同一幂等键对应的内容不同", detail="请更换幂等键或核对内容，不要重试。")
            return 200, known
        prefix = {"return": "TH", "progress": "JZ"}[kind]
        receipt = Receipt(f"{prefix}{len(self._receipts) + 1:010d}", self._clock.now, digest)
        self._receipts[kind, key] = receipt
        effect(key, body)
        return 201, receipt

    def _take_back(self, key: str, body: Mapping[str, Any]) -> None:
        now = self._clock.now
        need = self._needs[body["need_id"]]
        self.returns.append({"idempotency_key": key, "received_at": now.isoformat(), "body": body})
        if need.status != "recommended" or need.revision != body["revision"]:
            return
        item = dict(need.item) | {"status": "returned", "updated_at": now.isoformat(timespec="seconds")}
        self._put(replace(need, status="returned", updated_at=now, item=item))
        self._resubmissions.note_return(need, now)

    def _note_progress(self, key: str, body: Mapping[str, Any]) -> None:
        self.progress.append({"idempotency_key": key, "received_at": self._clock.now.isoformat(), "body": body})

    def _file_resubmissions(self, now: datetime) -> None:
        for need in self._resubmissions.due(now):
            self._put(need)

    def _put(self, need: FiledNeed) -> None:
        self._needs[need.need_id] = need
        self._version += 1

    def state(self) -> dict[str, Any]:
        """Counters for a test or a demo."""
        return {
            "needs": len(self._needs),
            "returned": sum(need.status == "returned" for need in self._needs.values()),
            "returns": len(self.returns),
            "progress": len(self.progress),
            "tokens_issued": self.tokens.issued,
        }


def usable_financing_need(item: Mapping[str, Any]) -> Decimal:
    """The financing need of an item in 万元, 0 if it is not an amount."""
    finance = item.get("finance")
    amount = finance.get("financing_need") if isinstance(finance, dict) else None
    return Decimal(amount) if isinstance(amount, str) and _AMOUNT.fullmatch(amount) else Decimal(0)

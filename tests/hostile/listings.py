"""Every list that a client reads, as the platform sends it and as the client hands it on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import msgspec

from include.base.settings import CreditMarket, GreenPlatform
from include.domain.pieces import SetAside
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from tests.hostile.green import QUARTER, ZHEJIANG, coordinator, factory, reported, sound_need, written
from tests.support.scripted import Answer, Received, ScriptedServer

Row = dict[str, Any]
Reading = tuple[list[Any], list[SetAside]]
"""What can be used, as plain values, and what was set aside."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A list: where it is asked for, its rows by number, the members around it, and how its client reads it."""

    path: str
    name: str
    row: Callable[[int], Row]
    members: Mapping[str, Any] = field(default_factory=dict)
    identifier: str
    read: Callable[[ScriptedServer], Reading]

    def answer(self, rows: Sequence[bytes]) -> bytes:
        """The answer with these rows."""
        others = b"".join(b', "%b": %b' % (name.encode(), written(value)) for name, value in self.members.items())
        return b'{"%b": [%b]%b}' % (self.name.encode(), b", ".join(rows), others)

    def reply(self, body: bytes, content_type: str = "application/json") -> Callable[[Received], Answer]:
        """What the platform says: a token where it is asked for one, else this."""

        def reply(request: Received) -> Answer:
            path = urlsplit(request.target).path
            if path == "/oauth/token":
                return Answer(200, written({"access_token": "t", "token_type": "Bearer", "expires_in": 3600}))
            assert path == self.path
            return Answer(200, body, {"Content-Type": content_type})

        return reply


def green(server: ScriptedServer) -> GreenPlatformClient:
    settings = GreenPlatform(base_url=server.url, client_id="id", client_secret="hush")
    return GreenPlatformClient(settings, sleep=lambda _: None)


def market(server: ScriptedServer) -> CreditMarketClient:
    settings = CreditMarket(base_url=server.url, app_id="app", secret="hush", key_id="k1")
    return CreditMarketClient(settings, sleep=lambda _: None)


def plain(values: Sequence[Any]) -> list[Any]:
    """Rows with their numbers as they were written."""
    return [msgspec.structs.asdict(value) if isinstance(value, msgspec.Struct) else value for value in values]


def _needs(status: str) -> Listing:
    def read(server: ScriptedServer) -> Reading:
        with green(server) as client:
            pages = list(client.need_listing(quarter=QUARTER, department=ZHEJIANG, status=status))
        items = [item for page in pages for item in page.items]
        return [item.raw.decode() for item in items], [one for page in pages for one in page.set_aside]

    return Listing(
        path="/v1/financing-needs",
        name="items",
        row=lambda number: sound_need(number, status=status),
        members={"total": 3, "next_cursor": None},
        identifier="need_id",
        read=read,
    )


def _register(server: ScriptedServer) -> Reading:
    with green(server) as client:
        rows = [row for page in client.green_factories(date(2026, 9, 30)) for row in page]
    return (
        [row for row in rows if not isinstance(row, SetAside)],
        [row for row in rows if isinstance(row, SetAside)],
    )


def _coordinators(server: ScriptedServer) -> Reading:
    with green(server) as client:
        found = client.coordinators()
    return plain(found.items), found.set_aside


def _manifest(server: ScriptedServer) -> Reading:
    with green(server) as client:
        found = client.manifest(QUARTER)
    return plain(found.departments), found.set_aside


def _ledger(server: ScriptedServer) -> Reading:
    with market(server) as client:
        pages = list(client.ledger(QUARTER))
    return plain([one for page in pages for one in page.items]), [one for page in pages for one in page.set_aside]


def _institutions(server: ScriptedServer) -> Reading:
    with market(server) as client:
        found = client.institutions()
    return plain([*found.institutions, *found.branches]), found.set_aside


def _feedback(server: ScriptedServer) -> Reading:
    with market(server) as client:
        found = client.feedback()
    assert found.next_cursor == "c1"
    return list(found.items), found.set_aside


def entry(number: int) -> Row:
    """An entry of the market's ledger."""
    return {
        "need_id": f"FN20260300000{number}",
        "revision": 1,
        "idempotency_key": f"push:FN20260300000{number}:1",
        "receipt_no": f"R{number}",
        "payload_sha256": "0" * 64,
        "received_at": "2026-10-01T09:00:00+08:00",
        "state": "held",
    }


def event(number: int) -> Row:
    """An event of the feed."""
    return {
        "event_id": f"EV{number}",
        "need_id": "FN202603000001",
        "revision": 1,
        "institution_code": "ICBC",
        "type": "received",
        "occurred_at": "2026-10-09T10:00:00+08:00",
        "sequence": number,
        "remark": "已受理",
    }


_DEPARTMENTS = ("110000", "120000", "130000", "140000", "150000", "210000", "220000", "230000", "310000", "320000")

LISTINGS = {
    **{f"needs {status}": _needs(status) for status in ("recommended", "submitted", "returned", "withdrawn")},
    "register": Listing(
        path="/v1/green-factories",
        name="items",
        row=lambda number: factory(number),
        members={"next_cursor": None},
        identifier="uscc",
        read=_register,
    ),
    "coordinators": Listing(
        path="/v1/coordinators",
        name="items",
        row=lambda number: coordinator(number),
        identifier="coordinator_id",
        read=_coordinators,
    ),
    "manifest": Listing(
        path=f"/v1/quarters/{QUARTER}/manifest",
        name="departments",
        row=lambda number: reported(_DEPARTMENTS[number], 2, "1234.10"),
        members={"quarter": QUARTER},
        identifier="department_code",
        read=_manifest,
    ),
    "ledger": Listing(
        path="/v1/ledger", name="items", row=entry, members={"next_cursor": None}, identifier="need_id", read=_ledger
    ),
    "institutions": Listing(
        path="/v1/institutions",
        name="institutions",
        row=lambda number: {"institution_code": f"B{number}", "name": f"第{number}银行", "kind": "city"},
        members={"branches": [{"branch_code": "A1", "name": "分行", "region_code": "330000"}]},
        identifier="institution_code",
        read=_institutions,
    ),
    "branches": Listing(
        path="/v1/institutions",
        name="branches",
        row=lambda number: {"branch_code": f"A{number}", "name": f"第{number}分行", "region_code": "330000"},
        members={"institutions": [{"institution_code": "B1", "name": "银行", "kind": "city"}]},
        identifier="branch_code",
        read=_institutions,
    ),
    "feedback": Listing(
        path="/v1/feedback",
        name="items",
        row=event,
        members={"next_cursor": "c1", "has_more": False},
        identifier="event_id",
        read=_feedback,
    ),
}

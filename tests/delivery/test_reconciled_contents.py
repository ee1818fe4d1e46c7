"""What the market holds under a key is compared by its hash with what we pushed, the contact included."""

from __future__ import annotations

import json

import sqlalchemy as sa

from include.base.settings import Settings
from include.delivery.stage import deliver
from include.platforms.credit_market import CreditMarketClient
from include.platforms.green_platform import GreenPlatformClient
from include.reconciliation import reconcile
from include.reference import policy
from include.reference.day import Day
from include.sandbox.server import Sandbox
from include.store.sealed import CONTACT
from include.store.tables import contact, need_version
from tests.support.outbox import CIPHER, NOW, Clock, document, everything, need_id, person, queue_pushes
from tests.support.rows import rewrite


def _differing(engine: sa.Engine, settings: Settings) -> list[str]:
    with GreenPlatformClient(settings.green_platform) as green, CreditMarketClient(settings.credit_market) as market:
        reconcile(engine, green, market, CIPHER, "2026Q3", Day.in_force(NOW))
    query = "select need_id from reconciliation_finding where kind = 'content_differs' and closed_at is null order by need_id"
    with engine.connect() as connection:
        return list(connection.execute(sa.text(query)).scalars())


def test_another_content_or_another_contact_than_ours_is_found_and_a_purged_contact_is_no_difference(
    database: sa.Engine, settings: Settings, sandbox: Sandbox
) -> None:
    queue_pushes(database, range(5))
    clock = Clock()
    deliver(database, "market", settings=settings, policy=policy(), clock=clock)  # type: ignore[arg-type]
    assert _differing(database, settings) == []
    with database.begin() as connection:
        other_document = document(1).replace("1200.00", "9900.00")
        rewrite(
            connection,
            sa.update(need_version).where(need_version.c.need_id == need_id(1)).values(document=other_document),
        )
        other = CIPHER.encrypt(json.dumps(person(7)).encode(), CONTACT.place(need_id(2), 1))
        rewrite(connection, sa.update(contact).where(contact.c.need_id == need_id(2)).values(ciphertext=other))
        rewrite(connection, sa.delete(contact).where(contact.c.need_id == need_id(3)))
    assert _differing(database, settings) == [need_id(1), need_id(2)]
    assert person(2)["mobile"] not in everything(database)

"""Needs with a verdict and a whole record."""

from __future__ import annotations

import json

import sqlalchemy as sa

from include.store.tables import need_version
from tests.support import rows
from tests.support.clean_need import clean_need


def needs(connection: sa.Connection, *verdicts: str, first: int = 1) -> None:
    for number, verdict in enumerate(verdicts, first):
        rows.add_need(connection, number, verdict=verdict)
        document = {**clean_need(), "need_id": rows.need_id(number), "quarter": rows.QUARTER}
        document["enterprise"] = {name: value for name, value in document["enterprise"].items() if name != "contact"}
        rows.rewrite(
            connection,
            sa.update(need_version)
            .where(need_version.c.need_id == rows.need_id(number))
            .values(document=json.dumps(document, ensure_ascii=False, default=str)),
        )

"""Reads the facts that evidence is told from: one need, what it was compared with, and what became of that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI, in_shanghai
from include.domain.quarter import Quarter
from include.gate.engine.history import KEYS, name_similarity
from include.quarantine.evidence.shapes import Facts, OtherNeed
from include.reference.day import Day
from include.register.in_use import RegisterRow
from include.words.shown import Reader

MOST_OTHERS = 200
"""Other needs read for a page; a template used by hundreds is shown by the first ones."""

# The newest verdict on what is stored of the revision; on another content of it (DQ43) that of the hold.
_NEED = sa.text(
    """
    select version.need_id, version.revision, version.quarter, version.department_code, version.uscc, version.document,
           version.item_hash, judged.register_sha256,
           (select max(as_of) from register_snapshot where content_sha256 = judged.register_sha256) as register_as_of,
           (
               select (sent.body::json ->> 'respond_by')::date from delivery sent
               where sent.action = 'return' and sent.need_id = version.need_id and sent.revision < version.revision
               order by sent.revision desc limit 1
           ) as respond_by
    from need_version version
    left join lateral (
        select register_sha256 from judgement where payload_sha256 = version.item_hash order by judgement_id desc limit 1
    ) judged on true
    where version.need_id = :need_id
      and version.revision = coalesce(
          cast(:revision as int), (select max(revision) from need_version where need_id = :need_id)
      )
    """
)
_HELD = sa.text(
    """
    select hold.need_id, hold.revision, hold.quarter, hold.department_code, hold.opened_at, judged.payload_sha256
    from quarantine hold join judgement judged using (judgement_id) where quarantine_id = :quarantine_id
    """
)
_REGISTER = sa.text(
    """
    select uscc, name, aliases, level, batch, department_code, listed_on, removed_on from listed_factory
    where content_sha256 = :content_sha256 and uscc = :uscc order by listed_on
    """
)
_FALSE_INFORMATION = sa.text(
    """
    select distinct need_id, (notice.noticed_at at time zone 'Asia/Shanghai')::date as day
    from need_fingerprint join withdrawal_notice notice using (need_id)
    where uscc = :uscc and notice.reason_code = 'false_information' order by day, need_id
    """
)
_CONTENTS = sa.text(
    """
    select item.item_hash, min(intake.started_at) as received_at
    from intake_item item join intake using (intake_id)
    where item.need_id = :need_id and item.revision = :revision and item.item_hash is not null
    group by item.item_hash order by item.item_hash <> :stored, received_at, item.item_hash
    """
)
_SHARED = " union all ".join(
    f"select other.need_id, '{key}' as shared from mine join need_fingerprint other on other.{key} = mine.{key}"
    " and other.need_id <> mine.need_id"
    for key in KEYS
)
_OTHERS = sa.text(
    f"""
    with mine as (select * from need_fingerprint where need_id = :need_id and revision = :revision),
    sharing as (select need_id, array_agg(distinct shared) as shares from ({_SHARED}) found group by need_id)
    select fp.need_id, fp.revision, fp.submitted, fp.uscc, fp.project_name, fp.reports, version.quarter,
           version.department_code, version.document, sharing.shares, mine.project_name as our_name,
           (fp.submitted, fp.need_id) < (mine.submitted, mine.need_id) as earlier,
           exists (select from withdrawal_notice notice where notice.need_id = fp.need_id) as withdrawn,
           exists (select from open_return back where back.need_id = fp.need_id and back.revision = fp.revision) as returned
    from sharing
    cross join lateral (
        select * from need_fingerprint newest where newest.need_id = sharing.need_id order by revision desc limit 1
    ) fp
    join need_version version on version.need_id = fp.need_id and version.revision = fp.revision
    cross join mine
    order by fp.submitted nulls last, fp.need_id limit :most
    """
)
_PREVIOUS = sa.text(
    """
    select fp.need_id, fp.revision, fp.submitted, fp.uscc, fp.reports, version.quarter, version.department_code,
           version.document
    from need_fingerprint fp join need_version version using (need_id, revision)
    where fp.need_id = :need_id and fp.revision < :revision order by fp.revision desc limit 1
    """
)


def facts_of(
    connection: sa.Connection, need_id: str, revision: int | None, *, day: Day, reader: Reader
) -> Facts | None:
    """The facts about a stored revision (None: the newest); None if it is not stored, or not for this reader's eyes."""
    need = connection.execute(_NEED, {"need_id": need_id, "revision": revision}).one_or_none()
    if need is None:
        return None
    document = json.loads(need.document, parse_float=Decimal)
    opens_at, deadline = _span(need.quarter, day)
    named = {"need_id": need_id, "revision": need.revision}
    of_register = {"content_sha256": need.register_sha256, "uscc": need.uscc}
    before = connection.execute(_PREVIOUS, named).one_or_none()
    return Facts(
        need_id=need_id,
        revision=need.revision,
        quarter=need.quarter,
        department_code=need.department_code,
        uscc=need.uscc,
        document=document,
        policy=day.policy.of_department(need.department_code),
        reader=reader,
        judged_on=_recommended_on(document) or day.today,
        opens_at=opens_at,
        deadline=deadline,
        respond_by=need.respond_by,
        register=[RegisterRow(**row) for row in connection.execute(_REGISTER, of_register).mappings()],
        register_as_of=need.register_as_of,
        previous=None if before is None else _other(before, frozenset()),
        others=tuple(
            _other(row, frozenset(row.shares), name_similarity(row.our_name, row.project_name))
            for row in connection.execute(_OTHERS, {**named, "most": MOST_OTHERS})
        ),
        contents=tuple(
            (row.item_hash[:8], row.received_at)
            for row in connection.execute(_CONTENTS, {**named, "stored": need.item_hash})
        ),
        false_information=tuple(
            (row.need_id, row.day) for row in connection.execute(_FALSE_INFORMATION, {"uscc": need.uscc})
        ),
    )


def facts_of_hold(connection: sa.Connection, quarantine_id: int, *, day: Day, reader: Reader) -> Facts:
    """The facts about a held record. Without a document if its content is not the stored one, or its number is unusable."""
    held = connection.execute(_HELD, {"quarantine_id": quarantine_id}).one()
    found = None
    if held.need_id is not None and held.revision is not None:
        found = facts_of(connection, held.need_id, held.revision, day=day, reader=reader)
    if found is not None:
        return found
    return Facts(
        need_id=held.need_id,
        revision=held.revision,
        quarter=held.quarter,
        department_code=held.department_code,
        uscc=None,
        document={},
        policy=day.policy.of_department(held.department_code),
        reader=reader,
    )


def _span(quarter: str, day: Day) -> tuple[datetime | None, datetime | None]:
    """From when and until when a need of the quarter is recommended in time (DQ52)."""
    try:
        parsed = Quarter.parse(quarter)
    except ValueError:
        return None, None
    opens_at = datetime.combine(parsed.first_day, time(), SHANGHAI)
    return opens_at, day.calendar.deadline(parsed, day.policy.flag("cutoff_inclusive"))


def _recommended_on(document: Mapping[str, Any]) -> date | None:
    """The local day of the recommendation; None if it is no moment."""
    review = document.get("review")
    written = review.get("recommended_at") if isinstance(review, dict) else None
    if not isinstance(written, str):
        return None
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return None
    return in_shanghai(at).date() if at.tzinfo else None


def _other(row: sa.Row[Any], shares: frozenset[str], alike: float = 0.0) -> OtherNeed:
    withdrawn, returned = getattr(row, "withdrawn", False), getattr(row, "returned", False)
    return OtherNeed(
        need_id=row.need_id,
        revision=row.revision,
        quarter=row.quarter,
        department_code=row.department_code,
        uscc=row.uscc,
        document=json.loads(row.document, parse_float=Decimal),
        submitted=row.submitted or "",
        shares=shares,
        alike=alike,
        earlier=bool(getattr(row, "earlier", True)),
        standing="withdrawn" if withdrawn else "returned" if returned else "",
        reports=frozenset(row.reports),
    )

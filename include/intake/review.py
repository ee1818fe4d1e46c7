"""Rolling review (预审) and major needs: what is new of the quarters that are not finished, by what changed since.

A listing is asked for what changed since the last complete reading (include/intake/cursor.py), and a department is read
only if it has a record without a verdict. What the increments missed is found by the whole listing at the cut-off, and
counted there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.base.privacy import PersonalDataCipher
from include.domain.quarter import Quarter
from include.domain.states import IntakeKind, PlatformStatus
from include.intake import cursor
from include.intake.items import Item, read_page
from include.intake.reference import pull_manifest
from include.intake.stage import IntakeRequest, begin, department_sets
from include.intake.unfinished import closed_lately, running_quarter, unfinished_quarters
from include.intake.withdrawals import new_withdrawals, store_withdrawals
from include.platforms.green_platform import GreenPlatformClient
from include.reference import departments
from include.reference.day import Day
from include.store.database import array_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRequest:
    """Which run reads, and what: everything (REVIEW) or major needs (MAJOR). `whole`: the listings from their start."""

    run_id: str
    kind: IntakeKind
    whole: bool = False


@dataclass(frozen=True, slots=True)
class DepartmentSet:
    """Departments of an intake that one task reads and judges."""

    intake_id: int
    department_codes: list[str]


def open_reviews(
    engine: sa.Engine, client: GreenPlatformClient, cipher: PersonalDataCipher, request: ReviewRequest, day: Day
) -> list[DepartmentSet]:
    """Open an intake of each quarter with news, the oldest first, and take in withdrawals; returns what is to be read.

    Departments that reported a closed quarter late are read whole, in an intake of their own. Called again by the same
    run, it finds its intakes again. Raises as the client does.
    """
    opening = _Opening(engine, client, cipher, request, day)
    return [
        DepartmentSet(intake_id, codes)
        for quarter in opening.quarters()
        for intake_id in opening.intakes(quarter)
        for codes in department_sets(engine, intake_id, day.policy)
    ]


@dataclass(frozen=True, slots=True)
class _Opening:
    engine: sa.Engine
    client: GreenPlatformClient
    cipher: PersonalDataCipher
    request: ReviewRequest
    day: Day

    def quarters(self) -> list[Quarter]:
        if self.request.kind == IntakeKind.MAJOR:
            return sorted({*closed_lately(self.day), running_quarter(self.day)})
        with self.engine.connect() as connection:
            return unfinished_quarters(connection, self.day)

    def intakes(self, quarter: Quarter) -> Iterator[int]:
        """Those of one quarter: of the departments that reported late, then of those with news."""
        kind, since = self.request.kind, self._since(quarter)
        late = self._reported_late(quarter) if kind == IntakeKind.REVIEW else []
        if late:
            intake_id = self._begin(IntakeKind.LATE, quarter, late)
            pull_manifest(self.engine, self.client, self.cipher, intake_id, str(quarter), self.day)
            yield intake_id
        news = [code for code in self._with_news(quarter, since) if code not in late]
        withdrawn = self._withdrawn(quarter, since) if kind == IntakeKind.REVIEW else []
        if news or withdrawn:
            intake_id = self._begin(kind, quarter, news, since)
            store_withdrawals(self.engine, withdrawn, self.day.now, intake_id)
            if news:
                yield intake_id
        if not news:
            with self.engine.begin() as connection:
                cursor.advance(connection, str(quarter), kind, self.day.now)

    def _since(self, quarter: Quarter) -> datetime | None:
        if self.request.whole:
            return None
        with self.engine.connect() as connection:
            return cursor.updated_since(connection, str(quarter), self.request.kind)

    def _begin(self, kind: IntakeKind, quarter: Quarter, codes: Sequence[str], since: datetime | None = None) -> int:
        request = IntakeRequest(
            run_id=f"{self.request.run_id}/{kind}/{quarter}",
            kind=kind,
            quarter=str(quarter),
            departments=tuple(codes),
            dry_run=False,
            updated_since=since,
        )
        return begin(self.engine, request, self.day.now)

    def _with_news(self, quarter: Quarter, since: datetime | None) -> list[str]:
        """The departments with a record that has no verdict yet; all of them if that cannot be known."""
        if since is None:
            return list(departments())
        pages = self.client.need_listing(
            quarter=str(quarter),
            status=PlatformStatus.RECOMMENDED,
            major=True if self.request.kind == IntakeKind.MAJOR else None,
            updated_since=since,
        )
        found: set[str] = set()
        for page in pages:
            items, records = read_page(page, self.cipher)
            new = self._without_verdict(quarter, items[: len(records)])
            codes = {str(records[place].get("department_code")) for place in new}
            if page.set_aside or not codes <= departments().keys():
                return list(departments())
            found |= codes
        return [code for code in departments() if code in found]

    def _without_verdict(self, quarter: Quarter, items: Sequence[Item]) -> list[int]:
        """The places of these. Of a quarter closed long ago only corrections are looked for: new needs come too late."""
        asked = {
            "item_hashes": array_of(item.item_hash or "" for item in items),
            "need_ids": array_of(item.need_id or "" for item in items),
            "still_taken": quarter == running_quarter(self.day) or quarter in closed_lately(self.day),
        }
        with self.engine.connect() as connection:
            return [place - 1 for place in connection.execute(_WITHOUT_VERDICT, asked).scalars()]

    def _withdrawn(self, quarter: Quarter, since: datetime | None) -> list[Item]:
        return new_withdrawals(self.engine, self.client, self.cipher, str(quarter), self.day.now, since)

    def _reported_late(self, quarter: Quarter) -> list[str]:
        """The departments that reported, or reported again, since their closed quarter was read whole."""
        if quarter not in closed_lately(self.day):
            return []
        with self.engine.connect() as connection:
            read: dict[str, datetime | None] = dict(
                connection.execute(_REPORTS_READ, {"quarter": str(quarter)}).tuples().all()
            )
        if not read:
            return []
        reported = {row.department_code: row.reported_at for row in self.client.manifest(str(quarter)).departments}
        return [
            code
            for code in departments()
            if code in reported and code in read and reported[code] > (read[code] or _NEVER)
        ]


_NEVER = datetime.min.replace(tzinfo=SHANGHAI)

_WITHOUT_VERDICT = sa.text(
    """
    select listed.place
    from unnest(cast(:item_hashes as text[]), cast(:need_ids as text[])) with ordinality listed (item_hash, need_id, place)
    where not exists (select from judgement where judgement.payload_sha256 = listed.item_hash)
      and (:still_taken or exists (select from need_version stored where stored.need_id = listed.need_id))
    order by listed.place
    """
)

# Of the departments whose quarter is closed: which report their listing was last read with.
_REPORTS_READ = sa.text(
    """
    select closed.department_code, (
               select max(entry.reported_at)
               from manifest_entry entry join intake using (intake_id) join listing using (intake_id, department_code)
               where intake.quarter = closed.quarter and not intake.dry_run
                 and entry.department_code = closed.department_code
           )
    from department_close closed where closed.quarter = :quarter
    """
)

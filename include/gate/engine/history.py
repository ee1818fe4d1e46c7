"""Other needs and earlier revisions: the enrichment behind the rules of scope history.

H: open needs submitted earlier; P: the previous revision; W: needs of the last quarters (handbook, section 4). History
is as of an intake, without later ones, so that judging again with the same inputs gives the same verdict. Of two equal
needs only the later one (by submitted_at, then need_id) is flagged, in whatever order they are judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import SequenceMatcher
from functools import cache

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain.quarter import Quarter
from include.gate.engine.fingerprints import Fingerprint, Fingerprints
from include.reference import Policy
from include.store.database import array_of

SHARED = ("content", "benefit", "mobile")
"""What enterprises share if somebody files for them with a template (G13)."""

KEYS = ("uscc", "project_code", *SHARED)
"""What needs have in common where a rule compares them."""

_SEVERAL = ""

Revision = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Index:
    """Fingerprints by the value of one of their fields."""

    by: str
    found: dict[str | None, list[Fingerprint]] = field(default_factory=dict)
    holders: dict[str | None, str] = field(default_factory=dict)

    def add(self, one: Fingerprint) -> None:
        value = getattr(one, self.by)
        if value is not None:
            self.found.setdefault(value, []).append(one)
            if one.need_id is not None and self.holders.setdefault(value, one.need_id) != one.need_id:
                self.holders[value] = _SEVERAL

    def earlier(self, one: Fingerprint) -> Iterator[Fingerprint]:
        """Those of other needs with the same value that were submitted earlier."""
        alike = self.found.get(getattr(one, self.by))
        if alike is None or (len(alike) == 1 and alike[0].need_id == one.need_id):
            return iter(())
        return (other for other in alike if _is_earlier(other, one))


class History:
    """The needs and revisions that a batch is compared with; may include the batch itself.

    `related`: needs that share anything with the batch, of any intake. `open_needs`: candidates for H; `window`:
    candidates for W, each at its newest revision. `revisions`: earlier revisions, for P. `first_stored`: item_hash
    stored first, if a revision came with several contents. `respond_by`: by when the return of an earlier revision
    asked for an answer. `false_information`: days on which needs of a credit code were withdrawn for it.
    """

    def __init__(
        self,
        *,
        related: frozenset[str] = frozenset(),
        open_needs: Iterable[Fingerprint] = (),
        window: Iterable[Fingerprint] = (),
        revisions: Iterable[Fingerprint] = (),
        first_stored: Mapping[Revision, str] | None = None,
        respond_by: Mapping[Revision, date] | None = None,
        false_information: Mapping[str, Sequence[date]] | None = None,
    ) -> None:
        self.related = related
        self._of_enterprise, self._of_enterprise_without_code = _Index("uscc"), _Index("uscc")
        self._with_code = _Index("project_code")
        self._window = {name: _Index(name) for name in SHARED}
        for one in open_needs:
            self._of_enterprise.add(one)
            self._with_code.add(one)
            if one.project_code is None:
                self._of_enterprise_without_code.add(one)
        for one in window:
            for index in self._window.values():
                index.add(one)
        self._revisions: dict[str | None, list[Fingerprint]] = {}
        for one in revisions:
            self._revisions.setdefault(one.need_id, []).append(one)
        self.first_stored = first_stored or {}
        self._respond_by = respond_by or {}
        self.false_information = false_information or {}

    def shared(self, by: str, known: Fingerprints) -> list[int]:
        """The needs of a batch whose value of field `by` (uscc, project_code or one of SHARED) another need also has."""
        holders = {"uscc": self._of_enterprise, "project_code": self._with_code, **self._window}[by].holders
        if not holders:
            return []
        found = zip(map(holders.get, known.of_field[by]), known.of_field["need_id"], strict=True)
        return [need for need, (holder, need_id) in enumerate(found) if holder is not None and holder != need_id]

    def same_project_similarity(self, one: Fingerprint, at_least: float) -> float:
        """Similarity of the project to another one of its enterprise in H (DQ42): 1 if the codes are equal.

        Two different codes mean two projects; names count only if a code is missing. Returns the first similarity of at
        least `at_least`; 0 if there is none.
        """
        if one.project_code is None:
            others = self._of_enterprise.earlier(one)
        elif any(other.uscc == one.uscc for other in self._with_code.earlier(one)) and one.uscc is not None:
            return 1.0
        else:
            others = self._of_enterprise_without_code.earlier(one)
        for other in others:
            if _may_be_alike(one.project_name, other.project_name, at_least):
                likeness = name_similarity(one.project_name, other.project_name)
                if likeness >= at_least:
                    return likeness
        return 0.0

    def other_enterprises_with_the_code(self, one: Fingerprint) -> int:
        """How many needs in H have the same project code at another enterprise (G01)."""
        if one.uscc is None:
            return 0
        others = self._with_code.earlier(one)
        return sum(other.uscc is not None and other.uscc != one.uscc for other in others)

    def enterprises_sharing(self, one: Fingerprint, name: str, quarters: int, enough: int) -> int:
        """How many enterprises, this one included, share the value of `name` over the last `quarters` quarters (G13).

        Counts no further than `enough`.
        """
        if one.uscc is None or one.quarter is None:
            return 0
        newest = _number(one.quarter)
        usccs = {one.uscc}
        for other in self._window[name].earlier(one):
            if other.uscc is None or other.quarter is None:
                continue
            if newest - quarters < _number(other.quarter) <= newest:
                usccs.add(other.uscc)
                if len(usccs) >= enough:
                    break
        return len(usccs)

    def previous(self, one: Fingerprint) -> Fingerprint | None:
        """P: the highest stored revision of the same need below this one."""
        revision = one.revision
        if revision is None or revision == 1:
            return None
        below = [p for p in self._revisions.get(one.need_id, ()) if p.revision is not None and p.revision < revision]
        return max(below, key=lambda p: p.revision or 0, default=None)

    def answer_due(self, one: Fingerprint) -> date | None:
        """The respond_by of P's return; None if there is no P, or it was not returned (DQ52)."""
        previous = self.previous(one) if self._respond_by else None
        if previous is None or previous.need_id is None or previous.revision is None:
            return None
        return self._respond_by.get((previous.need_id, previous.revision))


def name_similarity(first: str | None, second: str | None) -> float:
    """Similarity of two skeletons of project names, 0 … 1; the smaller one by code points comes first (handbook, section 4)."""
    if not first or not second:
        return 0.0
    first, second = sorted((first, second))
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


def _may_be_alike(first: str | None, second: str | None, at_least: float) -> bool:
    """Whether two names can be similar enough, by their lengths and common characters: cheap upper bounds."""
    if not first or not second:
        return False
    length = len(first) + len(second)
    if 2.0 * min(len(first), len(second)) / length < at_least:
        return False
    return 2.0 * sum(map(set(second).__contains__, first)) / length >= at_least


def _is_earlier(other: Fingerprint, one: Fingerprint) -> bool:
    if other.need_id == one.need_id or other.need_id is None or one.need_id is None:
        return False
    if other.submitted is None or one.submitted is None:
        return False
    return (other.submitted, other.need_id) < (one.submitted, one.need_id)


@cache
def _number(quarter: str) -> int:
    parsed = Quarter.parse(quarter)
    return parsed.year * 4 + parsed.number


# --- From the database ---------------------------------------------------------------------------------------------------

_COLUMNS = """
    fp.need_id, fp.revision, fp.quarter, fp.submitted, fp.uscc, fp.project_code, fp.project_name, fp.content, fp.benefit,
    fp.mobile, fp.saving, fp.carbon, fp.reports
"""

_WANTED = "unnest(cast(:need_ids as text[]), cast(:revisions as int[])) wanted (need_id, revision)"


def holders(key: str) -> str:
    """SQL: the values of `key` among the fingerprints `candidate`, each once however many share it, so that no pairs
    are formed.

    With the first and the last need that holds it, and the earliest submission among them.
    """
    return (
        f"select {key}, min(need_id) as first, max(need_id) as last, min(submitted) as submitted"
        f" from candidate where {key} is not null group by {key}"
    )


def is_another(need: str) -> str:
    """SQL: whether `need` is not the only one of `holders`, there called `mine`."""
    return f"(mine.first <> mine.last or {need}.need_id <> mine.first)"


_RELATED = sa.text(
    f"""
    with candidate as (
        select fp.* from {_WANTED} join need_fingerprint fp using (need_id, revision)
    )
    {
        " union ".join(
            f"select other.need_id from ({holders(key)}) mine join need_fingerprint other "
            f"on other.{key} = mine.{key} and {is_another('other')}"
            for key in KEYS
        )
    }
    """
)

_NEWEST = sa.text(
    f"""
    with newest as (
        select distinct on (need_id) fp.*
        from unnest(cast(:related as text[])) related (need_id) join need_fingerprint fp using (need_id)
        where fp.intake_id <= :intake_id order by need_id, revision desc
    )
    select {_COLUMNS},
           exists (
               select from withdrawal_notice notice
               where notice.need_id = fp.need_id
                 and (notice.intake_id <= :intake_id or notice.intake_id is null and notice.noticed_at <= :started_at)
           ) as withdrawn,
           exists (
               select from judgement
               where judgement.need_id = fp.need_id and judgement.revision = fp.revision
                 and judgement.verdict = 'returned' and judgement.intake_id < :intake_id
           ) or exists (
               select from quarantine
               where quarantine.need_id = fp.need_id and quarantine.revision = fp.revision
                 and quarantine.state = 'returned' and quarantine.settled_at <= :started_at
           ) as returned,
           exists (
               select from feedback_event event
               where event.need_id = fp.need_id and event.received_at <= :started_at
                 and event.type in ('credit_approved', 'contracted', 'drawn', 'post_loan')
           ) as approved
    from newest fp
    """
)

_REVISIONS = sa.text(
    f"""
    select distinct {_COLUMNS}
    from {_WANTED} join need_fingerprint fp on fp.need_id = wanted.need_id and fp.revision < wanted.revision
    where wanted.revision > 1 and fp.intake_id <= :intake_id
    """
)

# One return for each revision; the platform may have accepted it late, which does not change its day.
_RETURNS = sa.text(
    f"""
    select sent.need_id, sent.revision, (sent.body::json ->> 'respond_by')::date as respond_by
    from {_WANTED} join delivery sent on sent.need_id = wanted.need_id and sent.revision < wanted.revision
    where wanted.revision > 1 and sent.action = 'return' and sent.created_at <= :started_at
    """
)

_REWRITTEN = sa.text(
    f"""
    select version.need_id, version.revision, version.item_hash
    from {_WANTED} join need_version version using (need_id, revision)
    where exists (
        select from intake_item item
        where item.need_id = version.need_id and item.revision = version.revision
          and item.item_hash <> version.item_hash and item.intake_id <= :intake_id
    )
    """
)

_FALSE_INFORMATION = sa.text(
    f"""
    select distinct other.uscc, (notice.noticed_at at time zone 'Asia/Shanghai')::date as day
    from {_WANTED} join need_fingerprint fp using (need_id, revision)
    join need_fingerprint other on other.uscc = fp.uscc
    join withdrawal_notice notice on notice.need_id = other.need_id and notice.reason_code = 'false_information'
    where notice.noticed_at <= :started_at
    """
)


def load_history(
    connection: sa.Connection, needs: Sequence[Revision], *, intake_id: int, started_at: datetime, policy: Policy
) -> History:
    """The stored needs comparable with `needs`, as of the intake that began at `started_at`."""
    asked = {
        "need_ids": array_of(need_id for need_id, _ in needs),
        "revisions": array_of(revision for _, revision in needs),
        "intake_id": intake_id,
        "started_at": started_at,
    }
    today = Quarter.of(started_at.astimezone(SHANGHAI).date())
    oldest_valid = today.year * 4 + today.number - policy.integer("need_validity_quarters")
    open_needs, window = [], []
    related = frozenset(connection.execute(_RELATED, asked).scalars())
    for row in connection.execute(_NEWEST, {**asked, "related": array_of(related)}):
        one = _fingerprint(row)
        if row.withdrawn or row.returned:
            continue
        window.append(one)
        if row.approved or one.quarter is None or _number(one.quarter) >= oldest_valid:
            open_needs.append(one)
    false_information: dict[str, list[date]] = {}
    for row in connection.execute(_FALSE_INFORMATION, asked):
        false_information.setdefault(row.uscc, []).append(row.day)
    return History(
        related=related,
        open_needs=open_needs,
        window=window,
        revisions=[_fingerprint(row) for row in connection.execute(_REVISIONS, asked)],
        first_stored={(row.need_id, row.revision): row.item_hash for row in connection.execute(_REWRITTEN, asked)},
        respond_by={(row.need_id, row.revision): row.respond_by for row in connection.execute(_RETURNS, asked)},
        false_information=false_information,
    )


def _fingerprint(row: sa.Row[tuple[object, ...]]) -> Fingerprint:
    values = {name: getattr(row, name) for name in Fingerprint.__dataclass_fields__}
    return Fingerprint(**{**values, "reports": tuple(values["reports"])})

"""Sign-off (签批): if push_approval demands it, passed needs wait until one or two approvers have signed them off.

A signature covers exactly the revisions that were listed to the signer; needs that pass later take their own. The first
signature makes a batch of what it covers, the second is given to what still waits of the batch. Major needs are signed
one by one. Needs that are withdrawn, overtaken or held meanwhile drop out. The last required signature queues the push.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest, UserFacingError
from include.domain.people import same_person
from include.gate.consequences import Revision, queue_pushes
from include.reference import Policy
from include.store.database import array_of
from include.store.locks import Lock, hold
from include.store.tables import push_signature

FIRST = "new"
"""The batch of needs without a signature."""


class ListChanged(UserFacingError):
    """The list to be signed differs from the one that the person saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who signed, when and why."""

    signature_id: int
    actor: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingPush:
    """A revision that waits for sign-off, as filed; amount in 万元, None unless usable. `released`: rules released by people."""

    need_id: str
    revision: int
    quarter: str
    department_code: str
    is_major: bool
    enterprise: str | None
    project: str | None
    uscc: str | None
    financing_need: Decimal | None
    since: datetime
    persons_required: int
    signatures: tuple[Signature, ...]
    released: tuple[str, ...]

    @property
    def revision_key(self) -> Revision:
        """What a signature binds to."""
        return (self.need_id, self.revision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A list that is signed at once. `key` names it in forms: "new", the number of its first signature, or a major
    need's need_id:revision."""

    key: str
    quarter: str
    pushes: tuple[WaitingPush, ...]

    @property
    def is_major(self) -> bool:
        """Whether it is a single major need."""
        return self.pushes[0].is_major

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """The signatures given so far."""
        return self.pushes[0].signatures

    @property
    def missing(self) -> int:
        """How many further persons must sign."""
        return max(one.persons_required for one in self.pushes) - len(self.signatures)

    @property
    def total(self) -> Decimal:
        """Sum of the financing needs, in 万元."""
        return sum((one.financing_need or Decimal(0) for one in self.pushes), Decimal(0))

    @property
    def digest(self) -> str:
        """Identifies the exact list: SHA-256 of need_id:revision, a line each, in order."""
        return digest_of(one.revision_key for one in self.pushes)

    def signed_by(self, actor: str) -> bool:
        """Whether this person has signed it before."""
        return any(same_person(actor, one.actor) for one in self.signatures)


def digest_of(revisions: Iterable[Revision]) -> str:
    """SHA-256 over the revisions, in order."""
    listed = "".join(f"{need_id}:{revision}\n" for need_id, revision in sorted(revisions))
    return hashlib.sha256(listed.encode()).hexdigest()


def waiting_batches(connection: sa.Connection, quarter: str) -> list[Batch]:
    """What waits for sign-off in a quarter: batches with a first signature, then needs without one, then major needs
    one by one."""
    batches: dict[tuple[bool, str], list[WaitingPush]] = {}
    for push in _waiting(connection, quarter):
        batches.setdefault((push.is_major, _key(push)), []).append(push)
    ordered = sorted(batches.items(), key=lambda one: (one[0][0], one[0][1] == FIRST, one[0][1].zfill(20)))
    return [Batch(key=key, quarter=quarter, pushes=tuple(pushes)) for (_, key), pushes in ordered]


def sign(
    connection: sa.Connection, quarter: str, key: str, *, digest: str, act: Act, policy: Policy
) -> tuple[int, int]:
    """Sign a batch off as one person saw it listed (`digest`); returns how many needs that covers, and how many pushes
    it queued.

    Part of the caller's transaction. Raises ListChanged if the batch has changed, InvalidRequest if the person has
    signed it before, or gives no reason.
    """
    act = audit.signed(act)
    hold(connection, Lock.SIGN_OFF, quarter)
    batch = next((one for one in waiting_batches(connection, quarter) if one.key == key), None)
    if batch is None or batch.digest != digest:
        raise ListChanged(
            "待签批的名单在您打开页面后有变化，本次签批未生效。", "请刷新页面，核对新的名单和合计后重新签批。"
        )
    if batch.signed_by(act.actor_id):
        raise InvalidRequest("您已签批过这批需求，同一人不能重复签批。", "请由另一位审批人核对后签批。")
    signature_id = connection.execute(
        push_signature.insert()
        .values(
            quarter=quarter,
            actor=act.actor_id,
            role=act.role,
            reason=act.reason,
            digest=digest,
            needs=len(batch.pushes),
            total=batch.total,
            at=act.at,
        )
        .returning(push_signature.c.signature_id)
    ).scalar_one()
    connection.execute(
        _COVER,
        {
            "need_ids": array_of(one.need_id for one in batch.pushes),
            "revisions": array_of(one.revision for one in batch.pushes),
            "signature_id": signature_id,
        },
    )
    complete = [one.revision_key for one in batch.pushes if len(one.signatures) + 1 >= one.persons_required]
    queued = queue_pushes(connection, complete, act.at, policy)
    audit.record(
        connection,
        act=act,
        action="sign_off_pushes",
        object_=f"{quarter}/{batch.pushes[0].need_id if batch.is_major else 'batch'}",
        details={
            "signature_id": signature_id,
            "digest": digest,
            "needs": len(batch.pushes),
            "total": str(batch.total),
            "queued": queued,
        },
    )
    return len(batch.pushes), queued


def _key(push: WaitingPush) -> str:
    if push.is_major:
        return f"{push.need_id}:{push.revision}"
    return str(push.signatures[0].signature_id) if push.signatures else FIRST


def _waiting(connection: sa.Connection, quarter: str) -> list[WaitingPush]:
    found = connection.execute(_WAITING, {"quarter": quarter}).all()
    numbers = {number for row in found for number in row.signature_ids}
    signatures = {
        row.signature_id: Signature(signature_id=row.signature_id, actor=row.actor, reason=row.reason, at=row.at)
        for row in connection.execute(sa.select(push_signature).where(push_signature.c.signature_id.in_(numbers)))
    }
    return [
        WaitingPush(
            need_id=row.need_id,
            revision=row.revision,
            quarter=row.quarter,
            department_code=row.department_code,
            is_major=row.is_major,
            enterprise=row.enterprise_name,
            project=row.project_name,
            uscc=row.uscc,
            financing_need=row.financing_need,
            since=row.since,
            persons_required=row.persons_required,
            signatures=tuple(signatures[number] for number in row.signature_ids),
            released=tuple(row.released),
        )
        for row in found
    ]


_WAITING = sa.text(
    """
    select waiting.*,
           array(
               select signed.signature_id from signed_push signed
               where signed.need_id = waiting.need_id and signed.revision = waiting.revision order by signed.signature_id
           ) as signature_ids,
           array(
               select distinct found.rule_id
               from quarantine hold join quarantine_finding found using (quarantine_id)
               where hold.need_id = waiting.need_id and hold.revision = waiting.revision and hold.state = 'released'
               order by found.rule_id
           ) as released
    from signable_push waiting where waiting.quarter = :quarter
    order by waiting.need_id, waiting.revision
    """
)

_COVER = sa.text(
    """
    insert into signed_push (need_id, revision, person, signature_id)
    select need_id, revision, signature.person, signature.signature_id
    from unnest(cast(:need_ids as text[]), cast(:revisions as int[])) covered (need_id, revision)
    join push_signature signature on signature.signature_id = :signature_id
    """
)

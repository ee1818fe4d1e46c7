"""Housekeeping (日常维护): purges personal data in time, expires holds and register snapshots, verifies the audit chain.

Deliveries, verdicts, feedback and audit entries are never deleted. Personal data is kept for `contact_retention_days`
after the need is closed (个人信息保护法: the shortest time necessary).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from include.audit import hand_out, handed_out, head, record, verify
from include.base.act import Act
from include.base.errors import UserFacingError
from include.base.privacy import PersonalDataCipher
from include.housekeeping.purge import EMPTIED_DOCUMENT, Purged, purge
from include.housekeeping.push_ledger import EMPTIED_BODY
from include.quarantine.closing import close_expired, close_overtaken
from include.reference import Policy
from include.reference.day import Day
from include.store.database import acting_as
from include.store.grants import DatabaseRole
from include.store.locks import Lock, hold
from include.store.set_aside import empty_pieces
from include.store.tables import audit_entry


@dataclass(frozen=True, slots=True, kw_only=True)
class HousekeepingSummary:
    """What was done; `expired_needs`: total of needs past their validity, pushed and never approved, or held."""

    contacts_purged: int
    payloads_emptied: int
    texts_emptied: int
    expired_needs: int
    snapshots_dropped: int
    holds_closed: int
    audit_past_retention: int
    """Audit entries older than audit_retention_days: none is deleted here, because the chain would break."""


class AuditChainBroken(UserFacingError):
    """An audit entry was edited, removed or moved."""


def housekeep(
    engine: sa.Engine, cipher: PersonalDataCipher, *, day: Day, reports_dir: Path | None = None
) -> HousekeepingSummary:
    """Do the day's housekeeping; a second run finds nothing left to do.

    Verifies the audit chain, compares it with the heads stored beside the reports, and adds its present head there.
    Raises AuditChainBroken, after the rest is done, if the chain is broken.
    """
    now, policy = day.now, day.policy
    act = Act.by_stage("housekeeping", now)
    with engine.begin() as connection:
        hold(connection, Lock.HOUSEKEEPING)
        holds = close_overtaken(connection, act=act) + close_expired(connection, act=act, policy=policy)
        with acting_as(connection, DatabaseRole.PURGE):
            expired = _list_closed_needs(connection, now, policy)
            purged = _purge_personal_data(connection, cipher, act, policy)
            snapshots = _drop_snapshots(connection, act, policy)
    _check_audit(engine, now, reports_dir)
    return HousekeepingSummary(
        contacts_purged=purged.contacts,
        payloads_emptied=purged.payloads,
        texts_emptied=purged.texts,
        expired_needs=expired,
        snapshots_dropped=snapshots,
        holds_closed=holds,
        audit_past_retention=_past_retention(engine, now, policy),
    )


# --- Audit -----------------------------------------------------------------------------------------------------------


def _past_retention(engine: sa.Engine, now: datetime, policy: Policy) -> int:
    before = now - timedelta(days=policy.integer("audit_retention_days"))
    with engine.connect() as connection:
        older = sa.select(sa.func.count()).select_from(audit_entry).where(audit_entry.c.at < before)
        return connection.execute(older).scalar_one()


def _check_audit(engine: sa.Engine, now: datetime, reports_dir: Path | None) -> None:
    """Verify the chain; only the head of an unbroken chain is handed out."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        hold(connection, Lock.AUDIT_HEADS)
        kept = handed_out(reports_dir) if reports_dir else None
        broken = verify(connection, kept.heads if kept else ())
        if broken is not None:
            raise AuditChainBroken(
                f"审计链从第{broken.entry_id}条记录起不再连续：{broken.problem}。",
                "请保持数据库现状，不要修改，立即通知审计人员核查（python -m include.audit verify）。",
            )
        if reports_dir is not None and (found := head(connection)).count:
            hand_out(reports_dir, found, now)
    if kept is not None and kept.unreadable:
        raise AuditChainBroken(
            f"审计首部文件第{'、'.join(map(str, kept.unreadable))}行无法识别，可能被改动。",
            "请保留该文件，与运维提示邮件中的首部核对，并通知审计人员。",
        )


# --- Personal data ---------------------------------------------------------------------------------------------------

# A need is closed when it was withdrawn; or its last case ended (declined or closed); or it was returned, by the gate
# or by a person, and has not been resubmitted since; or it expired: pushed and without an approval until the end of its
# last valid quarter, or held until then without a decision; or it lapsed: its last valid quarter ended and it was never
# pushed.
_CLOSED_NEEDS = sa.text(
    """
    create temporary table closed_need on commit drop as
    with need as (
        select need_id, verdict, pushed_at is not null as pushed,
               (withdrawn_at at time zone 'Asia/Shanghai')::date as withdrawn_on,
               (decided_at at time zone 'Asia/Shanghai')::date as judged_on,
               valid_until(counted_quarter, :validity) as expires_on
        from need_state
    ), matched as (
        select need_id,
               bool_and(state in ('declined', 'closed')) as ended,
               bool_or(furthest_state in ('credit_approved', 'contracted', 'drawn', 'post_loan')) as approved,
               max(state_since) as ended_on
        from matching_case group by need_id
    )
    select need.need_id,
           coalesce(
               need.withdrawn_on,
               case when matched.ended then greatest(matched.ended_on, need.judged_on) end,
               case when need.verdict = 'returned' and matched.need_id is null then need.judged_on end,
               case when lapse.lapsed then need.expires_on end
           ) as closed_on,
           lapse.lapsed and (need.pushed or need.verdict is not distinct from 'held') and need.withdrawn_on is null
           and not coalesce(matched.ended, false) as expired
    from need left join matched using (need_id)
    cross join lateral (
        select not coalesce(matched.approved, false) and need.expires_on <= :today as lapsed
    ) lapse
    """
)

# A push that is still to be sent needs the contact at that moment.
_PURGEABLE = sa.text(
    """
    select closed.need_id from closed_need closed
    where closed.closed_on < :before
      and not exists (
          select from delivery
          where delivery.need_id = closed.need_id and delivery.action = 'push'
            and delivery.state in ('pending', 'unknown')
      )
      and (
          exists (select from contact where contact.need_id = closed.need_id)
          or exists (
              select from need_version version join raw_payload using (raw_sha256)
              where version.need_id = closed.need_id and (version.document <> :emptied or raw_payload.ciphertext <> '')
          )
          or exists (
              select from feedback_event event where event.need_id = closed.need_id and event.document <> ''
          )
      )
    order by closed.need_id
    """
)

# A row that belongs to no need: its time runs from its receipt; that of a mail, from the day on which it was sent.
_EMPTY_UNATTRIBUTED_PAYLOADS = sa.text(
    """
    update raw_payload set ciphertext = ''
    where ciphertext <> '' and received_at < :before and not exists (
        select from intake_item item join need_version version using (need_id)
        where item.raw_sha256 = raw_payload.raw_sha256
    )
    """
)
_EMPTY_UNATTRIBUTED_FEEDBACK = sa.text(
    """
    update feedback_event event set sealed = null, use_of_funds = null, institution_ref = null, document = ''
    where received_at < :before and document <> ''
      and not exists (select from need_version version where version.need_id = event.need_id)
    """
)
_EMPTY_MAILS = sa.text(
    """
    update delivery set body = :emptied, body_sha256 = ''
    where channel = 'mail' and state in ('delivered', 'superseded', 'closed') and settled_at < :before and body <> :emptied
    """
)


def _list_closed_needs(connection: sa.Connection, now: datetime, policy: Policy) -> int:
    validity = policy.integer("need_validity_quarters")
    connection.execute(_CLOSED_NEEDS, {"today": now.date(), "validity": validity})
    expired: int = connection.execute(sa.text("select count(*) from closed_need where expired")).scalar_one()
    return expired


def _purge_personal_data(connection: sa.Connection, cipher: PersonalDataCipher, act: Act, policy: Policy) -> Purged:
    retention = timedelta(days=policy.integer("contact_retention_days"))
    asked = {"before": act.at.date() - retention, "emptied": EMPTIED_DOCUMENT}
    need_ids = connection.execute(_PURGEABLE, asked).scalars().all()
    purged = purge(connection, cipher, need_ids) + _purge_unattributed(connection, act.at - retention)
    if purged:
        record(
            connection,
            act=act.because(f"需求关闭满{retention.days}天"),
            action="purge_personal_data",
            object_="contact",
            details=asdict(purged),
        )
    return purged


def _purge_unattributed(connection: sa.Connection, before: datetime) -> Purged:
    payloads = connection.execute(_EMPTY_UNATTRIBUTED_PAYLOADS, {"before": before}).rowcount
    payloads += empty_pieces(connection, before)
    texts = connection.execute(_EMPTY_UNATTRIBUTED_FEEDBACK, {"before": before}).rowcount
    texts += connection.execute(_EMPTY_MAILS, {"before": before, "emptied": EMPTIED_BODY}).rowcount
    return Purged(payloads=payloads, texts=texts)


# --- Register snapshots ----------------------------------------------------------------------------------------------

# Old snapshots that stay: the last one of each quarter, and the newest of all.
_DROP_SNAPSHOTS = sa.text(
    """
    delete from register_snapshot
    where as_of < :before and snapshot_id not in (
        select distinct on (date_trunc('quarter', as_of)) snapshot_id
        from register_snapshot
        order by date_trunc('quarter', as_of), as_of desc, snapshot_id desc
    )
    """
)
# Rows that a verdict used stay, so that it can be judged again.
_DROP_FACTORIES = sa.text(
    """
    delete from register_factory
    where not exists (
        select from register_snapshot where register_snapshot.content_sha256 = register_factory.content_sha256
    ) and not exists (select from judgement where judgement.register_sha256 = register_factory.content_sha256)
    """
)


def _drop_snapshots(connection: sa.Connection, act: Act, policy: Policy) -> int:
    before = _years_before(act.at.date(), policy.integer("lookback_years"))
    dropped = connection.execute(_DROP_SNAPSHOTS, {"before": before}).rowcount
    if dropped:
        rows = connection.execute(_DROP_FACTORIES).rowcount
        record(
            connection,
            act=act.because(f"早于{before.isoformat()}且非季末"),
            action="drop_register_snapshots",
            object_="register_snapshot",
            details={"snapshots": dropped, "factories": rows},
        )
    return dropped


def _years_before(day: date, years: int) -> date:
    last_february_day = 28 if (day.month, day.day) == (2, 29) else day.day
    return day.replace(year=day.year - years, day=last_february_day)

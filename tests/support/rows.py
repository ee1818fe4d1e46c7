"""Small builders of rows as the stages would have stored them, for tests of what reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.domain.roles import Role
from include.reference import policy
from include.store import people, tables
from include.store.database import acting_as
from include.store.grants import DatabaseRole

SHANGHAI = ZoneInfo("Asia/Shanghai")
QUARTER = "2026Q3"
AUDIT_KEYS = ("the tests' audit key of 2026",)


def moment(text: str) -> datetime:
    """`text` ("2026-10-01 09:00") in Asia/Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


TAKEN_IN = moment("2026-09-30 20:00")
REPORTED = moment("2026-10-09 10:00")


def let_history_be_changed(connection: sa.Connection) -> None:
    """For the rest of the transaction: as a superuser of the database could who means harm."""
    connection.execute(sa.text("set local role none"))
    connection.execute(sa.text("set local session_replication_role = replica"))


def rewrite(
    connection: sa.Connection, statement: sa.Executable, parameters: Mapping[str, Any] | None = None
) -> sa.CursorResult[Any]:
    """Execute one statement as a superuser could, on history too; what follows in the transaction is refused again."""
    role = connection.execute(sa.text("select current_setting('role')")).scalar_one()
    let_history_be_changed(connection)
    result = connection.execute(statement, parameters)
    connection.execute(sa.text("set local session_replication_role = origin"))
    connection.execute(sa.text(f"set local role {role}"))
    return result


def set_grant(
    connection: sa.Connection, whom: str, *, roles: Collection[Role], by: str, now: datetime, **granted: Any
) -> None:
    """Grant a role as the console's administrator does."""
    within = granted.get("departments")
    grant = people.Grant(
        whom, frozenset(roles), None if within is None else frozenset(within), granted.get("coordinator_id")
    )
    with acting_as(connection, DatabaseRole.CONSOLE):
        people.set_grant(connection, grant, by=by, now=now)


def need_id(number: int) -> str:
    return f"FN{number:012d}"


def digest(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


def add_intake(
    connection: sa.Connection,
    *,
    run_id: str = "run-1",
    quarter: str = QUARTER,
    kind: str = "quarterly",
    started_at: datetime = TAKEN_IN,
) -> int:
    connection.execute(
        insert(tables.intake)
        .values(run_id=run_id, kind=kind, quarter=quarter, departments=[], dry_run=False, started_at=started_at)
        .on_conflict_do_nothing()
    )
    found: int = connection.execute(
        sa.select(tables.intake.c.intake_id).where(tables.intake.c.run_id == run_id)
    ).scalar_one()
    return found


def add_manifest(
    connection: sa.Connection,
    department_code: str,
    *,
    reported_at: datetime,
    recommended: int = 1,
    zero_return: bool = False,
    intake_id: int | None = None,
) -> None:
    connection.execute(
        tables.manifest_entry.insert().values(
            intake_id=intake_id or add_intake(connection),
            department_code=department_code,
            recommended=recommended,
            financing_need=Decimal(0),
            zero_return=zero_return,
            reported_at=reported_at,
        )
    )


def close_department(connection: sa.Connection, department_code: str, *, quarter: str = QUARTER) -> None:
    """As the intake at the cut-off does: from now on what passes is pushed."""
    intake_id = add_intake(connection, run_id=f"intake-{quarter}", quarter=quarter)
    connection.execute(
        insert(tables.department_close)
        .values(quarter=quarter, department_code=department_code, intake_id=intake_id, closed_at=TAKEN_IN)
        .on_conflict_do_nothing()
    )


def add_need(
    connection: sa.Connection,
    number: int,
    *,
    revision: int = 1,
    department_code: str = "330000",
    quarter: str = QUARTER,
    financing_need: str | None = "1000.00",
    verdict: str | None = "passed",
    item_hash: str | None = None,
    received_at: datetime = TAKEN_IN,
    judged_at: datetime | None = None,
    is_major: bool = False,
    closed: bool = True,
) -> str:
    """A need as read, stored and (unless verdict is None) judged; returns its need_id. `closed`: so is its quarter."""
    identity = need_id(number)
    intake_id = add_intake(connection, run_id=f"intake-{quarter}", quarter=quarter)
    if closed:
        close_department(connection, department_code, quarter=quarter)
    item_hash = item_hash or digest("item", identity, revision)
    raw_sha256 = digest("raw", identity, revision)
    connection.execute(
        tables.raw_payload.insert().values(
            raw_sha256=raw_sha256, ciphertext=b"sealed payload", size_bytes=14, received_at=received_at
        )
    )
    connection.execute(
        tables.intake_item.insert().values(
            intake_id=intake_id,
            department_code=department_code,
            ordinal=number * 100 + revision,
            raw_sha256=raw_sha256,
            readable=True,
            need_id=identity,
            revision=revision,
            item_hash=item_hash,
        )
    )
    connection.execute(
        tables.need_version.insert().values(
            need_id=identity,
            revision=revision,
            item_hash=item_hash,
            raw_sha256=raw_sha256,
            intake_id=intake_id,
            quarter=quarter,
            department_code=department_code,
            is_major=is_major,
            enterprise_name="青禾精密铸造有限公司",
            intended_institutions=[],
            financing_need=None if financing_need is None else Decimal(financing_need),
            document='{"form_version": "2025.1"}',
            received_at=received_at,
        )
    )
    connection.execute(
        tables.contact.insert().values(need_id=identity, revision=revision, ciphertext=b"sealed contact")
    )
    if verdict is not None:
        add_judgement(
            connection,
            number,
            verdict,
            revision=revision,
            item_hash=item_hash,
            department_code=department_code,
            quarter=quarter,
            judged_at=judged_at or received_at,
        )
    return identity


def add_judgement(
    connection: sa.Connection,
    number: int,
    verdict: str,
    *,
    revision: int = 1,
    item_hash: str | None = None,
    department_code: str = "330000",
    quarter: str = QUARTER,
    judged_at: datetime = TAKEN_IN,
    ruleset_version: str = "rules-1",
) -> None:
    connection.execute(
        tables.judgement.insert().values(
            intake_id=add_intake(connection, run_id=f"intake-{quarter}", quarter=quarter),
            need_id=need_id(number),
            revision=revision,
            quarter=quarter,
            department_code=department_code,
            verdict=verdict,
            ruleset_version=ruleset_version,
            payload_sha256=item_hash or digest("item", need_id(number), revision),
            judged_at=judged_at,
        )
    )


def add_delivery(
    connection: sa.Connection,
    number: int,
    *,
    action: str = "push",
    revision: int = 1,
    state: str = "delivered",
    quarter: str = QUARTER,
    department_code: str = "330000",
    created_at: datetime = TAKEN_IN,
    receipt_no: str | None = None,
    idempotency_key: str | None = None,
    outcome: str | None = None,
    error_class: str | None = None,
) -> int:
    """An outbox row; returns its delivery_id."""
    identity = need_id(number)
    key = f"withdrawal:{identity}" if action == "withdrawal" else f"{action}:{identity}:{revision}"
    found: int = connection.execute(
        tables.delivery.insert()
        .values(
            channel="green_platform" if action == "return" else "market",
            action=action,
            idempotency_key=idempotency_key or key,
            order_key=identity,
            need_id=identity,
            revision=revision,
            quarter=quarter,
            department_code=department_code,
            body=None if action == "push" else "{}",
            body_sha256=digest("{}"),
            state=state,
            receipt_no=receipt_no,
            outcome=outcome,
            error_class=error_class,
            created_at=created_at,
            next_attempt_at=created_at,
            settled_at=created_at if state in ("delivered", "superseded") else None,
        )
        .returning(tables.delivery.c.delivery_id)
    ).scalar_one()
    return found


def add_withdrawal(connection: sa.Connection, number: int, *, noticed_at: datetime = TAKEN_IN) -> None:
    connection.execute(
        tables.withdrawal_notice.insert().values(
            need_id=need_id(number), revision=1, reason_code="withdrawn_by_enterprise", noticed_at=noticed_at
        )
    )


def add_case(
    connection: sa.Connection,
    number: int,
    institution_code: str = "ICBC",
    *,
    state: str = "pushed",
    furthest_state: str | None = None,
    state_since: date = date(2026, 10, 9),
    last_event_at: datetime | None = None,
    approved: str = "0",
    contracted: str = "0",
    drawn: str = "0",
    answered: bool | None = None,
    open_obstructions: Sequence[Mapping[str, Any]] = (),
    anomalies: Sequence[Mapping[str, Any]] = (),
) -> None:
    """A case as the fold would have left it."""
    connection.execute(
        tables.matching_case.insert().values(
            need_id=need_id(number),
            institution_code=institution_code,
            intended=True,
            opened_on=date(2026, 9, 30),
            state=state,
            state_since=state_since,
            furthest_state=furthest_state or ("received" if state in ("declined", "closed") else state),
            answered=state != "pushed" if answered is None else answered,
            last_event_at=last_event_at,
            approved=Decimal(approved),
            contracted=Decimal(contracted),
            drawn=Decimal(drawn),
            paused=bool(open_obstructions),
            open_obstructions=list(open_obstructions),
            anomalies=list(anomalies),
            reopened=0,
            folded_at=TAKEN_IN,
        )
    )


def add_event(
    connection: sa.Connection,
    number: int,
    type_: str,
    *,
    sequence: int,
    institution_code: str = "ICBC",
    occurred_at: datetime = REPORTED,
    amount: str | None = None,
    rate: str | None = None,
    reason_code: str | None = None,
    obstruction_id: str | None = None,
) -> str:
    """A feedback event as received; returns its event_id."""
    event_id = f"EV-{number}-{institution_code}-{sequence}"
    connection.execute(
        tables.feedback_event.insert().values(
            event_id=event_id,
            need_id=need_id(number),
            revision=1,
            institution_code=institution_code,
            type=type_,
            occurred_at=occurred_at,
            sequence=sequence,
            amount=None if amount is None else Decimal(amount),
            rate=None if rate is None else Decimal(rate),
            reason_code=reason_code,
            obstruction_id=obstruction_id,
            document="{}",
            received_at=occurred_at,
        )
    )
    return event_id


def add_clock(
    connection: sa.Connection,
    number: int,
    institution_code: str = "ICBC",
    *,
    due_on: date,
    stopped_on: date | None = None,
    paused: bool = False,
    day0: date = date(2026, 9, 30),
) -> None:
    connection.execute(
        tables.case_clock.insert().values(
            need_id=need_id(number),
            institution_code=institution_code,
            from_type="pushed",
            to_type="received",
            day0=day0,
            due_on=due_on,
            provisional=False,
            stopped_on=stopped_on,
            paused=paused,
        )
    )


def add_hold(
    connection: sa.Connection,
    number: int,
    *,
    revision: int = 1,
    state: str = "open",
    opened_at: datetime = TAKEN_IN,
    settled_at: datetime | None = None,
    department_code: str = "330000",
    quarter: str = QUARTER,
    findings: Sequence[tuple[str, str]] = (("DQ37", "finance.total_investment"),),
) -> int:
    """The quarantine of a need that was judged held; returns its quarantine_id."""
    identity = need_id(number)
    judged = tables.judgement.c
    judgement_id = connection.execute(
        sa.select(judged.judgement_id)
        .where((judged.need_id == identity) & (judged.revision == revision))
        .order_by(judged.judgement_id.desc())
        .limit(1)
    ).scalar_one()
    found: int = connection.execute(
        tables.quarantine.insert()
        .values(
            judgement_id=judgement_id,
            origin="verdict",
            need_id=identity,
            revision=revision,
            quarter=quarter,
            department_code=department_code,
            state="open" if state == "released" else state,
            opened_at=opened_at,
            decide_by=date(2026, 10, 14),
            settled_at=settled_at if state == "open" else settled_at or opened_at,
        )
        .returning(tables.quarantine.c.quarantine_id)
    ).scalar_one()
    connection.execute(
        tables.quarantine_finding.insert(),
        [
            {
                "quarantine_id": found,
                "rule_id": rule_id,
                "field": field,
                "persons_required": policy().persons_to_release(rule_id),
            }
            for rule_id, field in findings
        ],
    )
    if state == "released":
        release(connection, found, settled_at or opened_at)
    return found


def release(connection: sa.Connection, quarantine_id: int, at: datetime) -> None:
    """Let a held need go, by as many persons as its findings ask for."""
    held = tables.quarantine_finding.c
    for found in connection.execute(
        sa.select(tables.quarantine_finding).where(held.quarantine_id == quarantine_id)
    ).all():
        for person in range(found.persons_required):
            connection.execute(
                tables.quarantine_event.insert().values(
                    quarantine_id=quarantine_id,
                    kind="approved",
                    rule_id=found.rule_id,
                    field=found.field,
                    actor=f"person-{person}",
                    role="operator",
                    reason="已核实情况",
                    at=at,
                )
            )
    connection.execute(
        tables.quarantine.update()
        .where(tables.quarantine.c.quarantine_id == quarantine_id)
        .values(state="released", settled_at=at)
    )


def add_stop(connection: sa.Connection, department_code: str = "330000", *, state: str = "open") -> None:
    """A department whose pushes wait for a person (B08), or waited."""
    connection.execute(
        tables.department_stop.insert().values(
            quarter=QUARTER,
            department_code=department_code,
            intake_id=add_intake(connection, run_id=f"intake-{QUARTER}"),
            judged=20,
            returned=10,
            opened_at=TAKEN_IN,
            state=state,
        )
    )


def add_report(
    connection: sa.Connection, number: int, act: str, *, at: datetime, who: str = "PBOC-city", institution: str = "ICBC"
) -> None:
    """A coordinator's report about a case, as the console stores it."""
    with acting_as(connection, DatabaseRole.CONSOLE):
        connection.execute(
            tables.coordinator_act.insert().values(
                kind="case",
                need_id=need_id(number),
                institution_code=institution,
                act=act,
                coordinator_id=who,
                actor=who,
                role="coordinator",
                remark="已联系银行",
                once=digest(number, act, at, who),
                at=at,
            )
        )

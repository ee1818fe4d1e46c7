"""What a try means for its delivery. Pure: the receiver's answer in, the next state out.

A lost answer proves nothing: the delivery is `unknown` until a look-up, or the same request under the same key, settles
it. What a receiver refuses for good, and a mail that may have been sent, is `held` for a person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Literal

from include.base.errors import PlatformUnavailable
from include.domain.receipts import receipt_number
from include.domain.retry import Series, requested_wait
from include.platforms.credit_market import ItemResult, LedgerEntry
from include.platforms.http import OutcomeUnknown, PlatformBusy, PlatformFault, Problem, ProblemResponse
from include.words.shown import scrubbed

OpenState = Literal["pending", "unknown"]
State = Literal["pending", "unknown", "delivered", "superseded", "held"]
Kind = Literal["send", "look_up", "check"]
"""`check`: decided before anything was sent, so that the receiver cannot hold it."""

LOST = "lost_answer"
NOT_FOUND = "not_found"
EXHAUSTED = "exhausted"
CONFLICT = "conflict"
MAYBE_SENT = "maybe_sent"
THROTTLED = "throttled"
FRUITLESS_CLASSES = (LOST, MAYBE_SENT, THROTTLED, "unavailable")
HOLDING_CLASSES = ("rejected", CONFLICT, "client_error", "contact_missing", "content_changed", EXHAUSTED)

_BEYOND_THE_CONTRACT = "平台返回了约定之外的结果"
_LONGEST_WORD = 40
# More do not fit into the stored detail of a refusal.
_MOST_REASONS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A delivery that this worker has leased; `body`: empty of a push, which is built when it is sent."""

    delivery_id: int
    action: str
    idempotency_key: str
    need_id: str | None
    revision: int | None
    body: str
    state: OpenState
    series: Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Result of one try of one delivery.

    `error_class` says why it is not delivered; `wait` is the receiver's own statement of when to retry.
    `may_have_arrived`: it may have been processed all the same. `its_own`: the receiver answered, and the fault may be
    of this item alone. `detail` never holds personal data.
    """

    claim: Claim
    kind: Kind
    outcome: str
    state: State
    error_class: str | None = None
    http_status: int | None = None
    detail: str | None = None
    receipt_no: str | None = None
    wait: timedelta | None = None
    may_have_arrived: bool = False
    its_own: bool = False


def of_item(claim: Claim, item: ItemResult | None, *personal: str) -> Result:
    """The platform's result of one item, None if not usable; values in `personal` must not be repeated from its messages."""
    if item is None:
        return _beyond_the_contract(claim)
    outcome = item.outcome
    if outcome in ("accepted", "duplicate"):
        receipt = receipt_number(item.receipt_no)
        return Result(claim=claim, kind="send", outcome=outcome, state="delivered", receipt_no=receipt)
    if outcome == "deferred":
        wait = requested_wait(item.retry_after)
        return Result(claim=claim, kind="send", outcome=outcome, state="pending", error_class="deferred", wait=wait)
    if outcome == "stale" and claim.action == "push":
        return Result(claim=claim, kind="send", outcome=outcome, state="superseded")
    if outcome in ("conflict", "rejected", "stale"):
        return Result(
            claim=claim,
            kind="send",
            outcome=outcome,
            state="held",
            error_class=CONFLICT if outcome == "conflict" else "rejected",
            detail=_reasons(Problem(errors=item.errors), personal),
        )
    return _beyond_the_contract(claim, outcome)


def _beyond_the_contract(claim: Claim, word: str = "") -> Result:
    """Nothing is known of this item: it may have arrived."""
    said = scrubbed(word)[:_LONGEST_WORD]
    reason = f"{_BEYOND_THE_CONTRACT}“{said}”" if said else _BEYOND_THE_CONTRACT
    return replace(lost(claim, OutcomeUnknown("", reason)), its_own=True)


def of_receipt(claim: Claim, receipt_no: str, *, repeated: bool) -> Result:
    """A receipt of the green platform; a repeated one means that it had arrived before."""
    outcome = "duplicate" if repeated else "accepted"
    receipt = receipt_number(receipt_no)
    return Result(claim=claim, kind="send", outcome=outcome, state="delivered", receipt_no=receipt)


def of_look_up(claim: Claim, entry: LedgerEntry | None, payload_sha256: str | None) -> Result:
    """The ledger entry settles an unknown push; without an entry it may be sent again.

    `payload_sha256` is of what we send; None if it cannot be computed any more (the contact was purged).
    """
    if entry is None:
        return Result(claim=claim, kind="look_up", outcome=NOT_FOUND, state="pending")
    same = entry.idempotency_key == claim.idempotency_key and payload_sha256 in (None, entry.payload_sha256)
    if not same:
        return Result(
            claim=claim,
            kind="look_up",
            outcome="conflict",
            state="held",
            error_class=CONFLICT,
            detail="平台已持有该版本，但内容或幂等键与本系统不同",
        )
    receipt = receipt_number(entry.receipt_no)
    return Result(claim=claim, kind="look_up", outcome="found", state="delivered", receipt_no=receipt)


def refused(claim: Claim, problem: ProblemResponse, *personal: str, kind: Kind = "send") -> Result:
    """A 4xx: never retried blindly."""
    conflict = problem.status == HTTPStatus.CONFLICT
    return Result(
        claim=claim,
        kind=kind,
        outcome="conflict" if conflict else "refused",
        state="held",
        error_class=CONFLICT if conflict else "client_error",
        http_status=problem.status,
        detail=_reasons(problem.problem, personal),
        may_have_arrived=kind == "look_up",
    )


def lost(claim: Claim, error: OutcomeUnknown) -> Result:
    """The answer was lost: it may have arrived. A mail cannot be looked up: a person must find out."""
    is_mail = claim.action == "mail"
    return Result(
        claim=claim,
        kind="send",
        outcome=LOST,
        state="held" if is_mail else "unknown",
        error_class=MAYBE_SENT if is_mail else LOST,
        http_status=error.status,
        detail=error.reason,
        may_have_arrived=True,
    )


def unavailable(claim: Claim, error: PlatformUnavailable, *, kind: Kind = "send") -> Result:
    """Not sent, or refused for now: nothing has changed, so it keeps its state."""
    busy = isinstance(error, PlatformBusy)
    return Result(
        claim=claim,
        kind=kind,
        outcome="busy" if busy else "unavailable",
        state=claim.state,
        error_class=THROTTLED if busy else "unavailable",
        http_status=error.status if isinstance(error, PlatformBusy) else None,
        detail=error.what,
        wait=requested_wait(error.retry_after_s) if isinstance(error, PlatformBusy) else None,
        may_have_arrived=claim.state == "unknown",
        its_own=isinstance(error, PlatformFault),
    )


def obsolete(claim: Claim, obstacle: str) -> Result:
    """A push that must not be sent any more: `newer_revision` or `withdrawn`."""
    return Result(claim=claim, kind="check", outcome=obstacle, state="superseded")


def contact_missing(claim: Claim) -> Result:
    """A push without a contact is of no use to a bank."""
    return Result(
        claim=claim,
        kind="check",
        outcome="not_sent",
        state="held",
        error_class="contact_missing",
        detail="联系人信息已清除或缺失，未推送",
    )


def content_changed(claim: Claim) -> Result:
    """A push that is no longer what was decided on: a person must find out what changed it."""
    return Result(
        claim=claim,
        kind="check",
        outcome="not_sent",
        state="held",
        error_class="content_changed",
        detail="按库中需求重新生成的内容与入列时的哈希不一致，未推送",
    )


def _reasons(problem: Problem, personal: tuple[str, ...]) -> str | None:
    reasons = [f"{error.field}：{error.message}" for error in problem.errors[:_MOST_REASONS]]
    return scrubbed("；".join(reasons) or problem.detail or problem.title, *personal) or None

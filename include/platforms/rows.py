"""The form of each kind of row that the platforms send, with the limits of what is stored.

A row that does not fit is set aside with the problem, in Chinese and without its values. Whole numbers count however
they are written (60, 60.0, 6e1).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from include.base.addresses import is_address
from include.domain.numbers import whole_number
from include.domain.pieces import SetAside, UnreadablePiece, read_piece
from include.domain.states import Authority, Level
from include.platforms.http import FieldError
from include.platforms.reader import Page, without_nul
from include.platforms.waits import stated_wait

T = TypeVar("T")

RegionCode = Annotated[str, Meta(pattern="^[0-9]{6}\\Z")]
Identifier = Annotated[str, Meta(min_length=1, max_length=128)]
Name = Annotated[str, Meta(max_length=500)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
ReceiptNo = Annotated[str, Meta(min_length=1)]
Revision = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Moment = Annotated[datetime, Meta(tz=True)]

_YEARS = range(2000, 2101)
_NO_OBJECT = "不是一个对象"
_MISSING = re.compile(r"missing required field `(\w+)`")
_WHERE = re.compile(r"at `\$\.(\w+)")


class _Unfit(ValueError):
    """A row that does not fit its form; `str()` says why, in Chinese, without its values."""


class ManifestRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one department says it recommended; `financing_need` in 万元."""

    department_code: RegionCode
    recommended: Count
    financing_need: Decimal
    zero_return: bool
    reported_at: Moment

    def __post_init__(self) -> None:
        _check_year(self.reported_at)


class CoordinatorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A coordinator (协调人); `role` is a post, never a person."""

    coordinator_id: Identifier
    authority: Authority
    level: Level
    region_code: RegionCode
    role: Annotated[str, Meta(max_length=200)]
    email: str
    on_duty: bool


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The platform's answer to a return or a progress report; `repeated` if the key was seen before."""

    receipt_no: ReceiptNo
    repeated: bool = False


class MarketInstitution(msgspec.Struct, frozen=True, kw_only=True):
    """An institution that the platform serves."""

    institution_code: Identifier
    name: Name
    kind: Annotated[str, Meta(max_length=64)]


class MarketBranch(msgspec.Struct, frozen=True, kw_only=True):
    """A branch of the PBoC that the platform serves."""

    branch_code: Identifier
    name: Name
    region_code: RegionCode


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform holds of one revision."""

    need_id: Identifier
    revision: Revision
    idempotency_key: Identifier
    receipt_no: ReceiptNo
    payload_sha256: Annotated[str, Meta(max_length=128)]
    received_at: Moment
    state: Literal["held", "superseded", "withdrawn"]

    def __post_init__(self) -> None:
        _check_year(self.received_at)


class ItemResult(msgspec.Struct, frozen=True, kw_only=True):
    """Result of one item: accepted, duplicate, conflict, stale, rejected or deferred.

    `retry_after`: seconds, within the policy's bounds; None if not stated. The messages in `errors` may repeat what was
    sent: never log them as they are.
    """

    idempotency_key: str
    outcome: str
    receipt_no: str | None = None
    retry_after: float | None = None
    errors: list[FieldError] = []


class Token(msgspec.Struct, frozen=True):
    """A token of the green platform, valid for `expires_in` seconds."""

    # Characters that a header can carry: the HTTP library would show any other value in its errors.
    access_token: Annotated[str, Meta(min_length=1, max_length=8192, pattern="^[!-~]+\\Z")]
    expires_in: Annotated[int, Meta(ge=0)]

    def __repr__(self) -> str:
        return "<token>"


def manifest_row(value: Any) -> ManifestRow:
    """A row of the manifest; `financing_need` must be a text as the contract's Amount."""
    _check_amount(value, "financing_need")
    return _fitted(value, ManifestRow)


def coordinator_row(value: Any) -> CoordinatorRow:
    """A row of the list of coordinators, with one plain e-mail address."""
    row = _fitted(value, CoordinatorRow)
    if not is_address(row.email):
        raise _Unfit(_does_not_fit("email"))
    return row


def institution(value: Any) -> MarketInstitution:
    """An institution that the market serves."""
    return _fitted(value, MarketInstitution)


def branch(value: Any) -> MarketBranch:
    """A branch that the market serves."""
    return _fitted(value, MarketBranch)


def ledger_entry(value: Any) -> LedgerEntry:
    """An entry of the market's ledger."""
    return _fitted(value, LedgerEntry)


def receipt(value: Any) -> Receipt:
    """A receipt of the green platform. An unreadable moment does not spoil it: what counts is that it was given."""
    return _fitted({"receipt_no": _receipt_no(value.get("receipt_no"))} if isinstance(value, dict) else value, Receipt)


def token(value: Any) -> Token:
    """A token; raises ValueError without showing it."""
    return _fitted(value, Token)


def item_result(value: Any) -> ItemResult:
    """Result of one item: key and outcome must be usable; any other unusable member counts as absent."""
    if not isinstance(value, dict):
        raise _Unfit(_NO_OBJECT)
    key, outcome = (_text(value.get(name)) for name in ("idempotency_key", "outcome"))
    if key is None or outcome is None:
        raise _Unfit(_does_not_fit("outcome" if key else "idempotency_key"))
    errors = value.get("errors")
    return ItemResult(
        idempotency_key=key,
        outcome=outcome,
        receipt_no=_receipt_no(value.get("receipt_no")),
        retry_after=stated_wait(value.get("retry_after")),
        errors=[error for one in errors if (error := _field_error(one))] if isinstance(errors, list) else [],
    )


def _field_error(value: Any) -> FieldError | None:
    if not isinstance(value, dict):
        return None
    field, message = (one if isinstance(one := value.get(name), str) else "" for name in ("field", "message"))
    return FieldError(field, message) if field or message else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _receipt_no(value: Any) -> str | None:
    """A receipt number given as a JSON number counts as its digits."""
    number = whole_number(value)
    return _text(value) if number is None else str(number)


def rows_of(page: Page, name: str, form: Callable[[Any], T]) -> tuple[list[T], list[SetAside]]:
    """The rows of a list that fit their form, and those that do not."""
    fitting: list[T] = []
    others: list[SetAside] = []
    for piece in page.lists[name]:
        try:
            fitting.append(form(read_piece(without_nul(piece))))
        except UnreadablePiece as unreadable:
            others.append(page.set_aside(piece, unreadable.problem))
        except _Unfit as unfit:
            others.append(page.set_aside(piece, str(unfit)))
    return fitting, others


def _fitted(value: Any, form: type[T]) -> T:
    if not isinstance(value, dict):
        raise _Unfit(_NO_OBJECT)
    try:
        return msgspec.convert({name: _as_json_integer(one) for name, one in value.items()}, form)
    except msgspec.ValidationError as error:
        found = _MISSING.search(str(error))
        if found:
            raise _Unfit(f"缺少 {found[1]}") from None
        found = _WHERE.search(str(error))
        raise _Unfit(_does_not_fit(found[1] if found else "时间")) from None


def _does_not_fit(field: str) -> str:
    return f"{field} 不符合接口约定"


def _as_json_integer(value: Any) -> Any:
    number = whole_number(value) if isinstance(value, Decimal) else None
    return value if number is None else number


_AMOUNT = re.compile(r"[0-9]{1,10}([.][0-9]{1,2})?")


def _check_amount(value: Any, name: str) -> None:
    found = value.get(name) if isinstance(value, dict) else ""
    if isinstance(value, dict) and name in value and not (isinstance(found, str) and _AMOUNT.fullmatch(found)):
        raise _Unfit(_does_not_fit(name))


def _check_year(moment: datetime) -> None:
    if moment.year not in _YEARS:
        raise ValueError("a year that cannot be meant")

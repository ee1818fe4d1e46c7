"""Money (金额) for readers. Every amount comes in 万元."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext

NOTHING = "—"
_WAN_PER_YI = Decimal(10_000)


def amount(wan: Decimal | None) -> str:
    """From one 亿元 on in 亿元 with two decimals (half up), else in 万元 as it is, without empty decimals; — for None."""
    if wan is None:
        return NOTHING
    if wan >= _WAN_PER_YI:
        return f"{yi(wan)} 亿元"
    return f"{f'{wan:,.2f}'.rstrip('0').rstrip('.')} 万元"


def exact_amount(wan: Decimal | None) -> str:
    """In 万元 as filed, from one 亿元 on with the 亿元 beside: a wrong unit must jump out; — for None."""
    if wan is None:
        return NOTHING
    beside = f"（{yi(wan)} 亿元）" if wan >= _WAN_PER_YI else ""
    return f"{f'{wan:,.2f}'.rstrip('0').rstrip('.')} 万元{beside}"


def yi(wan: Decimal) -> str:
    """In 亿元 with two decimals, rounded half up; for columns whose heading names the unit."""
    return f"{half_up(wan / _WAN_PER_YI, '0.01'):,}"


def wan_column(wan: Decimal | None) -> str:
    """In 万元 with two decimals, for columns whose heading names the unit; — for None."""
    return NOTHING if wan is None else f"{wan:,.2f}"


def half_up(value: Decimal, step: str) -> Decimal:
    """`value` rounded half up to `step`, however many digits it has."""
    with localcontext(prec=60):
        return value.quantize(Decimal(step), rounding=ROUND_HALF_UP)

"""What an alert on the sums of a need rests on, in words that are stored with it."""

from __future__ import annotations

from collections.abc import Mapping

SUMS: Mapping[str, str] = {
    "G02a": "签约合计 {contracted} 万元，融资需求 {financing_need} 万元",
    "G02b": "授信合计 {approved} 万元，项目外部资金需要 {external_funds} 万元",
    "G18": "放款合计 {drawn} 万元，项目总投资 {total} 万元",
}
"""By rule; in 万元 to the cent whatever the size, for a ground is the same only if its amounts are."""

"""The classifications that a need names: the catalogue of green finance (绿色金融支持项目目录) and the industries of GB/T 4754-2017."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from include.reference import rows

CATALOGUE_VERSION = "2025"
"""银发〔2025〕132号, in force since 2025-10-01."""


@cache
def catalogue() -> frozenset[str]:
    """Codes of the catalogue: 9 of level 1, 38 of level 2, 271 of level 3."""
    return frozenset(r["code"] for r in rows("catalogue_2025"))


@cache
def catalogue_names() -> Mapping[str, str]:
    """Code of the catalogue → its entry's name, of all three levels."""
    return MappingProxyType({r["code"]: r["name"] for r in rows("catalogue_2025")})


@cache
def catalogue_marks() -> Mapping[str, str]:
    """Level-3 code → official mark of how the entry cuts carbon: direct, enabling, none, or mixed (its activities differ)."""
    return MappingProxyType({r["code"]: r["contribution"] for r in rows("catalogue_2025_marks")})


@cache
def industry_classes() -> frozenset[str]:
    """The classes (小类) of GB/T 4754-2017."""
    return frozenset(r["code"] for r in rows("industries") if r["level"] == "class")


@cache
def industry_names() -> Mapping[str, str]:
    """Code of a division or class of GB/T 4754-2017 → its name."""
    return MappingProxyType({r["code"]: r["name"] for r in rows("industries")})

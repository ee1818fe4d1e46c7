"""Expectations about identifiers and codes: credit code, project code, industry, catalogue, JSON types and dates."""

from __future__ import annotations

import re
from datetime import date
from functools import partial
from string import ascii_uppercase, digits

import numpy as np
import pandas as pd

from expectations.custom.base import (
    Mask,
    RowExpectation,
    Text,
    ValueExpectation,
    all_distinct,
    each_distinct,
    row_condition,
    value_condition,
)
from include.domain.characters import character_matrix, matching, places_in
from include.domain.identifiers import ORG_WEIGHTS, PROJECT_CODE, USCC_ALPHABET, USCC_WEIGHTS, uscc_is_valid
from include.reference import institutions
from include.reference.classifications import catalogue, industry_classes

_INDUSTRY = re.compile(r"[0-9]{4}")
_DAY = re.compile(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}")
_FIRST_DAY, _LAST_DAY = "2000-01-01", "2100-12-31"
_DATA_SERVICES = frozenset({"64", "65"})


class ExpectCreditCodeToBeValid(ValueExpectation):
    """The normalised credit code (统一社会信用代码) has the right form and both check digits (DQ02)."""

    map_metric = "column_values.credit_code"


@value_condition("credit_code")
def credit_code(codes: pd.Series) -> pd.Series:
    """Whether each code is valid by GB 32100-2015 and GB 11714."""
    return all_distinct(_are_credit_codes, codes)


def _are_credit_codes(codes: list[str]) -> Mask:
    """`uscc_is_valid` of each code: the arithmetic of GB 32100-2015 and GB 11714 over all codes of the usual form at once."""
    characters = character_matrix(codes, _CREDIT_CODE)
    values, organisation = _VALUES[characters], _ORG_VALUES[characters[:, 8:17]]
    valid: Mask = values[:, 17] == -(values[:, :17] @ _WEIGHTS) % len(USCC_ALPHABET)
    remainder = 11 - organisation[:, :8] @ _ORG_WEIGHTS % 11
    valid &= organisation[:, 8] == np.where(remainder == 10, _ORG_VALUES[ord("X")], remainder % 11)
    usual = (values >= 0).all(axis=1) & (values[:, :8] <= 9).all(axis=1)
    for other in np.flatnonzero(~usual).tolist():
        valid[other] = uscc_is_valid(codes[other])
    return valid


_CREDIT_CODE = 18
_VALUES = places_in(USCC_ALPHABET)
_ORG_VALUES = places_in(digits + ascii_uppercase)
_WEIGHTS, _ORG_WEIGHTS = np.array(USCC_WEIGHTS), np.array(ORG_WEIGHTS)


class ExpectProjectCodeToBeWellFormed(ValueExpectation):
    """The normalised project code (项目代码) follows GB/T 40058-2021 (DQ09)."""

    map_metric = "column_values.project_code"


@value_condition("project_code")
def project_code(codes: pd.Series) -> pd.Series:
    """Whether each code has 20 digits, a month and a region."""
    return all_distinct(partial(matching, PROJECT_CODE), codes)


class ExpectIndustryCodeToExist(ValueExpectation):
    """The industry code has four digits and a division 01..97; in manufacturing a known class, if the table is complete (DQ04)."""

    complete: Text
    map_metric = "column_values.industry_code"
    success_keys = ("mostly", "complete")


@value_condition("industry_code", "complete")
def industry_code(codes: pd.Series, complete: str) -> pd.Series:
    """Whether each code can be a class of GB/T 4754-2017."""
    known = industry_classes() if complete == "true" else None

    def is_class(code: str) -> bool:
        if _INDUSTRY.fullmatch(code) is None or not "01" <= code[:2] <= "97":
            return False
        return known is None or code in known or not _is_manufacturing(code)

    return each_distinct(is_class, codes)


def _is_manufacturing(industry: str) -> bool:
    return "13" <= industry[:2] <= "43"


class ExpectIndustryToBeManufacturing(RowExpectation):
    """The industry is manufacturing, or data services where the project is a green data centre (DQ16)."""

    map_metric = "multicolumn_values.manufacturing"


@row_condition("manufacturing")
def manufacturing(columns: pd.DataFrame) -> pd.Series:
    """`columns`: industry code, direction of the retrofit."""

    def makes(code: str, sub_direction: str) -> bool:
        return _is_manufacturing(code) or (code[:2] in _DATA_SERVICES and sub_direction == "green_data_centre")

    return each_distinct(makes, columns.iloc[:, 0], columns.iloc[:, 1])


class ExpectCatalogueCodeToBeListed(ValueExpectation):
    """The catalogue entry is in the table of the 2025 catalogue.

    `level` group: while the table is partial, the level-2 prefix is looked for, once it is complete the code itself
    (DQ17). `level` entry: of the codes whose prefix is known, the code itself, while the table is partial (DQ18).
    """

    level: str
    complete: Text
    map_metric = "column_values.catalogue_code"
    success_keys = ("mostly", "level", "complete")


@value_condition("catalogue_code", "level", "complete")
def catalogue_code(codes: pd.Series, level: str, complete: str) -> pd.Series:
    """Whether each code is listed, at the level that `level` demands."""
    known = catalogue()
    is_complete = complete == "true"
    if level == "group" and is_complete:
        return each_distinct(lambda code: code in known, codes)
    if level == "group":
        return each_distinct(lambda code: code.rpartition(".")[0] in known, codes)
    return each_distinct(lambda code: is_complete or code in known or code.rpartition(".")[0] not in known, codes)


class ExpectIntendedInstitutionsToBeListed(ValueExpectation):
    """The intended institutions, `;` between their codes, are listed, not repeated and not too many (DQ11)."""

    max_count: Text | int
    map_metric = "column_values.intended_institutions"
    success_keys = ("mostly", "max_count")


@value_condition("intended_institutions", "max_count")
def intended_institutions(intended: pd.Series, max_count: int) -> pd.Series:
    """Whether each list names at most `max_count` different institutions of the table."""
    known = institutions()

    def allowed(joined: str) -> bool:
        codes = joined.split(";")
        return len(codes) <= int(max_count) and len(set(codes)) == len(codes) and all(code in known for code in codes)

    return each_distinct(allowed, intended)


class ExpectJsonTypeToFitTheForm(RowExpectation):
    """The JSON type is the one that the form asks for; a date is a real day of 2000..2100 written 2026-09-30 (DQ13)."""

    map_metric = "multicolumn_values.json_type"


@row_condition("json_type")
def json_type(columns: pd.DataFrame) -> pd.Series:
    """`columns`: expected type, found type, text of a date (empty for other fields)."""
    expected, found, day = (columns.iloc[:, at] for at in range(3))
    fits = (expected == found) | ((expected == "number") & (found == "integer"))
    return fits & ((found != "date") | each_distinct(_is_real_day, day))


def _is_real_day(text: str) -> bool:
    if not (_DAY.fullmatch(text) and _FIRST_DAY <= text <= _LAST_DAY):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True

"""Expectations about places: region codes, their departments and provinces."""

from __future__ import annotations

import re

import pandas as pd

from expectations.custom.base import RowExpectation, Texts, each_distinct, row_condition
from include.domain.identifiers import PROVINCE_PREFIXES, XPCC, department_of, prefecture
from include.reference.places import loc_status

_REGION = re.compile(r"[1-9][0-9]{5}")
_XINJIANG = "65"
_CORPS = frozenset({_XINJIANG, "66"})
_NATIONAL = "100000"
_ANY_YEAR = 0


class ExpectRegionCodeOfTheRightLevel(RowExpectation):
    """The region code exists as far as its prefecture and has the level that its field asks for (DQ03)."""

    county_less: Texts
    map_metric = "multicolumn_values.region_code"
    success_keys = ("mostly", "county_less")


@row_condition("region_code", "county_less")
def region_code(columns: pd.DataFrame, county_less: list[str]) -> pd.Series:
    """`columns`: path of the field, code."""

    def fits(path: str, code: str) -> bool:
        if path.endswith("province_code"):
            return code == XPCC or (code[:2] in PROVINCE_PREFIXES and code[2:] == "0000")
        if not _REGION.fullmatch(code) or code[:2] not in PROVINCE_PREFIXES:
            return False
        if path.endswith("city_code") and code.endswith("0000"):
            return False
        if path.endswith("site_county_code") and code.endswith("00") and code not in county_less:
            return False
        return loc_status(prefecture(code), _ANY_YEAR) != "unknown"

    return each_distinct(fits, columns.iloc[:, 0], columns.iloc[:, 1])


class ExpectPlaceToBeKnown(RowExpectation):
    """A county's code is in the table of places; the table may lag behind changes of divisions (DQ14)."""

    map_metric = "multicolumn_values.place_known"


@row_condition("place_known")
def place_known(columns: pd.DataFrame) -> pd.Series:
    """`columns`: code, year."""

    def is_known(code: str) -> bool:
        return code.endswith("00") or loc_status(code, _ANY_YEAR) != "unknown"

    return each_distinct(is_known, columns.iloc[:, 0])


class ExpectPlaceToBeInUse(RowExpectation):
    """A place known to the table was not given up before the year of the recommendation (DQ15)."""

    map_metric = "multicolumn_values.place_in_use"


@row_condition("place_in_use")
def place_in_use(columns: pd.DataFrame) -> pd.Series:
    """`columns`: code, year."""
    return each_distinct(lambda code, year: loc_status(code, year) != "retired", columns.iloc[:, 0], columns.iloc[:, 1])


class ExpectPlaceUnderItsDepartment(RowExpectation):
    """The place belongs to the department; a province, if named, is that of the place (DQ32, DQ48)."""

    map_metric = "multicolumn_values.place_under_department"


@row_condition("place_under_department")
def place_under_department(columns: pd.DataFrame) -> pd.Series:
    """`columns`: department, place, and the province where the rule names one."""
    return each_distinct(_belongs, *(columns.iloc[:, at] for at in range(columns.shape[1])))


def _belongs(department: str, place: str, province: str | None = None) -> bool:
    in_xinjiang = place.startswith(_XINJIANG)
    if department != department_of(place) and not (department == XPCC and in_xinjiang):
        return False
    return province is None or province == place[:2] + "0000" or (province == XPCC and in_xinjiang)


class ExpectRegistrationInTheProvince(RowExpectation):
    """The credit code was issued in the province of the enterprise, or nationally (DQ33)."""

    map_metric = "multicolumn_values.registered_in_province"


@row_condition("registered_in_province")
def registered_in_province(columns: pd.DataFrame) -> pd.Series:
    """`columns`: credit code, province."""
    registered = columns.iloc[:, 0].map(_registration)
    return each_distinct(_issued_in, registered, columns.iloc[:, 1])


def _registration(code: str) -> str:
    """Where a credit code was issued: the place that it names."""
    return code[2:8]


def _issued_in(registered: str, province: str) -> bool:
    of_corps = province == XPCC and registered[:2] in _CORPS
    return registered == _NATIONAL or registered[:2] == province[:2] or of_corps

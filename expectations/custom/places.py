"""Expectations about places: region codes, their departments and provinces."""

from __future__ import annotations

import re

import pandas as pd

from expectations.custom.base import RowExpectation, Texts, each_distinct, row_condition
from include.domain.identifiers import PROVINCE_PREFIXES, XPCC, department_of, loc_status, prefecture

_REGION = re.compile(r"[1-9][0-9]{5}")
_XINJIANG = "65"
_ANY_YEAR = 0


class ExpectRegionCodeOfTheRightLevel(RowExpectation):
    """The region code exists as far as its prefecture and has the level that its field asks for (DQ03)."""

    county_less: Texts
    map_metric = "multicolumn_values.region_code"
    success_keys = ("mostly", "county_less")


@row_condition("region_code", "county_less")
def region_code(columns: pd.DataFrame, county_less: list[str]) -> pd.Series:
    """`columns`: path of the field, code."""

    def fits(pair: tuple[str, str]) -> bool:
        path, code = pair
        if path.endswith("province_code"):
            return code == XPCC or (code[:2] in PROVINCE_PREFIXES and code[2:] == "0000")
        if not _REGION.fullmatch(code) or code[:2] not in PROVINCE_PREFIXES:
            return False
        if path.endswith("city_code") and code.endswith("0000"):
            return False
        if path.endswith("site_county_code") and code.endswith("00") and code not in county_less:
            return False
        return loc_status(prefecture(code), _ANY_YEAR) != "unknown"

    pairs = pd.Series(list(zip(columns.iloc[:, 0], columns.iloc[:, 1], strict=True)), index=columns.index, dtype=object)
    return each_distinct(pairs, fits)


class ExpectPlaceToBeKnown(RowExpectation):
    """A county's code is in the table of places: that table may be behind a change of divisions (DQ14)."""

    map_metric = "multicolumn_values.place_known"


@row_condition("place_known")
def place_known(columns: pd.DataFrame) -> pd.Series:
    """`columns`: code, year."""
    codes = columns.iloc[:, 0]
    return each_distinct(codes, lambda code: code.endswith("00") or loc_status(code, _ANY_YEAR) != "unknown")


class ExpectPlaceToBeInUse(RowExpectation):
    """A place known to the table was not given up before the year of the recommendation (DQ15)."""

    map_metric = "multicolumn_values.place_in_use"


@row_condition("place_in_use")
def place_in_use(columns: pd.DataFrame) -> pd.Series:
    """`columns`: code, year."""
    in_use = [
        loc_status(code, year) != "retired" for code, year in zip(columns.iloc[:, 0], columns.iloc[:, 1], strict=True)
    ]
    return pd.Series(in_use, index=columns.index, dtype=bool)


class ExpectPlaceUnderItsDepartment(RowExpectation):
    """The place belongs to the department; a province, if named, is that of the place (DQ32, DQ48)."""

    map_metric = "multicolumn_values.place_under_department"


@row_condition("place_under_department")
def place_under_department(columns: pd.DataFrame) -> pd.Series:
    """`columns`: department, place, and the province where the rule names one."""
    department, place = columns.iloc[:, 0], columns.iloc[:, 1]
    in_xinjiang = place.str.startswith(_XINJIANG)
    belongs = ((department == XPCC) & in_xinjiang) | (department == _mapped(place, department_of))
    if columns.shape[1] > 2:
        province = columns.iloc[:, 2]
        of_place = province == _mapped(place, lambda code: code[:2] + "0000")
        belongs &= of_place | ((province == XPCC) & in_xinjiang)
    return belongs


def _mapped(codes: pd.Series, function: object) -> pd.Series:
    return codes.map({code: function(code) for code in codes.unique()})  # type: ignore[operator]


class ExpectRegistrationInTheProvince(RowExpectation):
    """The credit code was issued in the province of the enterprise, or nationally (DQ33)."""

    map_metric = "multicolumn_values.registered_in_province"


@row_condition("registered_in_province")
def registered_in_province(columns: pd.DataFrame) -> pd.Series:
    """`columns`: credit code, province."""
    code, province = columns.iloc[:, 0], columns.iloc[:, 1]
    registered = code.str[2:4]
    national = code.str[2:8] == "100000"
    corps = (province == XPCC) & registered.isin([_XINJIANG, "66"])
    return (registered == province.str[:2]) | national | corps

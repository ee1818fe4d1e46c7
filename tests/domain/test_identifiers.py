from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import uscc

from include.domain.identifiers import (
    PROJECT_CODE,
    PROVINCE_PREFIXES,
    department_of,
    email_is_valid,
    make_uscc,
    mobile_is_valid,
    name_key,
    normalise_id,
    normalise_mobile,
    normalise_text,
    org_digit,
    prefecture,
    skeleton,
    uscc_is_valid,
)
from include.reference import departments, institutions, rows

GOOD = "91330100MA2TE5T013"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  浙江\t某某\u3000公司 ", "浙江 某某 公司"),
        ("ＡＢＣ１２３（甲）", "ABC123(甲)"),
        ("甲\u200b乙\ufeff丙\u00ad", "甲乙丙"),
        ("甲\x00乙", "甲乙"),
        ("甲\x1c乙\x85丙", "甲 乙 丙"),
        ("\x00 \x00", " "),
        ("\ud800", "\ud800"),
        ("\u200b\u2060", ""),
        ("甲\n", "甲"),
    ],
)
def test_texts_are_normalised(text: str, normal: str) -> None:
    assert normalise_text(text) == normal


@pytest.mark.parametrize(
    "text",
    [
        f" {GOOD} ",
        "９１３３０１００ｍａ２ｔｅ５ｔ０１３",
        "9133-0100\u2013MA2T\u2014E5T0\u221213",
        f"\u200b{GOOD}\n",
    ],
)
def test_spellings_of_one_identifier_share_one_key(text: str) -> None:
    assert normalise_id(text) == GOOD


@pytest.mark.parametrize(
    ("text", "mobile"),
    [
        ("13800000000", "13800000000"),
        ("+86 138-0000-0000", "13800000000"),
        ("008613800000000", "13800000000"),
        ("8613800000000", "13800000000"),
        ("１３８０００00000", "13800000000"),
        ("86138000000001", "86138000000001"),
        ("+8623800000000", "+8623800000000"),
    ],
)
def test_mobile_numbers_lose_their_country_code(text: str, mobile: str) -> None:
    assert normalise_mobile(text) == mobile


@pytest.mark.parametrize(
    ("text", "valid"),
    [("13900000000", True), ("12900000000", False), ("0571-88888888", False), ("1390000000", False), ("", False)],
)
def test_only_mobile_numbers_are_mobile_numbers(text: str, valid: bool) -> None:
    assert mobile_is_valid(text) is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("lin@example.cn", True),
        (" lin@example.cn\n", True),
        ("l" * 64 + "@example.cn", True),
        ("l" * 65 + "@example.cn", False),
        ("lin@example", False),
        ("lin@-example.cn", False),
        ("lin@example-.cn", False),
        ("lin@exa_mple.cn", False),
        ("lin lin@example.cn", False),
        ("l" * 64 + "@" + ".".join(["a" * 60] * 3) + ".abcdef", True),
        ("l" * 64 + "@" + ".".join(["a" * 60] * 3) + ".abcdefg", False),
        ("lin@" + "a" * 63 + ".cn", True),
        ("lin@" + "a" * 64 + ".cn", False),
    ],
)
def test_email_addresses(text: str, valid: bool) -> None:
    assert email_is_valid(text) is valid


def test_skeleton_and_name_key() -> None:
    assert skeleton(" Ｎ/A。") == "na"
    assert skeleton("——") == ""
    assert name_key("浙江（某某） Co.") == name_key("浙江(某某)co.") == "浙江(某某)co."


def test_the_inner_digit_is_checked_beyond_stdnum() -> None:
    assert uscc_is_valid(GOOD)
    wrong_inner = GOOD[:16] + "2"
    wrong_inner += uscc.calc_check_digit(wrong_inner)
    assert uscc.is_valid(wrong_inner)
    assert not uscc_is_valid(wrong_inner)


def test_the_inner_digit_can_be_x_and_zero() -> None:
    digits = {org_digit(f"{number:08d}") for number in range(200)}
    assert digits == set("0123456789X")


@pytest.mark.parametrize("body", ["1234567", "1234567a", "１２３４５６７８", "123456789"])
def test_an_organisation_code_has_eight_characters(body: str) -> None:
    with pytest.raises(ValueError, match="eight characters"):
        org_digit(body)


@given(st.from_regex(r"[0-9]{8}[0-9A-HJ-NP-RTUWXY]{8}", fullmatch=True), st.integers(0, 17), st.sampled_from("0AI中 "))
@settings(max_examples=200)
def test_codes_are_judged_as_stdnum_and_the_inner_digit_judge_them(made_of: str, position: int, typo: str) -> None:
    code = make_uscc(made_of[:8], made_of[8:])
    assert uscc.is_valid(code) and code[16] == org_digit(code[8:16])
    changed = code[:position] + typo + code[position + 1 :]
    assert uscc_is_valid(changed) is (changed == code)


@given(st.text(max_size=30))
def test_any_text_can_be_asked_whether_it_is_a_credit_code(text: str) -> None:
    assert uscc_is_valid(normalise_id(text)) is False


@pytest.mark.parametrize("first", ["N1330100", "9133010"])
def test_a_code_that_could_not_be_valid_is_not_made(first: str) -> None:
    with pytest.raises(ValueError):
        make_uscc(first, "MA2TE5T0")


@pytest.mark.parametrize(
    ("code", "valid"),
    [
        ("21063301000402123456", True),
        ("21060001000402123456", True),
        ("21133301000402123456", False),
        ("21006601000402123456", False),
        ("21066601000402123456", False),
        ("21067101000402123456", False),
        ("2106330100040212345", False),
        ("２1063301000402123456", False),
    ],
)
def test_project_codes(code: str, valid: bool) -> None:
    assert (re.fullmatch(PROJECT_CODE, code) is not None) is valid


def test_every_city_belongs_to_the_department_of_the_table() -> None:
    for row in rows("cities"):
        if row["department_code"] != "660000":
            assert department_of(row["code"]) == row["department_code"]


def test_the_provinces_are_those_of_the_departments() -> None:
    provinces = {d.code[:2] for d in departments().values() if not d.planned_city and d.code != "660000"}
    assert provinces == PROVINCE_PREFIXES
    assert len(institutions()) == 26


def test_the_prefecture_of_a_county() -> None:
    assert prefecture("330106") == "330100"
    assert prefecture("441900") == "441900"
    assert prefecture("110101") == "110100"

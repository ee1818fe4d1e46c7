"""What people may see of words from outside: one function for each page, mail, search, export and message."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.identifiers import make_uscc
from include.domain.roles import Role
from include.reference import rows
from include.words.shown import (
    INSIDERS,
    INTERNAL,
    MESSAGE,
    NAME,
    NO_NUMBER,
    NOT_OF_A_PERSON,
    OUTSIDE_THE_FORM,
    PERSONAL,
    SOLE_PROPRIETOR,
    TEXT,
    Reader,
    is_sole_proprietor,
    public,
    scrubbed,
    shown,
)

COMPANY = make_uscc("91330100", "MA2TE5T0")
PERSON = make_uscc("92330100", "MA2TE5T0")
READERS: tuple[Reader, ...] = (*Role, "mail", "public")


@pytest.mark.parametrize(
    "text",
    [
        "13900001234",
        "139 0000 1234",
        "139-0000-1234",
        "139.0000.1234",
        "1 3 9 0 0 0 0 1 2 3 4",
        "（１３９００００１２３４）",
        "+86 13900001234",
        "0086-139-0000-1234",
        "8613900001234",
        "139\u200b0000\u200b1234",
        "139‑0000‑1234",
        "手机13900001234，微信同号",
        "tel:13900001234",
        "0571-88001234",
        "(0571) 8800 1234",
        "０２１－６１２３１２３４",
        "wang@qinghe.example",
        "王五wang1234@qinghe.example。",
        "王五1234@青禾.中国",
        "ｗａｎｇ1234＠qinghe.example",
        "330106198001011234",
        "33010619800101123X",
        "330106 19800101 1234",
        "330106800101234",
    ],
)
@pytest.mark.parametrize(
    "field", ["enterprise.name", "project.content", "review.opinion", "remark", "reason", "detail"]
)
def test_numbers_and_addresses_of_persons_are_masked_in_every_text(field: str, text: str) -> None:
    for role in READERS:
        told = shown(field, f"青禾铸造 {text}", COMPANY, role)
        assert told.startswith("青禾铸造") and "***" in told
        assert not [part for part in ("1234", "qinghe", "青禾.中国", "19800101", "１２３４", "101234") if part in told]


@pytest.mark.parametrize(
    "text",
    [
        "青禾（杭州）精密铸造有限公司",
        "2026-10-15 至 2026-11-03，共 13 项",
        "总投资 13900.00 万元，年节能 1234.5 tce",
        "项目代码 2109-330100-07-02-123456",
        "FN202600000001 第 2 版",
        "91330100MA2TE5T013",
        "回执 R20261130-000123",
    ],
)
def test_what_is_no_number_of_a_person_is_shown_as_filed(text: str) -> None:
    assert public(text) == text


@pytest.mark.parametrize("role", READERS)
def test_of_a_sole_proprietor_no_reader_sees_a_name_or_a_text(role: Reader) -> None:
    assert shown("enterprise.name", "赵铁柱作坊", PERSON, role) == SOLE_PROPRIETOR
    for row in rows("form_fields"):
        path = row["path"]
        if path == "enterprise.name" or row["classification"] == "personal":
            continue
        assert "铁柱" not in shown(path.replace("[]", "[3]"), "赵铁柱作坊", PERSON, role), path
    for field in ("remark", "detail", "use_of_funds"):
        assert shown(field, "赵铁柱借款", PERSON, role) == NOT_OF_A_PERSON
    for field in ("reason", "note"):
        assert ("铁柱" in shown(field, "已问过赵铁柱", PERSON, role)) is (role in INSIDERS)
    assert shown("finance.total_investment", "8000.00", PERSON, role) == "8000.00"
    assert shown("project.start_date", "2026-03-01", PERSON, role) == "2026-03-01"
    assert shown("enterprise.debt_ratio", Decimal("45.5"), PERSON, role) == "45.5"
    assert shown("project.content", None, PERSON, role) == ""


@pytest.mark.parametrize("code", [PERSON, PERSON.lower(), f" {PERSON}", "９２330100", "92-330100"])
def test_a_sole_proprietor_is_known_however_the_code_is_written(code: str) -> None:
    assert is_sole_proprietor(code)
    assert not is_sole_proprietor(COMPANY) and not is_sole_proprietor(None)


def test_a_name_that_says_so_itself_is_masked_without_a_code() -> None:
    assert shown("enterprise.name", "杭州赵铁柱五金店（个体工商户）", None, "viewer") == SOLE_PROPRIETOR


def test_what_should_be_a_number_is_shown_of_a_sole_proprietor_only_where_it_is_one() -> None:
    for field in ("receipt_no", "catalogue_code", "institution_code", "institution_ref"):
        assert shown(field, "R20261130-000123", PERSON, "operator") == "R20261130-000123"
        assert shown(field, "赵铁柱", PERSON, "operator") == NOT_OF_A_PERSON
        assert shown(field, "赵铁柱", None, "operator") == NO_NUMBER
        assert shown(field, "收讫", COMPANY, "operator") == "收讫"


@pytest.mark.parametrize("role", READERS)
def test_contact_data_and_what_the_form_does_not_know_is_never_shown(role: Reader) -> None:
    for path in (
        "enterprise.contact",
        "enterprise.contact.name",
        "enterprise.contact.mobile",
        "enterprise.contact.email",
    ):
        assert shown(path, "张三", COMPANY, role) == PERSONAL
    for path in ("contact", "enterprise.contacts[0].name", "finance.methods[0].phone", "x" * 10_000):
        assert shown(path, "张三", COMPANY, role) == OUTSIDE_THE_FORM
    assert shown("project.content", {"contact": "张三"}, COMPANY, role) == OUTSIDE_THE_FORM


def test_the_number_by_which_an_institution_knows_a_case_is_internal() -> None:
    assert {role: shown("institution_ref", "DK-7", COMPANY, role) for role in READERS} == {
        role: "DK-7" if role in INSIDERS else INTERNAL for role in READERS
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http://evil.example/login", "http：//evil.example/login"),
        ("HTTPS://evil.com/a?b=c", "HTTPS：//evil[.]com/a?b=c"),
        ("请登录www.evil.example", "请登录www[.]evil.example"),
        ("青禾evil.com.cn公司", "青禾evil[.]com[.]cn公司"),
        ("ht\u200btp://evil.cn", "http：//evil[.]cn"),
        ("青禾 Co.,Ltd.", "青禾 Co.,Ltd."),
        ("目录条目 1.1.17", "目录条目 1.1.17"),
    ],
)
def test_no_address_is_left_that_a_mail_client_would_make_a_link(text: str, told: str) -> None:
    assert shown("enterprise.name", text, COMPANY, "mail") == told


@given(st.text(max_size=200))
def test_nothing_shown_has_control_format_or_bidi_characters(text: str) -> None:
    told = public(f"\u202e{text}\x1b\u200f\r\n")
    assert told.isprintable() and told == " ".join(told.split())


@given(st.sampled_from("甲a1 @（.-"), st.integers(0, 6_000), st.integers(0, 40))
def test_a_number_at_the_place_where_a_long_text_is_cut_never_shows_a_part(
    filler: str, before: int, after: int
) -> None:
    number = "13912345678"
    for told in (public(f"{filler * before} {number} {'乙' * after}", 5_000), scrubbed(f"{filler * before} {number}")):
        assert "1391" not in told and "45678" not in told


def test_what_is_shown_is_of_a_sensible_length() -> None:
    assert len(shown("enterprise.name", "甲" * 30_000, None, "viewer")) == NAME + 1
    assert len(shown("project.content", "甲" * 30_000, None, "viewer")) == TEXT + 1
    assert len(scrubbed("甲" * 30_000)) == MESSAGE


def test_scrubbing_removes_the_values_that_are_known_and_those_that_look_personal() -> None:
    text = scrubbed("联系人张三丰 13912345678 或 zhang@factory.example，电话13812345678\x00", "张三丰")
    assert not [value for value in ("张三丰", "1391", "1381", "zhang@", "\x00") if value in text]

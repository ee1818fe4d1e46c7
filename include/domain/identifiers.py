r"""Identifiers and the normal forms of texts (handbook, sections 4 and 9).

Regular expressions are full matches with `[0-9]`: `\d` would accept full-width digits, `$` a trailing newline.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from stdnum.cn import uscc

PROVINCE_PREFIXES = frozenset(
    str(region * 10 + province)
    for region, last in ((1, 5), (2, 3), (3, 7), (4, 6), (5, 4), (6, 5))
    for province in range(0 if region == 5 else 1, last + 1)
)
"""First two digits of the 31 provinces (GB/T 2260); the Xinjiang corps (兵团, 660000) is not a province."""

XPCC = "660000"
"""The Xinjiang corps (兵团): a department of its own, never derived from a region code."""

_PLANNED_CITIES = frozenset({"2102", "3302", "3502", "3702", "4403"})
ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ORG_BODY = re.compile(r"[0-9A-Z]{8}")
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_SHAPE = re.compile(f"[0-9]{{8}}[{USCC_ALPHABET}]{{10}}")
_USCC_VALUES = {character: value for value, character in enumerate(USCC_ALPHABET)}
USCC_WEIGHTS = tuple(pow(3, position, 31) for position in range(17))
_MOBILE_WITH_COUNTRY = re.compile(r"(?:\+86|0086|86)1[0-9]{10}")
MOBILE = "1[3-9][0-9]{9}"
_MOBILE = re.compile(MOBILE)
PROJECT_CODE = f"[0-9]{{2}}(?:0[1-9]|1[0-2])(?:00|{'|'.join(sorted(PROVINCE_PREFIXES))})[0-9]{{14}}"
"""A project code (项目代码, GB/T 40058-2021), normalised by normalise_id (DQ09)."""

_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{}~-]{1,64}@" + _LABEL + "(?:[.]" + _LABEL + ")+")
_EMAIL_MAX = 254
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")  # exactly what str.isalnum() denies
_WIDE_PUNCTUATION = tuple((wide, unicodedata.normalize("NFKC", wide)) for wide in "，；：（）！？％")
_USUAL_MARKS = " ,.;:()%、。-"
_BETWEEN = "\n"  # in no normalised text
_IDLE_BLANKS = ("  ", f" {_BETWEEN}", f"{_BETWEEN} ")


def normalise_text(text: str) -> str:
    """NFKC without format and control characters, white space collapsed to single blanks."""
    text = _compatible(text)
    if text.isprintable():  # Then it has no format or control character, and no white space but blanks.
        return " ".join(text.split()) if " " in text else text
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    text = " ".join(text.split())
    return "".join(c for c in text if unicodedata.category(c) != "Cc")


def normalise_texts(texts: Sequence[str]) -> list[str]:
    """`normalise_text` of each. All texts are checked as one; only if that fails, each by itself."""
    joined = _compatible(_BETWEEN.join(texts))
    given = joined.split(_BETWEEN)
    if len(given) != len(texts):  # A text holds a line break.
        return list(map(normalise_text, texts))
    if joined.replace(_BETWEEN, "").isprintable() and not _has_idle_blanks(joined):
        return given
    return list(map(normalise_text, given))


def _compatible(text: str) -> str:
    """NFKC. It never adds or removes line breaks, so texts joined by line breaks can be converted as one."""
    if text.isascii() or unicodedata.is_normalized("NFKC", text):
        return text
    # NFKC forms of the usual Chinese punctuation: a fast path for texts that need nothing else.
    for wide, narrow in _WIDE_PUNCTUATION:
        text = text.replace(wide, narrow)
    return unicodedata.normalize("NFKC", text)


def _has_idle_blanks(joined: str) -> bool:
    """Whether any text begins or ends with a blank or holds two in a row."""
    return any(blanks in joined for blanks in _IDLE_BLANKS) or joined[:1] == " " or joined[-1:] == " "


def shortened(text: str, longest: int) -> str:
    """The text, cut to `longest` characters with an ellipsis at the end if it is longer."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def normalise_id(text: str) -> str:
    """The form in which identifiers are compared and stored: upper case, no blanks, no dashes of any kind."""
    return _without_dashes(normalise_text(text).upper().replace(" ", "").replace("-", ""))


def normalise_ids(texts: Sequence[str]) -> list[str]:
    """`normalise_id` of each of these texts."""
    if not texts:
        return []
    joined = _BETWEEN.join(normalise_texts(texts)).upper().replace(" ", "").replace("-", "")
    return [text if text.isalnum() else _without_dashes(text) for text in joined.split(_BETWEEN)]


def _without_dashes(text: str) -> str:
    if text.isalnum() or text.isascii():
        return text
    return "".join(c for c in text if c not in " \u2212" and unicodedata.category(c) != "Pd")


def normalise_mobile(text: str) -> str:
    """A mobile number without the country code (+86, 0086 or 86)."""
    if _MOBILE.fullmatch(text):
        return text
    text = normalise_id(text)
    return text[-11:] if _MOBILE_WITH_COUNTRY.fullmatch(text) else text


def mobile_is_valid(text: str) -> bool:
    """Whether `text` is a mainland mobile number in any usual spelling; a landline is none."""
    return _MOBILE.fullmatch(normalise_mobile(text)) is not None


def email_is_valid(text: str) -> bool:
    """Whether `text`, normalised, is an e-mail address of at most 254 characters."""
    if _EMAIL.fullmatch(text) is None:  # An address of this form is already normalised.
        text = normalise_text(text)
        if _EMAIL.fullmatch(text) is None:
            return False
    return len(text) <= _EMAIL_MAX


def skeleton(text: str) -> str:
    """Letters and digits of a text in folded case: what remains when differences of spelling are removed."""
    return skeletons_of_normal([normalise_text(text)])[0]


def skeletons_of_normal(texts: Sequence[str]) -> list[str]:
    """The skeletons of texts that are normalised already. Each step works on characters, so all texts are processed at once."""
    if not texts:
        return []
    folded = _BETWEEN.join(texts).casefold()
    for mark in _USUAL_MARKS:
        folded = folded.replace(mark, "")
    return [text if text.isalnum() else _NOT_ALPHANUMERIC.sub("", text) for text in folded.split(_BETWEEN)]


def name_key(text: str) -> str:
    """The form in which names are compared: normalised, folded case, no blanks."""
    return name_keys([text])[0]


def name_keys(names: Sequence[str]) -> list[str]:
    """The name key of each of these names."""
    return _BETWEEN.join(normalise_texts(names)).casefold().replace(" ", "").split(_BETWEEN) if names else []


def org_digit(body: str) -> str:
    """Check digit of an organisation code (GB 11714) for its eight characters; ValueError if they are not 0-9, A-Z."""
    if not _ORG_BODY.fullmatch(body):
        raise ValueError("an organisation code has eight characters of 0-9 and A-Z")
    remainder = 11 - sum(int(c, 36) * weight for c, weight in zip(body, ORG_WEIGHTS, strict=True)) % 11
    return {10: "X", 11: "0"}.get(remainder, str(remainder))


def uscc_is_valid(code: str) -> bool:
    """Whether a credit code (统一社会信用代码), normalised by normalise_id, has the right form and both check digits.

    python-stdnum checks GB 32100-2015, but not the inner check digit of GB 11714.
    """
    if _USCC_SHAPE.fullmatch(code):  # The same arithmetic as stdnum's, ten times as fast.
        total = sum(_USCC_VALUES[c] * weight for c, weight in zip(code, USCC_WEIGHTS, strict=False))
        valid = code[17] == USCC_ALPHABET[(31 - total % 31) % 31]
    else:
        valid = uscc.is_valid(code) and _ORG_BODY.fullmatch(code[8:16]) is not None
    return valid and org_digit(code[8:16]) == code[16]


def make_uscc(first: str, body: str) -> str:
    """A valid credit code from authority, type and region (8 digits) and an organisation (8 characters)."""
    code = first + body + org_digit(body)
    code += str(uscc.calc_check_digit(code))
    if not uscc_is_valid(code):
        raise ValueError("a credit code starts with eight digits and holds none of the letters I, O, S, V and Z")
    return code


def department_of(region_code: str) -> str:
    """Code of the department responsible for a place: the planned city, else the province. Never the corps (兵团)."""
    if region_code[:4] in _PLANNED_CITIES:
        return region_code[:4] + "00"
    return region_code[:2] + "0000"


def prefecture(region_code: str) -> str:
    """The prefecture of a county's code; a code that ends in 00 is returned as it is."""
    return region_code if region_code.endswith("00") else region_code[:4] + "00"

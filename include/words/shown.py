"""Foreign texts as people may see them: the only way of a value onto a page, into a mail, a search, an export or a
message.

Handbook, section 12: contact data is never shown. A sole proprietor (个体工商户, entity type 92) is a person: its names are
masked, and none of its free texts is shown, because they may repeat the name. In all other texts telephone numbers,
e-mail addresses and numbers of identity cards are masked. Nothing shown holds control, format or bidi characters, or an
address that a mail client would turn into a link. The work is bounded, however long a text is.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Literal

from include.domain.identifiers import normalise_id
from include.domain.roles import Role
from include.reference.form import all_fields

Reader = Role | Literal["mail", "public"]
"""Who reads: a role of the console, the recipient of a mail, or everybody."""

INSIDERS: frozenset[Reader] = frozenset({Role.OPERATOR, Role.APPROVER, Role.AUDITOR})
"""Who may see why a need is held, who decided, and an institution's own number of an application."""

SOLE_PROPRIETOR = "个体工商户（名称不显示）"
NOT_OF_A_PERSON = "（个体工商户，不显示）"
PERSONAL = "（个人信息，不显示）"
INTERNAL = "（内部信息，不显示）"
NO_NUMBER = "（不是编号，不显示）"
OUTSIDE_THE_FORM = "（表单以外的内容，不显示）"
MASK = "***"

NAME, TEXT, MESSAGE = 80, 400, 300
"""Characters shown of a name, of a free text, of a receiver's message."""

_READ = 4_000
"""Characters of a text that are processed, and the length of its end that may hold half a number or address."""
_EDGE = 400

_ENTITY_TYPE = "92"
_NAMES = frozenset({"enterprise.name", "project.name"})
_INTERNAL = frozenset({"institution_ref"})
_WORDS = frozenset(
    {
        "use_of_funds",
        "remark",
        "reason",
        "note",
        "detail",
        "explanation",
        "institution_ref",
        "institution_code",
        "catalogue_code",
        "receipt_no",
        "ground",
        "post",
    }
)
"""Texts outside of the form: of institutions, of platforms, and of the people who act."""
_ABOUT_A_PERSON = frozenset({"use_of_funds", "remark", "detail"})
"""Texts of others, who know the enterprise by its name; texts of our own people are shown to insiders only."""
_OUR_OWN = frozenset({"reason", "note"})
_NUMBERS = frozenset({"institution_ref", "institution_code", "catalogue_code", "receipt_no"})
"""Texts that should be numbers or codes; a receiver may write anything there."""

_HEAD = frozenset({"need_id", "form_version", "quarter"})
_CODE = re.compile(r"[0-9A-Za-z_.:+/-]{1,64}")
_INDEX = re.compile(r"\[[0-9]{1,6}\]")


def shown(field: str, value: object, uscc: str | None, role: Reader) -> str:
    """`value` as this reader may see it, on one line; empty if there is nothing.

    `field`: a path of the form (`finance.methods[0].amount`), or one of the texts outside of it (`remark`, `reason`,
    `detail` …). `uscc`: of the enterprise concerned; None if there is none, or its code is unknown.
    """
    path = _INDEX.sub("[]", field[:_EDGE])
    if path not in _WORDS and path not in _form():
        return OUTSIDE_THE_FORM
    if _form().get(path) == "personal":
        return PERSONAL
    if path in _INTERNAL and role not in INSIDERS:
        return INTERNAL
    if path in _NUMBERS and uscc is None and isinstance(value, str) and value and not _CODE.fullmatch(value):
        return NO_NUMBER
    if is_sole_proprietor(uscc) and not _names_nobody(path, value, role):
        return SOLE_PROPRIETOR if path == "enterprise.name" else NOT_OF_A_PERSON if value else ""
    if isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value)
    ):
        return OUTSIDE_THE_FORM
    text = _plain(value)
    if path == "enterprise.name":
        name = public(text, NAME) or "（企业名称缺失）"
        return SOLE_PROPRIETOR if "个体工商户" in name else name
    return public(text, NAME if path in _NAMES or path in _NUMBERS else TEXT)


def is_sole_proprietor(uscc: str | None) -> bool:
    """Whether a credit code is that of a sole proprietor (entity type 92), however it is written."""
    return uscc is not None and normalise_id(uscc[:64]).startswith(_ENTITY_TYPE)


def public(text: str, longest: int = TEXT) -> str:
    """A text about nobody in particular, without personal data and links; at most so many characters."""
    return _cut(_unlinked(_masked(text)), longest)


def scrubbed(text: str, *secrets: str) -> str:
    """A receiver's words without the values in `secrets` and without personal data; at most MESSAGE characters."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    return _masked(text)[:MESSAGE]


def one_line(text: str) -> str:
    """`text` on one line, without control, format and bidi characters, so that it cannot begin a header of its own."""
    if not text.isprintable():
        text = "".join(map(_visible, text))
    return " ".join(text.split())


@cache
def _form() -> Mapping[str, str]:
    """Path → type of a field of the form; "personal" where it is personal."""
    kinds = {path: "personal" if field.personal else field.kind for path, field in all_fields().items()}
    return kinds | {"enterprise.contact": "personal"}


def _names_nobody(path: str, value: object, role: Reader) -> bool:
    """Whether a value of a sole proprietor is a figure, a code or a date, and not a text that may name a person."""
    if path in _NUMBERS:
        return isinstance(value, str) and _CODE.fullmatch(value) is not None
    if path in _WORDS:
        return path not in _ABOUT_A_PERSON and (path not in _OUR_OWN or role in INSIDERS)
    if isinstance(value, bool | int | float | Decimal):
        return True
    typed = path in _HEAD or _form()[path] not in ("text", "uscc")
    return typed and isinstance(value, str) and _CODE.fullmatch(value) is not None


def _plain(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


# --- Characters --------------------------------------------------------------------------------------------------------


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    # A character without width could hide a number from the patterns below.
    return "" if category == "Cf" else " " if category[0] in "CZ" else character


def _cut(line: str, longest: int) -> str:
    return line if len(line) <= longest else f"{line[:longest].rstrip('…')}…"


# --- What is personal --------------------------------------------------------------------------------------------------

_GAP = "[ \u2010-\u2015\u2212·-]{0,2}"
_IDENTITY_CARD = re.compile(
    rf"(?<![0-9A-Za-z])[1-9](?:{_GAP}[0-9]){{13}}(?:{_GAP}[0-9]|(?:{_GAP}[0-9]){{3}}{_GAP}[0-9Xx])(?![0-9A-Za-z])"
)
_BORN = re.compile(
    "[0-9]{6}(?:(?:18|19|20)[0-9]{2}(?=[0-9]{7}|[0-9]{6}X)|[0-9]{2}(?=[0-9]{7}$))"
    "(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
)
_MOBILE = re.compile(
    rf"(?<![0-9])(?:(?:[+]|00)?86{_GAP})?1(?:{_GAP}[3-9](?:{_GAP}[0-9]){{9}}|[3-9][0-9](?:[.][0-9]{{4}}){{2}})(?![0-9])"
)
_LANDLINE = re.compile(
    rf"(?<![0-9A-Za-z])(?:[(]0[1-9][0-9]{{1,2}}[)]|0[1-9][0-9]{{1,2}}){_GAP}[1-9](?:[0-9]{{6,7}}|[0-9]{{2,3}}{_GAP}[0-9]{{4}})(?![0-9])"
)
_APART = "\\s@()<>\\[\\]（）,，;；:：。、|\"'“”"
_ADDRESS = re.compile(
    rf"(?:[A-Za-z0-9.!#$%&*+/=?^_{{}}~-]{{1,64}}+|[^{_APART}\x00-\x7f]{{1,64}}+)@"
    rf"(?:[A-Za-z0-9.-]{{1,255}}+|[^{_APART}]{{1,64}}+)"
)
_DATE = re.compile("20[0-9]{2}-[01][0-9]-[0-3][0-9]")


def _masked(text: str) -> str:
    """The beginning of `text` on one line, masked; unchanged if there is nothing to mask."""
    line = one_line(text[:_READ])
    plain = unicodedata.normalize("NFKC", line)[:_READ]
    masked = _IDENTITY_CARD.sub(_if_born, _ADDRESS.sub(MASK, plain))
    masked = _LANDLINE.sub(MASK, _MOBILE.sub(_unless_a_date, masked))
    found = line if masked == plain else masked
    # A number or an address may have been cut in two, so that it no longer matches.
    return found if len(text) <= _READ and len(plain) < _READ else f"{found[:-_EDGE]}…"


def _if_born(found: re.Match[str]) -> str:
    figures = "".join(character for character in found[0].upper() if character.isalnum())
    return MASK if _BORN.match(figures) else found[0]


def _unless_a_date(found: re.Match[str]) -> str:
    return found[0] if _DATE.search(found[0]) else MASK


# --- Links -------------------------------------------------------------------------------------------------------------

_DOMAINS = (
    "com|cn|net|org|info|top|xyz|vip|cc|co|io|me|tv|site|shop|online|club|app|dev|link|group|edu|gov|biz|ru|us|uk|hk|tw"
)
_HOST = re.compile(rf"(?i)(?<![a-z0-9.-])(?:[a-z0-9-]{{1,63}}+[.]){{1,8}}(?:{_DOMAINS})(?![a-z0-9-])")
_WWW = re.compile(r"(?i)(?<![a-z0-9])www[.]")


def _unlinked(line: str) -> str:
    """`line` with web addresses visibly broken: people can read http：//evil[.]example, mail clients do not link it."""
    if "." not in line and "://" not in line:
        return line
    broken = _WWW.sub("www[.]", line.replace("://", "：//"))
    return _HOST.sub(lambda found: found[0].replace(".", "[.]"), broken)

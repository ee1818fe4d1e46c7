"""When two ids name one person. The database has the same function (`person_key`), and it decides.

Two persons differ in the auth manager's immutable ids, never only in how a name looks: invisible characters (format and
control characters, variation selectors, blanks), another form of the same letters, and case do not make a second
person.
"""

from __future__ import annotations

import re
import unicodedata

# Control characters, blanks, and what Unicode calls default ignorable or format characters.
INVISIBLE = (
    r"\u0000-\u0020\u007F-\u00A0\u00AD\u034F\u0600-\u0605\u061C\u06DD\u070F\u0890\u0891\u08E2\u115F\u1160\u1680\u17B4\u17B5"
    r"\u180B-\u180F\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB"
    r"\U000110BD\U000110CD\U00013430-\U0001343F\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF"
)
_INVISIBLE = re.compile(f"[{INVISIBLE}]")


def person_key(actor: str) -> str:
    """The key in which two ids must differ to be two persons."""
    seen = _INVISIBLE.sub("", unicodedata.normalize("NFKC", actor))
    return unicodedata.normalize("NFKC", seen.casefold())


def same_person(one: str, other: str) -> bool:
    """Whether two ids name the same person."""
    return person_key(one) == person_key(other)

"""The one reader of what platforms answer: bytes → text → pieces → values, so that one bad piece spoils nothing else.

- Encoding: UTF-8, or GB18030 (GBK, GB2312) if the answer declares it. A piece that cannot be decoded is unreadable;
  bytes are never replaced.
- Pieces: a page is split before it is parsed. Only an answer that cannot be split is rejected as a whole (ValueError),
  as a fault that may pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from include.domain.numbers import whole_number
from include.domain.pieces import SetAside, UnreadablePiece, read_piece, set_aside
from include.platforms.exchange import Answer
from include.platforms.splitting import split

T = TypeVar("T")

LONGEST_CURSOR = 2_000
LARGEST_TOTAL = 2**31 - 1

_GB18030 = frozenset({"gbk", "gb2312", "gb18030", "gb_2312-80", "x-gbk", "cp936", "ms936", "windows-936", "euc-cn"})
# In these encodings all bytes are ASCII, so they would pass for UTF-8.
_SEVEN_BIT = frozenset({"hz-gb-2312", "hz", "utf-7", "iso-2022-cn", "iso-2022-cn-ext", "iso-2022-jp", "iso-2022-kr"})
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_UTF8_BOM = b"\xef\xbb\xbf"
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_HALF_CHARACTERS = re.compile("[\ud800-\udfff]")
# In UTF-8, a Chinese character takes three bytes.
_CHINESE = re.compile("[\u2e80-\uffef\U00020000-\U0003ffff]")
_UNSTORABLE_ESCAPE = re.compile(rb"(?<!\\)((?:\\\\)*+)\\u0000")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Page:
    """An answer that is an object: its members, and the pieces of those that are lists, as bytes in UTF-8."""

    members: Mapping[str, bytes]
    lists: Mapping[str, list[bytes]]
    in_gb18030: bool

    def set_aside(self, piece: bytes, problem: str) -> SetAside:
        """The piece set aside as it was sent."""
        return set_aside(_as_sent(piece) if self.in_gb18030 else piece, problem)

    def values(self, name: str) -> Iterator[Any | SetAside]:
        """The values of a list, each in its place; in place of an unreadable one stands the piece set aside."""
        for piece in self.lists[name]:
            try:
                yield read_piece(piece)
            except UnreadablePiece as unreadable:
                yield self.set_aside(piece, unreadable.problem)

    def member(self, name: str) -> Any:
        """The value of a member; raises ValueError if it is absent or unreadable."""
        if name not in self.members:
            raise ValueError(f"the answer has no {name}")
        return read_piece(self.members[name])

    def number(self, name: str, most: int = LARGEST_TOTAL) -> int:
        """A member that is a whole number from 0 to `most`, else ValueError."""
        found = whole_number(self.member(name))
        if found is None or not 0 <= found <= most:
            raise ValueError(f"{name} is no such number")
        return found

    def cursor(self, name: str) -> str | None:
        """A member that is a cursor or null, else ValueError."""
        found = self.member(name)
        if found is not None and (
            not isinstance(found, str)
            or len(found) > LONGEST_CURSOR
            or _CONTROL.search(found) is not None
            or rb"\u0000" in self.members[name]
        ):
            raise ValueError(f"{name} is no cursor")
        return found


def read_page(answer: Answer, *lists: str) -> Page:
    """The answer split into members, and the members in `lists` into pieces.

    Raises ValueError if it is not an object, or one of the lists is missing.
    """
    body, in_gb18030 = _in_utf8(answer)
    members, pieces = split(body, lists)
    return Page(members, pieces, in_gb18030)


def read_value(answer: Answer) -> Any:
    """The value of an answer that is one piece; raises UnreadablePiece."""
    body, _ = _in_utf8(answer)
    return read_piece(body)


def read_row(answer: Answer, form: Callable[[Any], T]) -> T:
    """An answer that is one row, in its form; raises ValueError if it does not fit."""
    body, _ = _in_utf8(answer)
    return form(read_piece(without_nul(body)))


def _in_utf8(answer: Answer) -> tuple[bytes, bool]:
    """The body in UTF-8 without a byte order mark, and whether it was sent in GB18030.

    A byte that is invalid in GB18030 becomes one that is invalid in UTF-8. Valid UTF-8 with Chinese in it stays UTF-8
    whatever is declared: read as GB18030 it would become other words.
    """
    body = answer.body
    declared = _CHARSET.search(answer.headers.get("Content-Type", ""))
    charset = declared[1].lower() if declared else ""
    if charset in _SEVEN_BIT:
        raise ValueError("a charset in which other words would be read")
    if charset not in _GB18030 or _is_chinese_utf8(body):
        return body.removeprefix(_UTF8_BOM), False
    text = body.decode("gb18030", "surrogateescape").removeprefix(_BOM)
    return text.encode("utf-8", "surrogatepass"), True


def _is_chinese_utf8(body: bytes) -> bool:
    try:
        return _CHINESE.search(body.decode()) is not None
    except UnicodeDecodeError:
        return False


def _as_sent(piece: bytes) -> bytes:
    """A piece with bytes that are invalid in GB18030, as it was sent; any other in UTF-8."""
    text = piece.decode("utf-8", "surrogatepass")
    return text.encode("gb18030", "surrogateescape") if _HALF_CHARACTERS.search(text) else piece


def without_nul(piece: bytes) -> bytes:
    """JSON without the escapes of U+0000, for rows whose texts are stored as text: PostgreSQL cannot hold it."""
    return _UNSTORABLE_ESCAPE.sub(rb"\1", piece) if rb"\u0000" in piece else piece

"""Splitting a page (a JSON object with lists) into pieces before any of them is parsed.

msgspec splits a sound page. If that fails, or if pieces are not UTF-8, a scanner that knows strings, escapes and
brackets finds the end of each piece. If the structure itself may be broken (an extra quotation mark in one piece),
pieces are also recognised by the member that each begins with; of several results, the one with the most readable
pieces counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from include.domain.pieces import UnreadablePiece, read_piece

MOST_PIECES = 100_000
"""Most pieces of one list: a hundred times a page."""
_SPLIT_AT_ONCE = 4 * 2**20

_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_STRUCTURE = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{}]', re.DOTALL)
_SCALAR = re.compile(rb'[^,\[\]{}"]++')
_SOUND = rb"(?:[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})"
# Two bytes that GBK reads as one character; the second may look like a bracket or a backslash. Valid UTF-8 is left
# alone.
_SOUND_OR_PAIRS = re.compile(rb"(%b++)|(?:(?!%b)[\x81-\xfe][\x40-\x7e\x80-\xfe])++" % (_SOUND, _SOUND))
_DEEPEST_FOLLOWED = 2**20

Split = tuple[Mapping[str, bytes], Mapping[str, list[bytes]]]


def split(body: bytes, lists: Sequence[str]) -> Split:
    """The members of the object `body` as bytes, and the pieces of those in `lists`.

    Raises ValueError if the object cannot be split, or one of the lists is missing.
    """
    sound = _is_utf8(body)
    if sound and len(body) <= _SPLIT_AT_ONCE:
        try:
            return _split_at_once(body, lists)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass
    ways = [_split_as_it_stands] if sound else [_split_as_it_stands, _split_without_pairs]
    return _best([*ways, *(partial(_split_by_first_member, name) for name in lists)], body, lists)


def _best(ways: Sequence[Callable[[bytes, Sequence[str]], Split]], body: bytes, lists: Sequence[str]) -> Split:
    """The first of these splits with the most readable pieces; raises ValueError if there is none."""
    best: Split | None = None
    most = -1
    for way in ways:
        try:
            found = way(body, lists)
        except ValueError:
            continue
        readable, unreadable = _counted(found)
        if readable > most:
            best, most = found, readable
        if not unreadable:
            break
    if best is None:
        raise ValueError("the answer cannot be split")
    return best


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _split_at_once(body: bytes, lists: Sequence[str]) -> Split:
    members = _MEMBERS.decode(body)
    pieces = {name: [bytes(piece) for piece in _PIECES.decode(_member(members, name))] for name in lists}
    if any(len(found) > MOST_PIECES for found in pieces.values()):
        raise ValueError("more pieces than are asked for")
    return {name: bytes(value) for name, value in members.items() if name not in pieces}, pieces


_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PIECES = msgspec.json.Decoder(list[msgspec.Raw])


def _member(members: Mapping[str, msgspec.Raw], name: str) -> msgspec.Raw:
    if name not in members:
        raise ValueError(f"the answer has no {name}")
    return members[name]


def _counted(found: Split) -> tuple[int, int]:
    """How many pieces are readable, and how many are not."""
    readable = [_is_readable(piece) for pieces in found[1].values() for piece in pieces]
    return sum(readable), len(readable) - sum(readable)


def _is_readable(piece: bytes) -> bool:
    try:
        read_piece(piece)
    except UnreadablePiece:
        return False
    return True


# --- By structure -----------------------------------------------------------------------------------------------------


def _without_pairs(body: bytes) -> bytes:
    """As long as `body`, with nothing of a two-byte character that looks like structure."""
    return _SOUND_OR_PAIRS.sub(lambda found: found[0] if found[1] else b"x" * len(found[0]), body)


def _split_as_it_stands(body: bytes, lists: Sequence[str]) -> Split:
    return _split_by_structure(body, body, lists)


def _split_without_pairs(body: bytes, lists: Sequence[str]) -> Split:
    return _split_by_structure(body, _without_pairs(body), lists)


def _split_by_structure(body: bytes, shadow: bytes, lists: Sequence[str]) -> Split:
    """Split `body` at the structure of `shadow`, which is as long."""
    members: dict[str, bytes] = {}
    pieces: dict[str, list[bytes]] = {}
    at = _past(shadow, 0, b"{")
    if _next(shadow, at) == b"}":
        end = _past(shadow, at, b"}")
    else:
        while True:
            at = _SPACE.match(shadow, at).end()  # type: ignore[union-attr]
            key = _STRING.match(shadow, at)
            if key is None:
                raise ValueError("a member without a name")
            name = _name(body[key.start() : key.end()])
            start = _past(shadow, key.end(), b":")
            if name in lists:
                spans, at = _elements(shadow, start)
                pieces[name] = [body[begin:stop] for begin, stop in spans]
            else:
                begin, at = _value(shadow, start)
                members[name] = body[begin:at]
            if _next(shadow, at) == b"}":
                end = _past(shadow, at, b"}")
                break
            at = _past(shadow, at, b",")
    if _SPACE.match(shadow, end).end() != len(shadow):  # type: ignore[union-attr]
        raise ValueError("something behind the object")
    if missing := set(lists) - set(pieces):
        raise ValueError(f"the answer has no {missing}")
    return members, pieces


def _name(literal: bytes) -> str:
    return str(read_piece(literal))


def _next(data: bytes, at: int) -> bytes:
    start = _SPACE.match(data, at).end()  # type: ignore[union-attr]
    return data[start : start + 1]


def _past(data: bytes, at: int, mark: bytes) -> int:
    """The position after `mark`, which must be next in `data` after spaces, else ValueError."""
    start = _SPACE.match(data, at).end()  # type: ignore[union-attr]
    if data[start : start + 1] != mark:
        raise ValueError("the structure is broken")
    return start + 1


def _elements(data: bytes, at: int) -> tuple[list[tuple[int, int]], int]:
    """The positions of the elements of the list at `at`, and the end of the list."""
    spans: list[tuple[int, int]] = []
    at = _past(data, at, b"[")
    if _next(data, at) == b"]":
        return spans, _past(data, at, b"]")
    while True:
        begin, at = _value(data, at)
        spans.append((begin, at))
        if len(spans) > MOST_PIECES:
            raise ValueError("more pieces than are asked for")
        if _next(data, at) == b"]":
            return spans, _past(data, at, b"]")
        at = _past(data, at, b",")


def _value(data: bytes, at: int) -> tuple[int, int]:
    """Begin and end of the value after `at`; inside it only strings and brackets are recognised."""
    begin = _SPACE.match(data, at).end()  # type: ignore[union-attr]
    first = data[begin : begin + 1]
    if first in (b"[", b"{"):
        return begin, _closed(data, begin)
    found = (_STRING if first == b'"' else _SCALAR).match(data, begin)
    if found is None:
        raise ValueError("a value is missing")
    return begin, begin + len(found[0].rstrip())


_CLOSES = {b"]": ord("["), b"}": ord("{")}


def _closed(data: bytes, at: int) -> int:
    """The end of the list or object that begins at `at`."""
    opened = bytearray()
    for found in _STRUCTURE.finditer(data, at):
        mark = found[0]
        if mark in (b"[", b"{"):
            opened += mark
            if len(opened) > _DEEPEST_FOLLOWED:
                break
        elif mark == b'"' or (mark in _CLOSES and opened.pop() != _CLOSES[mark]):
            break
        if not opened:
            return found.end()
    raise ValueError("the structure is broken")


# --- By the member with which each piece begins -----------------------------------------------------------------------

_FIRST_MEMBER = re.compile(rb'[ \t\r\n]*+\{[ \t\r\n]*+("[A-Za-z0-9_]{1,64}")[ \t\r\n]*+:')
_MOST_ENDS = 20


def _split_by_first_member(broken: str, body: bytes, lists: Sequence[str]) -> Split:
    """Split the list `broken` where a piece begins as the first one does, and the rest by its structure."""
    opening = re.compile(rb'"%b"[ \t\r\n]*+:[ \t\r\n]*+\[' % broken.encode()).search(body)
    first = opening and _FIRST_MEMBER.match(body, opening.end())
    if not opening or not first:
        raise ValueError("the structure is broken")
    seam = re.compile(rb"\}([ \t\r\n]*+,[ \t\r\n]*+)(?=\{[ \t\r\n]*+%b[ \t\r\n]*+:)" % re.escape(first[1]))
    starts, stops = [opening.end()], []
    for found in seam.finditer(body, opening.end()):
        stops.append(found.start(1))
        starts.append(found.end(1))
    if len(starts) > MOST_PIECES:
        raise ValueError("more pieces than are asked for")
    for end in _ends(body, starts[-1]):
        try:
            members, rest = _split_by_structure(around := body[: opening.end()] + body[end:], around, lists)
        except ValueError:
            continue
        pieces = [body[start:stop].strip() for start, stop in zip(starts, [*stops, end], strict=True)]
        return members, {**rest, broken: pieces}
    raise ValueError("the structure is broken")


def _ends(body: bytes, after: int) -> Iterator[int]:
    """Possible ends of the list, the last position first."""
    end = len(body)
    for _ in range(_MOST_ENDS):
        end = body.rfind(b"]", after, end)
        if end < 0:
            return
        yield end

"""Numbers as in official documents: headings 一、 （一） 1., tables 表1, in attachments 附表1-1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from include.circular.editions.model import Block, Heading, Table

_DIGITS = "零一二三四五六七八九"


def numbered(blocks: Iterable[Block], tables: str) -> Iterator[Block]:
    """The blocks with numbers in front of headings, where a higher one starts the lower anew, and of tables (`tables` 1)."""
    reached, count = [0, 0, 0], 0
    for block in blocks:
        if isinstance(block, Heading):
            reached[block.level - 1] += 1
            reached[block.level :] = [0] * (3 - block.level)
            yield replace(block, text=_number(block.level, reached[block.level - 1]) + block.text)
        elif isinstance(block, Table):
            count += 1
            yield replace(block, title=f"{tables}{count}　{block.title}")
        else:
            yield block


def _number(level: int, number: int) -> str:
    return f"{chinese(number)}、" if level == 1 else f"（{chinese(number)}）" if level == 2 else f"{number}. "


def chinese(number: int) -> str:
    """1 to 99 in Chinese."""
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else f"{_DIGITS[tens]}十") + ("" if ones == 0 else _DIGITS[ones])

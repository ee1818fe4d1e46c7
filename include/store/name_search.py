"""Needs found by words (查找): in their numbers, codes and names, never in what their reader may not see.

What is masked on a page cannot be searched for, or a search would confirm it letter by letter: no name of a sole
proprietor; a name that may hold a telephone number, an identity card's number or an address only as the reader sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from include.words.shown import Reader, one_line, shown

_MOST_WORDS = 6
_OF_A_COMPANY = (
    "coalesce(left(need.uscc, 2), '') <> '92' and position('个体工商户' in coalesce(need.enterprise_name, '')) = 0"
)
_MAY_BE_MASKED = "normalize(left({name}, 80), nfkc) ~ '@|([0-9][^0-9]{{0,3}}){{7}}'"
_NAMES = ("enterprise_name", "project_name")
_PARTLY_MASKED = sa.text(
    "select need.need_id, need.uscc, need.enterprise_name, need.project_name from newest_need need where "
    + f"{_OF_A_COMPANY} and ("
    + " or ".join(f"({_MAY_BE_MASKED.format(name=f'need.{name}')})" for name in _NAMES)
    + ")"
)


@dataclass(frozen=True, slots=True)
class WordSearch:
    """Conditions on `need` (need_id, uscc, enterprise_name, project_name), all to be met, and their parameters."""

    conditions: tuple[str, ...]
    parameters: dict[str, Any]


def search(connection: sa.Connection, words: str, role: Reader) -> WordSearch:
    """Each of the words must occur in what this reader sees of numbers and names; without words, no conditions."""
    asked = one_line(words).split()[:_MOST_WORDS]
    masked = connection.execute(_PARTLY_MASKED).all() if asked else []
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    for number, part in enumerate(asked):
        word, seen = f"word{number}", f"seen{number}"
        conditions.append(
            f"(position(upper(:{word}) in need.need_id) > 0 or position(upper(:{word}) in coalesce(need.uscc, '')) > 0"
            f" or {_names_hold(word, seen)})"
        )
        parameters[word] = part
        parameters[seen] = [row.need_id for row in masked if part in _names_seen(row, role)]
    return WordSearch(tuple(conditions), parameters)


def found_by_words(connection: sa.Connection, words: str, role: Reader) -> list[str] | None:
    """The numbers of the needs whose newest revision matches; None without words."""
    asked = search(connection, words, role)
    if not asked.conditions:
        return None
    statement = sa.text(f"select need_id from newest_need need where {' and '.join(asked.conditions)}")
    return list(connection.execute(statement, asked.parameters).scalars())


def _names_hold(word: str, seen: str) -> str:
    """The condition that a name holds the text of parameter `word`; `seen`: ids of needs whose masked names hold it."""
    found = (
        f"(position(:{word} in left(need.{name}, 80)) > 0 and not {_MAY_BE_MASKED.format(name=f'need.{name}')})"
        for name in _NAMES
    )
    return f"({_OF_A_COMPANY} and ({' or '.join(found)} or need.need_id = any(:{seen})))"


def _names_seen(row: sa.Row[Any], role: Reader) -> str:
    return "\n".join(
        shown(field, name, row.uscc, role)
        for field, name in (("enterprise.name", row.enterprise_name), ("project.name", row.project_name))
    )

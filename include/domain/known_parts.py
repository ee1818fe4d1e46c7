"""The part of a record that the form knows: its general fields, in the form's places. Everything else may hold a contact."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from include.reference.form import all_fields

_Node = dict[str, Any]
"""Name of a member → what the form has there: a node, a list of nodes or values, or None for a single value."""


def known_part(record: Mapping[str, Any]) -> dict[str, Any]:
    """The general fields of the form that a record holds; null stays null.

    Left out are personal fields, members that the form does not know, and values of another shape than the form's. A
    list element of another shape becomes null, so that the others keep their positions. A list where the form has one
    value is kept: it has no members.
    """
    return _known_members(_form(), record)


def _known_members(node: _Node, given: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in given.items():
        inner = node.get(name, _UNKNOWN)
        if inner is None or value is None:
            if inner is not _UNKNOWN and (type(value) not in _CONTAINERS or _is_plain_list(value)):
                found[name] = value
        elif type(inner) is _ListOf:
            if type(value) is list:
                found[name] = [_known_element(inner.node, element) for element in value]
        elif inner is not _UNKNOWN and type(value) is dict:
            found[name] = _known_members(inner, value)
    return found


def _known_element(node: _Node | None, element: Any) -> Any:
    if node is None:
        return None if type(element) in _CONTAINERS else element
    return _known_members(node, element) if type(element) is dict else None


def _is_plain_list(value: Any) -> bool:
    return type(value) is list and not any(type(element) in _CONTAINERS for element in value)


_UNKNOWN: Any = object()
_CONTAINERS = frozenset({dict, list})


class _ListOf:
    """A list in the form; `node`: its elements, None for single values."""

    __slots__ = ("node",)

    def __init__(self) -> None:
        self.node: _Node | None = None


@cache
def _form() -> _Node:
    root: _Node = {}
    for field in all_fields().values():
        if field.personal:
            continue
        node = root
        *parents, last = field.path.split(".")
        for step in parents:
            name = step.removesuffix("[]")
            if step == name:
                node = node.setdefault(name, {})
            else:
                of: _ListOf = node.setdefault(name, _ListOf())
                node = of.node = of.node or {}
        name = last.removesuffix("[]")
        node.setdefault(name, None if name == last else _ListOf())
    return root

"""Which verbs of the stages a function calls, in what order and with which arguments, read from its source."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """A call such as `matching.collect_feedback(engine, client, now, cipher=cipher)`."""

    verb: str
    positional: int
    named: frozenset[str]


def calls_of(function: Callable[..., Any], within: type | None = None) -> list[Call]:
    """The calls on modules of include, in the order of the source; those of `within`'s own methods are followed."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    modules = _modules(tree) | _modules(ast.parse(inspect.getsource(inspect.getmodule(function) or function)))
    return list(_calls(tree, modules, within))


def _modules(tree: ast.AST) -> set[str]:
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "include"
        for alias in node.names
    }


def _calls(tree: ast.AST, modules: set[str], within: type | None) -> Iterator[Call]:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    for node in sorted(found, key=lambda one: (one.lineno, one.col_offset)):
        assert isinstance(node.func, ast.Attribute)
        owner, verb = node.func.value, node.func.attr
        if not isinstance(owner, ast.Name):
            continue
        if owner.id == "self" and within is not None and inspect.isfunction(own := getattr(within, verb, None)):
            yield from calls_of(own, within)
        elif owner.id in modules and verb[:1].islower():
            named = frozenset(keyword.arg for keyword in node.keywords if keyword.arg)
            yield Call(verb, len(node.args), named)

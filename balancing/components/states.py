"""What code changes while it runs: caches and counters, which do not make another component of it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_FIRST = ("__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__")
_CHANGES = (
    *("add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "popleft", "remove"),
    *("reverse", "rotate", "setdefault", "sort", "update", "difference_update", "intersection_update"),
    *("symmetric_difference_update", "copy_", "fill", "fill_", "zero_"),
)


@dataclass(frozen=True)
class Changed:
    """A name, or an attribute of any object, that code assigns, fills or empties."""

    name: str
    attribute: bool


def changed_by(nodes: Iterable[ast.AST]) -> Iterator[Changed]:
    """What functions assign outside themselves, also by an item or by a method that is known to change a container.

    An attribute that is given its value while its object is made is no state.
    """
    for top in nodes:
        making = isinstance(top, ast.FunctionDef) and top.name in _FIRST
        for node in ast.walk(top):
            if isinstance(node, ast.Global | ast.Nonlocal):
                yield from (Changed(name, False) for name in node.names)
            elif making:
                continue
            elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                yield Changed(node.attr, True)
            elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
                yield from _named(node.value)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
                yield from _named(node.func.value)


def _named(node: ast.AST) -> Iterator[Changed]:
    while isinstance(node, ast.Subscript):  # CACHE[a][b] = c
        node = node.value
    if isinstance(node, ast.Name):
        yield Changed(node.id, False)
    elif isinstance(node, ast.Attribute):
        yield Changed(node.attr, True)

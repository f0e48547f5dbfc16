"""The source text of code as it was when the code was loaded, whatever stands in its file now."""

from __future__ import annotations

import ast
import linecache
import sys
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class Source:
    """A function's or a class' source.

    Args:
        text: from its first decorator to its last line.
        nodes: its syntax; several where a line holds several lambdas, or a file several classes of one name.
    """

    text: str
    nodes: tuple[ast.AST, ...]


class _Text:
    """One text that a file had."""

    def __init__(self, text: str):
        self.text = text

    @cached_property
    def _tree(self) -> ast.Module:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError):  # a cell with magic words, a file half written
            return ast.Module([], [])

    @cached_property
    def _codes(self) -> dict[tuple[str, int], list[CodeType]]:
        if not self._tree.body:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            waiting = [compile(self.text, "<source>", "exec", dont_inherit=True)]
        found: dict[tuple[str, int], list[CodeType]] = {}
        while waiting:
            code = waiting.pop()
            found.setdefault((code.co_name, code.co_firstlineno), []).append(code)
            waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        return found

    @cached_property
    def _functions(self) -> dict[tuple[str, int], list[_Function]]:
        found: dict[tuple[str, int], list[_Function]] = {}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Lambda):
                found.setdefault(("<lambda>", node.lineno), []).append(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.setdefault((node.name, _first_line(node)), []).append(node)
        return found

    @cached_property
    def _classes(self) -> dict[str, list[ast.ClassDef]]:
        found: dict[str, list[ast.ClassDef]] = {}
        waiting: list[tuple[ast.AST, str]] = [(self._tree, "")]
        while waiting:
            node, above = waiting.pop()
            name = above
            if isinstance(node, ast.ClassDef):
                found.setdefault(above + node.name, []).append(node)
                name = f"{above}{node.name}."
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{above}{node.name}.<locals>."
            waiting += [(child, name) for child in ast.iter_child_nodes(node)]
        return found

    def has(self, code: CodeType) -> bool:
        """Whether this text is what the code was compiled from."""
        return code in self._codes.get((code.co_name, code.co_firstlineno), [])

    def function(self, code: CodeType) -> Source | None:
        return self._source(self._functions.get((code.co_name, code.co_firstlineno), []))

    def cls(self, qualname: str) -> Source | None:
        return self._source(sorted(self._classes.get(qualname, []), key=lambda node: node.lineno))

    def _source(self, nodes: list[Any]) -> Source | None:
        lines = self.text.splitlines(keepends=True)
        texts = [
            str(ast.get_source_segment(self.text, node))
            if isinstance(node, ast.Lambda)
            else "".join(lines[_first_line(node) - 1 : node.end_lineno])
            for node in nodes
        ]
        return Source("\n".join(texts), tuple(nodes)) if nodes else None


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


# File -> the texts that were read of it, the newest last.
_READ: dict[str, list[_Text]] = {}


def _read(file: str, namespace: dict[str, Any]) -> list[_Text]:
    """Reads a file (or what stands for one: a notebook's cell, a module in an archive) as it is now."""
    try:
        with tokenize.open(file) as opened:
            text = opened.read()
    except (OSError, SyntaxError, ValueError):
        text = "".join(linecache.getlines(file, namespace))
    known = _READ.setdefault(file, [])
    if not known or known[-1].text != text:
        known.append(_Text(text))
    return known


def _newest_first(file: str, namespace: dict[str, Any]) -> Iterator[_Text]:
    """The texts of a file that are known, then the one that it has now."""
    yield from reversed(_READ.get(file, []))
    known = _READ.get(file, [None])[-1]
    if _read(file, namespace)[-1] is not known:
        yield _READ[file][-1]


def remember(function: FunctionType) -> None:
    """Reads the file of a function that was just loaded, and those of its top-level package that were not read yet."""
    _read(function.__code__.co_filename, function.__globals__)
    package = (function.__module__ or "").partition(".")[0]
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == package and isinstance(getattr(module, "__dict__", None), dict):
            file = vars(module).get("__file__")
            if isinstance(file, str) and file.endswith(".py") and file not in _READ:
                _read(file, vars(module))


def function_source(function: FunctionType) -> Source | None:
    """A function's source; None where no text is known that its code was compiled from."""
    code = function.__code__
    texts = _newest_first(code.co_filename, function.__globals__)
    return next((text.function(code) for text in texts if text.has(code)), None)


def class_source(cls: type, methods: Iterable[FunctionType]) -> Source | None:
    """A class' source: of the text that a method of it was compiled from, of the newest where it has none."""
    namespace = getattr(sys.modules.get(cls.__module__), "__dict__", {})
    for method in methods:
        code = method.__code__
        for text in _newest_first(code.co_filename, method.__globals__):
            if text.has(code) and text.cls(cls.__qualname__):
                return text.cls(cls.__qualname__)
    file = namespace.get("__file__")
    known = (_READ.get(file) or _read(file, namespace)) if isinstance(file, str) else []
    return known[-1].cls(cls.__qualname__) if known else None

"""Where a component comes from, and a digest of the source that it runs."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

_OWN = "balancing.components."
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


@dataclass(frozen=True)
class Origin:
    """Where a component is defined.

    Args:
        module: its module's name; ``__main__`` in a script or notebook.
        file, line: of the decorated function.
        distribution: name and version of the installed distribution whose entry point gave it; "" otherwise.
    """

    module: str
    file: str
    line: int
    distribution: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def own(self) -> bool:
        """Whether it comes with this package."""
        return self.module.startswith(_OWN)

    @property
    def where(self) -> str:
        """In words, for messages: the distribution, or the module."""
        return self.distribution or (str(self) if self.module == "__main__" else f"module {self.module}")


def origin_of(function: Callable[..., Any], distribution: str = "") -> Origin:
    """Where a function is defined; of one that was given by an installed distribution, which."""
    code = inspect.unwrap(function).__code__
    return Origin(function.__module__, code.co_filename, code.co_firstlineno, distribution)


def replaces(new: Origin, old: Origin, name: str) -> bool:
    """Whether a definition is the old one made anew: a notebook's cell run again, or a module reloaded."""
    if new.module != old.module or (new.module != "__main__" and new.file != old.file):
        return False
    if new.line == old.line and new.file == old.file:
        return True
    try:
        tree = ast.parse(Path(new.file).read_bytes())
    except (OSError, SyntaxError, ValueError):  # a notebook's cell is no file
        return True
    return new.file == old.file and sum(isinstance(n, ast.FunctionDef) and n.name == name for n in ast.walk(tree)) == 1


def source_digest(function: Callable[..., Any]) -> str:
    """12 hex digits of a function's source and of what it uses of its own top-level package: functions, classes and
    plain constants that it names, and those that they name.
    """
    digest = hashlib.sha256()
    for name, text in sorted(_sources(function, {}).items()):
        digest.update(f"{name}\n{text}\n".encode())
    return digest.hexdigest()[:12]


def _sources(used: Any, known: dict[str, str]) -> dict[str, str]:
    """Name -> source of a function or class and of what it uses; ``known`` is filled."""
    name = used.__qualname__  # without the module: what moves from a script into a module stays what it is
    if name in known:
        return known
    try:
        known[name] = inspect.getsource(used)
    except (OSError, TypeError):  # typed into an interpreter
        known[name] = repr([code.co_code for code in _codes(used)])
    package = used.__module__.partition(".")[0]
    for function in _functions(used):
        for code in _codes(function):
            for word in code.co_names:
                other = function.__globals__.get(word)
                module = getattr(other, "__module__", None) or ""
                if isinstance(other, FunctionType | type) and module.partition(".")[0] == package:
                    _sources(other, known)
                elif isinstance(other, _PLAIN) or (
                    isinstance(other, tuple) and all(isinstance(part, _PLAIN) for part in other)
                ):
                    known[word] = repr(other)
    return known


def _functions(used: Any) -> list[FunctionType]:
    if isinstance(used, type):
        return [member for member in vars(used).values() if isinstance(member, FunctionType)]
    return [used] if isinstance(used, FunctionType) else []


def _codes(used: Any) -> Iterator[CodeType]:
    """The code of a function, or of a class' methods, and of what is defined inside."""
    waiting: list[Any] = [function.__code__ for function in _functions(used)]
    while waiting:
        code = waiting.pop()
        yield code
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]

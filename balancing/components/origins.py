"""Where a component comes from."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_OWN = "balancing.components."


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


def origin_of(function: Callable[..., Any]) -> Origin:
    """Where a function is defined; the distribution is not known by it."""
    code = inspect.unwrap(function).__code__
    return Origin(function.__module__, code.co_filename, code.co_firstlineno)


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

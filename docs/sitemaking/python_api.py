"""The page of public names, from their docstrings."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

from sitemaking.writing import docstring, plain

PACKAGES = ("balancing", "sweep")


def page() -> str:
    """Every public name of both packages with what its docstring says, methods and properties too."""
    parts = [
        "# Python API\n",
        plain("Made from the docstrings: shapes, types, ranges, errors, sources.")
        + " All names on one page, in a line each: [Public names](api.md). A walk through them: "
        "[A first comparison](guide.md).",
    ]
    told: list[Any] = []
    for package in PACKAGES:
        module = importlib.import_module(package)
        parts += [f"## {package} {{#{package}}}", docstring(module)]
        for name in sorted(module.__all__, key=str.lower):
            thing = getattr(module, name)
            if not name.startswith("_") and thing not in told:  # what both packages offer stands there once
                parts += list(_thing(f"{package}.{name}", thing))
                told.append(thing)
    return "\n\n".join(filter(None, parts))


def _thing(full: str, thing: Any) -> Iterator[str]:
    yield f"### {plain(full)} {{#{full}}}"
    if inspect.ismodule(thing):
        yield docstring(thing)
        for name, member in _own(thing):
            yield from _called(f"{full}.{name}", member, 4)
        return
    if callable(thing) and not (inspect.isclass(thing) and issubclass(thing, Exception)):
        yield _signature(full, thing)
    yield docstring(thing)
    if inspect.isclass(thing):
        for name, member in inspect.getmembers_static(thing):
            if name.startswith("_") or name not in _spoken(thing):
                continue
            if isinstance(member, classmethod | staticmethod):
                yield from _called(f"{full}.{name}", getattr(thing, name), 4)
            elif inspect.isfunction(member):
                yield from _called(f"{full}.{name}", member, 4)
            elif isinstance(member, property) or hasattr(member, "func"):
                yield f"#### {plain(full)}.{plain(name)} {{#{full}.{name}}}"
                yield docstring(getattr(member, "fget", None) or getattr(member, "func", member))


def _own(module: Any) -> Iterator[tuple[str, Any]]:
    for name, member in vars(module).items():
        if inspect.isfunction(member) and not name.startswith("_") and member.__module__ == module.__name__:
            yield name, member


def _spoken(kind: type) -> set[str]:
    """Names that this project gives a class, its own ancestors' too."""
    ours = [one for one in kind.__mro__ if one.__module__.partition(".")[0] in PACKAGES]
    return {name for one in ours for name in vars(one)}


def _called(full: str, function: Any, level: int) -> Iterator[str]:
    yield f"{'#' * level} {plain(full)} {{#{full}}}"
    yield _signature(full, function)
    yield docstring(function)


def _signature(full: str, found: Any) -> str:
    """As code, an argument a line where they are many."""
    parameters = [one for one in inspect.signature(found).parameters.values() if one.name not in ("self", "cls")]
    shown = [re.sub(r"<function (\w+) at \w+>", r"\1", _parameter(one)) for one in _starred(parameters)]
    line = f"{full}({', '.join(shown)})"
    if len(line) > 90 and shown:
        line = "\n    ".join([f"{full}(", *(f"{one}," for one in shown)]) + "\n)"
    return f"```python\n{line}\n```"


def _starred(parameters: list[inspect.Parameter]) -> list[inspect.Parameter | str]:
    """With the star before what is given by name alone."""
    found: list[inspect.Parameter | str] = []
    for one in parameters:
        seen = any(not isinstance(p, str) and p.kind is p.VAR_POSITIONAL for p in found) or "*" in found
        if one.kind is one.KEYWORD_ONLY and not seen:
            found.append("*")
        found.append(one)
    return found


def _parameter(one: inspect.Parameter | str) -> str:
    if isinstance(one, str):
        return one
    annotation = one.annotation if isinstance(one.annotation, str) else getattr(one.annotation, "__name__", "")
    stars = "*" if one.kind is one.VAR_POSITIONAL else "**" if one.kind is one.VAR_KEYWORD else ""
    default = "" if one.default is one.empty else f" = {one.default!r}"
    return f"{stars}{one.name}" + (f": {annotation}" if annotation and annotation != "_empty" else "") + default

"""A digest of what runs in a component: the same wherever the same runs."""

from __future__ import annotations

import dataclasses
import dis
import enum
import functools
import hashlib
import importlib
import importlib.util
import re
from collections import deque
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import numpy as np

from balancing.components.sources import Source, class_source, function_source
from balancing.components.states import changed_by

_PLAIN = (bool, int, float, complex, str, bytes, bytearray, type(None), type(...), type(NotImplemented), range)
_WRAPPERS = {
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    property: ("fget", "fset", "fdel"),
    functools.cached_property: ("func",),
    functools.partial: ("func", "args", "keywords"),
    functools.partialmethod: ("func", "args", "keywords"),
    MethodType: ("__func__", "__self__"),
    re.Pattern: ("pattern", "flags"),
}


def source_digest(function: Callable[..., Any]) -> str:
    """12 hex digits of a function's source and of all that it uses of its own top-level package, and so on.

    That is: functions and classes that it names, directly, by their module or in an import inside it, also behind
    decorators, in closures, defaults, containers and objects; base classes and attributes of classes; constants, plain
    ones, arrays, and those in containers, enums, dataclasses and objects of the package. Source is that which was
    loaded (``balancing.components.sources``); code without a source counts by its instructions, constants and names.
    Of other packages count the names of what is used. Names are looked up when the digest is asked for, so a helper may
    stand below the function, and a constant that is set anew makes another digest. What the code itself changes (a
    cache, a counter) does not count; see ``balancing.components.states``. Nothing is known of what is looked up by a
    string (``getattr``), nor of a path's or a file's content.

    It does not depend on the process, on the module's name, or on what else is in its file.
    """
    package = _top(function)
    first = _Reading(package, set())
    first.entries(function)
    return hashlib.sha256("\n".join(_Reading(package, first.changed).entries(function)).encode()).hexdigest()[:12]


def _top(value: Any) -> str:
    """The top-level package in which something is defined; "" where it does not say."""
    try:
        module = value.__module__
    except Exception:  # objects may answer as they like
        return ""
    return module.partition(".")[0] if isinstance(module, str) else ""


class _Reading:
    """One way through all that a function uses; what was met is numbered in the order in which it was."""

    def __init__(self, package: str, state: set[object]):
        self.package, self.state = package, state
        self.changed: set[object] = set()  # what the code that was read changes; see ``states``
        self._numbers: dict[int, int] = {}
        self._met: list[Any] = []
        self._open: set[int] = set()

    def entries(self, function: Any) -> list[str]:
        """A text of each function and class that is used, the function's own first."""
        found = [self.text(function)]
        for used in self._met:  # grows
            lines = self._class(used) if isinstance(used, type) else self._function(used)
            found += [f"{self._numbers[id(used)]} {used.__qualname__}", *lines]
        return found

    def text(self, value: Any) -> str:
        """A value as text: without addresses, sets in order."""
        kind = type(value)
        if kind in _PLAIN:
            return repr(value)
        if kind is FunctionType or issubclass(kind, type):
            return self._number(value) if _top(value) == self.package else f"{_top(value)}:{value.__qualname__}"
        if kind is ModuleType:
            own = value.__name__.partition(".")[0] == self.package
            return "module" if own else f"module {value.__name__}"
        if id(value) in self._open:
            return "again"
        self._open.add(id(value))
        try:
            return f"{self._kind(kind)}({', '.join(self._parts(value, kind))})"
        finally:
            self._open.remove(id(value))

    def _number(self, value: Any) -> str:
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._met)
            self._met.append(value)
        return f"@{self._numbers[id(value)]}"

    def _kind(self, kind: type) -> str:
        return kind.__qualname__ if kind.__module__ == "builtins" else self.text(kind)

    def _parts(self, value: Any, kind: type) -> Iterator[str]:
        """What there is to say of an object besides its type."""
        wrapper = next((attributes for known, attributes in _WRAPPERS.items() if issubclass(kind, known)), ())
        if wrapper:
            yield from (self.text(getattr(value, attribute)) for attribute in wrapper)
        elif issubclass(kind, enum.Enum):
            yield f"{value._name_} {self.text(value._value_)}"
        elif issubclass(kind, tuple | list | deque):
            yield from map(self.text, list(value))
        elif issubclass(kind, set | frozenset):
            yield from sorted(map(self.text, list(value)))
        elif issubclass(kind, dict | MappingProxyType):
            yield from (f"{self.text(key)}: {self.text(held)}" for key, held in list(value.items()))
        elif issubclass(kind, CodeType):
            yield self._code(value)
        elif issubclass(kind, np.ndarray | np.generic) or (_top(kind) == "torch" and kind.__name__ == "Tensor"):
            yield self._array(value)
        elif _top(kind) == self.package or dataclasses.is_dataclass(kind):
            yield from self._named(_attributes(value))
        elif "__wrapped__" in _attributes(value):  # functools.cache and others in C
            yield self.text(_attributes(value)["__wrapped__"])
        else:
            name = getattr(value, "__qualname__", getattr(value, "__name__", "")) if _is_called(kind) else ""
            yield f"{_top(value)}:{name}" if name else ""

    def _array(self, value: Any) -> str:
        if _top(type(value)) == "torch":
            if value.requires_grad:  # to be trained
                return f"{value.dtype} {tuple(value.shape)}"
            value = value.detach().cpu()
            value = value.float() if "bfloat16" in str(value.dtype) else value
        array = np.ascontiguousarray(value)
        if array.dtype.hasobject:
            return self.text(array.tolist())
        return f"{array.dtype} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"

    def _named(self, values: dict[str, Any]) -> Iterator[str]:
        """Attributes by name, without those that are state."""
        for name, value in sorted(values.items()):
            if name not in self.state:
                yield f"{name} = {self.text(value)}"

    def _function(self, function: FunctionType) -> Iterator[str]:
        source, codes = function_source(function), list(_codes(function.__code__))
        yield source.text if source else self._code(function.__code__)
        self._read_changes(source, function)
        yield f"{self.text(function.__defaults__)} {self.text(function.__kwdefaults__)}"
        yield from self._named(vars(function))
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if id(cell) not in self.state:
                yield f"{name} = {self._cell(cell)}"
        words = sorted({word for code in codes for word in code.co_names if not word.startswith("__")})
        seen: set[int] = set()
        yield from self._looked_up(function.__globals__, "", words, seen)
        for code in codes:
            for name, module in self._imported(code, function.__globals__):
                yield f"{name} = {self.text(module)}"
                if isinstance(module, ModuleType):
                    yield from self._looked_up(vars(module), f"{name}.", words, seen)

    def _looked_up(self, names: dict[str, Any], above: str, words: list[str], seen: set[int]) -> Iterator[str]:
        """What some words are in a module, and in the package's modules that they name there."""
        if id(names) in seen:
            return
        seen.add(id(names))
        for word in words:
            if word not in names or (id(names), word) in self.state or (above and word in self.state):
                continue
            value = names[word]
            yield f"{above}{word} = {self.text(value)}"
            if type(value) is ModuleType and value.__name__.partition(".")[0] == self.package:
                yield from self._looked_up(vars(value), f"{above}{word}.", words, seen)

    def _imported(self, code: CodeType, names: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """The package's modules that code imports when it runs; imported here, for they may not be there yet."""
        before: tuple[Any, Any] = (None, None)
        for step in dis.get_instructions(code):
            if step.opname == "IMPORT_NAME" and isinstance(before[0], int):
                parent = names.get("__package__") or str(names.get("__name__", "")).rpartition(".")[0]
                yield from self._modules("." * before[0] + step.argval, parent, before[1] or ())
            if step.opname != "EXTENDED_ARG":
                before = (before[1], step.argval)

    def _modules(self, name: str, parent: str, wanted: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        try:
            full = importlib.util.resolve_name(name, parent)
            if full.partition(".")[0] != self.package:
                return
            module = importlib.import_module(full)
            for inner in wanted:
                if inner not in vars(module) and importlib.util.find_spec(f"{full}.{inner}"):
                    importlib.import_module(f"{full}.{inner}")
        except Exception:  # as the component may expect
            yield name, None
            return
        yield name, module

    def _class(self, cls: type) -> Iterator[str]:
        members = dict(vars(cls))
        source = class_source(cls, [member for member in members.values() if isinstance(member, FunctionType)])
        yield source.text if source else ""
        yield f"of {[self.text(base) for base in cls.__bases__]}"
        if issubclass(cls, enum.Enum):
            yield f"{[(name, self.text(member._value_)) for name, member in cls.__members__.items()]}"
            own = (name for name in members if not name.startswith("_") or _top(members[name]) == self.package)
            members = {name: members[name] for name in own if name not in cls.__members__}
        for field in members.get("__dataclass_fields__", {}).values():
            yield f"{field.name} = {self.text(field.default)} {self.text(field.default_factory)}"
        yield from self._named(
            {
                name: member
                for name, member in members.items()
                if name != "_abc_impl"
                and (isinstance(member, FunctionType | staticmethod | classmethod) or not name.startswith("__"))
                and not (source and _is_generated(member))
            }
        )

    def _read_changes(self, source: Source | None, function: FunctionType) -> None:
        code = function.__code__
        cells = dict(zip(code.co_freevars, map(id, function.__closure__ or ()), strict=True))
        names = {word for nested in _codes(code) for word in nested.co_names}
        for changed in changed_by(source.nodes if source else ()):
            if changed.attribute:
                self.changed.add(changed.name)
            elif changed.name in cells:
                self.changed.add(cells[changed.name])
            elif changed.name in names:
                self.changed.add((id(function.__globals__), changed.name))

    def _cell(self, cell: Any) -> str:
        try:
            return self.text(cell.cell_contents)
        except ValueError:
            return "empty"

    def _code(self, code: CodeType) -> str:
        """Code whose source is not known."""
        shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        constants = [self.text(constant) for constant in code.co_consts]
        return repr((shape, code.co_code.hex(), code.co_exceptiontable.hex(), names, constants))


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code, and that of what is defined inside."""
    waiting = [code]
    while waiting:
        code = waiting.pop()
        yield code
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _attributes(value: Any) -> dict[str, Any]:
    try:
        return dict(object.__getattribute__(value, "__dict__"))
    except (AttributeError, TypeError, ValueError):
        return {}


def _is_called(kind: type) -> bool:
    """Whether objects of a type have a name because they are functions: built-in ones, numpy's."""
    return kind.__module__ in ("builtins", "numpy") and "__call__" in vars(kind)


def _is_generated(member: Any) -> bool:
    """Whether a method was made from the class' fields, as those of dataclasses are: its source says nothing more."""
    function = getattr(member, "__func__", member)
    return (
        isinstance(function, FunctionType)
        and function.__code__.co_filename.startswith("<")
        and function_source(function) is None
    )

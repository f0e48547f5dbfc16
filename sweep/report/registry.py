"""The report's sections: declared by ``@section``, found in ``sweep.report.sections`` and by entry points."""

from __future__ import annotations

import functools
import math
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any
from zlib import crc32

import numpy as np

from sweep.analysis.names import check_name
from sweep.report.context import ReportContext
from sweep.report.plugins import check_body, in_its_place, with_names_of_their_own
from sweep.report.section import References, Section, SectionBody, shows_something

FOLDER = "sweep.report.sections"
GROUP = "balancing_act.sections"
Maker = Callable[[ReportContext], Section | None]


@dataclass(frozen=True)
class Declared:
    """A section as its decorator declares it.

    Args:
        name: lower-case; its anchor, its key in ``summary.json``, and what its random state comes from.
        title: what a reader searches for.
        order: where it stands; the tool's own are hundreds.
        question: what it answers, in plain words; "" for none.
        summary: the ``TypedDict`` (or a union of some) of its values in ``summary.json``; None where it has none.
        answers: topics or items of ``sweep/report/guidelines/*.yaml`` that it can answer.
        references: (what, where from) of the methods that it uses.
        module: where it is defined.
        plugin: of one from elsewhere, where it is from, in words; "" of the tool's own.
    """

    name: str
    title: str
    order: int
    question: str
    summary: Any
    answers: tuple[str, ...]
    references: References
    module: str
    body: Callable[[ReportContext], SectionBody | None]
    plugin: str = ""

    def make(self, context: ReportContext) -> Section | None:
        """The section of one run, or None where there is nothing to say.

        Raises:
            ValueError: it gives values or answers that it does not declare.
            TypeError: one from elsewhere gives something else than a ``SectionBody``.
        """
        body = self.body(context)
        if body is None:
            return None
        if self.plugin:
            check_body(body, self.references)
        if not body.blocks:
            return None
        if body.values is not None and self.summary is None:
            raise ValueError(f"section {self.name!r} gives values but declares no summary; give @section(summary=...)")
        answered = body.answered
        if answered is None:
            answered = self.answers if shows_something(body.blocks) else ()
        undeclared = sorted(set(answered) - set(self.answers))
        if undeclared:
            raise ValueError(f"section {self.name!r} answers {undeclared}, which its answers=... does not declare")
        return Section(
            self.name,
            self.title,
            body.blocks,
            question=self.question,
            values=body.values,
            references=self.references if body.references is None else body.references,
            answered=frozenset(answered),
            aside=body.aside,
            found=body.found,
            plugin=self.plugin,
        )


_DECLARED: dict[str, Declared] = {}
# In the place of what entry points that could not be loaded would have declared: by a name that no section can have.
_BROKEN: dict[str, Declared] = {}
# The entry point that is being loaded, in words; the last one, where one loads another.
_LOADING: list[str] = []
# Before the references, which come last.
_LATE = 999_999


def section(
    name: str,
    title: str,
    order: int,
    *,
    question: str = "",
    summary: Any = None,
    answers: tuple[str, ...] = (),
    references: References = (),
) -> Callable[[Callable[[ReportContext], SectionBody | None]], Maker]:
    """Declares a section of the report; see ``Declared`` for the arguments and docs/sections.md for an example.

    The decorated function takes a ``ReportContext`` and returns a ``SectionBody``, or None for no section in this run.
    Called afterwards, it gives the whole ``Section``.

    Raises:
        ValueError: the name is not of small letters, digits and underscores, or another module has declared a section
            of that name; there is no title; or the order is no number.
    """
    check_name("section", name)
    if not isinstance(title, str) or not title.strip():
        raise ValueError(f"section {name!r} needs a title, which is its heading, but has {title!r}")
    if isinstance(order, bool) or not isinstance(order, int | float) or not math.isfinite(order):
        raise ValueError(f"section {name!r} needs a number as its order, but has {order!r}")

    def declare(body: Callable[[ReportContext], SectionBody | None]) -> Maker:
        plugin = _plugin(body.__module__)
        if plugin:
            _load_own()  # so that whoever takes the name of one of them is told, and not the one that has it
        known = _DECLARED.get(name)
        if known is not None and known.module != body.__module__:
            raise ValueError(
                f"section {name!r} of {body.__module__} has the name of one of {known.module}; choose another name"
            )
        declared = Declared(name, title, order, question, summary, answers, references, body.__module__, body, plugin)
        _DECLARED[name] = declared

        @functools.wraps(body)
        def make(context: ReportContext) -> Section | None:
            return declared.make(context)

        return make

    return declare


def forget(name: str) -> None:
    """Takes a section out, as for one that a test or a notebook declared."""
    del _DECLARED[name]


def sections() -> list[Declared]:
    """Every section in the report's order: the tool's own, installed packages', and what was declared by hand.

    Those of installed packages that can't be imported are not among them.
    """
    _load()
    return _ordered(_DECLARED.values())


def _ordered(declared: Iterable[Declared]) -> list[Declared]:
    return sorted(declared, key=lambda one: (one.order, one.name))


def _plugin(module: str) -> str:
    """Where a module's section is from, in words; "" where it is the tool's own."""
    if module.startswith(f"{FOLDER}."):
        return ""
    if _LOADING:
        return _LOADING[-1]
    return "this script or notebook" if module == "__main__" else f"module {module}"


@functools.cache
def _load_own() -> None:
    for module in pkgutil.iter_modules(import_module(FOLDER).__path__):
        import_module(f"{FOLDER}.{module.name}")


@functools.cache
def _load() -> None:
    _load_own()
    _BROKEN.clear()
    for point in entry_points(group=GROUP):
        _load_point(point)


def _load_point(point: EntryPoint) -> None:
    """Imports an installed package's section; one that can't be is told of in the report."""
    where = f"distribution {point.dist.name} {point.dist.version}" if point.dist else f"entry point {point.value}"
    _LOADING.append(where)
    try:
        point.load()
    except Exception as error:  # whatever an import can raise
        raised = error.with_traceback(None)

        def body(context: ReportContext) -> SectionBody | None:
            raise raised

        name = f"broken-{len(_BROKEN) + 1}"
        _BROKEN[name] = Declared(name, point.name, _LATE, "", None, (), (), point.value, body, where)
    finally:
        _LOADING.pop()


def random_state(name: str) -> np.random.Generator:
    """A section's own draws: the same whatever other sections there are."""
    return np.random.default_rng([0, crc32(name.encode())])


def made_sections(context: ReportContext) -> list[Section]:
    """Each section that has something to say of a run, in order; each sees those before it.

    One from elsewhere that fails has a sentence in its place; see ``sweep.report.plugins``.
    """
    made: list[Section] = []
    for declared in _ordered([*sections(), *_BROKEN.values()]):
        try:
            one = declared.make(replace(context, rng=random_state(declared.name), before=tuple(made)))
        except Exception as error:  # whatever foreign code can raise
            if not declared.plugin:
                raise
            missing = Section(declared.name, declared.title, (), plugin=declared.plugin)
            one = in_its_place(missing, error, context.run, called=declared.title if declared.name in _BROKEN else "")
        if one is not None:
            made.append(one)
    return with_names_of_their_own(made, context.run)

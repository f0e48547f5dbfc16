"""The report's sections: declared by ``@section``, found in ``sweep.report.sections`` and by entry points."""

from __future__ import annotations

import functools
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any
from zlib import crc32

import numpy as np

from balancing.errors import UserError
from sweep.report.context import ReportContext
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

    def make(self, context: ReportContext) -> Section | None:
        """The section of one run, or None where there is nothing to say.

        Raises:
            ValueError: it gives values or answers that it does not declare.
        """
        body = self.body(context)
        if body is None or not body.blocks:
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
        )


_DECLARED: dict[str, Declared] = {}


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
        ValueError: another module has declared a section of that name.
    """

    def declare(body: Callable[[ReportContext], SectionBody | None]) -> Maker:
        known = _DECLARED.get(name)
        if known is not None and known.module != body.__module__:
            raise ValueError(
                f"section {name!r} of {body.__module__} has the name of one of {known.module}; choose another name"
            )
        declared = Declared(name, title, order, question, summary, answers, references, body.__module__, body)
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

    Raises:
        UserError: an installed package's section can't be imported.
    """
    _load()
    return sorted(_DECLARED.values(), key=lambda declared: (declared.order, declared.name))


@functools.cache
def _load() -> None:
    for module in pkgutil.iter_modules(import_module(FOLDER).__path__):
        import_module(f"{FOLDER}.{module.name}")
    for point in entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:
            raise UserError(
                f"the report's section {point.name!r} ({point.value}) can't be imported ({error}); mend or uninstall "
                "the package that brings it"
            ) from error


def random_state(name: str) -> np.random.Generator:
    """A section's own draws: the same whatever other sections there are."""
    return np.random.default_rng([0, crc32(name.encode())])


def made_sections(context: ReportContext) -> list[Section]:
    """Each section that has something to say of a run, in order; each sees those before it."""
    made: list[Section] = []
    for declared in sections():
        one = declared.make(replace(context, rng=random_state(declared.name), before=tuple(made)))
        if one is not None:
            made.append(one)
    return made

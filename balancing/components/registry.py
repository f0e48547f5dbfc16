"""The one place that knows all techniques, their searched ranges and their references.

A new technique is one decorated builder in its family's file under ``balancing/samplers``::

    @technique(family="sampler", reference="Chawla et al., JAIR 2002", k_neighbors=IntRange(3, 9, default=5))
    def smote(data, random_state, *, k_neighbors): ...

The command line, the search space, the report and the check suite find it here.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from balancing.components.plans import TrainingPlan
from balancing.components.ranges import Choice, FloatRange, IntRange, Range
from balancing.errors import UserError, suggestion

if TYPE_CHECKING:
    from balancing.components.neighbours.store import NeighbourStore

# The ranges are given again, so that a family's file needs one import.
__all__ = [
    "Choice",
    "FloatRange",
    "IntRange",
    "Range",
    "Technique",
    "TrainingData",
    "get_technique",
    "technique",
    "techniques",
]


@dataclass(frozen=True)
class TrainingData:
    """What a technique may look at: the training rows and nothing else.

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8, the whole image set; only ``rows`` of it may be read.
        labels: (N,) int64, the whole image set's; only ``rows`` of it may be read.
        rows: (T,) int64, the training rows.
        n_classes: C; labels lie in 0..C-1.
        class_names: (C,) for error messages; may be empty.
        neighbours: where nearest neighbours among ``pixels`` are kept; None searches each time.
    """

    pixels: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    n_classes: int
    class_names: tuple[str, ...] = ()
    neighbours: NeighbourStore | None = field(default=None, compare=False)

    @property
    def train_labels(self) -> np.ndarray:
        """(T,) int64: the classes of the training rows."""
        return self.labels[self.rows]

    @property
    def class_counts(self) -> np.ndarray:
        """(C,) int64: training images of each class."""
        return np.bincount(self.train_labels, minlength=self.n_classes)

    def class_name(self, label: int) -> str:
        return self.class_names[label] if self.class_names else str(label)

    def nearest(self, queries: np.ndarray, pool: np.ndarray, k: int) -> np.ndarray:
        """The k nearest other images of the pool: see `balancing.components.neighbours.search.nearest_neighbours`.

        Args:
            queries: (Q,) int64, training rows.
            pool: (P,) int64, training rows, none twice.
            k: in 1..P, or 1..P-1 where a query is in the pool.
        Returns:
            (Q, k) int64, rows of the image set, nearest first.
        """
        # Here, since torch takes seconds to import and not every command needs it.
        from balancing.components.neighbours.search import nearest_neighbours

        if self.neighbours is not None:
            return self.neighbours.nearest(self.pixels, queries, pool, k)
        return nearest_neighbours(self.pixels, queries, pool, k)

    def nearest_in_both(self, members: np.ndarray, k_all: int, k_own: int) -> tuple[np.ndarray, np.ndarray]:
        """The nearest training images of any class and the nearest members, in one search.

        Args:
            members: (Q,) int64, a part of ``rows`` in their order.
            k_all: in 1..T-1.
            k_own: in 1..Q-1.
        Returns:
            (Q, k_all) and (Q, k_own) int64, rows of the image set, nearest first.
        """
        from balancing.components.neighbours.search import nearest_in_both

        if self.neighbours is not None:
            return self.neighbours.nearest_in_both(self.pixels, members, self.rows, k_all, k_own)
        return nearest_in_both(self.pixels, members, self.rows, k_all, k_own)


Builder = Callable[..., TrainingPlan]
Check = Callable[..., None]
Family = Literal["none", "sampler", "augmentation", "loss"]


@dataclass(frozen=True)
class Technique:
    """A technique, as the command line, the search space and the report know it.

    Args:
        name: as typed, e.g. ``borderline_smote``.
        family: none | sampler | augmentation | loss.
        summary: one line, the builder's docstring's first.
        reference: where the method comes from.
        parameters: name -> its searched range with a default.
        strength_dial: what becomes of the augmentation strength that a draw asks for: ``free`` takes it as it is,
            ``off`` sets it to 0 (the baseline stays untouched), ``on`` replaces 0 by 1 (never without).
        build: ``build(data, random_state, **parameters) -> TrainingPlan``; ``random_state`` is an int in
            0..2**32-1 and means what it means to imbalanced-learn, so that equal seeds give equal samples. Missing
            parameters take their defaults; raises UserError like ``complete`` and ``check_feasible``.
        check: ``check(counts, **parameters)`` with counts a mapping from class name to training images, in the
            order of the labels; raises UserError where the technique cannot work with so few. None: it always can.
    """

    name: str
    family: Family
    summary: str
    reference: str
    parameters: Mapping[str, Range]
    strength_dial: Literal["free", "off", "on"]
    build: Builder
    check: Check | None = None

    def complete(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, the missing ones at their defaults, each checked.

        Raises:
            UserError: an unknown parameter, or a value outside its range.
        """
        for given in parameters:
            if given not in self.parameters:
                if not self.parameters:
                    raise UserError(f"technique '{self.name}' has no parameters, but '{given}' was given; remove it")
                raise UserError(
                    f"technique '{self.name}' has no parameter '{given}'{suggestion(given, self.parameters)}"
                )
        return {
            name: spec.check(f"{self.name}.{name}", parameters.get(name, spec.default))
            for name, spec in self.parameters.items()
        }

    def check_feasible(
        self,
        class_counts: Sequence[int] | np.ndarray,
        class_names: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        """Whether there are images enough; looks at counts alone, so it costs nothing before a sweep.

        Args:
            class_counts: (C,) int, training images of each class.
            class_names: (C,) for messages; labels are shown where it is empty.
            parameters: as for ``complete``.
        Raises:
            UserError: a class has no training image or too few, or ``complete`` raises.
        """
        complete = self.complete(parameters or {})
        names = class_names or [str(label) for label in range(len(class_counts))]
        counts = {name: int(count) for name, count in zip(names, class_counts, strict=True)}
        for name, count in counts.items():
            if count == 0:
                raise UserError(
                    f"every class needs training images, but class {name} has none; "
                    "add some, or leave this class out of the data"
                )
        if self.check is not None:
            self.check(counts, **complete)

    def effective_strength(self, dial: float) -> float:
        """The augmentation strength a trial trains with, given the draw's."""
        if self.strength_dial == "off":
            return 0.0
        if self.strength_dial == "on" and dial == 0:
            return 1.0
        return dial


_TECHNIQUES: dict[str, Technique] = {}


def technique(
    *,
    family: Family,
    reference: str,
    strength_dial: Literal["free", "off", "on"] = "free",
    check: Check | None = None,
    **parameters: Range,
) -> Callable[[Builder], Builder]:
    """Registers the decorated builder under its own name.

    The decorated function first completes and checks its parameters and the class counts, so a builder can rely on
    both. Arguments are those of ``Technique``.

    Raises:
        ValueError: the name is taken, or the builder has no docstring to show.
    """

    def register(build: Builder) -> Builder:
        name = build.__name__
        if name in _TECHNIQUES:
            raise ValueError(f"two techniques are named '{name}'; rename one")
        if not build.__doc__:
            raise ValueError(f"technique '{name}' needs a docstring: its first line is shown to users")
        summary = build.__doc__.strip().splitlines()[0]

        @functools.wraps(build)
        def checked(data: TrainingData, random_state: int, **given: Any) -> TrainingPlan:
            complete = entry.complete(given)
            entry.check_feasible(data.class_counts, data.class_names, complete)
            return build(data, random_state, **complete)

        entry = Technique(name, family, summary, reference, dict(parameters), strength_dial, checked, check)
        _TECHNIQUES[name] = entry
        return checked

    return register


def _load_families() -> None:
    import balancing.components.samplers as families

    for module in sorted(m.name for m in pkgutil.iter_modules(families.__path__)):
        importlib.import_module(f"{families.__name__}.{module}")


# The order in which tables, figures and colours show techniques: the study's, then by name.
_STUDY_ORDER = ("baseline", "undersampling", "oversampling", "augmentation", "smote", "borderline_smote")


def techniques() -> tuple[Technique, ...]:
    """All registered techniques, the study's six first, in the study's order."""
    _load_families()
    rank = {name: i for i, name in enumerate(_STUDY_ORDER)}
    return tuple(sorted(_TECHNIQUES.values(), key=lambda t: (rank.get(t.name, len(rank)), t.name)))


def get_technique(name: str) -> Technique:
    """The technique of that name.

    Raises:
        UserError: there is none; the nearest name is suggested.
    """
    _load_families()
    if name not in _TECHNIQUES:
        raise UserError(f"unknown technique '{name}'{suggestion(name, _TECHNIQUES)}")
    return _TECHNIQUES[name]

"""What the laws of all axes share: invented data, settings to try, and the laws of every component."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from balancing.components.axes import TrainingContext, TrainingData
from balancing.components.plans import TrainingPlan
from balancing.components.ranges import Choice
from balancing.components.registry import Component
from balancing.errors import UserError

# Unequal, so that no law hangs on the order of ties; the smallest has more images than any searched k.
CLASS_COUNTS = (40, 16, 22, 31, 12)
CLASS_NUMBERS = (2, 3, 5)
SEED = 7


def make_data(
    class_counts: tuple[int, ...], *, seed: int = 0, size: int = 6, outside: int = 30, apart: int = 3
) -> TrainingData:
    """Random images whose classes overlap, shuffled among ``outside`` rows that do not train.

    Args:
        class_counts: training images of each class, at most 5 classes.
        seed, size, outside: of the draws, of images in pixels, of rows that do not train.
        apart: grey levels between the means of neighbouring classes, at most 40; 3 tells them hardly apart.
    Returns:
        Data with pixels (sum(class_counts) + outside, size, size); the training rows are in no order.
    """
    rng = np.random.default_rng(seed)
    n = sum(class_counts) + outside
    labels = rng.permutation(np.repeat(np.arange(len(class_counts) + 1), [*class_counts, outside]))
    rows = rng.permutation(np.flatnonzero(labels < len(class_counts)))
    pixels = rng.integers(0, 255 - 5 * apart, size=(n, size, size)) + apart * labels[:, None, None]
    labels = np.where(labels == len(class_counts), rng.integers(len(class_counts), size=n), labels)
    names = tuple(f"KIND-{label}" for label in range(len(class_counts)))
    return TrainingData(pixels.astype(np.uint8), labels.astype(np.int64), rows, len(class_counts), names)


def contexts() -> list[TrainingContext]:
    """Trainings of 2, 3 and 5 classes, balanced and not, short and long, with and without augmentation."""
    counts = [CLASS_COUNTS[:n] for n in CLASS_NUMBERS] + [(20,) * n for n in CLASS_NUMBERS]
    return [
        TrainingContext(np.array(c, dtype=np.int64), epochs, strength, positive=1 if len(c) == 2 else None)
        for c, (epochs, strength) in itertools.product(counts, [(1, 0.0), (7, 1.0)])
    ]


def settings(component: Component) -> list[dict[str, Any]]:
    """The defaults, and for each parameter both ends of its searched range (each option of a choice)."""
    found: list[dict[str, Any]] = [{}]
    for name, spec in component.parameters.items():
        values = spec.options if isinstance(spec, Choice) else (spec.low, spec.high)
        found += [{name: value} for value in values]
    return found


def tried(component: Component) -> Iterator[tuple[TrainingContext, dict[str, Any], str]]:
    """Each context with each of the settings, and both in words; of two classes alone where it takes no more."""
    for context, parameters in itertools.product(contexts(), settings(component)):
        if component.binary and context.n_classes > 2:
            continue
        said = f"class counts {context.class_counts.tolist()}, {context.epochs} epochs, strength {context.strength:g}"
        yield context, parameters, f"{said}, {parameters or 'defaults'}"


def built(component: Component) -> Iterator[tuple[TrainingContext, Any, str]]:
    """What a component makes of each context with each of its settings, and both in words."""
    for context, parameters, said in tried(component):
        yield context, component.build(context, **parameters), said


@contextmanager
def untouched_global_state() -> Iterator[None]:
    """Raises AssertionError where the block drew from numpy's, Python's or torch's global generators."""
    import random

    import torch

    before = np.random.get_state()[1].tolist(), random.getstate(), torch.get_rng_state()  # type: ignore[index] # noqa: NPY002
    yield
    after = np.random.get_state()[1].tolist(), random.getstate(), torch.get_rng_state()  # type: ignore[index] # noqa: NPY002
    same = before[:2] == after[:2] and torch.equal(before[2], after[2])
    require(same, "a global random generator was used; draw from what is handed in")


def require(holds: Any, otherwise: str) -> None:
    """Raises AssertionError with a sentence where something does not hold."""
    if not holds:
        raise AssertionError(otherwise)


def assert_same_plan(a: TrainingPlan, b: TrainingPlan) -> None:
    for field in ("base", "mate", "weight", "labels"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field), err_msg=field)


def law_what_is_shown_is_there(component: Component) -> None:
    """Label, summary and reference are there, and drawn parameters are accepted."""
    require(component.label.strip() and component.reference.strip(), "label and reference are shown to users")
    require(component.summary.endswith("."), f"the docstring's first line {component.summary!r} is no whole sentence")
    rng = np.random.default_rng(SEED)
    for _ in range(20):
        drawn = {name: spec.draw(rng) for name, spec in component.parameters.items()}
        require(component.complete(drawn) == drawn, f"the drawn {drawn} are not what is taken of them")


def law_unknown_parameters_are_refused(component: Component) -> None:
    try:
        component.complete({"no_such_parameter": 1})
    except UserError as error:
        told = "no_such_parameter" in str(error) and component.name in str(error)
        require(told, f"the error does not say which parameter of what: {error}")
    else:
        raise AssertionError("an unknown parameter was taken")


LAWS = (law_what_is_shown_is_there, law_unknown_parameters_are_refused)

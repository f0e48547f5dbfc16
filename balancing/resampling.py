"""Resampling of arrays by any technique that has a plan: arrays in and out, as in imbalanced-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from balancing.components.axes import TrainingData
from balancing.components.plans import TrainingPlan
from balancing.components.techniques import Technique, get_technique
from balancing.data.given import as_array, checked_labels
from balancing.errors import UserError
from balancing.oracles import ORACLES, oracle

Arrays = tuple[np.ndarray, np.ndarray]


@overload
def resample(
    technique: str,
    pixels: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    random_state: int = ...,
    check: bool = ...,
    return_plan: Literal[False] = ...,
    **parameters: Any,
) -> Arrays: ...


@overload
def resample(
    technique: str,
    pixels: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    random_state: int = ...,
    check: bool = ...,
    return_plan: Literal[True],
    **parameters: Any,
) -> tuple[np.ndarray, np.ndarray, TrainingPlan]: ...


def resample(
    technique: str,
    pixels: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    random_state: int = 0,
    check: bool = False,
    return_plan: bool = False,
    **parameters: Any,
) -> Arrays | tuple[np.ndarray, np.ndarray, TrainingPlan]:
    """The training rows of a technique, all real and synthetic ones, in imbalanced-learn's order.

    Rows come back as uint8, as they were given: synthetic ones are rounded to whole grey levels. A sweep rounds
    nothing, it mixes batches in float32; ``plan.realise(pixels)`` gives the unrounded rows in float64.

    Args:
        technique: name of one, see ``balancing.techniques()``.
        pixels: (N, ...) uint8, images or rows of whole numbers in 0..255.
        labels: (N,) whole numbers or words, none missing.
        random_state: 0..2**32-1; means what it means to imbalanced-learn.
        check: compare every row with what imbalanced-learn makes of the same arrays; takes its time and memory.
        return_plan: give the plan too, which rows are mixed with which weight.
        parameters: the technique's own; the rest at their defaults.
    Returns:
        (M, ...) uint8, (M,) labels of the type given, and the ``TrainingPlan`` where it is asked for.
    Raises:
        UserError: no such technique or parameter, one that samples a network's features, arrays of a wrong type or
            length, too few rows of a class; with ``check``: imbalanced-learn has no such technique, or other rows.

    >>> import numpy as np
    >>> pixels = np.arange(0, 250, 5, dtype=np.uint8).reshape(10, 5)
    >>> X, y = resample("oversampling", pixels, ["ill"] * 3 + ["well"] * 7)
    >>> X.shape, X.dtype, (y == "ill").sum()
    ((14, 5), dtype('uint8'), np.int64(7))
    """
    images, given = _checked(pixels, labels)
    if (
        not isinstance(random_state, int | np.integer)
        or isinstance(random_state, bool)
        or not (0 <= random_state < 2**32)
    ):
        raise UserError(
            f"random_state must be a whole number in 0..2**32-1, but is {random_state!r}; give one, such as 0"
        )
    classes, numbers = np.unique(given, return_inverse=True)
    found = get_technique(technique)
    if "sampler" in found.on_features:
        raise UserError(
            f"technique '{found.name}' samples the features of a network, and here are pixels alone; take "
            f"'{found.parts[0].name}', or train it in a sweep"
        )
    data = TrainingData(
        images, numbers.astype(np.int64), np.arange(len(images)), len(classes), tuple(str(name) for name in classes)
    )
    plan = found.build(data, int(random_state), **parameters)
    if check:
        _compare(found, found.complete(parameters), data, plan, int(random_state))
    rows = np.rint(plan.realise(images)).astype(np.uint8) if plan.synthetic.any() else images[plan.base]
    drawn = classes[plan.labels]
    return (rows, drawn, plan) if return_plan else (rows, drawn)


def _checked(pixels: npt.ArrayLike, labels: npt.ArrayLike) -> Arrays:
    images = as_array("pixels", pixels, "uint8 of shape (N, ...)")
    if images.dtype != np.uint8 or images.ndim < 2 or not len(images):
        raise UserError(
            f"pixels must be uint8 of shape (N, ...), N >= 1, whole numbers in 0..255, but are {images.dtype} of shape "
            f"{images.shape}: neighbours are found by exact distances of such; scale to 0..255 and convert them by "
            ".astype(np.uint8)"
        )
    dtype = getattr(labels, "dtype", None)  # pandas has types of its own, whose values may be missing
    if isinstance(dtype, np.dtype) and dtype.kind in "iubS" and np.shape(labels) == (len(images),):
        return images, np.asarray(labels)
    listed = checked_labels(labels, len(images))
    return images, labels if isinstance(labels, np.ndarray) else np.asarray(listed)


def _compare(
    technique: Technique, parameters: Mapping[str, Any], data: TrainingData, plan: TrainingPlan, random_state: int
) -> None:
    """Raises UserError where imbalanced-learn's rows are others than the plan's.

    Equal in float64; but Borderline-SMOTE of kind 2 rounds once more there than a plan does, so there it is equal to
    within a few units in the last place.
    """
    if technique.axes != ("sampler",) or technique.parts[0].name not in ORACLES:
        raise UserError(
            f"imbalanced-learn has no '{technique.name}' to compare with; leave check away, or choose of: "
            f"{', '.join(ORACLES)}"
        )
    theirs = dict(parameters)
    if theirs.get("sampling_strategy") == 1.0:
        theirs["sampling_strategy"] = "auto"
    elif "sampling_strategy" in theirs and data.n_classes > 2:
        raise UserError(
            f"imbalanced-learn takes a sampling_strategy of {theirs['sampling_strategy']:g} for two classes only, but "
            f"there are {data.n_classes}; leave check or sampling_strategy away"
        )
    sampler = oracle(technique.parts[0].name, theirs, random_state)
    flat = data.pixels.reshape(len(data.pixels), -1).astype(np.float64)
    try:
        wanted, wanted_labels = sampler.fit_resample(flat, data.labels)
    except ValueError as error:
        asked = " ".join(f"{key}={value}" for key, value in parameters.items())
        counts = dict(zip(data.class_names, data.class_counts.tolist(), strict=True))
        raise UserError(
            f"imbalanced-learn refuses what '{technique.name}' does with {asked} on classes of {counts} "
            f"({str(error).partition('. ')[0].rstrip('.')}), so there is nothing to compare with; leave check away, or "
            "ask for what it does"
        ) from None
    # SVM-SMOTE goes beyond its images, where a plan ends at the scale of pixels.
    wanted = np.clip(wanted, 0, 255)
    made = plan.realise(data.pixels).reshape(len(plan), -1)
    same_length = len(made) == len(wanted) and np.array_equal(plan.labels, wanted_labels)
    wrong = ~np.isclose(made, wanted, rtol=1e-12, atol=1e-12).all(axis=1) if same_length else np.ones(len(made), bool)
    if wrong.any():
        raise UserError(
            f"{int(wrong.sum())} of {len(made)} rows of '{technique.name}' are others than imbalanced-learn's "
            f"{type(sampler).__name__} makes ({int((wrong & plan.synthetic).sum())} of them synthetic); rows at "
            "exactly equal distances, among which its choice is that of a heap, may differ: look for repeated rows, or "
            "leave check away"
        )

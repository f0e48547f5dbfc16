"""Predictions that are given as plain arrays, checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from balancing.data.given import as_array
from balancing.data.text import one_patient, shown
from balancing.errors import UserError, suggestion
from balancing.metrics import SELECTABLE
from sweep.analysis.names import in_order
from sweep.analysis.statistics.predictions import Predictions, TrialPredictions

# What a row of probabilities may miss 1 by: float16 has three digits.
_ROUNDING = 5e-3


@dataclass(frozen=True)
class GivenPredictions:
    """What plain arrays say.

    Args:
        trials: by technique (the registry's order), then seed.
        class_names: (C,).
        positive: its index for two classes, else None.
    """

    trials: tuple[TrialPredictions, ...]
    class_names: list[str]
    positive: int | None


def trials_of_arrays(
    labels: Any,
    predictions: Mapping[str, Any],
    patients: Any,
    class_names: Sequence[str] | None,
    positive: int | str | None,
    validation: tuple[Any, Mapping[str, Any]] | None,
    metric: str,
) -> GivenPredictions:
    """See ``sweep.analysis.results.Results.from_predictions``."""
    if metric not in SELECTABLE:
        raise UserError(f"unknown metric {metric!r}{suggestion(str(metric), SELECTABLE)}")
    labels = _labels(labels, "labels")
    _check_mapping(predictions, "predictions", "(S, N, C)")
    if not predictions:
        raise UserError("predictions must hold at least one technique, but are empty; give {technique: (S, N, C)}")
    arrays = {name: _scores(name, value, len(labels)) for name, value in predictions.items()}
    n_classes = next(iter(arrays.values())).shape[2]
    for name, array in arrays.items():
        if array.shape[2] != n_classes:
            raise UserError(
                f"all techniques must predict the same classes, but {name} has {array.shape[2]} and "
                f"{next(iter(arrays))} {n_classes}; give each an array of (S, N, C)"
            )
    _check_classes(labels, n_classes, "labels")
    if n_classes == 2 and len(np.unique(labels)) < 2:
        raise UserError(
            f"labels must hold images of both classes, but hold class {labels[0]} alone; add images of the other"
        )
    names = _class_names(class_names, n_classes)
    test = (np.arange(len(labels)), labels, _patients(patients, len(labels)))
    fitted = None if validation is None else _validation(validation, arrays, n_classes, first_row=len(labels))
    trials = []
    for name in in_order(arrays):
        own = arrays[name]
        for seed in range(own.shape[0]):
            known = None if fitted is None else _part(fitted[0], fitted[1][name], seed)
            trials.append(TrialPredictions(name, seed, _part(test, own, seed), known))
    return GivenPredictions(tuple(trials), names, _positive(positive, names))


def split_of_arrays(given: GivenPredictions) -> pd.DataFrame:
    """The columns of ``Run.split`` of the images that were predicted; patients as they were given."""
    frames = []
    first = given.trials[0]
    for name, part in (("test", first.test), ("validation", first.known_validation)):
        if part is not None:
            own = np.char.add("image ", part.rows.astype(str)) == part.patients
            columns = {
                "row": part.rows,
                "name": np.char.add("image ", part.rows.astype(str)).astype(object),
                "patient": np.where(own, "", part.patients).astype(object),
                "label": part.labels,
                "class_name": np.array(given.class_names, dtype=object)[part.labels],
            }
            frames.append(pd.DataFrame(columns).assign(official=name, split=name))
    return pd.concat(frames, ignore_index=True)


def _labels(values: Any, what: str) -> np.ndarray:
    labels = as_array(what, values, "(N,) integers 0..C-1")
    if labels.ndim != 1 or not len(labels) or labels.dtype.kind not in "iu":
        raise UserError(
            f"{what} must be (N,) integers 0..C-1, N >= 1, but are {labels.dtype} of shape {labels.shape}; give the "
            "class of each image by its number"
        )
    return np.minimum(labels, np.iinfo(np.int64).max).astype(np.int64)


def _check_mapping(values: Any, what: str, shape: str) -> None:
    if not isinstance(values, Mapping):
        raise UserError(f"{what} must be {{technique: {shape}}}, but are of type {type(values).__name__}; name each")
    wrong = [name for name in values if not isinstance(name, str) or not name.strip() or shown(name) != name]
    if wrong:
        raise UserError(f"{what} must be {{technique: {shape}}}, but one is called {wrong[0]!r}; give techniques names")


def _class_names(given: Any, n_classes: int) -> list[str]:
    if given is None:
        return [f"class {c}" for c in range(n_classes)]
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise UserError(f"class_names must be a list of {n_classes} names, but are {given!r}; give one a column")
    names = [shown(str(name)) for name in given]
    if len(names) != n_classes:
        raise UserError(f"class_names must name {n_classes} classes, but name {len(names)}; give one a column")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise UserError(f"class_names must be {n_classes} different names, but {twice[0]!r} is there twice; rename one")
    return names


def _check_classes(labels: np.ndarray, n_classes: int, what: str) -> None:
    wrong = labels[(labels < 0) | (labels >= n_classes)]
    if len(wrong):
        raise UserError(
            f"{what} must lie in 0..{n_classes - 1}, for so many columns the predictions have, but there is "
            f"{wrong[0]}; number the classes as the columns"
        )


@dataclass(frozen=True)
class _Scores:
    """What a technique's networks say.

    Args:
        probabilities: (S, N, C) float64 in 0..1.
        logits, log_odds: (S, N, C) float64 where logits were given, else None.
    """

    probabilities: np.ndarray
    logits: np.ndarray | None = None
    log_odds: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.probabilities.shape


def _scores(technique: str, values: Any, n_rows: int, rows: str = "labels") -> _Scores:
    """Probabilities, or what logits mean: all of a technique's networks are given in one way."""
    array = as_array(f"predictions of {technique}", values, "numbers of shape (S, N, C): seeds, images, classes")
    if array.dtype.kind not in "fiu" or array.ndim != 3 or array.shape[0] < 1 or array.shape[2] < 2:
        raise UserError(
            f"predictions of {technique} must be numbers of shape (S, N, C): seeds, images, two or more classes; but "
            f"are {array.dtype} of shape {array.shape}; give one network as array[None]"
        )
    if array.shape[1] != n_rows:
        raise UserError(
            f"predictions of {technique} must have a row for each of the {n_rows} {rows}, but have {array.shape[1]}; "
            "give all techniques the same images in the same order"
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        seed, row = np.argwhere(~np.isfinite(array))[0, :2]
        raise UserError(
            f"predictions of {technique} must be finite, but seed {seed} has {array[seed, row]} in row {row}; leave "
            "out networks that diverged"
        )
    sums = array.sum(axis=2)
    if array.min() >= 0 and (np.abs(sums - 100) <= 100 * _ROUNDING).all():
        raise UserError(f"predictions of {technique} are percentages; divide them by 100")
    if array.min() < -_ROUNDING or array.max() > 1 + _ROUNDING:
        raised = np.exp(_beneath_largest(array))
        return _Scores(raised / raised.sum(axis=2, keepdims=True), array, log_odds(array))
    if (np.abs(sums - 1) > _ROUNDING).any():
        seed, row = np.argwhere(np.abs(sums - 1) > _ROUNDING)[0]
        raise UserError(
            f"probabilities of {technique} must sum to 1 in each row, but row {row} of seed {seed} sums to "
            f"{sums[seed, row]:.3g}; give a column for each class"
        )
    return _Scores(array.clip(0, 1))


def _beneath_largest(logits: np.ndarray) -> np.ndarray:
    """(..., C) float64 <= 0: how far each class lies beneath the largest; no further than twice that has a number."""
    with np.errstate(over="ignore"):
        apart = logits - logits.max(axis=-1, keepdims=True)
    return np.maximum(apart, np.finfo(np.float64).min / 2)


def log_odds(logits: np.ndarray) -> np.ndarray:
    """Of each class against all others: its logit less the logarithm of the sum of the others' exponentials.

    Ranks as its probability does, but goes on where that is rounded to 1, from a gap of some 37 on. For two classes
    their difference, so that the ranking by one is exactly the other's turned round.

    Args:
        logits: (..., C) finite float64, C >= 2.
    Returns:
        (..., C) finite float64.
    """
    apart = _beneath_largest(logits)
    nothing = np.full((*apart.shape[:-1], 1), -np.inf)
    before = np.logaddexp.accumulate(apart, axis=-1)[..., :-1]
    after = np.logaddexp.accumulate(apart[..., ::-1], axis=-1)[..., -2::-1]
    found: np.ndarray = apart - np.logaddexp(
        np.concatenate([nothing, before], axis=-1), np.concatenate([after, nothing], axis=-1)
    )
    return found


def _part(images: tuple[np.ndarray, np.ndarray, np.ndarray], scores: _Scores, seed: int) -> Predictions:
    """One network's (N, C) predictions beside the images' rows, labels and patients."""
    rows, labels, patients = images
    logits, odds = (None if given is None else given[seed] for given in (scores.logits, scores.log_odds))
    return Predictions(rows, labels, scores.probabilities[seed], patients, logits, odds)


def _patients(values: Any, n_rows: int, first_row: int = 0) -> np.ndarray:
    own = np.char.add("image ", np.arange(first_row, first_row + n_rows).astype(str))
    if values is None:
        return own
    ids = as_array("patients", values, f"(N,) ids, one for each of the {n_rows} labels", object)
    if ids.shape != (n_rows,):
        raise UserError(
            f"patients must be (N,) ids, one for each of the {n_rows} labels, but have shape {ids.shape}; give each "
            "image its patient's"
        )
    known = [one_patient(value) for value in ids.tolist()]
    return np.array([own[row] if patient is None else patient for row, patient in enumerate(known)], dtype=str)


def _validation(
    validation: tuple[Any, Mapping[str, Any]], arrays: Mapping[str, _Scores], n_classes: int, first_row: int
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], dict[str, _Scores]]:
    """The validation images, and technique -> (S, V, C)."""
    try:
        given, predictions = validation
    except (TypeError, ValueError):
        predictions = None
    if not isinstance(predictions, Mapping):
        raise UserError(
            "validation must be (labels (V,), {technique: (S, V, C)}), of the same networks as the test predictions"
        )
    labels = _labels(given, "validation labels")
    _check_classes(labels, n_classes, "validation labels")
    found = {}
    for name, array in arrays.items():
        if name not in predictions:
            raise UserError(f"validation must hold every technique, but lacks {name}; give its networks' predictions")
        found[name] = _scores(name, predictions[name], len(labels), "validation labels")
        if found[name].shape[::2] != array.shape[::2]:
            raise UserError(
                f"validation predictions of {name} must be of the same seeds and classes as its test predictions, "
                f"{array.shape[::2]}, but are of {found[name].shape[::2]}"
            )
    rows = np.arange(first_row, first_row + len(labels))
    return (rows, labels, _patients(None, len(labels), first_row)), found


def _positive(positive: int | str | None, names: list[str]) -> int | None:
    if len(names) > 2:
        if positive is not None:
            raise UserError(f"positive is for two classes, but there are {len(names)}; leave it away")
        return None
    if isinstance(positive, str) and positive in names:
        return names.index(positive)
    if isinstance(positive, int | np.integer) and not isinstance(positive, bool) and 0 <= positive < 2:
        return int(positive)
    raise UserError(
        f"of two classes positive must be 0 ({names[0]}) or 1 ({names[1]}), or its name, but is {positive!r}; name the "
        "class that is looked for"
    )

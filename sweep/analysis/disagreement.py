"""Image by image: who gets it right, how surely, and on which images techniques disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE

# What an image shows: mistakes of the baseline that others don't make, new ones, those of all, those of some.
Kind = Literal["mended", "broken", "wrong by all", "disputed", "right by all"]


@dataclass(frozen=True)
class ImageAnswers:
    """Every technique's answers on the test images, over its seeds.

    Args:
        techniques: (T,) in the results' order.
        rows: (N,) int64, of the image set, those first on which techniques disagree most.
        labels: (N,) int64, the true classes.
        probability: (T, N) float64, of the true class, mean over seeds; NaN where a technique gives no probabilities.
        wrong: (T, N) float64 in [0, 1], the share of seeds that err.
    """

    techniques: tuple[str, ...]
    rows: np.ndarray
    labels: np.ndarray
    probability: np.ndarray
    wrong: np.ndarray

    def kind(self, place: int) -> Kind:
        """What the image at this place shows, by whether more than half of a technique's seeds err."""
        errs = dict(zip(self.techniques, self.wrong[:, place] > 0.5, strict=True))
        if all(errs.values()):
            return "wrong by all"
        if not any(errs.values()):
            return "right by all"
        if BASELINE not in errs:
            return "disputed"
        others = [err for name, err in errs.items() if name != BASELINE]
        if errs[BASELINE]:
            return "mended"
        return "broken" if others and sum(others) >= len(others) / 2 else "disputed"


def image_answers(run: Results, among: Sequence[str] | None = None) -> ImageAnswers | None:
    """The answers of techniques that were tested on the same images; None where nothing was tested.

    Disagreement is the variance over techniques of the share of seeds that err; images that are equal in it stand by
    how unsure the techniques are, then by row.

    Args:
        among: techniques that count; all by default.
    """
    tested = run.test_set
    if tested is None:
        return None
    names = [name for name in dict.fromkeys(trial.technique for trial in tested) if among is None or name in among]
    if not names:
        return None
    labels, rows = np.asarray(tested[0].test.labels), np.asarray(tested.rows)
    every = np.arange(len(labels))
    probability, wrong = [], []
    for name in names:
        own = [trial.test.probabilities for trial in tested if trial.technique == name]
        probability.append(np.mean([values[every, labels] for values in own], axis=0))
        wrong.append(np.mean([values.argmax(axis=1) != labels for values in own], axis=0))
    sure, errs = np.stack(probability), np.stack(wrong)
    order = np.lexsort((rows, np.abs(sure.mean(axis=0) - 0.5), -errs.var(axis=0).round(12)))
    return ImageAnswers(tuple(names), rows[order], labels[order], sure[:, order], errs[:, order])

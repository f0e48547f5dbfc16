"""What a score can do at every threshold: ROC and precision-recall curves, and operating points.

All of it for two classes, on the test split's scores as they are; bands hold both which patients were tested and the
chance in training. Points that are looked up on the test curve itself (specificity at 95 % sensitivity) describe the
curve; a threshold that could be used must come from validation, see ``sweep.analysis.decisions.table``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from balancing.metrics import weighted_auroc
from sweep.analysis.decisions.two_class import BANDED, Line, line, lines_of, rows_of, two_class_test
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import SAMPLES

SENSITIVITIES = (0.95, 0.90)
FALSE_POSITIVE_RATES = np.linspace(0.0, 1.0, 101)
# Precision at recall 0 is precision over nothing.
RECALLS = np.linspace(0.01, 1.0, 100)
# Of more networks average precision and operating points have their intervals from as many draws as the bands.
MANY = 200
_ROUNDING = 1e-9


@dataclass(frozen=True)
class WeightedCounts:
    """Cumulative counts from the highest score down, in each bootstrap sample.

    Args:
        tp, fp: (B, K) float64, weight of positives and negatives at or above each of the K distinct scores,
            highest first.
        positives, negatives: (B,) float64, their totals.
    """

    tp: np.ndarray
    fp: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray

    def first(self, samples: int) -> WeightedCounts:
        """The first of the bootstrap samples."""
        return WeightedCounts(*(part[:samples] for part in (self.tp, self.fp, self.positives, self.negatives)))


def weighted_counts(is_positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> WeightedCounts:
    """Counts at every distinct threshold.

    Args:
        is_positive: (N,) bool.
        scores: (N,) float.
        weights: (B, N), >= 0; ones give the test split as it is.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = weights[:, order]
    # Of equal scores the last holds the sum.
    end = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    tp = np.cumsum(ranked * is_positive[order], axis=1, dtype=np.float64)[:, end]
    fp = np.cumsum(ranked * ~is_positive[order], axis=1, dtype=np.float64)[:, end]
    return WeightedCounts(tp, fp, tp[:, -1], fp[:, -1])


def _first_reaching(counts: WeightedCounts, recalls: np.ndarray) -> np.ndarray:
    """(B, G) int64: index of the highest threshold at which each recall, > 0, is reached."""
    wanted = counts.positives[:, None] * recalls - _ROUNDING
    found = np.array([np.searchsorted(row, want) for row, want in zip(counts.tp, wanted, strict=True)])
    return np.minimum(found, counts.tp.shape[1] - 1)


def specificity_at(counts: WeightedCounts, sensitivities: Sequence[float]) -> np.ndarray:
    """(B, G) the highest specificity among thresholds whose sensitivity is at least each one, in (0, 1]."""
    place = _first_reaching(counts, np.array(sensitivities))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = 1 - np.take_along_axis(counts.fp, place, axis=1) / counts.negatives[:, None]
    return np.where(counts.positives[:, None] > 0, value, np.nan)


def recall_at(counts: WeightedCounts, specificity: float) -> np.ndarray:
    """(B,) the highest recall among thresholds whose specificity is at least the one given, in [0, 1)."""
    allowed = counts.fp <= counts.negatives[:, None] * (1 - specificity) + _ROUNDING
    place = allowed.sum(axis=1)  # false alarms only grow towards lower thresholds
    reached = np.take_along_axis(counts.tp, np.maximum(place - 1, 0)[:, None], axis=1)[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts.positives > 0, np.where(place > 0, reached, 0.0) / counts.positives, np.nan)


def roc_at(counts: WeightedCounts, rates: np.ndarray = FALSE_POSITIVE_RATES) -> np.ndarray:
    """Sensitivity at given false positive rates: straight lines between thresholds, the upper end of vertical steps.

    Args:
        rates: (G,) in [0, 1].
    Returns:
        (B, G); NaN where a class has no weight.
    Reference: Fawcett, Pattern Recognition Letters 27(8), 2006 (vertical averaging).
    """
    curves = np.full((len(counts.tp), len(rates)), np.nan)
    for row in np.flatnonzero((counts.positives > 0) & (counts.negatives > 0)):
        x = np.concatenate([[0.0], counts.fp[row] / counts.negatives[row]])
        y = np.concatenate([[0.0], counts.tp[row] / counts.positives[row]])
        curves[row] = np.interp(rates, x, y)
    return curves


def precision_at(counts: WeightedCounts, recalls: np.ndarray = RECALLS) -> np.ndarray:
    """Precision at the highest threshold that reaches each recall; no straight lines, which would flatter.

    Args:
        recalls: (G,) in (0, 1].
    Returns:
        (B, G); NaN where there is no positive.
    Reference: Davis & Goadrich, ICML 2006.
    """
    place = _first_reaching(counts, recalls)
    tp, fp = (np.take_along_axis(part, place, axis=1) for part in (counts.tp, counts.fp))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts.positives[:, None] > 0, tp / (tp + fp), np.nan)


def average_precision(counts: WeightedCounts) -> np.ndarray:
    """(B,) area under the precision-recall curve as a sum of steps, as scikit-learn does; NaN without a positive."""
    gained = np.diff(counts.tp, axis=1, prepend=0.0)
    called = counts.tp + counts.fp
    precision = np.divide(counts.tp, called, out=np.zeros_like(called), where=called > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts.positives > 0, (gained * precision).sum(axis=1) / counts.positives, np.nan)


@dataclass(frozen=True)
class Curves:
    """ROC and precision-recall curves of a run; two classes.

    Args:
        roc, pr: technique, x (false positive rate | recall), mean over seeds, low, high (95 %, pointwise).
        points: technique, seeds, auroc and average_precision with ``_low`` and ``_high``.
        prevalence: share of positives in the test split.
    """

    roc: pd.DataFrame
    pr: pd.DataFrame
    points: pd.DataFrame
    prevalence: float


def score_curves(
    results: Results,
    rng: np.random.Generator,
    samples: int = SAMPLES,
    banded: int = BANDED,
    few: Collection[str] | None = None,
) -> Curves | None:
    """Curves and their areas for every technique at its chosen configuration.

    Args:
        rng: of the patients drawn.
        samples: B bootstrap samples, the same for all trials.
        banded: how many of them the bands are made from.
        few: techniques whose lines get a band; None for all. Without one ``low`` and ``high`` are NaN.
    Returns:
        None with more than two classes, where the test split was not opened, or where it lacks a class.
    """
    ready = two_class_test(results, rng, samples)
    if ready is None:
        return None
    # Sorted sums of every network under every draw: of many networks fewer draws tell as much.
    few_draws = 1 + len(ready.few.rows) + (samples if len(ready.test) <= MANY else min(samples, banded))
    roc: dict[str, Line] = {}
    pr: dict[str, Line] = {}
    areas: dict[str, dict[str, list[list[np.ndarray]]]] = {"auroc": {}, "average_precision": {}}
    for technique in ready.test.techniques:
        scores = ready.scores(technique)
        all_counts = [weighted_counts(ready.is_positive, s, ready.weights[:few_draws]) for s in scores]
        band = few is None or technique in few
        first = [counts.first(1 + (len(ready.few.rows) + banded if band else 0)) for counts in all_counts]
        for lines, at in ((roc, roc_at), (pr, precision_at)):
            lines[technique] = line(np.stack([at(counts) for counts in first]), ready.few if band else None)
        areas["auroc"][technique] = [[weighted_auroc(ready.is_positive, s, ready.weights)] for s in scores]
        areas["average_precision"][technique] = [[average_precision(counts)] for counts in all_counts]
    points: dict[str, dict[str, float | str]] = {
        technique: {"technique": technique, "seeds": len(seeds)} for technique, seeds in areas["auroc"].items()
    }
    for name, techniques in areas.items():
        for technique, row in rows_of((name,), techniques, 0, ready.few, ready.behind["fewest"]).items():
            points[technique] |= row
    return Curves(
        lines_of(FALSE_POSITIVE_RATES, roc, (0.0, 1.0)),
        lines_of(RECALLS, pr, (0.0, 1.0)),
        pd.DataFrame(list(points.values())),
        float(ready.is_positive.mean()),
    )


def operating_points(
    results: Results,
    rng: np.random.Generator,
    samples: int = SAMPLES,
    sensitivities: Sequence[float] = SENSITIVITIES,
) -> pd.DataFrame:
    """Specificity at stated sensitivities, looked up on each test curve: points of the curve, not of a usable rule.

    Args:
        rng, samples: as for ``score_curves``.
        sensitivities: each in (0, 1].
    Returns:
        technique, seeds, and ``point_name`` of each sensitivity with ``_low`` and ``_high``; empty where
        ``score_curves`` gives None.
    """
    names = [point_name(sensitivity) for sensitivity in sensitivities]
    many = results.test_set is not None and len(results.test_set) > MANY
    ready = two_class_test(results, rng, min(samples, BANDED) if many else samples)
    if ready is None:
        return pd.DataFrame(columns=["technique", "seeds", *names])
    seeds = {
        technique: [
            list(specificity_at(weighted_counts(ready.is_positive, scores, ready.weights), sensitivities).T)
            for scores in ready.scores(technique)
        ]
        for technique in ready.test.techniques
    }
    rows = rows_of(names, seeds, ready.behind["specificity"], ready.few)
    return pd.DataFrame(
        [{"technique": technique, "seeds": len(seeds[technique]), **row} for technique, row in rows.items()]
    )


def point_name(sensitivity: float) -> str:
    """``specificity_at_95`` for 0.95."""
    return f"specificity_at_{100 * sensitivity:g}"

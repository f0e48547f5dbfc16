"""What a score can do at every threshold: ROC and precision-recall curves, operating points, PPV and NPV, net benefit.

All of it for two classes, on the test split's scores as they are; bands hold both which patients were tested and the
chance in training. Points that are looked up on the test curve itself (specificity at 95 % sensitivity) describe the
curve; a threshold that could be used must come from validation, see ``sweep.analysis.decisions.table``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sweep.analysis.decisions.table import Decided, decisions
from sweep.analysis.names import display_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import SAMPLES
from sweep.analysis.statistics.few_patients import FewPatients
from sweep.analysis.statistics.intervals import (
    distributions,
    near_the_end,
    no_rate_near_the_end,
    patients_behind,
    spread,
)
from sweep.analysis.statistics.predictions import TestSet

# A band is read by eye and costs more than a number.
BANDED = 500
SENSITIVITIES = (0.95, 0.90)
FALSE_POSITIVE_RATES = np.linspace(0.0, 1.0, 101)
# Precision at recall 0 is precision over nothing.
RECALLS = np.linspace(0.01, 1.0, 100)
THRESHOLD_PROBABILITIES = np.linspace(0.01, 0.90, 90)
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


def specificity_at(counts: WeightedCounts, sensitivity: float) -> np.ndarray:
    """(B,) the highest specificity among thresholds whose sensitivity is at least ``sensitivity``, in (0, 1]."""
    place = _first_reaching(counts, np.array([sensitivity]))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = 1 - np.take_along_axis(counts.fp, place, axis=1)[:, 0] / counts.negatives
    return np.where(counts.positives > 0, value, np.nan)


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


def predictive_values(
    sensitivity: np.ndarray | float, specificity: np.ndarray | float, prevalence: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Positive and negative predictive value by Bayes' rule; arrays broadcast; NaN where nobody is called so.

    PPV = sens * prev / (sens * prev + (1 - spec) * (1 - prev)); NPV the same from the other side.
    """
    sensitivity, specificity, prevalence = np.broadcast_arrays(sensitivity, specificity, prevalence)
    with np.errstate(invalid="ignore", divide="ignore"):
        true, false = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
        ppv = np.where(true + false > 0, true / (true + false), np.nan)
        true, false = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
        npv = np.where(true + false > 0, true / (true + false), np.nan)
    return ppv, npv


def net_benefit(
    is_positive: np.ndarray,
    scores: np.ndarray,
    weights: np.ndarray,
    thresholds: np.ndarray = THRESHOLD_PROBABILITIES,
) -> np.ndarray:
    """Net benefit of acting on every score that reaches a threshold probability.

    TP / n - FP / n * t / (1 - t): true positives, less false ones at the price that the threshold t says.

    Args:
        is_positive: (N,) bool.
        scores: (N,) float, taken as probabilities.
        weights: (B, N).
        thresholds: (G,) in [0, 1).
    Returns:
        (B, G), at the prevalence of the sample.
    Reference: Vickers & Elkin, Medical Decision Making 26(6), 2006.
    """
    acted = (scores[:, None] >= thresholds).astype(np.float32)
    total = weights.sum(axis=1, dtype=np.float64)[:, None]
    tp = ((weights * is_positive) @ acted).astype(np.float64) / total
    fp = ((weights * ~is_positive) @ acted).astype(np.float64) / total
    return tp - fp * thresholds / (1 - thresholds)


def treat_all(prevalence: float, thresholds: np.ndarray = THRESHOLD_PROBABILITIES) -> np.ndarray:
    """(G,) net benefit of acting on everyone; acting on nobody has 0."""
    return prevalence - (1 - prevalence) * thresholds / (1 - thresholds)


def _line(technique: str, x: np.ndarray, both: np.ndarray, few: FewPatients, ends: tuple[float, float]) -> pd.DataFrame:
    """technique, x, mean, low, high, from (S, 1 + J + B, G): the test split as it is, then ``patient_draws``."""
    low, high = distributions(both[:, 0], both[:, 1:], few).limits()
    limits = {"low": np.maximum(low, ends[0]), "high": np.minimum(high, ends[1])}
    shown = {name: np.where(np.isfinite(limit), limit, np.nan) for name, limit in limits.items()}
    shown = {"mean": both[:, 0].mean(axis=0), **shown}
    return pd.DataFrame({"technique": technique, "x": x, **shown})


def auroc_of(counts: WeightedCounts) -> np.ndarray:
    """(B,) area under the ROC curve by trapezoids, ties half; NaN where a class has no weight."""
    before = np.concatenate([np.zeros((len(counts.tp), 1)), counts.tp[:, :-1]], axis=1)
    area = (np.diff(counts.fp, axis=1, prepend=0.0) * (before + counts.tp) / 2).sum(axis=1)
    total = counts.positives * counts.negatives
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, area / total, np.nan)


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


@dataclass(frozen=True)
class _Ready:
    """Two classes, both in the test split, with the bootstrap's weights beneath a first row of ones, and how many
    patients stand behind each metric."""

    test: TestSet
    positive: int
    is_positive: np.ndarray
    weights: np.ndarray
    behind: Mapping[str, float]
    few: FewPatients

    def scores(self, technique: str) -> list[np.ndarray]:
        """(N,) of each seed."""
        return [trial.probabilities[:, self.positive] for trial in self.test.of(technique)]


def _ready(run: Results, rng: np.random.Generator, samples: int) -> _Ready | None:
    """None with more than two classes, where the test split was not opened, or where it lacks a class."""
    test = run.test_set if run.positive is not None else None
    if test is None or run.positive is None:
        return None
    is_positive = test.labels == run.positive
    if not is_positive.any() or is_positive.all():
        return None
    draws = test.draws(samples, rng)
    weights = np.vstack([np.ones((1, len(test.rows)), np.float32), draws.weights])
    behind = patients_behind(test.labels, test.patients, run.positive)
    return _Ready(test, run.positive, is_positive, weights, behind, draws.few)


def _row(
    names: Sequence[str], seeds: Sequence[Sequence[np.ndarray]], patients: float, few: FewPatients, fewest: float = 0
) -> dict[str, float]:
    """Means and intervals of numbers, from each seed's (1 + J + B,) of each.

    Args:
        patients: as for ``near_the_end``.
        fewest: as for ``no_rate_near_the_end``; 0 where it is not meant.
    """
    row: dict[str, float] = {}
    for name, both in zip(names, np.stack([np.stack(list(seed)) for seed in seeds], axis=1), strict=True):
        found = near_the_end(spread(both[:, 0], both[:, 1:], few), patients)
        found = no_rate_near_the_end(found, fewest)
        row |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    return row


def score_curves(run: Results, rng: np.random.Generator, samples: int = SAMPLES, banded: int = BANDED) -> Curves | None:
    """Curves and their areas for every technique at its chosen configuration.

    Args:
        rng: of the patients drawn.
        samples: B bootstrap samples, the same for all trials.
        banded: how many of them the bands are made from.
    Returns:
        None with more than two classes, where the test split was not opened, or where it lacks a class.
    """
    ready = _ready(run, rng, samples)
    if ready is None:
        return None
    roc, pr, points = [], [], []
    for technique in ready.test.techniques:
        all_counts = [weighted_counts(ready.is_positive, s, ready.weights) for s in ready.scores(technique)]
        first = [counts.first(1 + len(ready.few.rows) + banded) for counts in all_counts]
        own = np.stack([roc_at(counts) for counts in first])
        roc.append(_line(technique, FALSE_POSITIVE_RATES, own, ready.few, (0.0, 1.0)))
        own = np.stack([precision_at(counts) for counts in first])
        pr.append(_line(technique, RECALLS, own, ready.few, (0.0, 1.0)))
        areas = [(auroc_of(counts), average_precision(counts)) for counts in all_counts]
        row = _row(("auroc", "average_precision"), areas, 0, ready.few, ready.behind["fewest"])
        points.append({"technique": technique, "seeds": len(areas), **row})
    joined = [pd.concat(parts, ignore_index=True) for parts in (roc, pr)]
    return Curves(joined[0], joined[1], pd.DataFrame(points), float(ready.is_positive.mean()))


def operating_points(
    run: Results,
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
    ready = _ready(run, rng, samples)
    if ready is None:
        return pd.DataFrame(columns=["technique", "seeds", *names])
    rows = []
    for technique in ready.test.techniques:
        seeds = []
        for scores in ready.scores(technique):
            counts = weighted_counts(ready.is_positive, scores, ready.weights)
            seeds.append([specificity_at(counts, sensitivity) for sensitivity in sensitivities])
        row = _row(names, seeds, ready.behind["specificity"], ready.few)
        rows.append({"technique": technique, "seeds": len(seeds), **row})
    return pd.DataFrame(rows)


def benefit_curves(run: Results, rng: np.random.Generator, samples: int = BANDED) -> pd.DataFrame:
    """Net benefit of every technique against threshold probability.

    Returns:
        technique, x (threshold probability), mean over seeds, low, high (95 %, pointwise); empty where
        ``score_curves`` gives None.
    """
    ready = _ready(run, rng, samples)
    if ready is None:
        return pd.DataFrame(columns=["technique", "x", "mean", "low", "high"])
    lines = []
    for technique in ready.test.techniques:
        own = np.stack([net_benefit(ready.is_positive, s, ready.weights) for s in ready.scores(technique)])
        lines.append(_line(technique, THRESHOLD_PROBABILITIES, own, ready.few, (-np.inf, 1.0)))
    return pd.concat(lines, ignore_index=True)


def point_name(sensitivity: float) -> str:
    """``specificity_at_95`` for 0.95."""
    return f"specificity_at_{100 * sensitivity:g}"


def predictive_table(
    run: Results, rng: np.random.Generator, prevalences: Sequence[float], samples: int = SAMPLES
) -> pd.DataFrame:
    """PPV and NPV at stated prevalences: every technique at 0.5, and the baseline with its threshold.

    Args:
        prevalences: (G,) in (0, 1).
    Returns:
        decision, technique, rule (as ``decision_table``), prevalence, ppv, npv (means over seeds), each with ``_low``
        and ``_high``. Sensitivity and specificity are the test split's; they stay with the prevalence only where the
        images within a class stay the same. Empty with more than two classes or an unopened test split.
    """
    ready = _ready(run, rng, samples)
    if ready is None:
        return pd.DataFrame(columns=["decision", "technique", "rule", "prevalence", "ppv", "npv"])
    rows = []
    for (technique, rule), of_seeds in decisions(run, ready.test).items():
        if rule not in ("argmax", "balanced_accuracy"):
            continue
        name = display_name(technique) + (" + threshold" if rule != "argmax" else "")
        rates = [_rates(one, ready) for one in of_seeds.values()]
        for prevalence in prevalences:
            row: dict[str, object] = {"decision": name, "technique": technique, "rule": rule, "prevalence": prevalence}
            seeds = [predictive_values(*pair, prevalence) for pair in rates]
            found = _row(("ppv", "npv"), seeds, 0, ready.few)
            # Of a technique that misses nobody, or calls nobody wrongly, the next patient may be the first.
            sensitivity, specificity = (
                near_the_end(
                    spread(
                        np.array([pair[i][0] for pair in rates]),
                        np.stack([pair[i][1:] for pair in rates]),
                        ready.few.about(rate, ready.positive),
                    ),
                    ready.behind[rate],
                )
                for i, rate in enumerate(("recall", "specificity"))
            )
            least_ppv, _ = predictive_values(sensitivity.mean, specificity.low, prevalence)
            _, least_npv = predictive_values(sensitivity.low, specificity.mean, prevalence)
            for name_of, least, at_end in (("ppv", least_ppv, specificity), ("npv", least_npv, sensitivity)):
                if at_end.mean == 1:
                    found[f"{name_of}_low"] = min(found[f"{name_of}_low"], float(least))
            rows.append({**row, **found})
    return pd.DataFrame(rows)


def predictive_curves(run: Results, prevalences: np.ndarray) -> pd.DataFrame:
    """As ``predictive_table``, means over seeds alone; (G,) prevalences in (0, 1)."""
    ready = _ready(run, np.random.default_rng(0), 0)  # no samples, so nothing is drawn
    rows = []
    for (technique, rule), of_seeds in decisions(run, ready.test).items() if ready is not None else ():
        if ready is None or rule not in ("argmax", "balanced_accuracy"):
            continue
        rates = [[rate[:1] for rate in _rates(one, ready)] for one in of_seeds.values()]
        ppv, npv = np.stack([predictive_values(one[0], one[1], prevalences) for one in rates]).mean(axis=0)
        found = {"technique": technique, "rule": rule, "prevalence": prevalences, "ppv": ppv, "npv": npv}
        rows.append(pd.DataFrame(found))
    columns = ["technique", "rule", "prevalence", "ppv", "npv"]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)


def _rates(decided: Decided, ready: _Ready) -> tuple[np.ndarray, np.ndarray]:
    """(1 + B,) sensitivity and specificity of one trial's decisions."""
    called, is_positive = decided.decisions == ready.positive, ready.is_positive
    with np.errstate(invalid="ignore", divide="ignore"):
        sensitivity = ready.weights @ (called & is_positive) / (ready.weights @ is_positive)
        specificity = ready.weights @ (~called & ~is_positive) / (ready.weights @ ~is_positive)
    return np.asarray(sensitivity, np.float64), np.asarray(specificity, np.float64)

"""Would a threshold do it? Decision-level answers to imbalance: thresholds, prior correction, temperature.

Each is fitted on one trial's validation predictions and applied to the same trial's test predictions. The validation
split also chose the trial's best epoch, so what is fitted there is a little too sure of itself; the test split is
untouched. Thresholds are on the probability of the positive class: positive where it is at least the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from balancing.errors import UserError
from balancing.registry import get_technique
from sweep.analysis.bootstrap import METRICS, SAMPLES, weighted_metrics
from sweep.analysis.naming import display_name
from sweep.analysis.paired import compare
from sweep.analysis.scored import BASELINE, Scored, TestSet, bounded, scored_trials
from sweep.analysis.tables import selection_metric
from sweep.metrics import decide, evaluate
from sweep.records import Run

SENSITIVITY = 0.95
COST_RATIO = 5.0
UNFITTED = 0.5
# What equal sums may differ by in floating point.
_EQUAL = 1e-9
_LOG_TEMPERATURES = (-4.0, 4.0)


@dataclass(frozen=True)
class Candidates:
    """Every way of deciding that a threshold can give on some scores, from all positive to none.

    Args:
        low, high: (K,) float64; every threshold in (low[k], high[k]] decides the same. They join up from 0 to 1.
        threshold: (K,) float64, the middle of each; the last lies above the highest score.
        tp, fp: (K,) float64, counts at each.
        positives, negatives: images of each kind.
    """

    low: np.ndarray
    high: np.ndarray
    threshold: np.ndarray
    tp: np.ndarray
    fp: np.ndarray
    positives: int
    negatives: int


def candidates(is_positive: np.ndarray, scores: np.ndarray) -> Candidates:
    """The candidate thresholds: midpoints between distinct scores, and one at either end.

    Args:
        is_positive: (V,) bool.
        scores: (V,) float64 in [0, 1], V >= 1.
    """
    distinct, place = np.unique(scores, return_inverse=True)
    positive = np.bincount(place, weights=is_positive, minlength=len(distinct))
    negative = np.bincount(place, weights=~is_positive, minlength=len(distinct))
    low, high = np.concatenate([[0.0], distinct]), np.concatenate([distinct, [1.0]])
    threshold = (low + high) / 2
    threshold[-1] = max(threshold[-1], np.nextafter(distinct[-1], np.inf))
    tp, fp = (np.concatenate([np.cumsum(counts[::-1])[::-1], [0.0]]) for counts in (positive, negative))
    return Candidates(low, high, threshold, tp, fp, int(is_positive.sum()), int((~is_positive).sum()))


def _best(found: Candidates, value: np.ndarray) -> float:
    """The threshold of the highest value; of equal optima the middle of the widest unbroken stretch of thresholds.

    The middle, since the scores of other patients will lie a little elsewhere; of equally wide ones the lowest.
    """
    optimal = value >= value.max() - _EQUAL
    edges = np.flatnonzero(np.diff(np.concatenate([[0], optimal.astype(np.int8), [0]])))
    first, last = edges[::2], edges[1::2] - 1
    widest = int((found.high[last] - found.low[first]).argmax())
    begin, end = int(first[widest]), int(last[widest])
    if begin == end:
        return float(found.threshold[begin])
    return float((found.low[begin] + found.high[end]) / 2)


def _fittable(is_positive: np.ndarray) -> bool:
    return bool(is_positive.any() and not is_positive.all())


def threshold_balanced_accuracy(is_positive: np.ndarray, scores: np.ndarray) -> float:
    """The threshold with the highest balanced accuracy, which is Youden's index.

    Args:
        is_positive: (V,) bool, validation.
        scores: (V,) float64 in [0, 1], probability of the positive class.
    Returns:
        In [0, 1], or just above the highest score where calling none positive is best; 0.5 where a class is absent, for
        then nothing can be fitted.
    Reference: Youden, Cancer 3(1), 1950.
    """
    if not _fittable(is_positive):
        return UNFITTED
    found = candidates(is_positive, scores)
    return _best(found, found.tp / found.positives - found.fp / found.negatives)


def threshold_f1(is_positive: np.ndarray, scores: np.ndarray) -> float:
    """The threshold with the highest F1; arguments and result as ``threshold_balanced_accuracy``.

    Reference: Lipton, Elkan & Naryanaswamy, ECML PKDD 2014.
    """
    if not _fittable(is_positive):
        return UNFITTED
    found = candidates(is_positive, scores)
    return _best(found, 2 * found.tp / (found.tp + found.fp + found.positives))


def threshold_sensitivity(is_positive: np.ndarray, scores: np.ndarray, target: float = SENSITIVITY) -> float:
    """The highest threshold that still finds the wanted share of the positives.

    Args:
        is_positive, scores: as for ``threshold_balanced_accuracy``.
        target: sensitivity, in (0, 1].
    Raises:
        ValueError: the target lies outside (0, 1].
    """
    if not 0 < target <= 1:
        raise ValueError(f"a wanted sensitivity lies in (0, 1], but is {target}")
    if not _fittable(is_positive):
        return UNFITTED
    found = candidates(is_positive, scores)
    return float(found.threshold[np.flatnonzero(found.tp >= target * found.positives - _EQUAL)[-1]])


def threshold_cost(is_positive: np.ndarray, scores: np.ndarray, ratio: float = COST_RATIO) -> float:
    """The threshold with the least cost at the validation split's own prevalence.

    Args:
        is_positive, scores: as for ``threshold_balanced_accuracy``.
        ratio: cost of a false negative over that of a false positive, > 0.
    Raises:
        ValueError: the ratio is not above 0.
    Reference: Elkan, IJCAI 2001.
    """
    if not ratio > 0:
        raise ValueError(f"a ratio of costs is above 0, but is {ratio}")
    if not _fittable(is_positive):
        return UNFITTED
    found = candidates(is_positive, scores)
    return _best(found, -(ratio * (found.positives - found.tp) + found.fp))


def decide_by_threshold(probabilities: np.ndarray, positive: int, threshold: float) -> np.ndarray:
    """(N,) int64 decisions from (N, 2) probabilities: positive where its probability is at least the threshold."""
    return np.where(probabilities[:, positive] >= threshold, positive, 1 - positive).astype(np.int64)


def shift_prior(
    probabilities: np.ndarray, training_prior: np.ndarray, target_prior: np.ndarray | None = None
) -> np.ndarray:
    """What the probabilities were if the classes were as frequent as ``target_prior`` says.

    p'_c is proportional to p_c * target_c / training_c: exact where p is the posterior under the training prior and
    images within a class stay the same.

    Args:
        probabilities: (N, C).
        training_prior: (C,), > 0, sums to 1: class frequencies that the network was trained with.
        target_prior: (C,), >= 0, sums to 1; 1 / C each by default.
    Returns:
        (N, C) float64, rows sum to 1.
    Raises:
        ValueError: a prior is not one.
    Reference: Saerens, Latinne & Decaestecker, Neural Computation 14(1), 2002, eq. 2.4.
    """
    training = np.asarray(training_prior, dtype=np.float64)
    target = np.full(len(training), 1 / len(training)) if target_prior is None else np.asarray(target_prior, np.float64)
    for name, prior, least in (("training", training, np.nextafter(0, 1)), ("target", target, 0.0)):
        if prior.shape != (probabilities.shape[1],) or prior.min() < least or abs(prior.sum() - 1) > 1e-6:
            raise ValueError(f"the {name} prior needs {probabilities.shape[1]} shares that sum to 1, but is {prior}")
    shifted = probabilities.astype(np.float64) * (target / training)
    total = shifted.sum(axis=1, keepdims=True)
    # Nothing is left where a network is certain of a class that cannot occur at the target.
    return np.divide(shifted, total, out=np.tile(target, (len(shifted), 1)), where=total > 0)


def shift_prevalence(
    probabilities: np.ndarray, training_prior: np.ndarray, positive: int, prevalence: float
) -> np.ndarray:
    """``shift_prior`` for two classes to a stated prevalence of the positive one, in [0, 1]."""
    target = np.full(2, 1 - prevalence)
    target[positive] = prevalence
    return shift_prior(probabilities, training_prior, target)


def split_prior(run: Run, part: str = "train") -> np.ndarray:
    """(C,) float64: share of each class in a part of the split (train | validation | test)."""
    table = run.split()
    counts = np.bincount(table.loc[table["split"] == part, "label"], minlength=len(run.class_names))
    return counts / counts.sum()


def training_prior(run: Run, technique: str) -> np.ndarray | None:
    """The class frequencies that a technique's networks were trained with, where the records tell.

    Returns:
        (C,) the training split's for techniques that leave the classes as they are (the baseline, augmentation). None
        for all others: what a sampler makes depends on its parameters and, near borders, on the images, and a loss may
        weigh classes as it likes.
    """
    try:
        family = get_technique(technique).family
    except UserError:  # an older run's technique that this version no longer has
        return None
    return split_prior(run) if family in ("none", "augmentation") else None


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log p / T): T above 1 makes probabilities milder, below 1 sharper; the order of scores stays.

    Args:
        probabilities: (N, C); floored at 1e-12.
        temperature: T > 0.
    Returns:
        (N, C) float64.
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-12)) / temperature
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature with the least negative log-likelihood.

    Args:
        labels: (V,) int64, validation.
        probabilities: (V, C); their logarithms stand for the logits, which differ by a constant a row.
    Returns:
        T in [0.018, 55]: an end where the likelihood has no least value (every image right: T towards 0); 1 without
        images.
    Reference: Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks, ICML 2017.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    if len(labels) == 0:
        return 1.0
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    logits -= logits[np.arange(len(labels)), labels][:, None]  # now the loss is the log of the sum alone

    def loss(log_temperature: float) -> float:
        return float(logsumexp(logits / np.exp(log_temperature), axis=1).mean())

    found = minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def rules(sensitivity: float = SENSITIVITY, cost_ratio: float = COST_RATIO) -> dict[str, str]:
    """Name of each way of setting a threshold -> what it is called in tables."""
    return {
        "balanced_accuracy": "balanced accuracy",
        "f1": "F1",
        "sensitivity": f"sensitivity {100 * sensitivity:g}\N{NO-BREAK SPACE}%",
        "cost": f"cost {cost_ratio:g}:1",
    }


def fit_threshold(
    rule: str,
    labels: np.ndarray,
    probabilities: np.ndarray,
    positive: int,
    *,
    sensitivity: float = SENSITIVITY,
    cost_ratio: float = COST_RATIO,
) -> float:
    """The threshold by one of ``rules``, from (V,) labels and (V, 2) probabilities of validation."""
    given = (labels == positive, probabilities[:, positive])
    if rule == "sensitivity":
        return threshold_sensitivity(*given, target=sensitivity)
    if rule == "cost":
        return threshold_cost(*given, ratio=cost_ratio)
    return {"balanced_accuracy": threshold_balanced_accuracy, "f1": threshold_f1}[rule](*given)


@dataclass(frozen=True)
class Decided:
    """One trial's decisions on the test split by one rule.

    Args:
        probabilities: (N, C), which the area under the curve is from.
        decisions: (N,) int64.
        threshold: on the positive class's probability as the network gave it; NaN for more than two classes.
    """

    probabilities: np.ndarray
    decisions: np.ndarray
    threshold: float


def by_argmax(trial: Scored, positive: int | None) -> Decided:
    """The most probable class: for two classes a threshold of 0.5."""
    threshold = np.nan if positive is None else 0.5
    return Decided(trial.probabilities, decide(trial.probabilities), threshold)


def by_threshold(trial: Scored, positive: int, rule: str, **settings: float) -> Decided:
    """By the threshold that ``rule`` sets on the trial's own validation predictions."""
    threshold = fit_threshold(rule, trial.validation_labels, trial.validation_probabilities, positive, **settings)
    return Decided(trial.probabilities, decide_by_threshold(trial.probabilities, positive, threshold), threshold)


def by_prior(trial: Scored, positive: int | None, prior: np.ndarray) -> Decided:
    """The most probable class after correction to equally frequent classes: for two a threshold at the prior."""
    shifted = shift_prior(trial.probabilities, prior)
    return Decided(shifted, decide(shifted), np.nan if positive is None else float(prior[positive]))


def decision_table(
    run: Run,
    rng: np.random.Generator,
    samples: int = SAMPLES,
    *,
    sensitivity: float = SENSITIVITY,
    cost_ratio: float = COST_RATIO,
) -> pd.DataFrame:
    """Every technique at 0.5, and what a threshold or prior correction makes of the baseline, on the test split.

    Args:
        rng: of the patients drawn. ``np.random.default_rng(0)`` draws the samples that
            ``sweep.analysis.paired`` draws by default.
        samples: B bootstrap samples of patients, the same for every row.
        sensitivity, cost_ratio: of the thresholds of that name.
    Returns:
        One row a technique at 0.5 (``rule`` argmax), then the baseline's rows: rule ``balanced_accuracy``, ``f1``,
        ``sensitivity``, ``cost`` (two classes only) and ``prior``. Columns: decision (its name), technique, rule,
        seeds, threshold (mean over seeds; NaN for more than two classes), each of ``bootstrap.METRICS`` (mean over
        seeds) with ``<metric>_low`` and ``<metric>_high`` (95 %, patients and seeds), and for balanced accuracy and
        the run's selection metric ``difference_<metric>``, its ``_low``, ``_high``, ``_p`` and ``_p_holm``: row minus
        the reference, paired by seed and patient, Holm-adjusted over the techniques, and apart from them over the
        baseline's rows. The reference is the
        baseline with its threshold for balanced accuracy, with more than two classes after prior correction; NaN in
        its own row, and everywhere without a baseline. A threshold is kept as its seed's validation set gave it: that
        other validation patients would give another is seen over seeds only as far as training moves the scores.
        Empty where the test split was not opened.
    """
    test = scored_trials(run)
    if test is None:
        return pd.DataFrame(columns=["decision", "technique", "rule", "seeds", "threshold", *METRICS])
    weights = test.weights(run, samples, rng)
    decided = decisions(run, test, sensitivity=sensitivity, cost_ratio=cost_ratio)
    names = rules(sensitivity, cost_ratio) | {"prior": "prior correction"}
    values: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
    resampled: dict[tuple[str, str], dict[int, Mapping[str, np.ndarray]]] = {}
    for (technique, rule), of_seeds in decided.items():
        known = resampled.get((technique, "argmax"), {})
        values[technique, rule], resampled[technique, rule] = {}, {}
        for seed, one in of_seeds.items():
            # A threshold leaves the scores, and so their area, as they are; so does prior correction of two classes.
            same_area = seed in known and one.probabilities.shape[1] == 2
            found = weighted_metrics(
                test.labels, one.probabilities, run.positive, weights, one.decisions, areas=not same_area
            )
            resampled[technique, rule][seed] = {**found, "auroc": known[seed]["auroc"]} if same_area else found
            values[technique, rule][seed] = _numbers(test.labels, one, run.positive)
    rows = []
    for (technique, rule), of_seeds in decided.items():
        name = display_name(technique)
        if rule != "argmax":
            name += f" + threshold ({names[rule]})" if rule in rules() else f" + {names[rule]}"
        threshold = float(np.mean([one.threshold for one in of_seeds.values()]))
        row = {"decision": name, "technique": technique, "rule": rule, "seeds": len(of_seeds), "threshold": threshold}
        for metric in METRICS:
            own = [values[technique, rule][seed][metric] for seed in of_seeds]
            shaken = np.stack([resampled[technique, rule][seed][metric] for seed in of_seeds])
            found_spread = bounded(own, shaken)
            row |= {
                metric: found_spread.mean,
                f"{metric}_low": found_spread.low,
                f"{metric}_high": found_spread.high,
            }
        rows.append(row)
    table = pd.DataFrame(rows)
    for metric in dict.fromkeys(["balanced_accuracy", selection_metric(run)]):
        table = _with_differences(table, metric, values, resampled, reference_rule(run))
    return table


def reference_rule(run: Run) -> str:
    """The rule of the baseline's row that all others are compared with in ``decision_table``."""
    return "prior" if run.positive is None else "balanced_accuracy"


def decisions(
    run: Run, test: TestSet, *, sensitivity: float = SENSITIVITY, cost_ratio: float = COST_RATIO
) -> dict[tuple[str, str], dict[int, Decided]]:
    """(technique, rule) -> seed -> decisions, in ``decision_table``'s order."""
    positive = run.positive
    found: dict[tuple[str, str], dict[int, Decided]] = {
        (technique, "argmax"): {trial.seed: by_argmax(trial, positive) for trial in test.of(technique)}
        for technique in test.techniques
    }
    baseline = test.of(BASELINE)
    if not baseline:
        return found
    if positive is not None:
        settings = {"sensitivity": sensitivity, "cost_ratio": cost_ratio}
        for rule in rules():
            found[BASELINE, rule] = {t.seed: by_threshold(t, positive, rule, **settings) for t in baseline}
    prior = training_prior(run, BASELINE)
    if prior is not None and prior.min() > 0:
        found[BASELINE, "prior"] = {trial.seed: by_prior(trial, positive, prior) for trial in baseline}
    return found


def _numbers(labels: np.ndarray, decided: Decided, positive: int | None) -> dict[str, float]:
    """``METRICS`` of one trial's decisions on the test split as it is."""
    area = evaluate(labels, decided.probabilities, positive)["auroc"]
    once = weighted_metrics(
        labels, decided.probabilities, positive, np.ones((1, len(labels)), np.float32), decided.decisions, areas=False
    )
    return {**{name: float(value[0]) for name, value in once.items()}, "auroc": area}


def _with_differences(
    table: pd.DataFrame,
    metric: str,
    values: Mapping[tuple[str, str], Mapping[int, Mapping[str, float]]],
    resampled: Mapping[tuple[str, str], Mapping[int, Mapping[str, np.ndarray]]],
    rule: str,
) -> pd.DataFrame:
    """The table with the paired differences in one metric to the baseline's row of ``rule``."""
    reference = (BASELINE, rule)
    parts = {"": "difference", "_low": "low", "_high": "high", "_p": "p", "_p_holm": "p_holm"}
    columns = {f"difference_{metric}{ending}": np.full(len(table), np.nan) for ending in parts}
    # The techniques are one family of comparisons, the baseline's other rules one of their own.
    for of_baseline in (False, True):
        pairs = {}
        for place, (technique, own_rule) in enumerate(zip(table["technique"], table["rule"], strict=True)):
            key = (technique, own_rule)
            if (technique == BASELINE) != of_baseline or key == reference or reference not in values:
                continue
            seeds = [seed for seed in values[key] if seed in values[reference]]
            if seeds:
                pairs[str(place)] = (
                    np.array([values[key][s][metric] - values[reference][s][metric] for s in seeds]),
                    np.stack([resampled[key][s][metric] - resampled[reference][s][metric] for s in seeds]),
                )
        for _, row in compare(pairs).iterrows():
            for ending, name in parts.items():
                columns[f"difference_{metric}{ending}"][int(row["technique"])] = row[name]
    return table.assign(**columns)

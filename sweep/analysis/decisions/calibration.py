"""Whether probabilities mean what they say: reliability, Brier score and calibration error, before and after scaling.

For two classes the probability looked at is that of the positive class; for more, reliability and calibration error
are of the most probable class ("confidence") and of each class against the rest. Temperature scaling is fitted on
each trial's own validation predictions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sweep.analysis.decisions.reliability import BINS, STAGES, Binning, bin_of, staged
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import SAMPLES
from sweep.analysis.statistics.few_patients import FewPatients
from sweep.analysis.statistics.intervals import Estimate, bounded
from sweep.analysis.statistics.paired import BASELINE
from sweep.analysis.statistics.seed_prior import SeedPrior

# Of classes that are shown one by one.
MOST_CLASSES = 30


def calibration_error(
    happened: np.ndarray,
    scores: np.ndarray,
    weights: np.ndarray,
    bins: int = BINS,
    binning: Binning = "equal_width",
) -> np.ndarray:
    """Expected calibration error: mean over images of |observed share - mean score| in the image's bin.

    Args:
        happened: (N,) bool.
        scores: (N,) float in [0, 1].
        weights: (B, N); ones give the sample as it is. Bins are those of all N scores.
    Returns:
        (B,) float64 in [0, 1]. In small samples it lies above the truth: see ``chance_error``.
    Reference: Naeini, Cooper & Hauskrecht, AAAI 2015; Guo et al., ICML 2017, eq. 3.
    """
    place = bin_of(scores, bins, binning)
    gaps = np.zeros((len(scores), bins))
    gaps[np.arange(len(scores)), place] = happened.astype(np.float64) - scores
    weights = np.asarray(weights, np.float64)
    return np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)


def chance_error(scores: np.ndarray, rng: np.random.Generator, repeats: int = 200, bins: int = BINS) -> float:
    """The calibration error that perfectly calibrated probabilities get by chance, on as many images.

    Args:
        scores: (N,) float in [0, 1]: outcomes are drawn with exactly these probabilities.
    Reference: Bröcker & Smith, Weather and Forecasting 22(3), 2007 (consistency resampling).
    """
    place = bin_of(scores, bins)
    drawn = rng.random((repeats, len(scores))) < scores
    one_hot = np.zeros((len(scores), bins))
    one_hot[np.arange(len(scores)), place] = 1.0
    return float(np.abs((drawn - scores) @ one_hot).sum(axis=1).mean() / len(scores))


def brier_parts(labels: np.ndarray, probabilities: np.ndarray, positive: int | None) -> np.ndarray:
    """Each image's part of the Brier score.

    Two classes: (p - y)^2 of the positive class, 0..1. More: the sum of it over the classes, 0..2.

    Args:
        labels: (N,) int64.
        probabilities: (N, C).
    Returns:
        (N,) float64; their mean is the Brier score.
    Reference: Brier, Monthly Weather Review 78(1), 1950.
    """
    one_hot = np.zeros(probabilities.shape)
    one_hot[np.arange(len(labels)), labels] = 1.0
    squares = (probabilities - one_hot) ** 2
    return squares.sum(axis=1) if positive is None else squares[:, positive]


def class_means(labels: np.ndarray, values: np.ndarray, weights: np.ndarray, n_classes: int) -> np.ndarray:
    """(B, C) weighted mean of (N,) values within each class; NaN where a class has no weight."""
    weights = np.asarray(weights, np.float64)
    one_hot = np.zeros((len(labels), n_classes))
    one_hot[np.arange(len(labels)), labels] = 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weights @ (one_hot * values[:, None])) / (weights @ one_hot)


def weighted_calibration(
    labels: np.ndarray, probabilities: np.ndarray, positive: int | None, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Every number on calibration in each bootstrap sample.

    Args:
        labels: (N,) int64.
        probabilities: (N, C).
        weights: (B, N).
    Returns:
        Each (B,): brier; brier_balanced (mean over the classes of the Brier score of their own images, so that a rare
        class counts as much); ece (equal-width bins; with more than two classes that of the most probable class);
        log_loss (nats). With two classes excess: mean probability of the positive class minus the share of positives.
        With more classwise_ece: the mean over classes of each class's error against the rest.
    Reference: class-balanced Brier after Wallace & Dahabreh, ICDM 2012; classwise error after Kull et al., NeurIPS
        2019.
    """
    n_classes = probabilities.shape[1]
    total = weights.sum(axis=1, dtype=np.float64)
    parts = brier_parts(labels, probabilities, positive)
    surprise = -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12))
    of_classes = class_means(labels, parts, weights, n_classes)
    found = {
        "brier": weights @ parts / total,
        "brier_balanced": of_classes[:, np.isin(np.arange(n_classes), labels)].mean(axis=1),
        "log_loss": weights @ surprise / total,
    }
    if positive is not None:
        scores, happened = probabilities[:, positive], labels == positive
        return found | {
            "ece": calibration_error(happened, scores, weights),
            "excess": weights @ (scores - happened) / total,
        }
    happened = probabilities.argmax(axis=1) == labels
    each = [calibration_error(labels == c, probabilities[:, c], weights) for c in range(n_classes)]
    return found | {
        "ece": calibration_error(happened, probabilities.max(axis=1), weights),
        "classwise_ece": np.mean(each, axis=0),
    }


def calibration_table(results: Results, rng: np.random.Generator, samples: int = SAMPLES) -> pd.DataFrame:
    """Calibration of every technique on the test split, before and after temperature scaling.

    Args:
        rng: of the patients drawn, and of labels drawn for ``ece_chance``.
        samples: B bootstrap samples of patients, the same for every row.
    Returns:
        One row a technique and stage (before | after): technique, stage, seeds, temperature (geometric mean over
        seeds), each number of ``weighted_calibration`` (mean over seeds) with ``_low`` and ``_high`` (95 %, patients
        and seeds), chance_ece (``chance_error``, mean over seeds), and ``difference_<number>`` of brier and
        brier_balanced: the row minus the baseline before scaling, paired, with ``_low`` and ``_high``; NaN without a
        baseline. Resampling raises a calibration error by chance once more; its samples are shifted back so that
        their mean is the value seen. Techniques whose answers are no probabilities are left out. Empty where the test
        split was not opened.
    """
    test = results.probability_set
    if test is None:
        return pd.DataFrame(columns=["technique", "stage", "seeds", "temperature", "brier", "ece"])
    positive = results.positive
    draws = test.draws(samples, rng)
    weights = np.vstack([np.ones((1, len(test.rows))), draws.weights])
    found: dict[tuple[str, str], dict[int, dict[str, np.ndarray]]] = {}
    temperatures: dict[str, list[float]] = {}
    chance: dict[tuple[str, str], list[float]] = {}
    for trial in test:
        stages, temperature = staged(trial)
        temperatures.setdefault(trial.technique, []).append(temperature)
        for stage, probabilities in stages.items():
            numbers = weighted_calibration(test.labels, probabilities, positive, weights)
            found.setdefault((trial.technique, stage), {})[trial.seed] = numbers
            scores = probabilities.max(axis=1) if positive is None else probabilities[:, positive]
            chance.setdefault((trial.technique, stage), []).append(chance_error(scores, rng))
    tables = {stage: _of_stage(found, stage, draws.few, positive) for stage in STAGES}
    rows = []
    for technique in test.techniques:
        for stage in STAGES:
            heat = float(np.exp(np.mean(np.log(temperatures[technique]))))
            row: dict[str, object] = {"technique": technique, "stage": stage, "seeds": len(found[technique, stage])}
            row |= {"temperature": heat, "chance_ece": float(np.mean(chance[technique, stage]))}
            rows.append(row | tables[stage][technique])
    return pd.DataFrame(rows)


def _of_stage(
    found: Mapping[tuple[str, str], dict[int, dict[str, np.ndarray]]],
    stage: str,
    few: FewPatients,
    positive: int | None,
) -> dict[str, dict[str, float]]:
    """Technique -> its numbers at a stage and their differences to the baseline before scaling, with intervals.

    Args:
        found: (technique, stage) -> seed -> number -> (1 + J + B,).
    """
    own = {technique: of_seeds for (technique, at), of_seeds in found.items() if at == stage}
    rows: dict[str, dict[str, float]] = {technique: {} for technique in own}
    for name in next(iter(next(iter(own.values())).values())):
        every = {t: np.stack([numbers[name] for numbers in of_seeds.values()]) for t, of_seeds in own.items()}
        for technique, row in _numbers(name, every, few, positive).items():
            rows[technique] |= row
    for name in ("brier", "brier_balanced"):
        for technique, row in _differences(
            name, own, found.get((BASELINE, "before"), {}), stage, few, positive
        ).items():
            rows[technique] |= row
    return rows


def _worst_brier(positive: int | None) -> float:
    """See ``brier_parts``."""
    return 2.0 if positive is None else 1.0


def _numbers(
    name: str, techniques: Mapping[str, np.ndarray], few: FewPatients, positive: int | None
) -> dict[str, dict[str, float]]:
    """Technique -> mean and interval, from each one's (S, 1 + J + B): the sample as it is, then ``patient_draws``."""
    low, high = {
        "excess": (-1.0, 1.0),
        "log_loss": (0.0, np.inf),
        "brier": (0.0, _worst_brier(positive)),
        "brier_balanced": (0.0, _worst_brier(positive)),
    }.get(name, (0.0, 1.0))
    parts = {}
    for technique, both in techniques.items():
        values, resampled = both[:, 0], both[:, 1:]
        if name.endswith("ece"):
            resampled = resampled - (few.parted(resampled)[1].mean(axis=1) - values)[:, None]
        parts[technique] = (values, resampled, few)
    prior, rows = SeedPrior.of_rows(parts), {}
    for technique, (values, resampled, _) in parts.items():
        one = bounded(values, resampled, few, low, high, prior.of(technique))
        rows[technique] = {name: one.mean, f"{name}_low": one.low, f"{name}_high": one.high}
    return rows


def _differences(
    name: str,
    techniques: Mapping[str, Mapping[int, Mapping[str, np.ndarray]]],
    baseline: Mapping[int, Mapping[str, np.ndarray]],
    stage: str,
    few: FewPatients,
    positive: int | None,
) -> dict[str, dict[str, float]]:
    """Technique -> the paired difference to the baseline before scaling, with its interval."""
    columns = [f"difference_{name}{ending}" for ending in ("", "_low", "_high")]
    networks = {
        technique: {seed: (float(numbers[name][0]), numbers[name][1:]) for seed, numbers in of_seeds.items()}
        for technique, of_seeds in ({**techniques, BASELINE: baseline} if baseline else {}).items()
    }
    prior, rows = SeedPrior.of_differences(networks, BASELINE, few), {}
    for technique, own in techniques.items():
        seeds = [seed for seed in own if seed in baseline]
        if not seeds or (technique, stage) == (BASELINE, "before"):
            rows[technique] = dict.fromkeys(columns, np.nan)
            continue
        both = np.stack([own[seed][name] - baseline[seed][name] for seed in seeds])
        ends = (-_worst_brier(positive), _worst_brier(positive))
        one = bounded(both[:, 0], both[:, 1:], few, *ends, prior.of(technique) if technique != BASELINE else None)
        rows[technique] = dict(zip(columns, (one.mean, one.low, one.high), strict=True))
    return rows


def calibration_difference(name: str, both: np.ndarray, few: FewPatients, positive: int | None) -> Estimate:
    """A paired difference in one of ``brier``, ``brier_balanced``, ``ece``, with its interval.

    Args:
        both: (S, 1 + J + B): the test split as it is, then under ``patient_draws``' weights.
        few: of these draws.
        positive: its index for two classes, else None.
    """
    values, resampled = both[:, 0], both[:, 1:]
    worst = _worst_brier(positive)
    if name.endswith("ece"):  # raised by chance in the samples once more, as in the table
        resampled, worst = resampled - (few.parted(resampled)[1].mean(axis=1) - values)[:, None], 1.0
    return bounded(values, resampled, few, -worst, worst)


def class_table(results: Results, rng: np.random.Generator, samples: int = SAMPLES) -> pd.DataFrame:
    """Calibration error and Brier score of each class, before and after temperature scaling.

    Returns:
        One row a technique, stage and class: technique, stage, label, class_name, brier (of the class's own images),
        ece (its probability against the rest), each mean over seeds with ``_low`` and ``_high``. Classes without a
        test image are left out, and of more than ``MOST_CLASSES`` those with fewer than the others; empty where the
        test split was not opened.
    """
    test = results.probability_set
    if test is None:
        return pd.DataFrame(columns=["technique", "stage", "label", "class_name", "brier", "ece"])
    draws = test.draws(samples, rng)
    weights = np.vstack([np.ones((1, len(test.rows))), draws.weights])
    n_classes = len(results.class_names)
    counts = np.bincount(test.labels, minlength=n_classes)
    shown = sorted(label for label in np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist() if counts[label])
    briers: dict[tuple[str, str], list[np.ndarray]] = {}
    errors: dict[tuple[str, str], list[list[np.ndarray]]] = {}
    for trial in test:
        for stage, probabilities in staged(trial)[0].items():
            parts = brier_parts(test.labels, probabilities, results.positive)
            key = (trial.technique, stage)
            briers.setdefault(key, []).append(class_means(test.labels, parts, weights, n_classes)[:, shown])
            each = [calibration_error(test.labels == c, probabilities[:, c], weights) for c in shown]
            errors.setdefault(key, []).append(each)
    tables = {}
    for stage in STAGES:
        for place, label in enumerate(shown):
            own = {t: np.stack([seed[:, place] for seed in briers[t, stage]]) for t in test.techniques}
            # Of the other classes' patients the class's own images say nothing.
            tables[stage, label, "brier"] = _numbers("brier", own, draws.few.about("recall", label), results.positive)
            own = {t: np.stack([seed[place] for seed in errors[t, stage]]) for t in test.techniques}
            tables[stage, label, "ece"] = _numbers("ece", own, draws.few, results.positive)
    rows = []
    for technique in test.techniques:
        for stage in STAGES:
            for label in shown:
                row = {"technique": technique, "stage": stage, "label": label, "class_name": results.class_names[label]}
                rows.append(row | tables[stage, label, "brier"][technique] | tables[stage, label, "ece"][technique])
    return pd.DataFrame(rows)

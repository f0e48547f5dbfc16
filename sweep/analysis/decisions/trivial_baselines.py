"""What a comparison must beat: answers that look at nothing, and a logistic regression on a thumbnail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balancing.metrics import METRICS, evaluate, judged_classes
from sweep.analysis.decisions.thumbnails import SIDE, thumbnail_predictions
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import SAMPLES, weighted_metrics
from sweep.analysis.statistics.few_patients import FewPatients
from sweep.analysis.statistics.folds import evaluated, weighted
from sweep.analysis.statistics.intervals import estimate, metric_estimate, n_patients, near_boundary
from sweep.analysis.statistics.predictions import Predictions
from sweep.analysis.tables import floors
from sweep.runs.floors import floor_settings

if TYPE_CHECKING:
    from balancing.data.images import ImageSet


def trivial_baselines(
    results: Results, images: ImageSet | None, rng: np.random.Generator, samples: int = SAMPLES
) -> pd.DataFrame:
    """The floors on the test split, with 95 % intervals from drawing patients anew.

    Args:
        images: the run's own, for the logistic regression; None takes its predictions from the run's folder, where an
            earlier call has left them.
        rng: of the bootstrap.
        samples: B.
    Returns:
        One row an answer: answer (in words), kind (``thumbnail``, ``always``, ``guess``), and each metric of
        ``balancing.metrics.evaluate`` with ``<metric>_low`` and ``<metric>_high``. The logistic regression comes first
        and is missing without images, or where the run has not opened its test split; guesses are expected values.
        Empty where the test split is.
    Raises:
        UserError: other images than the run's.
    """
    split = results.split()
    tested = split[split["split"] == "test"]
    if tested.empty:
        return pd.DataFrame(columns=["answer", "kind", *METRICS])
    labels = tested["label"].to_numpy(dtype=np.int64)
    names, positive = results.class_names, results.positive
    rows_tested = tested["row"].to_numpy(dtype=np.int64)
    draws = results.patient_draws(rows_tested, labels, samples, rng)

    def looked_up(probabilities: np.ndarray) -> dict[str, float]:
        resampled = weighted_metrics(labels, probabilities, positive, draws.weights)
        return _with_intervals(evaluate(labels, probabilities, positive), resampled, draws.few, positive)

    rows = []
    found = thumbnail_predictions(results, images) if results.is_of_run and results.test_openings() else None
    if found is not None and np.isin(rows_tested, found["row"]).all():
        predicted = found.set_index("row").loc[tested["row"]]
        probabilities = predicted[[f"p_{c}" for c in range(len(names))]].to_numpy(dtype=np.float64)
        side = floor_settings(results.path).get("side", SIDE)
        answer = f"Logistic regression on {side} x {side} pixels"
        patients = results.patients_of(rows_tested)
        folds = predicted["fold"].to_numpy() if "fold" in predicted else None
        part = Predictions(rows_tested, labels, probabilities, patients, folds=folds)
        own, resampled = evaluated(part, positive), weighted(part, positive, draws.weights, areas=True)
        behind = n_patients(labels, patients, positive)
        rows.append(
            {"answer": answer, "kind": "thumbnail", **_of_a_network(own, resampled, behind, draws.few, positive)}
        )
    # The words are those of the results table's floors.
    words = floors(names, np.bincount(labels, minlength=len(names)).tolist(), positive)["answer"]
    for answer in words:
        certain = np.zeros((len(labels), len(names)))
        certain[:, [f"Always {name}" for name in names].index(answer)] = 1.0
        rows.append({"answer": answer, "kind": "always", **looked_up(certain)})
    prior = np.array(results.class_counts("train"), dtype=np.float64)
    if not prior.any():  # plain predictions don't tell of training images
        return pd.DataFrame(rows)
    guesses = guessing(labels, prior / prior.sum(), positive, np.ones((1, len(labels))))
    resampled = guessing(labels, prior / prior.sum(), positive, draws.weights)
    row: dict[str, Any] = {"answer": "Guessing by the training prior", "kind": "guess"}
    values = {name: float(v[0]) for name, v in guesses.items()}
    rows.append({**row, **_with_intervals(values, resampled, draws.few, positive)})
    return pd.DataFrame(rows)


def _of_a_network(
    values: Mapping[str, float],
    resampled: Mapping[str, np.ndarray],
    behind: Mapping[str, float],
    few: FewPatients,
    positive: int | None,
) -> dict[str, float]:
    """As a technique's own row has them: what does look at images may err on the next patient."""
    row: dict[str, float] = {}
    once, drawn = {name: [values[name]] for name in METRICS}, {name: resampled[name][None] for name in METRICS}
    for metric in METRICS:
        found = metric_estimate(metric, once, drawn, behind, few, positive)
        row |= {metric: values[metric], f"{metric}_low": found.low, f"{metric}_high": found.high}
    return row


def _with_intervals(
    values: Mapping[str, float], resampled: Mapping[str, np.ndarray], few: FewPatients, positive: int | None
) -> dict[str, float]:
    row: dict[str, float] = {}
    for metric in METRICS:
        own = resampled[metric]
        finite = own[np.isfinite(own)]
        if len(finite) and finite.max() - finite.min() < 1e-9:  # whoever is tested: it is so by construction
            low = high = values[metric]
        else:
            found = near_boundary(estimate([values[metric]], own[None], few.about(metric, positive)), 0)
            low, high = found.low, found.high
        row |= {metric: values[metric], f"{metric}_low": low, f"{metric}_high": high}
    return row


def guessing(labels: np.ndarray, prior: np.ndarray, positive: int | None, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Expected metrics of labels drawn at random, whatever the image, with the training split's class shares.

    Of n images, P of the class in question, m ~ Binomial(n, prior) are given that class, and of these m P / n truly
    belong to it in expectation. So recall is the prior, specificity one minus it, precision P / n unless m is 0, and
    F1 the expectation of 2 m (P / n) / (m + P).

    Args:
        labels: (N,) int64.
        prior: (C,) sums to 1.
        positive: its index for two classes; else None: means over the classes that have images.
        weights: (B, N), how often each image counts; the counts n and P follow from it.
    Returns:
        Each metric -> (B,) float64.
    """
    classes = judged_classes(labels, len(prior), positive)  # as every other row's
    per_class = [_guessing_one(labels == label, float(prior[label]), weights) for label in classes]
    result = {name: np.mean([found[name] for found in per_class], axis=0) for name in per_class[0]}
    if positive is None:
        result["balanced_accuracy"] = result["recall"]
    return result


def _guessing_one(is_class: np.ndarray, prior: float, weights: np.ndarray) -> dict[str, np.ndarray]:
    counts = np.stack([weights @ is_class, weights.sum(axis=1)], axis=1).round().astype(np.int64)
    distinct, place = np.unique(counts, axis=0, return_inverse=True)
    precision, f1 = np.array([_expected(int(p), int(n), prior) for p, n in distinct]).T
    there, others = counts[:, 0] > 0, counts[:, 1] > counts[:, 0]
    recall, specificity = np.where(there, prior, 0.0), np.where(others, 1 - prior, 0.0)
    return {
        "recall": recall,
        "specificity": specificity,
        "precision": precision[place.reshape(-1)],
        "f1": f1[place.reshape(-1)],
        "balanced_accuracy": (recall + specificity) / 2,
        "auroc": np.where(there & others, 0.5, np.nan),
    }


def _expected(n_class: int, n: int, prior: float) -> tuple[float, float]:
    """Precision and F1 of guessing, n_class of n images in the class."""
    from scipy.stats import binom

    if n == 0 or n_class == 0:
        return 0.0, 0.0
    # Ten standard deviations hold all that floats can tell.
    reach = 10 * np.sqrt(n * prior * (1 - prior)) + 10
    m = np.arange(max(1, int(n * prior - reach)), min(n, int(n * prior + reach)) + 1)
    chance = binom.pmf(m, n, prior)
    share = n_class / n
    return float(share * chance.sum()), float((chance * 2 * m * share / (m + n_class)).sum())

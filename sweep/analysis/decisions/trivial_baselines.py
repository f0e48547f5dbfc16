"""What a comparison must beat: answers that look at nothing, and a logistic regression on a thumbnail."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balancing.metrics import METRICS, evaluate, judged_classes
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import SAMPLES, weighted_metrics
from sweep.analysis.statistics.few_patients import FewPatients
from sweep.analysis.statistics.intervals import metric_spread, near_the_end, patients_behind, spread
from sweep.analysis.tables import floors
from sweep.runs.files import read_json, write_atomically, write_json

if TYPE_CHECKING:
    from balancing.data.images import ImageSet

SIDE = 16
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # scikit-learn's C, small is strong
_AT_ONCE = 256
_FOLDER, _NAME = "floors", "logistic_regression"


def pixel_floor(
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
    found = thumbnail_predictions(results, images) if results.test_openings() else None
    if found is not None:
        predicted = found.set_index("row").loc[tested["row"]]
        probabilities = predicted[[f"p_{c}" for c in range(len(names))]].to_numpy(dtype=np.float64)
        side = thumbnail_settings(results).get("side", SIDE)
        answer = f"Logistic regression on {side} x {side} pixels"
        own = evaluate(labels, probabilities, positive)
        resampled = weighted_metrics(labels, probabilities, positive, draws.weights)
        behind = patients_behind(labels, results.patients_of(rows_tested), positive)
        rows.append(
            {"answer": answer, "kind": "thumbnail", **_of_a_network(own, resampled, behind, draws.few, positive)}
        )
    # The words are those of the results table's floors.
    words = floors(names, np.bincount(labels, minlength=len(names)).tolist(), positive)["answer"]
    for answer in words:
        certain = np.zeros((len(labels), len(names)))
        certain[:, [f"Always {name}" for name in names].index(answer)] = 1.0
        rows.append({"answer": answer, "kind": "always", **looked_up(certain)})
    prior = np.array(results.info["data"]["class_counts"]["train"], dtype=np.float64)
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
        found = metric_spread(metric, once, drawn, behind, few, positive)
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
            found = near_the_end(spread([values[metric]], own[None], few.about(metric, positive)), 0)
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


def thumbnail_predictions(results: Results, images: ImageSet | None) -> pd.DataFrame | None:
    """The logistic regression's test predictions, from the run's folder or else computed and kept there.

    Returns:
        Columns row, label, p_0..p_{C-1}, test rows in order; None where they are not kept and images are None.
    Raises:
        UserError: other images than the run's.
    """
    path = results.path / _FOLDER / f"{_NAME}.parquet"
    split = results.split()
    test = split.loc[split["split"] == "test", "row"].to_numpy(dtype=np.int64)
    columns = ["row", "label", *(f"p_{c}" for c in range(len(results.class_names)))]
    with contextlib.suppress(OSError, ValueError):  # missing or damaged: computed again
        kept = pd.read_parquet(path)
        if list(kept.columns) == columns and np.array_equal(kept["row"], test):
            return kept
    if images is None:
        return None
    from sweep.analysis.run_images import check_images, part_rows

    check_images(results, images)
    train, validation = part_rows(results, "train"), part_rows(results, "validation")
    probabilities, settings = fit_thumbnails(
        images.pixels, images.labels, train, validation, test, results.metric, results.positive
    )
    table = pd.DataFrame({"row": test, "label": images.labels[test]})
    for label in range(probabilities.shape[1]):
        table[f"p_{label}"] = probabilities[:, label].astype(np.float32)
    with contextlib.suppress(OSError):  # a folder that can't be written costs the next report some seconds
        write_json(path.with_suffix(".json"), settings)
        write_atomically(path, table.to_parquet(index=False))
    return table


def thumbnail_settings(results: Results) -> dict[str, Any]:
    """C, class_weight (None or ``balanced``), metric, validation (its value), side; {} where they are not kept."""
    path = results.path / _FOLDER / f"{_NAME}.json"
    return read_json(path) if path.is_file() else {}


def fit_thumbnails(
    pixels: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    test: np.ndarray,
    metric: str,
    positive: int | None,
    side: int = SIDE,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Logistic regression on mean-pooled pixels, standardised on training rows; penalty and weights by validation.

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8.
        labels: (N,) int64.
        train, validation, test: (n,) int64 rows; every class is among those that train.
        metric: the highest of it on validation chooses; equal: the stronger penalty, then without class weights.
        positive: index of the positive class for two classes, else None.
        side: of the thumbnails, pixels.
    Returns:
        ((n_test, C) float64 probabilities, the settings chosen). Without validation rows C is 0.001, unweighted.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    seen = thumbnails(pixels, train, side)
    mean, std = seen.mean(axis=0), seen.std(axis=0)
    scale = np.where(std > 0, std, 1.0)
    x = (seen - mean) / scale
    x_validation, x_test = ((thumbnails(pixels, rows, side) - mean) / scale for rows in (validation, test))
    best: tuple[float, Any, dict[str, Any]] | None = None
    grid: Sequence[float] = _PENALTIES if len(validation) else (1e-3,)
    for c in grid:
        for class_weight in (None, "balanced") if len(validation) else (None,):
            model = LogisticRegression(C=c, class_weight=class_weight, max_iter=300)
            with warnings.catch_warnings():
                # Stopped early is one more penalty; validation judges what comes out.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(x, labels[train])
            value = np.nan
            if len(validation):
                value = evaluate(labels[validation], model.predict_proba(x_validation), positive)[metric]
            if best is None or value > best[0] or (np.isnan(best[0]) and not np.isnan(value)):
                settings = {"C": c, "class_weight": class_weight, "metric": metric, "validation": value, "side": side}
                best = (value, model, settings)
    assert best is not None
    probabilities = best[1].predict_proba(x_test) if len(test) else np.zeros((0, len(best[1].classes_)))
    return probabilities, best[2]


def thumbnails(pixels: np.ndarray, rows: np.ndarray, side: int = SIDE) -> np.ndarray:
    """(n, F) float64, 0..255: images as means of side x side fields, each colour by itself."""
    from sweep.analysis.synthetic.texture import pooled

    parts = [pooled(pixels[rows[start : start + _AT_ONCE]], side) for start in range(0, len(rows), _AT_ONCE)]
    if not parts:
        parts = [pooled(pixels[:1], side)[:0]]
    together = np.concatenate(parts)
    return together.reshape(len(together), int(np.prod(together.shape[1:])))

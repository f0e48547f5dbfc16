"""What techniques do beside the metric that decides: ranking, a fixed specificity, probabilities, a mere threshold.

One metric makes the verdict, adjusted for the number of techniques; these describe. Each has its own 95 % interval over
the same patients and seeds, not adjusted, and none makes a winner.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from balancing.data.patients import FEWEST
from balancing.metrics import METRICS
from sweep.analysis.decisions.calibration import brier_parts, calibration_difference, calibration_error
from sweep.analysis.decisions.operating_points import MANY, recall_at, weighted_counts
from sweep.analysis.decisions.table import decisions, reference_rule
from sweep.analysis.decisions.two_class import BANDED, two_class_test
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import SAMPLES, weighted_metrics
from sweep.analysis.statistics.few_patients import PatientDraws, patient_draws
from sweep.analysis.statistics.intervals import Estimate, bounded
from sweep.analysis.statistics.paired import BASELINE, CONFIDENCE, compare
from sweep.analysis.statistics.predictions import TestSet, TrialPredictions

Arrow = Literal["better", "worse", "level", "unknown"]
SPECIFICITY = 0.9
RECALL = "recall_at_90_specificity"
# Whether more of it is better.
HIGHER_IS_BETTER = {
    **dict.fromkeys(METRICS, True),
    RECALL: True,
    "brier": False,
    "ece": False,
}
COLUMNS = ("technique", "metric", "seeds", "difference", "low", "high", "p", "arrow")
_AGREE = 1e-12


def arrow(low: float, high: float, margin: float, *, higher: bool) -> Arrow:
    """What an interval of a difference to the baseline says.

    Args:
        low, high: its ends; NaN where it can't be told.
        margin: a difference within it does not matter.
        higher: whether more of the metric is better.
    Returns:
        ``better`` or ``worse`` where it leaves out zero, ``level`` where it holds zero and lies within the margin, else
        ``unknown``.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return "unknown"
    if low > 0 or high < 0:
        return "better" if (low > 0) == higher else "worse"
    return "level" if -margin < low and high < margin else "unknown"


def beside_metrics(results: Results) -> list[str]:
    """The metrics that stand beside the one that decides, in order: balanced accuracy unless it decides, AUROC unless it
    does, with two classes recall at 90 % specificity, Brier score, and calibration error."""
    named = [name for name in ("balanced_accuracy", "auroc") if name != results.metric]
    return [*named, *([RECALL] if results.positive is not None else []), "brier", "ece"]


def beside_table(results: Results, samples: int = SAMPLES) -> pd.DataFrame:
    """What each technique does to ``beside_metrics``.

    Args:
        samples: B bootstrap samples of patients; those that the results' other numbers are from.
    Returns:
        One row a technique and metric: technique, metric, seeds, difference to the baseline (mean over seeds, paired by
        seed and patient), low, high (95 %, patients and seeds; not adjusted), p (two-sided, not adjusted), and
        ``arrow``; ``unknown`` too with one seed, with fewer than ``balancing.data.patients.FEWEST`` test patients of a
        class, and where all seeds differ by one and the same amount that is not 0. Recall at 90 % specificity is
        looked up on each test curve, of more than ``MANY`` networks from ``BANDED`` draws. A technique has no row of
        what its answers don't tell. Empty without a tested baseline and partner.
    """
    if results.differences().empty:
        return pd.DataFrame(columns=list(COLUMNS))
    fewest = results.differences()["fewest_patients"].min()
    found: dict[tuple[str, str], Estimate] = {}
    for metric in beside_metrics(results):
        if metric in METRICS:
            found |= {(metric, name): one for name, one in _of_metric(results, metric).items()}
    recalls = _recalls(results, samples) if results.positive is not None else {}
    found |= {(RECALL, name): one for name, one in recalls.items()}
    found |= _of_calibration(results, samples)
    rows = []
    for technique in results.test_table()["technique"].drop_duplicates():
        for metric in beside_metrics(results):
            one = found.get((metric, technique))
            if one is None or not np.isfinite(one.mean):
                continue
            row = {"technique": technique, "metric": metric, "seeds": one.seeds, "difference": one.mean}
            said = "unknown" if fewest < FEWEST else _said(one, results.margin, HIGHER_IS_BETTER[metric])
            rows.append({**row, "low": one.low, "high": one.high, "p": one.p, "arrow": said})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _said(one: Estimate, margin: float, higher: bool) -> Arrow:
    if one.seeds < 2:
        return "unknown"
    if not one.seed_sd > _AGREE:  # by construction the same, or no spread to judge by
        return "level" if one.low == one.high == 0 else "unknown"
    said = arrow(one.low, one.high, margin, higher=higher)
    return said if said in ("level", "unknown") or one.p < 1 - CONFIDENCE else "unknown"


def _of_metric(results: Results, metric: str) -> dict[str, Estimate]:
    """Technique -> what ``Results.differences`` says."""
    named = ("low", "high", "p", "seed_sd", "patient_se", "patient_sd")
    return {
        str(row["technique"]): Estimate(
            float(row["difference"]), *(float(row[name]) for name in named), seeds=int(row["seeds"])
        )
        for _, row in results.differences(metric).iterrows()
    }


def _pairs(trials: list[TrialPredictions]) -> dict[str, dict[int, tuple[int, int]]]:
    """technique -> seed -> places of its trial and of the baseline's of that seed, on the same rows."""
    base = {trial.seed: place for place, trial in enumerate(trials) if trial.technique == BASELINE}
    found: dict[str, dict[int, tuple[int, int]]] = {}
    for place, trial in enumerate(trials):
        other = base.get(trial.seed)
        if trial.technique != BASELINE and other is not None and np.array_equal(trial.rows, trials[other].rows):
            found.setdefault(trial.technique, {})[trial.seed] = (place, other)
    return found


def _recalls(results: Results, samples: int) -> dict[str, Estimate]:
    many = results.test_set is not None and len(results.test_set) > MANY
    ready = two_class_test(results, np.random.default_rng(0), min(samples, BANDED) if many else samples)
    if ready is None:
        return {}
    trials = list(ready.test)
    values = [
        recall_at(weighted_counts(ready.is_positive, trial.scores[:, ready.positive], ready.weights), SPECIFICITY)
        for trial in trials
    ]
    few = ready.few.about("auroc", ready.positive, paired=True)
    found = {}
    for technique, places in _pairs(trials).items():
        both = np.stack([values[own] - values[base] for own, base in places.values()])
        found[technique] = bounded(both[:, 0], both[:, 1:], few, -1.0, 1.0)
    return found


def _of_calibration(results: Results, samples: int) -> dict[tuple[str, str], Estimate]:
    """(brier | ece, technique) -> the difference, as the table of calibration has it."""
    trials = [trial for trial in results.predictions if trial.gives == "probabilities"]
    draws: dict[bytes, PatientDraws] = {}
    weights: dict[bytes, np.ndarray] = {}
    numbers = []
    for trial in trials:
        key = trial.rows.tobytes()
        if key not in draws:
            draws[key] = patient_draws(trial.labels, trial.patients, samples, np.random.default_rng(0))
            weights[key] = np.vstack([np.ones((1, len(trial.rows))), draws[key].weights]).astype(np.float64)
        numbers.append(_brier_and_ece(trial, results.positive, weights[key]))
    found = {}
    for technique, places in _pairs(trials).items():
        few = draws[trials[next(iter(places.values()))[0]].rows.tobytes()].few
        for name in ("brier", "ece"):
            both = np.stack([numbers[own][name] - numbers[base][name] for own, base in places.values()])
            found[name, technique] = calibration_difference(name, both, few, results.positive)
    return found


def _brier_and_ece(trial: TrialPredictions, positive: int | None, weights: np.ndarray) -> dict[str, np.ndarray]:
    """(B,) each, as of ``weighted_calibration``, which has more numbers and takes longer."""
    parts = brier_parts(trial.labels, trial.probabilities, positive)
    if positive is None:
        happened, scores = trial.probabilities.argmax(axis=1) == trial.labels, trial.probabilities.max(axis=1)
    else:
        happened, scores = trial.labels == positive, trial.probabilities[:, positive]
    return {"brier": weights @ parts / weights.sum(axis=1), "ece": calibration_error(happened, scores, weights)}


def against_threshold(results: Results, samples: int = SAMPLES) -> pd.DataFrame:
    """Each technique as it decides untuned against the baseline with a decision fitted on validation.

    That is the baseline's threshold for balanced accuracy, and with more than two classes its prior correction; in the
    metric that configurations were chosen by. The numbers are those of ``decisions.table.decision_table``.

    Returns:
        As ``sweep.analysis.statistics.paired.compare``, adjusted over the techniques. Empty without validation
        predictions, and where the metric is AUROC, which no threshold moves.
    """
    test, metric = results.test_set, results.metric
    empty = compare({}, margin=results.margin)
    if test is None or metric == "auroc" or not (base := test.of(BASELINE)):
        return empty
    decided = decisions(results, TestSet(base)).get((BASELINE, reference_rule(results)), {})
    draws = test.draws(samples, np.random.default_rng(0))
    weights = np.vstack([np.ones((1, len(test.rows)), np.float32), draws.weights])
    tuned = {}
    for seed, one in decided.items():
        numbers = weighted_metrics(
            test.labels, one.probabilities, results.positive, weights, one.decisions, areas=False
        )
        tuned[seed] = numbers[metric]
    known = results.resampled()
    pairs = {}
    for technique in test.techniques:
        own = {seed: known[technique, seed] for seed in tuned if (technique, seed) in known}
        own = {seed: one for seed, one in own.items() if np.isfinite(one.values.get(metric, np.nan))}
        if technique == BASELINE or not own:
            continue
        pairs[technique] = (
            np.array([one.values[metric] - tuned[seed][0] for seed, one in own.items()]),
            np.stack([one.resampled[metric] - tuned[seed][1:] for seed, one in own.items()]),
        )
    return compare(pairs, draws.few.about(metric, results.positive, paired=True), results.margin)

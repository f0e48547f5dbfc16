"""What techniques do beside the metric that decides: ranking, a fixed specificity, probabilities, a mere threshold.

One metric makes the verdict, adjusted for the number of techniques; these describe. Each has its own 95 % interval over
the same patients and seeds, not adjusted, and none makes a winner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from balancing.data.patients import FEWEST
from balancing.metrics import METRICS, RANKING
from sweep.analysis.decisions.calibration import calibration_of
from sweep.analysis.decisions.operating_points import MANY, recall_at, weighted_counts
from sweep.analysis.decisions.preferences import USUAL, DecisionPreferences
from sweep.analysis.decisions.table import decisions_of
from sweep.analysis.decisions.two_class import BANDED, two_class_test
from sweep.analysis.looks import trained_as
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import SAMPLES
from sweep.analysis.statistics.intervals import estimate
from sweep.analysis.statistics.paired import BASELINE, CONFIDENCE
from sweep.analysis.statistics.predictions import TrialPredictions
from sweep.analysis.statistics.seed_prior import SeedPrior

Arrow = Literal["better", "worse", "level", "unknown"]
SPECIFICITY = 0.9
RECALL = "recall_at_90_specificity"
# Whether more of it is better.
HIGHER_IS_BETTER: Mapping[str, bool] = {
    **dict.fromkeys(METRICS, True),
    RECALL: True,
    "brier": False,
    "ece": False,
}
COLUMNS = ("technique", "metric", "seeds", "difference", "low", "high", "arrow")


@dataclass(frozen=True)
class Difference:
    """A paired difference to the baseline: mean over seeds, 95 % interval, seeds, and p where it is known."""

    mean: float
    low: float
    high: float
    seeds: int
    p: float = float("nan")


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
    """The metrics that stand beside the one that decides, in order.

    Balanced accuracy unless it decides, AUROC unless it does, with two classes recall at 90 % specificity, Brier score,
    and calibration error.
    """
    named = [name for name in ("balanced_accuracy", "auroc") if name != results.metric]
    return [*named, *([RECALL] if results.positive is not None else []), "brier", "ece"]


def beside_table(results: Results, samples: int = SAMPLES) -> pd.DataFrame:
    """What each technique does to ``beside_metrics``.

    Args:
        samples: B bootstrap samples of patients of recall at 90 % specificity; the others have those of their tables.
    Returns:
        One row a technique and metric: technique, metric, seeds, difference to the baseline (mean over seeds, paired by
        seed and patient), low, high (95 %, patients and seeds; not adjusted), and ``arrow``; ``unknown`` too with one
        seed, with fewer than ``balancing.data.patients.FEWEST`` test patients of a class, and where all seeds differ by
        one and the same amount; but ``level``, and 0 to 0, where a technique ranks every test image as the baseline
        does. Recall at 90 % specificity is looked up on each test curve, of more than ``MANY`` networks from
        ``BANDED`` draws. It, Brier score and calibration error (as trained, of ``calibration_table``) need validation
        predictions. A technique has no row of what its answers don't tell. Empty without a tested baseline and partner.
    """
    decides = results.differences()
    if decides.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    fewest = decides["fewest_patients"].min()
    found: dict[tuple[str, str], Difference] = {}
    for metric in beside_metrics(results):
        if metric in METRICS:
            found |= {(metric, str(row["technique"])): _read(row) for _, row in results.differences(metric).iterrows()}
    if _validated(results):
        recalls = _recalls(results, samples) if results.positive is not None else {}
        found |= {(RECALL, name): one for name, one in recalls.items()}
        found |= _of_calibration(results)
    ranks = results.differences(RANKING)
    alike = set(ranks.loc[(ranks["low"] == 0) & (ranks["high"] == 0), "technique"])
    steady = _without_spread(results)
    rows = []
    for technique in results.test_table()["technique"].drop_duplicates():
        for metric in beside_metrics(results):
            one = found.get((metric, technique))
            if one is None or not np.isfinite(one.mean):
                continue
            row = {"technique": technique, "metric": metric, "seeds": one.seeds, "difference": one.mean}
            said = _said(one, results.margin, HIGHER_IS_BETTER[metric])
            if metric in (RANKING, RECALL) and technique in alike:  # every point of the curve is the same
                one, said = replace(one, low=0.0, high=0.0), "level"
            if fewest < FEWEST or one.seeds < 2 or (technique in steady and said != "level"):
                said = "unknown"
            rows.append({**row, "low": one.low, "high": one.high, "arrow": said})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _read(row: pd.Series, prefix: str = "") -> Difference:
    """A difference of a table: of ``Results.differences``, or under the name ``prefix`` of another."""
    mean, low, high = (prefix, f"{prefix}_low", f"{prefix}_high") if prefix else ("difference", "low", "high")
    p = float("nan") if prefix else float(row["p"])
    return Difference(float(row[mean]), float(row[low]), float(row[high]), int(row["seeds"]), p)


def _said(one: Difference, margin: float, higher: bool) -> Arrow:
    said = arrow(one.low, one.high, margin, higher=higher)
    # p is 1 where the seeds have no spread to judge by: their interval holds patients alone.
    return "unknown" if one.p == 1 or (said in ("better", "worse") and one.p >= 1 - CONFIDENCE) else said


def _without_spread(results: Results) -> set[str]:
    """Techniques that differ from the baseline by the same with every seed, image by image: no spread to judge by."""
    trials = list(results.predictions)

    def apart(own: int, base: int) -> np.ndarray:
        return np.asarray(trials[own].test.probabilities) - trials[base].test.probabilities

    return {
        name
        for name, pairs in _pairs(trials).items()
        if all(np.array_equal(apart(*next(iter(pairs.values()))), apart(*places)) for places in pairs.values())
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


def _recalls(results: Results, samples: int) -> dict[str, Difference]:
    many = results.test_set is not None and len(results.test_set) > MANY
    ready = two_class_test(results, np.random.default_rng(0), min(samples, BANDED) if many else samples)
    if ready is None:
        return {}
    known: dict[str, dict[int, np.ndarray]] = {}
    for trial in ready.test:
        counts = weighted_counts(ready.is_positive, trial.scores[:, ready.positive], ready.weights)
        known.setdefault(trial.technique, {})[trial.seed] = recall_at(counts, SPECIFICITY)
    base = known.pop(BASELINE, {})
    pairs = {name: {seed: one for seed, one in own.items() if seed in base} for name, own in known.items()}
    pairs = {name: own for name, own in pairs.items() if own}
    few = ready.few.about("auroc", ready.positive, paired=True)
    networks = {
        name: {seed: (float(one[0]), one[1:]) for seed, one in own.items()}
        for name, own in {**pairs, BASELINE: base}.items()
    }
    prior = SeedPrior.of_differences(networks, BASELINE, few)
    found = {}
    for technique, own in pairs.items():
        both = np.stack([one - base[seed] for seed, one in own.items()])
        one = estimate(both[:, 0], both[:, 1:], few, moderated=prior.of(technique))
        found[technique] = Difference(one.mean, max(one.low, -1.0), min(one.high, 1.0), one.seeds, one.p)
    return found


def _of_calibration(results: Results) -> dict[tuple[str, str], Difference]:
    """(brier | ece, technique) -> the difference, as the table of calibration has it."""
    table = calibration_of(results)
    table = table[(table["stage"] == "before") & (table["technique"] != BASELINE)]
    return {
        (name, str(row["technique"])): _read(row, f"difference_{name}")
        for _, row in table.iterrows()
        for name in ("brier", "ece")
        if np.isfinite(row[f"difference_{name}"])
    }


def against_threshold(results: Results, stated: DecisionPreferences = USUAL) -> pd.DataFrame:
    """Each technique as it decides untuned against the baseline with a decision fitted on validation.

    That is the baseline's threshold for balanced accuracy, and with more than two classes its prior correction; in the
    metric that configurations were chosen by, as ``decisions.table.decision_table`` has it.

    Args:
        stated: as of ``decision_table``, so that it is made once.
    Returns:
        technique, seeds, difference, low, high (95 %, patients and seeds), p_adjusted (over the techniques),
        fewest_patients. Without a technique that is just that: it has nothing to be compared with. Empty without
        validation predictions or baseline, and where the metric is AUROC, which no threshold moves.
    """
    columns = ["technique", "seeds", "difference", "low", "high", "p_adjusted", "fewest_patients"]
    if results.metric == "auroc" or not _validated(results):
        return pd.DataFrame(columns=columns)
    table, name = decisions_of(results, stated), f"difference_{results.metric}"
    if table.empty:
        return pd.DataFrame(columns=columns)
    table = table[(table["rule"] == "argmax") & (table["technique"] != BASELINE) & table[name].notna()]
    itself = [trained_as(technique) == BASELINE for technique in table["technique"]]
    table = table[~(np.array(itself, dtype=bool) & (table[name] == 0))]  # that very threshold, as a technique
    judged = "_p_adjusted" if f"{name}_p_adjusted" in table else "_p_holm"
    parts = {"difference": "", "low": "_low", "high": "_high", "p_adjusted": judged, "fewest_patients": "_fewest"}
    found = table[["technique", "seeds"]].assign(**{part: table[f"{name}{end}"] for part, end in parts.items()})
    return found.reset_index(drop=True)


def _validated(results: Results) -> bool:
    """Whether there are validation predictions, which thresholds and temperatures are fitted on."""
    return any(trial.known_validation is not None for trial in results.predictions)

"""One simulated sweep of ``benchmarks.verdict_worlds`` judged: by the report's own code, as it was, and in usual ways.

"Before" is what the report did before seeds were moderated: each technique's own variance over seeds, and Holm's
adjustment. The usual ways are one run each, tested by McNemar's test without adjustment (what copied notebooks do at
best), the t-test over seeds, and the bootstrap that draws seeds with replacement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.verdict_before import before
from benchmarks.verdict_worlds import Sweep, World, one_sweep
from sweep.analysis.statistics.few_patients import FewPatients, patient_draws
from sweep.analysis.statistics.paired import compare
from sweep.analysis.statistics.power import Freedom, detectable, seed_spread
from sweep.analysis.statistics.seed_prior import SeedPrior
from sweep.analysis.statistics.significance import EQUIVALENT, HARMS, HELPS, answers
from sweep.analysis.statistics.tests import holm

METRIC = "balanced_accuracy"
LEVEL = 0.05
USUAL = ("one", "t", "drawn")
WAYS = ("now", "before", *USUAL)


@dataclass(frozen=True)
class Networks:
    """Balanced accuracy of every network of a sweep.

    Args:
        values: (techniques + 1, S) on the test split as it is; the baseline is first.
        resampled: (techniques + 1, S, J + B) under the weights of ``patient_draws``.
        few: of these draws, for this metric, paired.
    """

    values: np.ndarray
    resampled: np.ndarray
    few: FewPatients

    def differences(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """As ``compare`` takes them: technique ("1", "2", ...) -> (values (S,), resampled (S, J + B))."""
        values, resampled = self.values[1:] - self.values[0], self.resampled[1:] - self.resampled[0]
        return {str(i + 1): (values[i], resampled[i]) for i in range(len(values))}

    def compared(self, margin: float, seeds: Sequence[int] = ()) -> pd.DataFrame:
        """As the report compares techniques with the baseline.

        Args:
            seeds: of each technique, so many of the first; () takes all.
        """
        counts = list(seeds) or [self.values.shape[1]] * (len(self.values) - 1)
        of_seeds, differences = {}, {}
        for place, count in enumerate([max(counts), *counts]):
            values, resampled = self.values[place, :count], self.resampled[place, :count]
            of_seeds[str(place)] = dict(enumerate(zip(values.tolist(), resampled, strict=True)))
            if place:
                differences[str(place)] = (values - self.values[0, :count], resampled - self.resampled[0, :count])
        prior = SeedPrior.of_differences(of_seeds, "0", self.few)
        return compare(differences, self.few, margin, prior)


def balanced_accuracies(
    is_right: np.ndarray, labels: np.ndarray, patients: np.ndarray, times: np.ndarray
) -> np.ndarray:
    """As ``weighted_metrics`` of many networks at once: a matrix product for each class.

    Args:
        is_right: (K, N) bool, whether a network decides right.
        labels: (N,) int64 in {0, 1}, both of them there.
        patients: (N,) ascending; each with images of one class.
        times: (J, P) how often each patient counts, in the order of ``patients``.
    Returns:
        (K, J) float64.
    """
    starts = np.flatnonzero(np.r_[True, patients[1:] != patients[:-1]])
    hits = np.add.reduceat(is_right, starts, axis=1, dtype=np.float64)
    n_images = np.diff(np.r_[starts, len(patients)]).astype(np.float64)
    weights = times.astype(np.float64).T
    found = np.zeros((len(is_right), len(times)))
    for label in (0, 1):
        own = labels[starts] == label
        found += hits[:, own] @ weights[own] / (n_images[own] @ weights[own]) / 2
    return found


def networks_of(sweep: Sweep, samples: int, rng: np.random.Generator) -> Networks:
    """Every network's balanced accuracy, under the same draws of patients."""
    draws = patient_draws(sweep.labels, sweep.patients, samples, rng)
    _, first = np.unique(sweep.patients, return_index=True)
    times = np.concatenate([np.ones((1, len(first)), np.float32), draws.weights[:, first]])
    techniques, seeds, n = sweep.scores.shape
    is_right = ((sweep.scores > 0) == (sweep.labels == 1)).reshape(-1, n)
    found = balanced_accuracies(is_right, sweep.labels, sweep.patients, times).reshape(techniques, seeds, -1)
    return Networks(found[..., 0], found[..., 1:], draws.few.about(METRIC, 1, paired=True))


def mcnemar(right: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """(T,) as ``mcnemar_exact`` of each of (T, N) with (N,); 1 / 2 being the chance, the two tails are alike."""
    only, theirs = (right & ~baseline).sum(axis=1), (~right & baseline).sum(axis=1)
    return np.minimum(1.0, 2 * stats.binom.cdf(np.minimum(only, theirs), only + theirs, 0.5))


def usual_ways(sweep: Sweep, networks: Networks) -> dict[str, np.ndarray]:
    """(T,) +1 or -1 where a technique is named better or worse, else 0; see the module."""
    apart = networks.values[1:] - networks.values[0]
    sign = np.sign(apart.mean(axis=1)).astype(int)
    right = (sweep.scores[:, 0] > 0) == (sweep.labels == 1)
    one = mcnemar(right[1:], right[0]) < LEVEL
    seeds = apart.shape[1]
    t = np.zeros(len(apart), bool)
    if seeds > 1:
        sd = apart.std(axis=1, ddof=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            p = 2 * stats.t.sf(np.abs(apart.mean(axis=1)) / sd * np.sqrt(seeds), seeds - 1)
        t = holm(np.where(np.isfinite(p), p, 1.0)) < LEVEL
    rng = np.random.default_rng(0)
    q = np.ones(len(apart))
    bootstrap = (networks.resampled[1:] - networks.resampled[0])[..., len(networks.few.rows) :]
    for place, own in enumerate(bootstrap):
        drawn = own[rng.integers(0, seeds, own.shape), np.arange(own.shape[1])].mean(axis=0)
        q[place] = min(1.0, 2 * min((drawn <= 0).mean(), (drawn >= 0).mean()))
    return {
        "one": np.where(one, np.sign(apart[:, 0]).astype(int), 0),
        "t": np.where(t, sign, 0),
        "drawn": np.where(holm(q) < LEVEL, sign, 0),
    }


def promised(row: Mapping[str, float], seeds: int, comparisons: int) -> float:
    """The gain that the report says it could tell from chance with 80 % power.

    Args:
        row: of ``compare``.
    """
    sd = seed_spread(row["moderated_sd"], row["patient_se"], row["patient_sd"], seeds)
    freedom = Freedom(row["patient_freedom"], row["seed_freedom"])
    return detectable(sd, row["patient_se"], seeds, comparisons, freedom)


def outcome(sweep: Sweep, networks: Networks, margin: float, *, usual: bool = True) -> dict[str, float]:
    """What was said of one sweep, against the truth.

    Returns:
        For each way (``WAYS``): ``false_winner_``, ``false_loser_`` (one or more: 0 or 1), ``power_`` (the first
        technique is named a winner and truly better; 0 or 1); ``covered``, ``half_width``, ``promised`` and the same
        with ``_before``; ``seed_sd``; ``gain`` (true, of the first technique); ``equivalent``: share of the techniques
        within the margin that are called so, ``false_equivalent``: of those beyond or at it (NaN where there is none),
        ``any_false_equivalent``: 0 or 1; ``error_first`` and ``error_last``: estimated less true difference.
    """
    differences, truth = networks.differences(), sweep.truth
    table = networks.compared(margin).reset_index(drop=True)
    said = answers(table)
    own = before(differences, networks.few)
    named = {"now": (said == HELPS).to_numpy().astype(int) - (said == HARMS).to_numpy().astype(int)}
    named["before"] = own.named(LEVEL)
    if usual:
        named |= usual_ways(sweep, networks)
    found: dict[str, float] = {}
    for way, by in named.items():
        found[f"false_winner_{way}"] = float(((by > 0) & (truth <= 0)).any())
        found[f"false_loser_{way}"] = float(((by < 0) & (truth >= 0)).any())
        found[f"power_{way}"] = float(by[0] > 0 and truth[0] > 0)
    limits = {"": table[["low", "high"]].to_numpy(), "_before": np.stack([own.low, own.high], axis=1)}
    for end, (low, high) in {end: both.T for end, both in limits.items()}.items():
        found[f"covered{end}"] = float(((low <= truth) & (truth <= high)).mean())
        found[f"half_width{end}"] = float(np.median(high - low)) / 2
    seeds, comparisons = networks.values.shape[1], len(truth)
    found["promised"] = promised({str(name): value for name, value in table.iloc[0].items()}, seeds, comparisons)
    found["promised_before"] = own.promised(seeds)
    found["seed_sd"] = float(table["seed_sd"].median())
    is_equivalent, beyond = (said == EQUIVALENT).to_numpy(), np.abs(truth) >= margin - 1e-12
    found["gain"] = float(truth[0])
    found["equivalent"] = float(is_equivalent[~beyond].mean()) if not beyond.all() else float("nan")
    found["all_equivalent"] = float(is_equivalent.all())
    found["false_equivalent"] = float(is_equivalent[beyond].mean()) if beyond.any() else float("nan")
    found["any_false_equivalent"] = float(is_equivalent[beyond].any())
    for which, place in (("first", 0), ("last", -1)):
        found[f"error_{which}"] = float(table["difference"].iloc[place] - truth[place])
    return found


def judged_alone(world: World, samples: int, seed: int, number: int) -> dict[str, float]:
    """As ``judged``, without the usual ways."""
    rng = np.random.default_rng([seed, number])
    sweep = one_sweep(world, rng)
    return outcome(sweep, networks_of(sweep, world.samples or samples, rng), world.margin, usual=False)


def judged(world: World, samples: int, seed: int, number: int) -> dict[str, float]:
    """The ``outcome`` of a world's sweep of this number: it depends on nothing else."""
    rng = np.random.default_rng([seed, number])
    sweep = one_sweep(world, rng)
    return outcome(sweep, networks_of(sweep, world.samples or samples, rng), world.margin)

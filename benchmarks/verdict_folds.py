"""Every patient tested, by folds: data sets drawn from a population, on which small networks are really trained.

The models of two folds share most of their training patients, so their results are not independent, and no formula
knows how much (Bengio & Grandvalet, JMLR 2004). Here nothing is assumed of that: a data set of n patients is drawn, cut
into K folds by patient, random features with a ridge classifier are trained on the others and tested on each, and an
interval of a technique's difference is held against the population's: what it is on the average over training sets of
this size, seeds and patients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from benchmarks.common import show
from benchmarks.verdict_jobs import Jobs
from benchmarks.verdict_sweeps import METRIC, balanced_accuracies
from sweep.analysis.statistics.few_patients import patient_draws
from sweep.analysis.statistics.folds import widening
from sweep.analysis.statistics.intervals import estimate

_DIMENSIONS, _UNITS = 6, 24
_OF_PATIENT, _OF_IMAGE = 0.6, 0.8  # standard deviations of a patient's own shift and an image's, in each dimension
_RIDGE = 0.02  # for each training image
KINDS = ("plain", "weighted", "undersampled")


@dataclass(frozen=True)
class FoldWorld:
    """What is simulated.

    Args:
        name: short.
        pair: (baseline, technique) of ``KINDS``; the same twice (``undersampled``, each with a subset of its own) is no
            true difference.
        patients: n of a data set.
        prevalence: share of them that is positive.
        folds: K.
        repeats: cuts into folds.
        seeds: S, with each of which every fold's networks are trained.
        distance: between the classes' means.
    """

    name: str
    pair: tuple[str, str] = ("undersampled", "undersampled")
    patients: int = 200
    prevalence: float = 0.2
    folds: int = 5
    repeats: int = 1
    seeds: int = 3
    distance: float = 1.8


@dataclass(frozen=True)
class DataSet:
    """A data set on which every patient was tested.

    Args:
        labels: (N,) int64 in {0, 1}.
        patients: (N,) int64, ascending.
        fold: (R, N) int64 in 0..K-1, by whose network an image was tested.
        decisions: (2, R, S, N) bool, the baseline's and the technique's; seeds are paired.
    """

    labels: np.ndarray
    patients: np.ndarray
    fold: np.ndarray
    decisions: np.ndarray

    def by_fold(self) -> np.ndarray:
        """(R, K, S) the technique's balanced accuracy less the baseline's, fold by fold."""
        right = self.decisions == (self.labels == 1)
        repeats, folds = len(self.fold), int(self.fold.max()) + 1
        found = np.empty((repeats, folds, right.shape[2]))
        for repeat, fold in np.ndindex(repeats, folds):
            rates = []
            for label in (0, 1):
                own = (self.fold[repeat] == fold) & (self.labels == label)
                rates.append(right[:, repeat, :, own].mean(axis=0))
            found[repeat, fold] = (rates[0][1] + rates[1][1] - rates[0][0] - rates[1][0]) / 2
        return found


def people(world: FoldWorld, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """features (N, D), labels (N,), patients (N,) of n patients of the population; 1 to 3 images each."""
    positive = np.arange(n) >= n - round(world.prevalence * n)
    patients = np.repeat(np.arange(n), rng.integers(1, 4, n))
    labels = positive[patients].astype(np.int64)
    features = rng.normal(0, _OF_PATIENT, (n, _DIMENSIONS))[patients] + rng.normal(
        0, _OF_IMAGE, (len(labels), _DIMENSIONS)
    )
    features[:, 0] += world.distance * labels
    # Positive patients vary more in one direction, so that a curve, not a line, tells the classes apart best.
    features[:, 1] *= 1 + 0.8 * labels
    return features, labels, patients


@dataclass(frozen=True)
class Model:
    """Random features, and the ridge regression on them whose sign decides."""

    inner: np.ndarray
    offsets: np.ndarray
    outer: np.ndarray

    def decide(self, features: np.ndarray) -> np.ndarray:
        """(N,) bool."""
        hidden = np.tanh(features @ self.inner + self.offsets)
        return np.asarray(hidden @ self.outer[1:] + self.outer[0] > 0)


def trained(
    kind: str, features: np.ndarray, labels: np.ndarray, seed: np.random.Generator, own: np.random.Generator
) -> Model:
    """A network of one of ``KINDS``.

    Args:
        seed: of the random features, which a technique and the baseline have in common.
        own: of the technique's subset.
    """
    inner, offsets = seed.normal(0, 0.6, (_DIMENSIONS, _UNITS)), seed.normal(0, 0.6, _UNITS)
    counts = np.bincount(labels, minlength=2)
    weights = np.ones(len(labels))
    if kind == "weighted":
        weights = len(labels) / 2 / counts[labels]
    elif kind == "undersampled":
        few = int(counts.min())
        kept = [own.permutation(np.flatnonzero(labels == label))[:few] for label in (0, 1)]
        chosen = np.concatenate(kept)
        features, labels, weights = features[chosen], labels[chosen], np.ones(len(chosen))
    hidden = np.tanh(features @ inner + offsets)
    design = np.concatenate([np.ones((len(hidden), 1)), hidden], axis=1)
    form = design.T @ (weights[:, None] * design) + _RIDGE * len(labels) * np.eye(_UNITS + 1)
    return Model(inner, offsets, np.linalg.solve(form, design.T @ (weights * (2 * labels - 1))))


def one_data_set(world: FoldWorld, rng: np.random.Generator) -> DataSet:
    """A data set, cut into folds within classes, trained and tested."""
    features, labels, patients = people(world, world.patients, rng)
    positive = np.arange(world.patients) >= world.patients - round(world.prevalence * world.patients)
    fold = np.empty((world.repeats, len(labels)), dtype=np.int64)
    decisions = np.empty((2, world.repeats, world.seeds, len(labels)), dtype=bool)
    seeds = rng.integers(0, 2**63, (world.seeds,))
    for repeat in range(world.repeats):
        of_patient = np.empty(world.patients, dtype=np.int64)
        for own in (positive, ~positive):
            of_patient[own] = rng.permutation(np.arange(own.sum()) % world.folds)
        fold[repeat] = of_patient[patients]
        for k in range(world.folds):
            tests = fold[repeat] == k
            for s, seed in enumerate(seeds):
                for place, kind in enumerate(world.pair):
                    model = trained(kind, features[~tests], labels[~tests], np.random.default_rng(seed), rng)
                    decisions[place, repeat, s, tests] = model.decide(features[tests])
    return DataSet(labels, patients, fold, decisions)


def true_difference(world: FoldWorld, sets: int, seed: int) -> tuple[float, float]:
    """The population's: over training sets as large as one of a fold's, seeds and patients; and its standard error.

    Exactly 0 where both are the same kind.
    """
    if world.pair[0] == world.pair[1]:
        return 0.0, 0.0
    found = np.empty(sets)
    size = round(world.patients * (1 - 1 / world.folds))
    for number in range(sets):
        rng = np.random.default_rng([seed, 1, number])
        features, labels, _ = people(world, size, rng)
        others, true, _ = people(world, 1000, rng)
        drawn = int(rng.integers(0, 2**63))
        both = []
        for kind in world.pair:
            model = trained(kind, features, labels, np.random.default_rng(drawn), rng)
            right = model.decide(others) == (true == 1)
            both.append((right[true == 1].mean() + right[true == 0].mean()) / 2)
        found[number] = both[1] - both[0]
    return float(found.mean()), float(found.std(ddof=1) / np.sqrt(sets))


# low, high, p of a technique's difference to the baseline.
Said = tuple[float, float, float]


def by_folds(tested: DataSet, shared: float) -> Said:
    """Student's t over folds (and repeats) whose variance is (1 / J + shared) times that of the J parts.

    Args:
        shared: 0 as if folds were independent, the usual way; n_test / n_train = 1 / (K - 1) as Nadeau and Bengio have
            it.
    Reference: Nadeau & Bengio, Machine Learning 52, 2003; Bouckaert & Frank, PAKDD 2004 (repeats).
    """
    each = tested.by_fold().mean(axis=2).ravel()
    error, mean = float(each.std(ddof=1)) * math.sqrt(1 / len(each) + shared), float(each.mean())
    reach = float(stats.t.ppf(0.975, len(each) - 1)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, len(each) - 1)) if error else 1.0
    return mean - reach, mean + reach, p


def by_patients(tested: DataSet, samples: int, widening: float, rng: np.random.Generator) -> Said:
    """As the report: pooled predictions as those of one test split, seeds of all repeats; patients resampled.

    Args:
        widening: of the patients' variance; 1 as if one network of each seed had tested all.
    """
    draws = patient_draws(tested.labels, tested.patients, samples, rng)
    _, first = np.unique(tested.patients, return_index=True)
    times = np.concatenate([np.ones((1, len(first)), np.float32), draws.weights[:, first]])
    right = (tested.decisions == (tested.labels == 1)).reshape(-1, len(tested.labels))
    found = balanced_accuracies(right, tested.labels, tested.patients, times)
    apart = np.diff(found.reshape(2, -1, found.shape[1]), axis=0)[0]
    few = replace(draws.few, widening=widening).about(METRIC, 1, paired=True)
    said = estimate(apart[:, 0], apart[:, 1:], few)
    return said.low, said.high, said.p


def judged_folds(about: tuple[FoldWorld, float], samples: int, seed: int, number: int) -> dict[str, float]:
    """Of one data set of this number: whether each interval holds the population's difference, its half width, error.

    Args:
        about: the world and its true difference.
    """
    world, truth = about
    rng = np.random.default_rng([seed, number])
    tested = one_data_set(world, rng)
    ways = {
        "folds": by_folds(tested, 0.0),
        "corrected": by_folds(tested, 1 / (world.folds - 1)),
        "pooled": by_patients(tested, samples, 1.0, rng),
        "report": by_patients(tested, samples, widening(world.folds), rng),
    }
    found: dict[str, float] = {}
    for name, (low, high, p) in ways.items():
        found |= {f"held_{name}": float(low <= truth <= high), f"half_{name}": (high - low) / 2}
        found[f"seen_{name}"] = float(p < 0.05)
    return found


def fold_worlds() -> list[FoldWorld]:
    """No difference, a small one and a large one; few and more patients; one cut and several."""
    none, small, large = ("undersampled", "undersampled"), ("weighted", "undersampled"), ("plain", "weighted")
    found = []
    for told, pair in (("none", none), ("small", small), ("large", large)):
        found += [
            FoldWorld(f"{told}, 200 patients", pair),
            FoldWorld(f"{told}, 60 patients", pair, patients=60, prevalence=0.3),
            FoldWorld(f"{told}, 5 repeats", pair, repeats=5, seeds=1),
        ]
    for told, pair in (("none", none), ("small", small), ("large", large)):
        found.append(FoldWorld(f"{told}, 5 repeats, 3 seeds", pair, repeats=5))
    found.append(FoldWorld("large, 2 repeats, 5 seeds", large, repeats=2, seeds=5))
    return [*found, FoldWorld("none, 10 folds", none, folds=10), FoldWorld("large, 10 folds", large, folds=10)]


def show_folds(worlds: list[FoldWorld], repeats: int, jobs: Jobs) -> None:
    """The table."""
    lines = []
    for world in worlds:

        def make(world: FoldWorld = world) -> dict[str, float]:
            truth, error = true_difference(world, 4 * repeats, jobs.seed)
            found = jobs.sweeps(judged_folds, (world, truth), repeats)
            return {"truth": truth, "error": error, **found.mean()}

        r = jobs.line("folds", world, repeats, make)
        line = [world.name, world.folds, world.repeats, world.seeds, f"{r['sweeps']:,}"]
        line += ["0" if world.pair[0] == world.pair[1] else f"{r['truth']:+.3f} ± {1.96 * r['error']:.3f}"]
        for name in ("folds", "corrected", "pooled", "report"):
            line += [f"{r[f'held_{name}']:.1%}", f"{r[f'half_{name}']:.3f}"]
        lines.append(line)
    ways = ["t over folds", "Nadeau & Bengio", "pooled, as one split", "as in the report"]
    show(
        "Every patient tested: does the 95 % interval hold the population's difference?",
        ["difference", "folds", "repeats", "seeds", "data sets", "true", *(
            told for way in ways for told in (f"{way}: coverage", "half width"))],
        lines,
    )  # fmt: skip

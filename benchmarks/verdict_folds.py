"""Every patient tested, by folds: data sets drawn from a population, on which small networks are really trained.

The models of two folds share most of their training patients, so their results are not independent, and no formula
knows how much (Bengio & Grandvalet, JMLR 2004). Here nothing is assumed of that: a data set of n patients is drawn, cut
into K folds by patient, random features with a ridge classifier are trained on the others and tested on each, and an
interval of a technique's difference is held against the population's: what it is on the average over training sets of
this size, seeds and patients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

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
class Tested:
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


def one_data_set(world: FoldWorld, rng: np.random.Generator) -> Tested:
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
    return Tested(labels, patients, fold, decisions)


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


# A tested data set -> low, high, p of the technique's difference to the baseline.
Judge = Callable[[Tested, np.random.Generator], tuple[float, float, float]]


def naive(tested: Tested, _: np.random.Generator) -> tuple[float, float, float]:
    """The usual way: Student's t over folds (and repeats), as if they were independent."""
    return _student(tested.by_fold().mean(axis=2).ravel(), 1.0, 0.0)


def corrected(tested: Tested, _: np.random.Generator) -> tuple[float, float, float]:
    """Nadeau and Bengio's corrected resampled t-test over folds (and repeats).

    Reference: Nadeau & Bengio, Machine Learning 52, 2003; Bouckaert & Frank, PAKDD 2004 (repeats).
    """
    each = tested.by_fold().mean(axis=2)
    return _student(each.ravel(), 1.0, 1 / (each.shape[1] - 1))


def _student(each: np.ndarray, own: float, shared: float) -> tuple[float, float, float]:
    """Student's interval of a mean whose variance is (own / J + shared) times that of its J parts."""
    error = float(each.std(ddof=1)) * np.sqrt(own / len(each) + shared)
    mean = float(each.mean())
    reach = float(stats.t.ppf(0.975, len(each) - 1)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, len(each) - 1)) if error else 1.0
    return mean - reach, mean + reach, p

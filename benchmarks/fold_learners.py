"""By what the variance over folds exceeds that of the pooled test patients: logistic regression and LDA in closed form.

Data sets are drawn from a population of two normal classes, in which what a trained line reaches is known exactly. Each
is cut into K folds by patient; both techniques are trained on the same training rows of each fold and tested on it. The
truth is the mean over data sets and folds of what the trained lines reach in the population, so nothing is assumed of
how folds depend on each other. Beside them stand nearest neighbours in a population where one class has two kinds,
which no line tells apart; there what they reach is counted on others who are drawn.

    python -m benchmarks.fold_learners
    python -m benchmarks.fold_learners --sets 300 --seed 7 --folds 2,5,10
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from benchmarks.common import show
from benchmarks.verdict_folds import DataSet, by_patients
from sweep.analysis.statistics.folds import widening

# Weights and offset of a line that decides for the positive class where it is above 0.
Line = tuple[np.ndarray, float]
# (N, D) features -> (N,) whether the positive class is decided for.
Decides = Callable[[np.ndarray], np.ndarray]
_VALIDATION = 0.15
_SAMPLES = 400
_NEIGHBOURS = 9
_OTHERS = 250  # of each class, on whom neighbours are counted


def lda(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, *, prior: bool) -> Line:
    """Linear discriminant analysis; ``prior``: with the training rows' class frequencies."""
    means = [x[y == label].mean(axis=0) for label in (0, 1)]
    around = np.concatenate([x[y == label] - means[label] for label in (0, 1)])
    weights = np.linalg.solve(around.T @ around / (len(x) - 2) + 1e-3 * np.eye(x.shape[1]), means[1] - means[0])
    offset = -float(weights @ (means[0] + means[1])) / 2
    return weights, offset + (float(np.log(y.sum() / (1 - y).sum())) if prior else 0.0)


def logistic(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, *, balance: float, ridge: float = 1.0) -> Line:
    """Logistic regression by Newton's method; ``balance``: 0 counts rows alike, 1 classes."""
    weights = (len(y) / 2 / np.bincount(y, minlength=2)[y]) ** balance
    design = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    penalty = ridge * np.diag([1.0] * x.shape[1] + [0.0])
    found = np.zeros(design.shape[1])
    found[-1] = np.log((weights * y).sum() / (weights * (1 - y)).sum())
    for _ in range(8):
        p = special.expit(design @ found)
        slope = design.T @ (weights * (p - y)) + penalty @ found
        found -= np.linalg.solve((design * (weights * p * (1 - p))[:, None]).T @ design + penalty, slope)
    return found[:-1], float(found[-1])


def undersampled(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Line:
    """Logistic regression on as many rows of either class."""
    few = int(np.bincount(y).min())
    kept = np.concatenate([rng.permutation(np.flatnonzero(y == label))[:few] for label in (0, 1)])
    return logistic(x[kept], y[kept], rng, balance=0.0)


LEARNERS: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], Line]] = {
    "logistic": lambda x, y, rng: logistic(x, y, rng, balance=0.0),
    "class-weighted": lambda x, y, rng: logistic(x, y, rng, balance=1.0),
    "undersampled": undersampled,
    "LDA": lambda x, y, rng: lda(x, y, rng, prior=True),
    "LDA, equal priors": lambda x, y, rng: lda(x, y, rng, prior=False),
}


def neighbours(x: np.ndarray, y: np.ndarray, *, weighted: bool) -> Decides:
    """The nearest training rows vote; ``weighted``: each class with one vote for all its training rows."""
    votes = np.where(y == 1, 1.0, -1.0)
    if weighted:
        votes = votes / np.bincount(y, minlength=2)[y]

    def decide(others: np.ndarray) -> np.ndarray:
        away = (x**2).sum(axis=1) - 2 * others @ x.T
        nearest = np.argpartition(away, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
        return np.asarray(votes[nearest].sum(axis=1) > 0)

    return decide


VOTERS = {"neighbours": False, "neighbours, weighted": True}


@dataclass(frozen=True)
class World:
    """What is simulated.

    Args:
        pair: baseline and technique, of ``LEARNERS`` or of ``VOTERS``; with the latter half of the positives lie on the
            other side of the negatives.
        patients: n of a data set, an image each.
        ratio: negatives for each positive.
        dimensions: of an image.
        distance: between the classes' means.
        folds: K.
    """

    pair: tuple[str, str]
    patients: int
    ratio: int
    dimensions: int
    distance: float
    folds: int = 5


def features(y: np.ndarray, mean: np.ndarray, rng: np.random.Generator, *, two_kinds: bool) -> np.ndarray:
    """(N, D): negatives around 0, positives around ``mean``, or, of two kinds, around ``mean`` and its opposite."""
    side = np.where(rng.random(len(y)) < 0.5, -1.0, 1.0) if two_kinds else np.ones(len(y))
    return rng.standard_normal((len(y), len(mean))) + (y * side)[:, None] * mean


def one_data_set(world: World, rng: np.random.Generator) -> tuple[DataSet, float]:
    """A data set with every patient tested, and what its trained lines differ by in the population, mean over folds."""
    n, positives = world.patients, round(world.patients / (1 + world.ratio))
    y = (np.arange(n) < positives).astype(np.int64)
    mean = np.full(world.dimensions, world.distance / np.sqrt(world.dimensions))
    two_kinds = world.pair[0] in VOTERS
    x = features(y, mean, rng, two_kinds=two_kinds)
    if two_kinds:
        whose = np.repeat([0, 1], _OTHERS)
        others = features(whose, mean, rng, two_kinds=True)
    fold = np.empty(n, dtype=np.int64)
    for label in (0, 1):
        own = rng.permutation(np.flatnonzero(y == label))
        fold[own] = np.arange(len(own)) % world.folds
    decisions = np.empty((2, 1, 1, n), dtype=bool)
    truths = []
    for k in range(world.folds):
        tests, rest = fold == k, np.flatnonzero(fold != k)
        parts = [rng.permutation(rest[y[rest] == label]) for label in (0, 1)]
        train = np.concatenate([own[round(_VALIDATION * len(own)) :] for own in parts])
        reached = []
        for place, name in enumerate(world.pair):
            if two_kinds:
                decide = neighbours(x[train], y[train], weighted=VOTERS[name])
                decisions[place, 0, 0, tests] = decide(x[tests])
                right = decide(others) == (whose == 1)
                reached.append(float(right[whose == 0].mean() + right[whose == 1].mean()) / 2)
                continue
            weights, offset = LEARNERS[name](x[train], y[train], rng)
            decisions[place, 0, 0, tests] = x[tests] @ weights + offset > 0
            size = np.linalg.norm(weights)
            reached.append((special.ndtr((weights @ mean + offset) / size) + special.ndtr(-offset / size)) / 2)
        truths.append(float(reached[1] - reached[0]))
    return DataSet(y, np.arange(n), fold[None], decisions), float(np.mean(truths))


def worlds() -> list[World]:
    """Two techniques of which one moves the threshold alone or trains on fewer; few and more patients, rare and not."""
    found = []
    for shape in ((150, 5, 10, 2.0), (400, 5, 20, 2.0), (400, 10, 10, 1.5)):
        for pair in (("logistic", "class-weighted"), ("LDA", "LDA, equal priors"), ("class-weighted", "undersampled")):
            found.append(World(pair, *shape))
    found += [World(tuple(VOTERS), shape, 3, 5, 2.5) for shape in (150, 300)]  # type: ignore[arg-type]
    return [*found, World(("logistic", "class-weighted"), 400, 5, 20, 2.0, folds=2)]


def judged(world: World, sets: int, seed: int) -> list[str]:
    """A line of the table."""
    ways = (1.0, widening(world.folds), 1 + world.folds / (world.folds - 1))
    said, truths, means, errors = [], [], [], []
    for number in range(sets):
        tested, truth = one_data_set(world, np.random.default_rng([seed, number]))
        right = (tested.decisions == (tested.labels == 1))[:, 0, 0].astype(float)
        apart = right[1] - right[0]
        classes = [apart[tested.labels == label] for label in (0, 1)]
        means.append(sum(own.mean() for own in classes) / 2)
        errors.append(sum(own.var(ddof=1) / len(own) for own in classes) / 4)
        truths.append(truth)
        said.append([by_patients(tested, _SAMPLES, way, np.random.default_rng(number))[:2] for way in ways])
    truth, limits = float(np.mean(truths)), np.array(said)  # (sets, ways, 2)
    held = ((limits[..., 0] <= truth) & (truth <= limits[..., 1])).mean(axis=0)
    above = (limits[..., 0] > truth).mean(axis=0)
    ratio = np.var(means) / np.mean(errors)
    shape = f"{world.patients}, 1:{world.ratio}, {world.dimensions} dimensions, {world.folds} folds"
    line = [" -> ".join(world.pair), shape, f"{truth:+.3f}", f"{ratio:.2f}"]
    return [*line, *(f"{one:.1%}" for one in held), f"{above[1]:.1%}"]


def main(arguments: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sets", type=int, default=1000, help="data sets a line (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folds", default="", help="each world with so many, as 2,5,10 (its own)")
    parser.add_argument("--pairs", default="", help="worlds whose baseline has a name that begins so (all)")
    given = parser.parse_args(arguments)
    if given.sets < 2:
        parser.error(f"--sets must be 2 or more, but is {given.sets}")
    if not all(word.isdecimal() and int(word) > 1 for word in given.folds.split(",") if given.folds):
        parser.error(f"--folds are numbers above 1 with commas between them, but got {given.folds}")
    found = [world for world in worlds() if world.pair[0].startswith(given.pairs)]
    if not found:
        parser.error(f"--pairs {given.pairs}: no world's baseline begins so")
    if given.folds:
        plain = dict.fromkeys(replace(world, folds=5) for world in found)
        found = [replace(world, folds=int(k)) for world in plain for k in given.folds.split(",")]
    show(
        "Variance over data sets as a multiple of what pooled test patients tell, and coverage of 95 % intervals",
        ["techniques", "patients", "true", "variance", "pooled, as one split", "as in the report",
         "Nadeau & Bengio", "report: too high"],
        [judged(world, given.sets, given.seed) for world in found],
    )  # fmt: skip


if __name__ == "__main__":
    main()

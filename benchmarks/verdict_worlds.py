"""Worlds for ``benchmarks.verdicts``: simulated sweeps whose truth is known by integration.

An image's score is what its class and technique give it, plus what its patient and the image itself give it in every
network (so networks err on the same images), plus what the image gives in every network of one technique (techniques
read some images differently: so it matters which patients were tested), plus noise of its own in each network. A
network also has what its seed gave it: a threshold (which trades one class for the other) and a skill (how far it tells
the classes apart). A positive score decides for the positive class.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import stats

# Of the scores' parts, as standard deviations: patients, images (both the same for every network).
PATIENT, IMAGE = 0.5, 0.5
_LEAST, _MOST = 0.55, 0.99  # true accuracies of configurations lie within


@dataclass(frozen=True)
class Exploration:
    """How each technique's configuration was chosen before it was tested.

    Args:
        draws: configurations of each technique, the baseline's too.
        seeds: with which each is trained before one is chosen by the mean on validation.
        fresh: seeds of the chosen one that alone speak; 0: those by which it was chosen speak.
        spread: standard deviation of the configurations' true accuracy around their technique's.
        shift: standard deviation of how a configuration's accuracy on validation patients differs from test patients'.
        easier: by how much validation patients are easier for all.
    """

    draws: int = 8
    seeds: int = 3
    fresh: int = 0
    spread: float = 0.0
    shift: float = 0.0
    easier: float = 0.0

    def trials(self, techniques: int) -> int:
        """Networks that are trained, with a baseline beside so many techniques."""
        return (techniques + 1) * (self.draws * self.seeds + self.fresh)


@dataclass(frozen=True)
class World:
    """What is simulated: a baseline and some techniques, S seeds each, on one test split.

    Args:
        name: short, for the table and ``--worlds``.
        patients: (negative, positive) test patients; each has 1 to 3 images.
        seeds: S.
        gains: true gain in balanced accuracy of the first techniques; the others equal the baseline.
        techniques: beside the baseline.
        swing: standard deviation over seeds of a network's threshold, in units of the scores' spread.
        skill: the same of how far it tells the classes apart: about 0.28 of it in accuracy, at an accuracy of 0.8.
        uneven: standard deviation of log ``skill`` over techniques, the baseline too, drawn for every sweep.
        outlier: the last technique's ``skill`` and ``swing`` are so many times as large; ``baseline_outlier``: the
            baseline's.
        correlation: of what a seed gives a technique with what it gives the baseline.
        reading: standard deviation of what an image gives in every network of one technique.
        network: of its noise in one network.
        accuracy: the baseline's true balanced accuracy.
        margin: of equivalence.
        exploration: how configurations were chosen; None: there is one of each technique.
        samples: of the bootstrap; 0: as the command is told.
    """

    name: str
    patients: tuple[int, int] = (120, 200)
    seeds: int = 5
    gains: tuple[float, ...] = ()
    techniques: int = 5
    swing: float = 0.1
    skill: float = 0.0
    uneven: float = 0.0
    outlier: float = 1.0
    baseline_outlier: float = 1.0
    correlation: float = 0.0
    reading: float = 0.4
    network: float = 0.6
    accuracy: float = 0.8
    margin: float = 0.02
    exploration: Exploration | None = None
    samples: int = 0

    @property
    def total(self) -> float:
        """Standard deviation of all that is added to a score, whichever the network."""
        return float(np.sqrt(PATIENT**2 + IMAGE**2 + self.network**2 + self.reading**2))

    def true_gains(self) -> np.ndarray:
        """(techniques,) true difference to the baseline."""
        found = np.zeros(self.techniques)
        found[: len(self.gains)] = self.gains
        return found


@dataclass(frozen=True)
class Sweep:
    """One simulated sweep, as it was tested.

    Args:
        labels: (N,) int64 in {0, 1}.
        patients: (N,) int64, ascending; a patient has images of one class.
        scores: (techniques + 1, S, N) float64; the baseline is first.
        truth: (techniques,) true difference in balanced accuracy to the baseline.
    """

    labels: np.ndarray
    patients: np.ndarray
    scores: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class Seeds:
    """What chance of training does to the networks of each technique; standard deviations in units of the spread.

    Args:
        swing, skill: (techniques + 1,) of threshold and of separation.
        correlation: with the baseline's.
    """

    swing: np.ndarray
    skill: np.ndarray
    correlation: float = 0.0

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(techniques + 1, *shape) thresholds and skills; the last axis is seeds."""
        found = []
        for sd in (self.swing, self.skill):
            z = rng.normal(size=(len(sd), *shape))
            z[1:] = self.correlation * z[:1] + np.sqrt(1 - self.correlation**2) * z[1:]
            found.append(z * sd.reshape(-1, *[1] * len(shape)))
        return found[0], found[1]


def seeds_of(world: World, rng: np.random.Generator) -> Seeds:
    """How much each technique varies over seeds, in one sweep of a world."""
    times = np.exp(rng.normal(0, world.uneven, world.techniques + 1)) if world.uneven else 1.0
    factor = np.ones(world.techniques + 1)
    factor[-1] = world.outlier
    factor[0] = world.baseline_outlier
    return Seeds(world.swing * factor, world.skill * times * factor, world.correlation)


def separation(accuracy: np.ndarray | float, swing: np.ndarray | float, skill: np.ndarray | float) -> np.ndarray:
    """Half the distance between the classes that gives this balanced accuracy over all patients and seeds.

    In units of the scores' spread. Scores, thresholds and skills are normal and independent, so that
    accuracy = Phi(separation / sqrt(1 + swing^2 + skill^2)).
    """
    return np.asarray(stats.norm.ppf(accuracy) * np.sqrt(1 + np.square(swing) + np.square(skill)))


@dataclass(frozen=True)
class Split:
    """Patients of one part of the split, and what they give to every network.

    Args:
        labels, patients: (N,) int64.
        shared: (N,) what patient and image give in every network.
        readings: (techniques + 1, N) what the image gives in all networks of one technique.
    """

    labels: np.ndarray
    patients: np.ndarray
    shared: np.ndarray
    readings: np.ndarray = field(repr=False)

    def scores(
        self, world: World, apart: np.ndarray, thresholds: np.ndarray, skills: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """(techniques + 1, ..., N) scores of networks.

        Args:
            apart: (techniques + 1, ...) separations; thresholds and skills have the same shape.
        """
        n, between = len(self.labels), (1,) * (thresholds.ndim - 1)
        found = rng.standard_normal((*thresholds.shape, n), dtype=np.float32).astype(np.float64) * world.network
        found += (self.shared + self.readings).reshape(len(self.readings), *between, n)
        found += world.total * ((apart + skills)[..., None] * (2 * self.labels - 1) + thresholds[..., None])
        return found


def split_of(world: World, rng: np.random.Generator) -> Split:
    total = sum(world.patients)
    patients = np.repeat(np.arange(total), rng.integers(1, 4, total))
    labels = (patients >= world.patients[0]).astype(np.int64)
    shared = rng.normal(0, PATIENT, total)[patients] + rng.normal(0, IMAGE, len(labels))
    readings = rng.normal(0, world.reading, (world.techniques + 1, len(labels)))
    return Split(labels, patients, shared, readings)


def one_sweep(world: World, rng: np.random.Generator) -> Sweep:
    """A simulated sweep of a world."""
    seeds, split = seeds_of(world, rng), split_of(world, rng)
    means = world.accuracy + np.concatenate([[0.0], world.true_gains()])
    if world.exploration is not None:
        return _explored(world, world.exploration, seeds, split, means, rng)
    thresholds, skills = seeds.draw((world.seeds,), rng)
    apart = separation(means, seeds.swing, seeds.skill)[:, None]
    scores = split.scores(world, apart, thresholds, skills, rng)
    return Sweep(split.labels, split.patients, scores, world.true_gains())


def _explored(
    world: World, how: Exploration, seeds: Seeds, test: Split, means: np.ndarray, rng: np.random.Generator
) -> Sweep:
    """The sweep of the configurations that were chosen; the truth is theirs."""
    accuracies = np.clip(means[:, None] + rng.normal(0, how.spread, (len(means), how.draws)), _LEAST, _MOST)
    elsewhere = accuracies + how.easier + rng.normal(0, how.shift, accuracies.shape)
    spreads = seeds.swing[:, None], seeds.skill[:, None]
    thresholds, skills = seeds.draw((how.draws, how.seeds), rng)
    validation = split_of(world, rng)
    apart = separation(np.clip(elsewhere, _LEAST, _MOST), *spreads)[..., None]
    seen = validation.scores(world, apart, thresholds, skills, rng) > 0
    is_ill = validation.labels == 1
    each = (seen[..., is_ill].mean(axis=-1) + 1 - seen[..., ~is_ill].mean(axis=-1)) / 2
    chosen = each.mean(axis=-1).argmax(axis=1)[:, None]
    true = np.take_along_axis(accuracies, chosen, axis=1)
    if how.fresh:
        thresholds, skills = seeds.draw((how.fresh,), rng)
    else:
        thresholds, skills = (np.take_along_axis(z, chosen[..., None], axis=1)[:, 0] for z in (thresholds, skills))
    scores = test.scores(world, separation(true, *spreads), thresholds, skills, rng)
    return Sweep(test.labels, test.patients, scores, true[1:, 0] - true[0, 0])

"""How often one comparison is wrong where few patients are tested: simulated sweeps in which patients differ.

A baseline and one technique, S seeds each, with no true difference (or a true gain). Each technique reads each patient
in its own way: a shift of the patient's scores towards the truth or away from it, the same in every image and seed, of
mean 0 over patients. So whoever is tested decides, and only as many patients as there are tell how much. The number
that counts is how often the report's own interval and p-value call the two different at the 5 % level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.common import show
from benchmarks.verdict_jobs import Jobs
from sweep.analysis.statistics.few_patients import PatientDraws, patient_draws
from sweep.analysis.statistics.intervals import Estimate, estimate

_GAIN = 1.0
METRICS = ("balanced_accuracy", "recall", "f1", "auroc")
_IMAGE, _NETWORK, _SWING = 0.7, 0.7, 0.15  # standard deviations of what an image, a network's reading of it, a seed add


@dataclass(frozen=True)
class World:
    """What is simulated.

    Args:
        patients: (negative, positive) test patients.
        seeds: S.
        differs: standard deviation over patients of how a technique shifts one's scores, in logits.
        images: of each patient; ``lumpy``: from 1 to 60, as a lognormal of sigma 1.2 has them.
        lumpy: whether patients have very unequal numbers of images.
        gain: logits by which the technique is better in every image.
        threshold: logits by which the technique calls more images positive than the baseline, which gains recall and
            loses as much specificity.
        skewed: whether one patient in ten is read worse and the others a little better, instead of normally.
        at: mean logit towards the truth.
    """

    patients: tuple[int, int]
    seeds: int = 5
    differs: float = 0.8
    images: int = 12
    lumpy: bool = False
    gain: float = 0.0
    threshold: float = 0.0
    skewed: bool = False
    at: float = 1.0


def one_sweep(world: World, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """labels (N,), patients (N,), logits of the positive class (2, S, N): the baseline's, the technique's."""
    total = sum(world.patients)
    of_each = np.full(total, world.images)
    if world.lumpy:
        of_each = np.clip(rng.lognormal(np.log(8), 1.2, total).round(), 1, 60).astype(int)
    patients = np.repeat(np.arange(total), of_each)
    labels = (patients >= world.patients[0]).astype(np.int64)
    if world.skewed:  # mean 0, standard deviation ``differs``
        shift = world.differs * np.where(rng.random((2, total)) < 0.1, -3.0, 1 / 3.0)
    else:
        shift = rng.normal(0, world.differs, (2, total))
    n = len(labels)
    towards = world.at + rng.normal(0, _IMAGE, n) + shift[:, None, patients]
    towards = towards + rng.normal(0, _SWING, (2, world.seeds, 1)) + rng.normal(0, _NETWORK, (2, world.seeds, n))
    towards[1] += world.gain
    logits = towards * (2 * labels - 1)
    logits[0] -= world.threshold / 2
    logits[1] += world.threshold / 2
    return labels, patients, logits


def metrics_of(
    labels: np.ndarray, patients: np.ndarray, logits: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """As ``weighted_metrics`` of many networks at once, from counts of each patient.

    Args:
        labels, patients: (N,) int64; a patient has images of one class.
        logits: (K, N) of the positive class.
        weights: (B, N), the same for all images of a patient.
    Returns:
        Each of ``METRICS`` -> (K, B).
    """
    _, first = np.unique(patients, return_index=True)
    ill = labels[first] == 1
    of_patient = weights[:, first].astype(np.float64)
    n_images = np.bincount(patients)
    called = np.stack([np.bincount(patients, row > 0, len(first)) for row in logits])
    positives, negatives = of_patient[:, ill] @ n_images[ill], of_patient[:, ~ill] @ n_images[~ill]
    tp, fp = called[:, ill] @ of_patient[:, ill].T, called[:, ~ill] @ of_patient[:, ~ill].T
    recall, specificity = tp / positives, 1 - fp / negatives
    areas = np.empty(recall.shape)
    for place, row in enumerate(logits):
        # Of each pair of a positive and a negative patient: how many pairs of their images are in order.
        order = np.argsort(row)
        below = np.cumsum((patients[order][:, None] == np.flatnonzero(~ill)) & (labels[order] == 0)[:, None], axis=0)
        pairs = np.zeros((len(first), int((~ill).sum())))
        np.add.at(pairs, patients[order], below)
        areas[place] = ((of_patient[:, ill] @ pairs[ill]) * of_patient[:, ~ill]).sum(axis=1) / (positives * negatives)
    f1 = 2 * tp / (tp + fp + positives)
    return {"balanced_accuracy": (recall + specificity) / 2, "recall": recall, "f1": f1, "auroc": areas}


def differences_of(
    world: World, samples: int, rng: np.random.Generator, metrics: tuple[str, ...] = METRICS
) -> tuple[PatientDraws, dict[str, tuple[np.ndarray, np.ndarray]]]:
    labels, patients, logits = one_sweep(world, rng)
    draws = patient_draws(labels, patients, samples, rng)
    weights = np.concatenate([np.ones((1, len(labels)), np.float32), draws.weights])
    found = metrics_of(labels, patients, logits.reshape(-1, len(labels)), weights)
    apart = {name: part.reshape(2, world.seeds, -1) for name, part in found.items()}
    return draws, {
        name: (part[1, :, 0] - part[0, :, 0], part[1, :, 1:] - part[0, :, 1:]) for name, part in apart.items()
    }


def is_called_different(found: Estimate) -> bool:
    """Whether one comparison, not adjusted for others, is significant at the 5 % level."""
    return found.p < 0.05 and (found.low > 0 or found.high < 0)


def called_different(world: World, samples: int, seed: int, number: int) -> dict[str, float]:
    """Whether the two are called different in the simulated sweep of this number: 0 or 1.

    Returns:
        Each of ``METRICS``; ``bootstrap``: balanced accuracy by the bootstrap alone, not corrected for few patients;
        ``held``: whether the 95 % interval of balanced accuracy holds 0.
    """
    draws, found = differences_of(world, samples, np.random.default_rng([seed, number]))
    said: dict[str, float] = {}
    for metric, (values, resampled) in found.items():
        judged = estimate(values, resampled, draws.few.about(metric, 1, paired=True))
        said[metric] = float(is_called_different(judged))
        if metric == "balanced_accuracy":
            said["held"] = float(judged.low <= 0 <= judged.high)
            said["bootstrap"] = float(is_called_different(estimate(values, draws.few.parted(resampled)[1])))
    return said


def worlds() -> list[tuple[str, World]]:
    """What is told of each, and the world."""
    found = [("", World((k, k), seeds)) for seeds in (5, 3, 10) for k in ((2, 3, 5, 10, 20) if seeds == 5 else (3, 5))]
    found += [("", World(counts)) for counts in ((3, 50), (50, 3), (5, 50))]
    found += [("", World((k, k), differs=differs)) for differs in (0.4, 1.6) for k in (3, 5)]
    found += [("1 to 60 images a patient", World((k, k), lumpy=True)) for k in (3, 5, 10)]
    told = "one image a patient, another threshold"
    found += [(told, World(k, images=1, threshold=1.0, differs=0.4)) for k in ((5, 50), (10, 100))]
    return found + [("one patient in ten read far worse", World((k, k), skewed=True)) for k in (5, 10, 20)]


def show_patients(repeats: int, jobs: Jobs) -> None:
    """The table: how often techniques that do not differ are called different, and power."""

    def shares(world: World, n: int) -> dict[str, float]:
        return jobs.line("patients", world, n, lambda: dict(jobs.sweeps(called_different, world, n).mean()))

    lines = []
    for told, world in worlds():
        found = shares(world, repeats)
        power = {}
        if not told and world.differs == 0.8:
            power = shares(replace(world, gain=_GAIN), max(repeats // 4, 1))
        # With another threshold recall and F1 do differ.
        same = [m for m in METRICS if not world.threshold or m in ("balanced_accuracy", "auroc")]
        lines.append(
            [
                " + ".join(map(str, world.patients)),
                world.seeds,
                f"{world.differs:g}",
                told,
                f"{found['sweeps']:,}",
                f"{found['bootstrap']:.1%}",
                *(f"{found[m]:.1%}" if m in same else "" for m in METRICS),
                f"{found['held']:.1%}",
                f"{power['balanced_accuracy']:.0%}" if power else "",
            ]
        )
    show(
        "One comparison at the 5 % level where nothing is true",
        ["test patients of both classes", "seeds", "sd over patients", "", "sweeps",
         "bootstrap alone, balanced accuracy", "as in the report: balanced accuracy", "recall", "F1", "AUROC",
         "coverage", "power"],
        lines,
        ["Sd over patients: of how a technique shifts the logits of all images of one, of whom there are 12 where "
         "nothing else is said. Coverage: of the 95 % interval of balanced accuracy. Power: to see in it a technique "
         f"that is {_GAIN:g} logits better, in a quarter of the sweeps. No minimum of patients is asked for here."],
    )  # fmt: skip


def unseen_kind(patients: int, samples: int, seed: int, number: int) -> dict[str, float]:
    """Whether a technique is called better that gains 0.03 in nine patients of ten and loses 0.27 in the tenth.

    On the whole it is no better. Five seeds; ``patients`` of each class; each has a difference of its own.
    """
    labels, every = np.repeat([0, 1], patients), np.arange(2 * patients)
    rng = np.random.default_rng([seed, number])
    own = np.where(rng.random(len(every)) < 0.1, -0.27, 0.03) + rng.normal(0, 0.01, len(every))
    of_seeds = own + rng.normal(0, 0.02, (5, len(every))) + rng.normal(0, 0.005, (5, 1))
    draws = patient_draws(labels, every, samples, rng)
    weights = np.concatenate([np.ones((1, len(every)), np.float32), draws.weights]).astype(np.float64)
    both = np.zeros((5, len(weights)))
    for own_class in (labels == 0, labels == 1):
        both += of_seeds[:, own_class] @ weights[:, own_class].T / weights[:, own_class].sum(axis=1) / 2
    few = draws.few.about("balanced_accuracy", 1, paired=True)
    return {"named": float(is_called_different(estimate(both[:, 0], both[:, 1:], few)))}


def show_unseen_kind(repeats: int, jobs: Jobs) -> None:
    """The table of ``unseen_kind``: what no method can tell from these patients."""
    lines = []
    for n in (5, 10, 20, 30, 50):

        def make(n: int = n) -> dict[str, float]:
            return dict(jobs.sweeps(unseen_kind, n, repeats).mean())

        found = jobs.line("unseen kind", n, repeats, make)
        lines.append([f"{n} + {n}", f"{found['sweeps']:,}", f"{0.9 ** (2 * n):.1%}", f"{found['named']:.1%}"])
    head = ["test patients of both classes", "sweeps", "hold none of the tenth", "called different"]
    show("One patient in ten is read far worse by the technique alone", head, lines)

"""How often one comparison is wrong where few patients are tested: simulated sweeps in which patients differ.

A baseline and one technique, S seeds each, with no true difference (or a true gain). Each technique reads each patient
in its own way: a shift of the patient's scores towards the truth or away from it, the same in every image and seed, of
mean 0 over patients. So whoever is tested decides, and only as many patients as there are tell how much. The number
that counts is how often the report's own interval and p-value call the two different at the 5 % level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sweep.analysis.few_patients import PatientDraws, patient_draws

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
    images: int = 30
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
        of_each = np.clip(rng.lognormal(np.log(world.images / 3), 1.2, total).round(), 1, 2 * world.images).astype(int)
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

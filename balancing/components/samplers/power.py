"""Power sampling: each epoch draws its rows anew, with class masses between those of the split and equal ones."""

from __future__ import annotations

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.decorators import sampler
from balancing.components.plans import EpochPlans, TrainingPlan
from balancing.components.ranges import FloatRange


@sampler(
    label="Power sampling",
    reference="Mahajan et al., ECCV 2018; Kang et al., ICLR 2020",
    power=FloatRange(0.0, 1.0, default=0.5),
)
def power_sampling(data: TrainingData, random_state: int, *, power: float) -> EpochPlans:
    """Each epoch draws as many rows as there are, classes in proportion to their sizes to a power.

    Args:
        data: T training rows of any number of classes, each with an image.
        random_state: 0..2**32-1.
        power: q in [0, 1]. 0 gives each class the same mass, 1/2 is square-root sampling, 1 leaves the rows as they
            are.
    Returns:
        For each epoch T rows in random order: see ``draw_by_power``. The numbers of each class are the same in all.
    """

    def of(epoch: int) -> TrainingPlan:
        rng = np.random.default_rng((random_state, epoch))
        drawn = draw_by_power(data.rows, data.train_labels, data.n_classes, power, len(data.rows), rng)
        return TrainingPlan.of_rows(drawn, data.labels[drawn])

    return EpochPlans(of)


def draw_by_power(
    rows: np.ndarray, labels: np.ndarray, n_classes: int, power: float, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Rows drawn with class masses in proportion to n^power, by quotas rather than by chance.

    Within a class no row is drawn twice before each was drawn once, none thrice before each was drawn twice, and so on.
    Which rows are drawn does not depend on the classes' numbers.

    Args:
        rows: (T,) int64, any numbers that tell the rows apart.
        labels: (T,) int64 in 0..C-1, their classes; classes without a row get none.
        n_classes: C.
        power: any finite number: 0 gives each class the same mass, 1 leaves them as they are, below 0 rare classes get
            more.
        size: how many rows, >= 0.
        rng: the source of all draws.
    Returns:
        (size,) int64, some of ``rows``, in random order.
    """
    members = [rows[labels == label] for label in range(n_classes)]
    # By what the classes are, so that equal remainders and draws don't hang on their numbers.
    order = sorted((len(own), int(own[0]), label) for label, own in enumerate(members) if len(own))
    quotas = class_quotas(np.array([count for count, _, _ in order]), power, size)
    drawn = []
    for (count, _, label), quota in zip(order, quotas, strict=True):
        drawn += [np.tile(members[label], quota // count), rng.permutation(members[label])[: quota % count]]
    found: np.ndarray = rng.permutation(np.concatenate(drawn))
    return found


def class_quotas(class_counts: np.ndarray, power: float, size: int) -> np.ndarray:
    """Whole numbers in proportion to n^power that sum to ``size``, by largest remainder.

    Args:
        class_counts: (C,) int64, each >= 1.
        power: any finite number.
        size: >= 0.
    Returns:
        (C,) int64; of equal remainders the earlier class is rounded up.
    """
    logs = power * np.log(class_counts)
    masses = np.exp(logs - logs.max())
    # Rounded, so that equal remainders are equal whatever the order of the sum.
    wanted = np.round(size * masses / masses.sum(), 9)
    quotas = np.floor(wanted).astype(np.int64)
    up = np.argsort(quotas - wanted, kind="stable")[: size - quotas.sum()]
    quotas[up] += 1
    return quotas

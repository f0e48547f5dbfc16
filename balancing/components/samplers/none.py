"""Techniques that leave the training rows as they are: the baseline, and augmentation, which acts on batches."""

from __future__ import annotations

from balancing.components.plans import TrainingPlan
from balancing.components.registry import TrainingData, technique


@technique(family="none", reference="none: the data as they are", strength_dial="off")
def baseline(data: TrainingData, random_state: int) -> TrainingPlan:
    """Every training image once, never augmented.

    Args:
        data: T training rows.
        random_state: not used.
    Returns:
        T rows in the order of ``data.rows``.
    """
    return TrainingPlan.of_rows(data.rows, data.train_labels)


@technique(
    family="augmentation",
    reference="Shorten & Khoshgoftaar, Journal of Big Data 6:60, 2019",
    strength_dial="on",
)
def augmentation(data: TrainingData, random_state: int) -> TrainingPlan:
    """Every training image once, rotated and flipped anew in each epoch.

    The plan is the baseline's; the trial applies ``augmentations.rotate_flip.augment`` to its batches, never with
    strength 0.

    Args:
        data: T training rows.
        random_state: not used.
    Returns:
        T rows in the order of ``data.rows``.
    """
    return TrainingPlan.of_rows(data.rows, data.train_labels)

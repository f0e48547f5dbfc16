"""Label-aware smoothing: torch's smoothed labels where all classes smooth alike, the paper's curve where not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from balancing.components.axes import TrainingContext
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.components.losses.label_aware_smoothing import label_aware_smoothing, smoothing_of
from tests.balancing.components.losses.batches import drawn, mixed

COUNTS = np.array([110, 10, 60])
CONTEXT = TrainingContext(COUNTS)


@pytest.mark.parametrize("counts", [COUNTS, np.array([50, 50, 50])], ids=["equal shares", "equal counts"])
def test_where_all_classes_smooth_alike_it_is_torchs_label_smoothing(counts: np.ndarray) -> None:
    logits, labels = drawn()
    tail = 0.3 if counts[0] != counts[1] else 0.0
    loss = label_aware_smoothing(TrainingContext(counts), smooth_head=0.3, smooth_tail=tail)
    for targets, given in ((torch.eye(3)[labels], labels), (mixed(), mixed())):
        theirs = functional.cross_entropy(logits, given, reduction="none", label_smoothing=0.3)
        torch.testing.assert_close(loss(logits, targets), theirs)


def test_a_class_half_way_between_has_the_sines_share() -> None:
    # tail + (head - tail) sin(45 degrees).
    np.testing.assert_allclose(smoothing_of(COUNTS, 0.3, 0.1), [0.3, 0.1, 0.1 + 0.2 * 0.5**0.5], rtol=1e-12)


def test_each_row_is_smoothed_as_its_class_is() -> None:
    logits, labels = drawn()
    loss = label_aware_smoothing(CONTEXT, smooth_head=0.4, smooth_tail=0.1)(logits, torch.eye(3)[labels])
    for label, share in enumerate(smoothing_of(COUNTS, 0.4, 0.1)):
        own = labels == label
        theirs = functional.cross_entropy(logits[own], labels[own], reduction="none", label_smoothing=share)
        torch.testing.assert_close(loss[own], theirs)


def test_without_smoothing_it_is_cross_entropy() -> None:
    logits, _ = drawn()
    loss = label_aware_smoothing(CONTEXT, smooth_head=0.0, smooth_tail=0.0)
    torch.testing.assert_close(loss(logits, mixed()), cross_entropy(logits, mixed()))


def test_a_balanced_plan_of_the_same_images_smooths_alike() -> None:
    logits, _ = drawn()
    even = TrainingContext(np.array([110, 110, 110]), split_counts=COUNTS)
    losses = [label_aware_smoothing(c, smooth_head=0.4, smooth_tail=0.1)(logits, mixed()) for c in (even, CONTEXT)]
    assert torch.equal(*losses)

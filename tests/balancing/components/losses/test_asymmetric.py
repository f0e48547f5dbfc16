"""The asymmetric loss for one label an image against timm's and torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from balancing.components.axes import TrainingContext
from balancing.components.losses.asymmetric import asymmetric
from balancing.components.losses.focal import focal
from tests.balancing.components.losses.batches import drawn, mixed, recorded_rows
from tests.balancing.components.losses.recorded import ORACLES

CONTEXT = TrainingContext(np.array([40, 16, 22]))


@pytest.mark.parametrize("case", ORACLES["rows"]["asymmetric"], ids=str)
def test_losses_are_timms(case: dict[str, Any]) -> None:
    own = {name: float(case[name]) for name in ("gamma_pos", "gamma_neg", "smoothing")}
    ours = asymmetric(CONTEXT, **own)(*recorded_rows())
    torch.testing.assert_close(ours, torch.tensor(case["losses"]), rtol=1e-5, atol=1e-6)


def test_without_gammas_it_is_torchs_cross_entropy_with_smoothed_labels() -> None:
    logits, labels = drawn()
    loss = asymmetric(CONTEXT, gamma_pos=0.0, gamma_neg=0.0, smoothing=0.2)
    for targets, given in ((torch.eye(3)[labels], labels), (mixed(), mixed())):
        theirs = functional.cross_entropy(logits, given, reduction="none", label_smoothing=0.2)
        torch.testing.assert_close(loss(logits, targets), theirs)


def test_without_smoothing_wrong_classes_count_nothing_and_it_is_focal() -> None:
    logits, _ = drawn()
    wanted = focal(CONTEXT, gamma=1.5, alpha=0.0)(logits, mixed())
    for gamma_neg in (0.0, 4.0):
        loss = asymmetric(CONTEXT, gamma_pos=1.5, gamma_neg=gamma_neg, smoothing=0.0)
        torch.testing.assert_close(loss(logits, mixed()), wanted)


def test_of_mixed_targets_the_losses_are_mixed() -> None:
    logits, _ = drawn()
    loss = asymmetric(CONTEXT, gamma_pos=1.0, gamma_neg=4.0, smoothing=0.1)
    pure = torch.stack([loss(logits, torch.eye(3)[label].expand(32, 3)) for label in range(3)], dim=1)
    torch.testing.assert_close(loss(logits, mixed()), (mixed() * pure).sum(dim=1))

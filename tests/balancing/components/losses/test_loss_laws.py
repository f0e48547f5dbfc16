"""Losses made wrong on purpose: of batches, and of cosines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from balancing.components.axes import TrainingContext
from balancing.components.decorators import loss
from balancing.components.losses.ldam import MarginEntropy
from balancing.components.losses.overlap import overlap_loss
from balancing.components.registry import COMPONENTS
from balancing.components.testing import LAWS, run
from tests.balancing.components.registered import keep_registry

SAYS: dict[str, Any] = {"label": "Wrong", "reference": "here"}


def alone_but_declared() -> None:
    @loss(**SAYS, batchwise=True)
    def wrong(context: TrainingContext) -> Any:
        """Plain cross-entropy."""
        return lambda logits, targets: torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def undeclared() -> None:
    @loss(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """A soft F score."""
        return overlap_loss(0.5, 0.5)


def by_order() -> None:
    @loss(**SAYS, batchwise=True)
    def wrong(context: TrainingContext) -> Any:
        """The first row counts twice."""

        def first_twice(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
            return losses + losses[0]

        return first_twice


def needs_all_classes() -> None:
    @loss(**SAYS, batchwise=True)
    def wrong(context: TrainingContext) -> Any:
        """Recall of every class, also of those that are not there."""

        def missed(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            recall = (targets * logits.softmax(dim=1)).sum(dim=0) / targets.sum(dim=0)
            return (1 - recall.mean()).expand(len(logits))

        return missed


def cosines_without_a_scale() -> None:
    @loss(**SAYS, head="cosine")
    def wrong(context: TrainingContext) -> Any:
        """Scales, and does not say so."""
        margin = MarginEntropy(np.full(context.n_classes, 0.1), 8.0)
        return lambda logits, targets: margin(logits, targets)


def a_scale_without_cosines() -> None:
    @loss(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Wants cosines, and does not say so."""
        return MarginEntropy(np.full(context.n_classes, 0.1), 8.0)


@pytest.mark.parametrize(
    ("define", "broken"),
    [
        (alone_but_declared, "law_a_row_is_alone_unless_declared"),
        (undeclared, "law_a_row_is_alone_unless_declared"),
        (by_order, "law_a_row_is_alone_unless_declared"),
        (needs_all_classes, "law_a_row_is_alone_unless_declared"),
        (cosines_without_a_scale, "law_cosines_come_with_a_scale"),
        (a_scale_without_cosines, "law_cosines_come_with_a_scale"),
    ],
)
def test_what_is_wrong_breaks_its_law(define: Any, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)
    define()
    component = COMPONENTS.get("wrong")
    assert component is not None
    (law,) = (law for law in LAWS[component.axis] if law.__name__ == broken)
    with pytest.raises(AssertionError, match=rf"^{broken} on loss 'wrong': "):
        run(law, component)

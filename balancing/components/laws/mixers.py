"""Laws of mixers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from balancing.components.axes import Mix, Partnered, TrainingContext
from balancing.components.laws.common import SEED, built, require, untouched_global_state
from balancing.components.registry import Component
from balancing.errors import UserError

if TYPE_CHECKING:
    import torch


def _mixes(component: Component) -> Iterator[tuple[TrainingContext, Mix, str]]:
    """How each context and setting mixes, with partners from the batch or from the training rows alike."""
    for context, found, said in built(component):
        if isinstance(found, Partnered):
            require(math.isfinite(found.power), f"partners are drawn by n^{found.power}: {said}")
        yield context, found.mix if isinstance(found, Partnered) else found, said


def _batch(context: TrainingContext, shape: tuple[int, ...]) -> tuple[Any, Any, Any, Any]:
    """Twelve rows, their partners (of which some are the rows themselves), and the targets of both."""
    import torch

    generator = torch.Generator().manual_seed(SEED)
    targets = torch.eye(context.n_classes)[torch.arange(12) % context.n_classes]
    order = torch.randperm(12, generator=generator)
    x = torch.rand((12, *shape), generator=generator)
    return x, x[order], targets, targets[order]


def _features(mix: Mix, batch: tuple[Any, Any, Any, Any], generator: torch.Generator) -> Any:
    """The mixed features; None where the mixer, which works on images alone, refuses them by a sentence."""
    try:
        return mix(*batch, generator)
    except UserError as refusal:
        require("(B, C, H, W)" in str(refusal), f"the refusal does not say what it works on: {refusal}")
        return None


def law_rows_and_targets_stay_what_they_are(component: Component) -> None:
    """Shapes stay, targets sum to 1 in each row, values are finite, equal generators give equal batches.

    Images, grey and colour, and features (B, F) where the mixer does not refuse them.
    """
    import torch

    for context, mix, said in _mixes(component):
        for shape in ((1, 6, 6), (3, 5, 8), (16,)):
            batch = _batch(context, shape)
            kept, found = [each.clone() for each in batch], []
            with untouched_global_state():
                for _ in range(2):
                    fresh = torch.Generator().manual_seed(SEED)
                    found.append(mix(*batch, fresh) if len(shape) == 3 else _features(mix, batch, fresh))
            if found[0] is None:
                continue
            (mixed, shares), again = found
            require(mixed.shape == batch[0].shape and shares.shape == batch[2].shape, f"a shape changed: {said}")
            require(mixed.dtype == batch[0].dtype and shares.dtype == batch[2].dtype, f"a dtype changed: {said}")
            require(torch.isfinite(mixed).all(), f"a value is no number: {said}")
            require((shares >= 0).all(), f"a share of a target is below 0: {said}")
            require(torch.allclose(shares.sum(dim=1), torch.ones(12)), f"targets don't sum to 1: {said}")
            same = torch.equal(mixed, again[0]) and torch.equal(shares, again[1])
            require(same, f"equal generators gave different batches: {said}")
            alone = all(torch.equal(each, before) for each, before in zip(batch, kept, strict=True))
            require(alone, f"the given batch was changed: {said}")


def law_a_row_mixed_with_itself_stays(component: Component) -> None:
    import torch

    for context, mix, said in _mixes(component):
        x, _, targets, _ = _batch(context, (1, 6, 6))
        mixed, shares = mix(x, x, targets, targets, torch.Generator().manual_seed(SEED))
        same = torch.allclose(mixed, x, atol=1e-5) and torch.allclose(shares, targets, atol=1e-6)
        require(same, f"a row whose partner is itself was changed: {said}")


def law_what_is_mixed_lies_between_its_parents(component: Component) -> None:
    """No pixel leaves the range of the row's and its partner's, no target that of theirs; something is mixed."""
    import torch

    changed = False
    for context, mix, said in _mixes(component):
        x, partner, targets, others = _batch(context, (1, 6, 6))
        mixed, shares = mix(x, partner, targets, others, torch.Generator().manual_seed(SEED))
        for found, own, other in ((mixed, x, partner), (shares, targets, others)):
            low, high = torch.minimum(own, other) - 1e-5, torch.maximum(own, other) + 1e-5
            require(((found >= low) & (found <= high)).all(), f"a value lies outside those of its parents: {said}")
        changed = changed or not torch.equal(mixed, x)
    require(changed, "no row was ever mixed with its partner")


LAWS = (
    law_rows_and_targets_stay_what_they_are,
    law_a_row_mixed_with_itself_stays,
    law_what_is_mixed_lies_between_its_parents,
)

"""Laws of mixers."""

from __future__ import annotations

from balancing.components.laws.common import SEED, built, require, untouched_global_state
from balancing.components.registry import Component


def law_rows_and_targets_stay_what_they_are(component: Component) -> None:
    """Shapes stay, targets sum to 1 in each row, values are finite, equal generators give equal batches."""
    import torch

    for context, mix, said in built(component):
        generator = torch.Generator().manual_seed(SEED)
        targets = torch.eye(context.n_classes)[torch.arange(12) % context.n_classes]
        order = torch.randperm(12, generator=generator)
        for shape in ((12, 1, 6, 6), (12, 16)):
            x = torch.rand(shape, generator=generator)
            kept, found = (x.clone(), targets.clone()), []
            with untouched_global_state():
                for _ in range(2):
                    fresh = torch.Generator().manual_seed(SEED)
                    found.append(mix(x, x[order], targets, targets[order], fresh))
            (mixed, shares), again = found
            require(mixed.shape == x.shape and shares.shape == targets.shape, f"a shape changed: {said}")
            require(torch.isfinite(mixed).all(), f"a value is no number: {said}")
            require((shares >= 0).all(), f"a share of a target is below 0: {said}")
            require(torch.allclose(shares.sum(dim=1), torch.ones(12)), f"targets don't sum to 1: {said}")
            same = torch.equal(mixed, again[0]) and torch.equal(shares, again[1])
            require(same, f"equal generators gave different batches: {said}")
            alone = torch.equal(x, kept[0]) and torch.equal(targets, kept[1])
            require(alone, f"the given batch was changed: {said}")


def law_a_row_mixed_with_itself_stays(component: Component) -> None:
    import torch

    for context, mix, said in built(component):
        generator = torch.Generator().manual_seed(SEED)
        targets = torch.eye(context.n_classes)[torch.arange(12) % context.n_classes]
        x = torch.rand(12, 1, 6, 6, generator=generator)
        mixed, shares = mix(x, x, targets, targets, generator)
        same = torch.allclose(mixed, x, atol=1e-5) and torch.allclose(shares, targets, atol=1e-6)
        require(same, f"a row whose partner is itself was changed: {said}")


LAWS = (law_rows_and_targets_stay_what_they_are, law_a_row_mixed_with_itself_stays)

"""Laws of losses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from balancing.components.laws.common import SEED, built, require, tried, untouched_global_state
from balancing.components.registry import Component

if TYPE_CHECKING:
    import torch


def _batch(component: Component, n_classes: int, *, soft: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, C) logits (cosines, where it wants such) that want gradients; (B, C) targets, of whole classes or mixed."""
    import torch

    generator = torch.Generator().manual_seed(SEED)
    logits = 3 * torch.randn(12, n_classes, generator=generator)
    if component.head == "cosine":
        logits = logits.tanh()
    targets = torch.eye(n_classes)[torch.arange(12) % n_classes]
    if soft:
        share = torch.rand(12, 1, generator=generator)
        targets = share * targets + (1 - share) * targets.roll(1, dims=0)
    return logits.requires_grad_(), targets


def law_a_loss_a_row(component: Component) -> None:
    """(B, C) logits and targets, whole or soft, give (B,) finite numbers; nothing is drawn."""
    import torch

    for context, loss, said in built(component):
        for soft in (False, True):
            logits, targets = _batch(component, context.n_classes, soft=soft)
            with untouched_global_state():
                losses = loss(logits, targets)
            require(losses.shape == (12,), f"(12, C) logits gave a loss of shape {tuple(losses.shape)}: {said}")
            require(losses.dtype == torch.float32, f"float32 logits gave {losses.dtype}: {said}")
            require(torch.isfinite(losses).all(), f"a loss is no finite number: {said}")


def law_a_row_is_alone_unless_declared(component: Component) -> None:
    """A row's loss is that of its batch of one; or it depends on the batch, where that is declared.

    A declared one depends on which rows there are, not on their order, and a batch of one row, or of one class, gives
    finite losses and gradients too.
    """
    import torch

    for context, loss, said in built(component):
        for soft in (False, True):
            logits, targets = _batch(component, context.n_classes, soft=soft)
            losses = loss(logits, targets)
            parts = [loss(logits[row : row + 1], targets[row : row + 1]) for row in range(12)]
            same = torch.allclose(losses, torch.cat(parts), rtol=1e-4, atol=1e-5)
            if not component.batchwise:
                require(same, f"a row's loss depends on the others of its batch: {said}")
                continue
            require(not same, f"declared batchwise, but each row's loss is its own: {said}")
            order = torch.arange(12).flip(0)
            turned = torch.allclose(losses[order], loss(logits[order], targets[order]), rtol=1e-4, atol=1e-5)
            require(turned, f"rows in another order have other losses: {said}")
            one_class = loss(logits, targets[:1].expand(12, -1))
            for some in (*parts, one_class):
                (gradient,) = torch.autograd.grad(some.sum(), logits)
                finite = torch.isfinite(some).all() and torch.isfinite(gradient).all()
                require(finite, f"a batch without a class gives a loss or gradient that is no finite number: {said}")


def law_cosines_come_with_a_scale(component: Component) -> None:
    """A loss of cosines says by what they are multiplied to be logits; others have no such scale."""
    for _, loss, said in built(component):
        scale = getattr(loss, "scale", None)
        if component.head == "cosine":
            known = isinstance(scale, float) and scale > 0
            require(known, f"a loss of cosines needs a scale > 0, a float, but has {scale!r}: {said}")
        else:
            require(scale is None, f"a scale is for losses with head='cosine': {said}")


def law_gradients_flow(component: Component) -> None:
    """Every row's logits get a finite gradient, and a step against it lowers the loss."""
    import torch

    # Cosines are multiplied by up to a hundred, and so are their gradients.
    step = 1e-5 if component.head == "cosine" else 1e-3
    for context, loss, said in built(component):
        logits, targets = _batch(component, context.n_classes)
        (gradient,) = torch.autograd.grad(loss(logits, targets).sum(), logits)
        require(torch.isfinite(gradient).all(), f"a gradient is no finite number: {said}")
        require((gradient != 0).any(), f"no gradient flows: {said}")
        with torch.no_grad():
            before, after = loss(logits, targets).sum(), loss(logits - step * gradient, targets).sum()
        require(after < before, f"a step against the gradient does not lower the loss: {said}")


def law_extreme_logits_stay_finite(component: Component) -> None:
    """Logits far apart, as a network gives them that is sure, overflow nothing."""
    import torch

    for context, loss, said in built(component):
        targets = torch.eye(context.n_classes)
        logits = (200 * torch.eye(context.n_classes).roll(1, dims=0)).requires_grad_()
        losses = loss(logits, targets)
        (gradient,) = torch.autograd.grad(losses.sum(), logits)
        finite = torch.isfinite(losses).all() and torch.isfinite(gradient).all()
        require(finite, f"logits of 200 give a loss or a gradient that is no finite number: {said}")


def law_classes_have_no_order(component: Component) -> None:
    """Classes in another order, counts with them, give the same losses."""
    import torch

    for context, parameters, said in tried(component):
        loss = component.build(context, **parameters)
        order = torch.arange(context.n_classes).roll(1)
        logits, targets = _batch(component, context.n_classes)
        positive = None if context.positive is None else int(order.tolist().index(context.positive))
        counts = context.class_counts[order.numpy()]
        turned = component.build(replace(context, class_counts=counts, positive=positive), **parameters)
        same = torch.allclose(loss(logits, targets), turned(logits[:, order], targets[:, order]), rtol=1e-4, atol=1e-5)
        require(same, f"classes in another order change the losses: {said}")


LAWS = (
    law_a_loss_a_row,
    law_a_row_is_alone_unless_declared,
    law_cosines_come_with_a_scale,
    law_gradients_flow,
    law_extreme_logits_stay_finite,
    law_classes_have_no_order,
)

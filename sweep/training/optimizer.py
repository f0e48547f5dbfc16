"""The optimizer of a trial, and its learning rate step by step."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from sweep.runs.spec import TrialSpec

_MOMENTUM = 0.9  # of sgd


def new_optimizer(
    model: nn.Module,
    lr: float,
    weight_decay: float = 0.0,
    loss: nn.Module | None = None,
    kind: str = "adam",
    *,
    bias_decays: bool = True,
) -> torch.optim.Optimizer:
    """Adam as the study has it, or another; fused: one pass over the parameters instead of some ten.

    That makes Adam's step 4 times faster on a CPU.

    Args:
        weight_decay: an L2 penalty; of ``adamw`` decoupled from the gradient.
        loss: whose values train too, without weight decay; None: it has none.
        kind: ``adam``, ``adamw``, or ``sgd`` with momentum 0.9.
        bias_decays: whether biases have the weight decay too. A head alone trains without: with imbalanced classes a
            bias is what the frequencies are told by, and weights would grow to stand in for it.
    Reference: Kingma & Ba, ICLR 2015; Loshchilov & Hutter, ICLR 2019 (AdamW).
    """
    parts = dict(model.named_parameters())
    scales = next((parts.pop(name) for name in list(parts) if name.rpartition(".")[2] == "scales"), None)
    free = [] if bias_decays else [parts.pop(name) for name in list(parts) if name.rpartition(".")[2] == "bias"]
    groups: list[dict[str, Any]] = [{"params": list(parts.values())}]
    if free:
        groups.append({"params": free, "weight_decay": 0.0})
    if scales is not None:  # factors of the classes, which may have a learning rate of their own
        groups.append({"params": [scales], "scales": True})
    if loss is not None:
        groups.append({"params": list(loss.parameters()), "weight_decay": 0.0})
    if kind == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=_MOMENTUM, weight_decay=weight_decay, fused=True)
    of_kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind]
    return of_kind(groups, lr=lr, weight_decay=weight_decay, fused=True)


def set_lr(optimizer: torch.optim.Optimizer, lr: float, of_scales: float | None = None) -> None:
    """The learning rate from here on; of the factors of the classes another, where one is given."""
    for group in optimizer.param_groups:
        group["lr"] = of_scales if of_scales is not None and group.get("scales") else lr


def is_constant(spec: TrialSpec) -> bool:
    """Whether the learning rate is the same in all steps."""
    return spec.lr_schedule == "constant" and spec.warmup == 0


def lr_factor(spec: TrialSpec, epoch: int, step: int, steps: int) -> float:
    """What the learning rate is multiplied by in a step: of its place in the training alone.

    Args:
        epoch: from 1.
        step: of the epoch, from 0.
        steps: of the epoch.
    Returns:
        In (0, 1]: rising evenly to 1 over the share ``warmup``; then 1, or half a cosine from 1 towards 0.
    Reference: Loshchilov & Hutter, ICLR 2017 (cosine, without restarts).
    """
    begins, ends = ((epoch - 1 + place / steps) / spec.epochs for place in (step, step + 1))
    if begins < spec.warmup:
        return min(1.0, ends / spec.warmup)
    if spec.lr_schedule == "constant":
        return 1.0
    return (1 + math.cos(math.pi * (begins - spec.warmup) / (1 - spec.warmup))) / 2

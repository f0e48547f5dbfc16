"""Records what MONAI, timm, pytorch-metric-learning and LibAUC give, so that tests need none of them.

    pip install --no-deps --target THERE monai==1.6.1 timm==1.0.31 pytorch-metric-learning==2.9.0 libauc==2.0.1
    PYTHONPATH=THERE:. python tests/balancing/components/losses/record_oracles.py

writes ``oracles.json`` beside this script. Ran with torch 2.14.1.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from libauc.losses.auc import AUCMLoss
from libauc.optimizers.pesg import PESG
from monai.losses import FocalLoss, TverskyLoss
from pytorch_metric_learning.losses import CosFaceLoss
from timm.loss.asymmetric_loss import AsymmetricLossSingleLabel

FILE = Path(__file__).parent / "oracles.json"
LIBRARIES = ("monai", "timm", "pytorch-metric-learning", "libauc")


def of_rows() -> dict[str, Any]:
    """Losses of rows of three classes."""
    generator = torch.Generator().manual_seed(0)
    logits = (2 * torch.randn(7, 3, generator=generator)).round(decimals=3)
    labels = torch.tensor([0, 1, 2, 0, 0, 2, 0])
    targets = torch.eye(3)[labels]
    weights = torch.tensor([0.5, 1.25, 2.0])
    return {
        "logits": logits.tolist(),
        "labels": labels.tolist(),
        "weights": weights.tolist(),
        "focal": [
            {"gamma": gamma, "losses": focal(logits, targets).sum(dim=1).tolist()}
            for gamma in (0.5, 2.0, 5.0)
            for focal in [FocalLoss(use_softmax=True, gamma=gamma, weight=weights, reduction="none")]
        ],
        "tversky": [
            {"alpha": alpha, "loss": tversky(logits, targets).item()}
            for alpha in (0.3, 0.5, 0.7)
            for tversky in [
                TverskyLoss(softmax=True, alpha=alpha, beta=1 - alpha, smooth_nr=0, smooth_dr=0, batch=True)
            ]
        ],
        "asymmetric": [
            {"gamma_pos": pos, "gamma_neg": neg, "smoothing": eps, "losses": asl(logits, labels).tolist()}
            for pos, neg, eps in ((0, 4, 0.1), (1, 4, 0.1), (2, 1, 0.2), (0, 0, 0.1))
            for asl in [AsymmetricLossSingleLabel(pos, neg, eps, reduction="none")]
        ],
    }


def of_cosines() -> dict[str, Any]:
    """Losses of rows with one margin for all four classes."""
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(6, 5, generator=generator).round(decimals=3)
    head = torch.randn(5, 4, generator=generator).round(decimals=3)
    labels = torch.tensor([3, 1, 0, 2, 0, 1])
    cosface = CosFaceLoss(num_classes=4, embedding_size=5, margin=0.5, scale=30)
    cosface.W.data = head
    losses = [cosface(features[row : row + 1], labels[row : row + 1]).item() for row in range(6)]
    given = {"features": features.tolist(), "head": head.tolist(), "labels": labels.tolist()}
    return {**given, "margin": 0.5, "scale": 30.0, "losses": losses}


def of_ranks() -> dict[str, Any]:
    """The AUC margin loss of a batch in which 3 of 8 rows are positive, its gradients, and a step of its optimiser."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(8, 4, generator=generator).round(decimals=3)
    labels = torch.tensor([0, 1, 0, 0, 1, 0, 1, 0])
    start = torch.randn(4, generator=generator).round(decimals=3)
    reference = torch.randn(4, generator=generator).round(decimals=3)
    found: dict[str, Any] = {"x": x.tolist(), "labels": labels.tolist(), "start": start.tolist()}
    found |= {"a": 0.6, "b": 0.3, "alpha": 0.4, "margin": 0.8, "share": 0.375}
    # Version 1: in version 2 of LibAUC 2.0.1 the negatives' mean is divided by all rows.
    weight, loss = start.clone().requires_grad_(), AUCMLoss(0.8, 0.375, "v1", "cpu")
    for name in ("a", "b", "alpha"):
        getattr(loss, name).data.fill_(found[name])
    value = loss((x @ weight).sigmoid(), labels, auto=False)
    value.backward()
    gradients = {name: getattr(loss, name).grad.item() for name in ("a", "b", "alpha")}
    found["v1"] = {"loss": value.item(), "weight": weight.grad.tolist(), **gradients}
    said = {"lr": 0.1, "weight_decay": 0.01, "epoch_decay": 0.05}
    optimizer = PESG([weight], loss, momentum=0, clip_value=1e9, device="cpu", verbose=False, **said)
    # A reference of one's own, where theirs is drawn at random.
    for mine, to in zip(optimizer.model_ref, (reference, found["a"], found["b"]), strict=True):
        mine.data.copy_(torch.as_tensor(to))
    optimizer.step()
    after = {"weight": weight.tolist(), "a": loss.a.item(), "b": loss.b.item()}
    found["pesg"] = {**said, "reference": reference.tolist(), "after": after}
    return found


if __name__ == "__main__":
    recorded = {
        "versions": {name: version(name) for name in LIBRARIES},
        "rows": of_rows(),
        "cosines": of_cosines(),
        "ranks": of_ranks(),
    }
    shorter = json.loads(json.dumps(recorded), parse_float=lambda number: float(f"{float(number):.7g}"))
    lines = [f'"{name}": {json.dumps(part)}' for name, part in shorter.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")

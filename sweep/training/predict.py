"""What a network says of rows of the images, without augmentation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from balancing.errors import UserError
from sweep.runs.predictions import Predictions
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.checkpoints import network_fault
from sweep.training.gpu_memory import PREDICTING, noting
from sweep.training.hardware import evaluation_batch, memory_format, on_device
from sweep.training.inputs import SplitImages, network_input
from sweep.training.network import Network, restore, to_device
from sweep.training.step import autocast

_VECTORS = 4096  # in a batch


def predict_logits(
    model: nn.Module, pixels: torch.Tensor, rows: np.ndarray, spec: TrialSpec, device: torch.device
) -> torch.Tensor:
    """Logits of some rows.

    Args:
        model: on ``device``; left in evaluation mode.
        pixels: (N, H, W) or (N, H, W, 3) uint8; of a head behind a frozen body (N, D) float.
        rows: (n,) int64.
    Returns:
        (n, C) float32, on the device.
    """
    return _answers(model, model, pixels, rows, spec, device)


def features_of(
    network: Network, pixels: torch.Tensor, rows: np.ndarray, spec: TrialSpec, device: torch.device
) -> torch.Tensor:
    """What the body makes of some rows: (n, F) float32, on the device. Arguments as of ``predict_logits``."""
    return _answers(network, network.features, pixels, rows, spec, device)


def _answers(
    model: nn.Module,
    answer: Callable[[torch.Tensor], torch.Tensor],
    pixels: torch.Tensor,
    rows: np.ndarray,
    spec: TrialSpec,
    device: torch.device,
) -> torch.Tensor:
    model.eval()
    found = []
    vectors = pixels.ndim == 2
    batch = _VECTORS if vectors else evaluation_batch(pixels.shape[1], device)
    layout = torch.contiguous_format if vectors else memory_format(spec.image_size, spec.precision, device)
    with noting(f"{PREDICTING} {batch} images at once"), torch.inference_mode(), autocast(device, spec.precision):
        for start in range(0, len(rows), batch):
            index = torch.from_numpy(rows[start : start + batch]).to(pixels.device)
            images = network_input(pixels[index].to(device), spec)
            found.append(answer(images.contiguous(memory_format=layout)).float())
    return torch.cat(found)


def predict(
    model: nn.Module, pixels: torch.Tensor, rows: np.ndarray, spec: TrialSpec, device: torch.device
) -> np.ndarray:
    """Class probabilities of some rows: (n, C) float32, rows sum to 1. Arguments as of ``predict_logits``."""
    return predict_logits(model, pixels, rows, spec, device).softmax(dim=1).cpu().numpy()


def predictions_of(
    model: nn.Module, pixels: torch.Tensor, images: SplitImages, part: str, spec: TrialSpec, device: torch.device
) -> Predictions:
    """What a network says of one part of the split.

    Args:
        pixels: of the images, on the device or in main memory.
        part: ``validation`` or ``test``.
    """
    rows = images.part(part)
    logits = predict_logits(model, pixels, rows, spec, device)
    # On the device, as ever: another's softmax can differ in the last bit.
    probabilities = logits.softmax(dim=1).cpu().numpy()
    head = model.head_numbers() if isinstance(model, Network) else None
    return Predictions(rows, images.labels[rows], probabilities, logits.cpu().numpy(), head)


def predict_part(folder: TrialFolder, images: SplitImages, part: str, device: torch.device) -> None:
    """Predicts one part of the split with a trial's best network and records it.

    Args:
        folder: of a trial that has a best epoch.
        part: ``validation`` or ``test``.
    Raises:
        UserError: its network is gone, damaged, or not the one that its record tells of.
    """
    fault = network_fault(folder)
    if fault:
        raise UserError(f"trial {folder.path.name} can't be predicted with: {fault}; `sweep resume` trains it again")
    network, facts = restore(folder.best)
    spec = TrialSpec.from_dict(facts["spec"])
    pixels = on_device(images.stored(spec), device, images.gpu_share)
    found = predictions_of(to_device(network, spec, device), pixels, images, part, spec, device)
    folder.write_predictions(
        part, found.rows, found.labels, found.probabilities, facts.get("network", ""), found.logits
    )

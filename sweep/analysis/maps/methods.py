"""Class activation maps of images, by torchcam."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torchcam.methods import GradCAM, LayerCAM, SmoothGradCAMpp

from balancing.errors import UserError, suggestion
from sweep.training.network import field_of


class CamMethod(NamedTuple):
    """A way to make a class activation map.

    Args:
        extractor: torchcam's class.
        name: its shown name.
        reference: where it comes from.
        batched: whether several images may go at once and give the maps that each gives alone.
    """

    extractor: Any
    name: str
    reference: str
    batched: bool


DEFAULT_METHOD = "smoothgradcampp"
CAM_METHODS = {
    # Its noise comes from one generator and its weights from the last noisy pass, so one image at a time.
    "smoothgradcampp": CamMethod(
        SmoothGradCAMpp,
        "SmoothGradCAM++",
        "Omeiza et al., Smooth Grad-CAM++, arXiv:1908.01224, 2019, as in torchcam",
        batched=False,
    ),
    "gradcam": CamMethod(GradCAM, "Grad-CAM", "Selvaraju et al., Grad-CAM, ICCV 2017, as in torchcam", batched=True),
    "layercam": CamMethod(
        LayerCAM,
        "LayerCAM",
        "Jiang et al., LayerCAM, IEEE Transactions on Image Processing 30, 2021, as in torchcam",
        batched=True,
    ),
}
# Pixels a side of one field of the last block, of a network that begins as ImageNet's.
FIELD = field_of("imagenet")
METHOD = CAM_METHODS[DEFAULT_METHOD].name
_BATCH = 16


def cam_method(method: str) -> CamMethod:
    """The method of a key of ``CAM_METHODS``.

    Raises:
        UserError: there is none of that name.
    """
    if method not in CAM_METHODS:
        raise UserError(f"unknown activation map method '{method}'{suggestion(method, CAM_METHODS)}")
    return CAM_METHODS[method]


def class_activation_map(
    model: nn.Module, image: torch.Tensor, target_class: int, seed: int = 0, method: str = DEFAULT_METHOD
) -> np.ndarray:
    """The map of one image on the last block, by torchcam.

    Args:
        model: names its ``last_block``, any device; used in evaluation mode and float32, left as it was.
        image: (3, H, W) or (1, 3, H, W), normalised as in training (``sweep.training.inputs.to_input``).
        target_class: whose evidence is shown, 0..C-1.
        seed: of the noise that SmoothGradCAM++ adds; equal seeds give equal maps.
        method: a key of ``CAM_METHODS``.
    Returns:
        (H, W) float32 in [0, 1]; all 0 where nothing speaks for the class, or where the block has but one field. It is
        enlarged from the fields of the block (see ``fields``): no finer place can be told.
    Raises:
        ValueError: more than one image.
        UserError: an unknown method.
    Reference: see ``CAM_METHODS``.
    """
    batch = image.unsqueeze(0) if image.ndim == 3 else image
    if len(batch) != 1:
        raise ValueError(f"a map is made of one image at a time, but {len(batch)} were given")
    return class_activation_maps(model, batch, [int(target_class)], [seed], method)[0]


def class_activation_maps(
    model: nn.Module, images: torch.Tensor, targets: list[int], seeds: list[int], method: str = DEFAULT_METHOD
) -> np.ndarray:
    """The maps of several images.

    torchcam draws SmoothGradCAM++'s noise from the global generator and weighs the activations of the last noisy
    pass; so the generator is seeded here for each image (and put back), its images go one at a time, and everything
    is float32. SmoothGradCAM++ takes several times as long as the others.

    Args:
        model: names its ``last_block``, any device; used in evaluation mode and float32, left as it was.
        images: (N, 3, H, W), normalised as in training.
        targets: (N,) the class whose evidence is shown, 0..C-1.
        seeds: (N,) of each image's noise.
        method: a key of ``CAM_METHODS``.
    Returns:
        (N, H, W) float32 in [0, 1], each scaled so that its smallest value is 0 and its largest 1; all 0 where it has
        one value alone.
    Raises:
        UserError: an unknown method.
    """
    chosen = cam_method(method)
    device = next(model.parameters()).device
    step = _BATCH if chosen.batched else 1
    found = []
    was_training = model.training
    model.eval()
    try:
        with (
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
            torch.enable_grad(),
            torch.autocast(device.type, enabled=False),
            chosen.extractor(model, target_layer=model.last_block, input_shape=tuple(images.shape[1:])) as extractor,
        ):
            for start in range(0, len(images), step):
                part = slice(start, start + step)
                # With a gradient of its own, so that a network without weights before the block has one there, too.
                batch = images[part].to(device=device, dtype=torch.float32).detach().requires_grad_()
                torch.manual_seed(seeds[start])
                scores = model(batch)
                found.append(_enlarged(extractor(targets[part], scores)[0], batch.shape[-2:]))
    finally:
        model.train(was_training)
    return np.concatenate(found) if found else np.zeros((0, *images.shape[-2:]), dtype=np.float32)


def _enlarged(coarse: torch.Tensor, size: tuple[int, ...]) -> np.ndarray:
    """(N, h, w) fields -> (N, H, W) float32 in [0, 1]."""
    fine = nn.functional.interpolate(coarse[:, None].float(), size=size, mode="bilinear", align_corners=False)
    return np.nan_to_num(fine[:, 0].detach().cpu().numpy()).clip(0.0, 1.0).astype(np.float32)


def fields(height: int, width: int, field: int = FIELD) -> tuple[int, int]:
    """How many fields the last block sees down and across: all the places that a map can tell apart.

    Args:
        field: pixels a side of each.
    """
    return -(-height // field), -(-width // field)

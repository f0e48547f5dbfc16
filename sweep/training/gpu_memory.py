"""What a trial says where its GPU's memory was too small: the batch size that would fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from sweep.runs.spec import TrialSpec
from sweep.training.hardware import resident_limit
from sweep.training.network import Network, new_model
from sweep.training.networks.head_network import HeadNetwork
from sweep.training.networks.sizes import n_features
from sweep.training.step import autocast

PREDICTING = "while it predicted"
# What cuDNN's workspaces, the allocator's gaps and a step's passing tensors take, on top of what backward needs.
_MARGIN = 1.4
# Of a parameter: itself, its gradient, Adam's two means; float32.
_BYTES_A_PARAMETER = 16


@contextmanager
def noting(what: str) -> Iterator[None]:
    """Says of an out-of-memory error what was being done."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        error.add_note(what)
        raise


def bytes_an_image(model: nn.Module, spec: TrialSpec) -> int:
    """What a training step keeps for backward of each image more, counted on the CPU with two and with four."""
    return (_bytes_kept(model, spec, 4) - _bytes_kept(model, spec, 2)) // 2


def _bytes_kept(model: nn.Module, spec: TrialSpec, images: int) -> int:
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    packing = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with packing, autocast(torch.device("cpu"), spec.precision):
        if isinstance(model, HeadNetwork):
            given = torch.zeros(images, len(model.mean))
        else:
            given = torch.zeros(images, 3, spec.image_size, spec.image_size)
        model.train()(given).sum().backward()
    return sum(kept.values())


def _like(spec: TrialSpec) -> Network:
    """A network of the trial's shape, for two classes."""
    if not spec.frozen:
        return new_model(2, 0, stem=spec.stem, architecture=spec.architecture)
    mean = torch.zeros(n_features(spec.architecture))
    return HeadNetwork(mean, torch.ones_like(mean), 2, hidden=spec.hidden)


def fitting_batch(batch_size: int, each: float, held: float, room: float | None) -> int | None:
    """The batch size to try next: a power of two, at most half of the one that did not fit.

    Args:
        batch_size: that did not fit.
        each: bytes that an image of a batch takes.
        held: bytes that stay whatever the batch size.
        room: bytes that the trial may have in all; None where unknown.
    Returns:
        At least 2, or None where not even two images fit.
    """
    most = batch_size // 2
    if room is not None:
        most = min(most, int((room - held) / each))
    return 1 << (most.bit_length() - 1) if most >= 2 else None


def explain(
    error: torch.OutOfMemoryError, spec: TrialSpec, pixels: np.ndarray, device: torch.device, share: float
) -> str:
    """One sentence: what did not fit, and what would.

    Args:
        error: as torch raised it.
        pixels: all images; held on the GPU where there was room.
        share: of a GPU, that the trial was given.
    """
    room, there = None, "the GPU's memory"
    held = 0.0
    model = _like(spec)
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        room = free + torch.cuda.memory_reserved(device)  # what others on the GPU leave
        there = f"the {room / 1e9:.1f} of {total / 1e9:.1f} GB that this trial had of its GPU"
        held = _BYTES_A_PARAMETER * sum(parameter.numel() for parameter in model.parameters())
        held += pixels.nbytes if pixels.nbytes < resident_limit(room, total, min(share, 1.0)) else 0
    more = "--gpus-per-trial 1" if 0 < share < 1 else "a GPU with more memory"
    doing = next((note for note in getattr(error, "__notes__", []) if note.startswith(PREDICTING)), None)
    if doing:
        return f"{there} did not suffice {doing}, so it was not tried again: give {more}, or a smaller --image-size"
    batch = fitting_batch(spec.batch_size, _MARGIN * bytes_an_image(model, spec), held, room)
    instead = f"--batch-size {batch} should fit" if batch else "not even --batch-size 2 would fit"
    return (
        f"a batch of {spec.batch_size} images of {spec.image_size} px did not fit into {there}, so it was not tried "
        f"again: {instead}; or give {more}, or a smaller --image-size"
    )

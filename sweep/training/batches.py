"""An epoch's batches.

Their order, augmentation and mixing are drawn from a generator seeded by (seed, epoch) alone, so the random state is a
function of both: a trial that goes on at epoch e draws what it would have drawn without the interruption.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from sweep.runs.spec import TrialSpec
from sweep.training.hardware import ahead, memory_format
from sweep.training.inputs import channels_first, normalise
from sweep.training.method import Method
from sweep.training.step import Batch


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """The generator of one epoch's draws; on the CPU, so that every device draws the same."""
    state = np.random.SeedSequence([seed, epoch]).generate_state(1, dtype=np.uint64)[0]
    return torch.Generator().manual_seed(int(state) & (2**63 - 1))


def training_batches(
    pixels: torch.Tensor, method: Method, spec: TrialSpec, epoch: int, device: torch.device
) -> Iterator[Batch]:
    """One epoch's batches: gathered, mixed by the plan, augmented, mixed with partners and normalised on the device.

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8, on the device or in main memory.
        method: whose plan of the epoch says what trains.
        epoch: from 1.
    Yields:
        ((B, 3, H, W) float32, soft targets (B, C) float32). A last batch of one image is left away: batch
        normalisation needs two.
    """
    generator = epoch_generator(spec.seed, epoch)
    plan = method.plan(epoch)
    order = torch.randperm(len(plan), generator=generator)
    home = pixels.device
    labels = torch.from_numpy(plan.labels)[order].to(device)
    one_hot = torch.eye(method.n_classes, device=device)
    synthetic = bool(plan.synthetic.any())
    rows = [plan.base, plan.mate] if synthetic else [plan.base]
    parents = [torch.from_numpy(parent)[order].to(home) for parent in rows]
    weight = torch.from_numpy(plan.weight)[order].float().to(device).view(-1, 1, 1, 1)
    beyond = bool((plan.weight < 0).any())
    starts = range(0, len(order), spec.batch_size)
    parts = [slice(start, start + spec.batch_size) for start in starts if start + 1 < len(order)]
    # To another device the pixels travel while it works on the batch before.
    travels, layout = home.type != device.type, memory_format(spec.image_size, spec.precision, device)
    jobs = (partial(_gather, pixels, [parent[part] for parent in parents], pin=travels) for part in parts)
    gathered = ahead(jobs) if travels else (job() for job in jobs)
    for part, found in zip(parts, gathered, strict=True):
        images, targets = channels_first(found[0].to(device, non_blocking=True)), one_hot[labels[part]]
        if synthetic:
            images = torch.lerp(images, channels_first(found[1].to(device, non_blocking=True)), weight[part])
            images = images.clamp_(0, 255) if beyond else images
        images = method.augment(images, generator)
        if method.mix is not None:
            partner = torch.randperm(len(images), generator=generator).to(device)
            images, targets = method.mix(images, images[partner], targets, targets[partner], generator)
        yield normalise(images, spec.mean, spec.std).contiguous(memory_format=layout), targets


def _gather(pixels: torch.Tensor, rows: list[torch.Tensor], *, pin: bool) -> list[torch.Tensor]:
    """The images of several lists of rows, page-locked where they are to travel to a GPU meanwhile."""
    found = [pixels[index] for index in rows]
    return [images.pin_memory() for images in found] if pin else found

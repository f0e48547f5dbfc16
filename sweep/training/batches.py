"""An epoch's batches.

Their order, augmentation and mixing are drawn from generators seeded by (seed, epoch) alone, so the random state is a
function of both: a trial that goes on at epoch e draws what it would have drawn without the interruption.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from balancing.components.axes import Partnered
from balancing.components.plans import TrainingPlan
from sweep.runs.spec import TrialSpec
from sweep.training.hardware import ahead, memory_format
from sweep.training.inputs import channels_first, normalise
from sweep.training.method import Method, Part
from sweep.training.order import epoch_generator, stream
from sweep.training.step import Batch


def training_batches(
    pixels: torch.Tensor, method: Method, spec: TrialSpec, epoch: int, device: torch.device
) -> Iterator[Batch]:
    """One epoch's batches: gathered, mixed by the plan, augmented, mixed with partners and normalised on the device.

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8, or (N, D) float behind a frozen body; on the device or in main memory.
        method: whose parts of the epoch say what trains.
        epoch: from 1.
    Yields:
        ((B, 3, H, W) float32, soft targets (B, C) float32). A last batch of one image is left away: batch
        normalisation needs two.
    """
    for _, batches in batches_by_part(pixels, method, spec, epoch, device):
        yield from batches


def batches_by_part(
    pixels: torch.Tensor, method: Method, spec: TrialSpec, epoch: int, device: torch.device
) -> Iterator[tuple[Part, Iterator[Batch]]]:
    """As ``training_batches``, with the part of the epoch that they belong to; those of one before those of the next.

    All parts draw from one generator, so that a stage that begins within an epoch moves no draw of one before. Parts
    on features draw from another, and have no batches here: see ``sweep.training.feature_stage``.
    """
    generator = epoch_generator(spec.seed, epoch)
    for number, part in enumerate(method.parts(epoch)):
        if number == 0:  # what an epoch's order draws, if it is one pass
            torch.randperm(part.rows if part.phase.space == "features" else len(part.plan), generator=generator)
        yield part, _batches(pixels, method, spec, part, generator, device)


def _batches(
    pixels: torch.Tensor,
    method: Method,
    spec: TrialSpec,
    part: Part,
    generator: torch.Generator,
    device: torch.device,
) -> Iterator[Batch]:
    """The batches of one part of an epoch."""
    plan, home, mix = part.plan, pixels.device, part.mix
    vectors = pixels.ndim == 2  # of a frozen body, which has seen the images: nothing is augmented any more
    taken, augment = (torch.Tensor.float, _as_is) if vectors else (channels_first, method.augment)
    order = stream(len(plan), spec.seed, part.start, part.rows)
    labels = torch.from_numpy(plan.labels)[order].to(device)
    one_hot = torch.eye(method.n_classes, device=device)
    synthetic = bool(plan.synthetic.any())
    rows = [plan.base, plan.mate] if synthetic else [plan.base]
    sources = [torch.from_numpy(parent)[order].to(home) for parent in rows]
    weight = torch.from_numpy(plan.weight)[order].float().to(device).view(-1, *[1] * (1 if vectors else 3))
    beyond = bool((plan.weight < 0).any()) and not vectors
    others = torch.zeros(0)
    if isinstance(mix, Partnered):
        assert part.partners is not None
        partners = draw_partners(part.partners, mix.power, part.rows, generator)
        sources.append(torch.from_numpy(part.partners.base)[partners].to(home))
        others = torch.from_numpy(part.partners.labels)[partners].to(device)
    parts = [slice(start, start + spec.batch_size) for start in range(0, part.rows, spec.batch_size)]
    # To another device the pixels travel while it works on the batch before.
    travels, layout = home.type != device.type, memory_format(spec.image_size, spec.precision, device)
    jobs = (partial(_gather, pixels, [source[part] for source in sources], pin=travels) for part in parts)
    gathered = ahead(jobs) if travels else (job() for job in jobs)
    for batch, found in zip(parts, gathered, strict=True):
        images, targets = taken(found[0].to(device, non_blocking=True)), one_hot[labels[batch]]
        if synthetic:
            images = torch.lerp(images, taken(found[1].to(device, non_blocking=True)), weight[batch])
            images = images.clamp_(0, 255) if beyond else images
        images = augment(images, generator)
        if isinstance(mix, Partnered):
            partner = augment(taken(found[-1].to(device, non_blocking=True)), generator)
            images, targets = mix.mix(images, partner, targets, one_hot[others[batch]], generator)
        elif mix is not None:
            partner = torch.randperm(len(images), generator=generator).to(device)
            images, targets = mix(images, images[partner], targets, targets[partner], generator)
        if not vectors:
            images = normalise(images, spec.mean, spec.std).contiguous(memory_format=layout)
        yield images, targets


def _as_is(rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return rows


def draw_partners(rows: TrainingPlan, power: float, count: int, generator: torch.Generator) -> torch.Tensor:
    """Rows drawn with replacement, with class masses in proportion to n^power.

    Args:
        rows: a plan of real images.
        power: 0 gives each class the same mass, 1 leaves them as they are.
        count: how many.
    Returns:
        (count,) int64, rows of the plan.
    """
    if not count:
        return torch.zeros(0, dtype=torch.int64)
    counts = np.bincount(rows.labels).astype(np.float64)
    # A class's mass n^power is shared by its n rows.
    logs = (power - 1) * np.log(counts, where=counts > 0, out=np.zeros_like(counts))
    weights = torch.from_numpy(np.exp(logs - logs.max())[rows.labels])
    return torch.multinomial(weights, count, replacement=True, generator=generator)


def _gather(pixels: torch.Tensor, rows: list[torch.Tensor], *, pin: bool) -> list[torch.Tensor]:
    """The images of several lists of rows, page-locked where they are to travel to a GPU meanwhile."""
    found = [pixels[index] for index in rows]
    return [images.pin_memory() for images in found] if pin else found

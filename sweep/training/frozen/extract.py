"""Passes of images through a frozen body: as they are, as mixtures of two, or as augmented views of either."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch

from balancing.components.axes import Augment, TrainingContext
from balancing.components.plans import TrainingPlan
from balancing.components.technique import DEFAULT_AUGMENTATION
from balancing.components.techniques import get_technique
from balancing.cpus import usable_cpus
from balancing.data.sources.base import digest
from balancing.errors import UserError
from sweep.runs.network_name import NetworkName
from sweep.runs.spec import TrialSpec
from sweep.training.gpu_memory import PREDICTING, noting
from sweep.training.hardware import evaluation_batch, memory_format
from sweep.training.inputs import channels_first, normalise
from sweep.training.network import new_model, to_device
from sweep.training.networks.base import Network, State
from sweep.training.step import autocast

BLOCK = 256  # images whose views are drawn from one generator, on whatever device and however many at once


@dataclass(frozen=True)
class Views:
    """Augmented views of images: how many, and by what they are drawn. Of equal ones equal views, whatever the seed.

    Args:
        count: K, views of each image.
        augmentation: the identity of the component.
        strength: 0..1.
        parameters: the component's own.
        counts: (C,) training images of each class, which an augmentation may look at.
    """

    count: int
    augmentation: str
    strength: float
    parameters: tuple[tuple[str, object], ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, spec: TrialSpec, counts: Sequence[int]) -> Views | None:
        """Those that a trial trains on; None where it trains on images as they are.

        Args:
            spec: of a frozen network.
            counts: (C,) training images of each class.
        """
        technique = get_technique(spec.technique)
        part = technique.part("augmentation")
        if not spec.views or (part is None and spec.strength == 0):
            return None
        own = technique.own(part, technique.complete(spec.parameters)) if part else {}
        name = part.identity if part else DEFAULT_AUGMENTATION
        return cls(spec.views, name, spec.strength, tuple(sorted(own.items())), tuple(map(int, counts)))

    def augment(self, spec: TrialSpec) -> Augment:
        """What changes the images; of a trial that trains on these views."""
        counts = np.array(self.counts, dtype=np.int64)
        return get_technique(spec.technique).augment(
            TrainingContext(counts, 1, self.strength, counts), **spec.parameters
        )

    def generator(self, view: int, block: int) -> torch.Generator:
        """Of the draws of a view, counted from 0, of a block of images; on the CPU, so that all devices draw alike."""
        drawn = digest([self.augmentation, self.strength, self.parameters, view, block])
        return torch.Generator().manual_seed(int(drawn[:15], 16))


@dataclass(frozen=True)
class Looks:
    """What a body is to look at.

    Args:
        plan: (M,) rows; of mixed ones it sees the mixture, and its labels are not looked at.
        views: augmented views of each in place of the row itself; None: the row as it is.
    """

    plan: TrainingPlan
    views: Views | None = None

    @classmethod
    def at_all(cls, images: int) -> Looks:
        """Each image of a set once, as it is. Test images too: no label is looked at, and no answer made."""
        rows = np.arange(images)
        return cls(TrainingPlan.of_rows(rows, np.zeros_like(rows)))

    def __len__(self) -> int:
        """How many vectors come of it: M, or K * M with the M of the first view first."""
        return len(self.plan) * (self.views.count if self.views else 1)

    @property
    def blocks(self) -> list[tuple[int, slice]]:
        """(view, rows of the plan), in the order of the vectors."""
        parts = [slice(start, min(start + BLOCK, len(self.plan))) for start in range(0, len(self.plan), BLOCK)]
        return [(view, part) for view in range(self.views.count if self.views else 1) for part in parts]


def body_of(spec: TrialSpec, start: State) -> Network:
    """A frozen trial's body with its weights, in evaluation mode, on the CPU; its head means nothing.

    Args:
        spec: of a frozen network.
        start: the body's weights.
    """
    name = NetworkName.parse(spec.network)
    return new_model(1, 0, start, stem=spec.stem, architecture=name.architecture).eval()


@contextmanager
def all_cores() -> Iterator[None]:
    """Within it torch computes on all cores that this process may use; its number of threads is put back."""
    before = torch.get_num_threads()
    torch.set_num_threads(usable_cpus())
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Eye:
    """A frozen body with the images that it can look at.

    Args:
        body: in evaluation mode; it is put on the device.
        pixels: (N, H, W) or (N, H, W, 3) uint8, on the device or in main memory.
        spec: of a trial: says how pixels are normalised, the precision, and how images are augmented.
        device: where it computes.
    """

    body: Network
    pixels: torch.Tensor
    spec: TrialSpec
    device: torch.device
    batch: int = field(init=False)

    def __post_init__(self) -> None:
        to_device(self.body.eval(), self.spec, self.device)
        object.__setattr__(self, "batch", evaluation_batch(self.pixels.shape[1], self.device))

    def vectors(self, looks: Looks, blocks: Sequence[tuple[int, slice]] | None = None) -> Generator[np.ndarray]:
        """What the body makes of what it is to look at, in the order of ``Looks.blocks``, a batch at a time.

        Args:
            blocks: some of ``looks.blocks``; by default all.
        Yields:
            (B, D) float32.
        Raises:
            UserError: what it makes of them is no number.
        """
        waiting: torch.Tensor | None = None
        with noting(f"{PREDICTING} {self.batch} images at once"):
            for images in self._batches(looks, looks.blocks if blocks is None else blocks):
                made = self.look(images)
                if waiting is not None:  # taken from a GPU while it works on the next one
                    yield self._checked(waiting)
                waiting = made
        if waiting is not None:
            yield self._checked(waiting)

    def look(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 1 or 3, H, W) float in 0..255, on the device -> (B, D) float32, on the device."""
        layout = memory_format(self.spec.image_size, self.spec.precision, self.device)
        with torch.inference_mode(), autocast(self.device, self.spec.precision):
            seen = normalise(images, self.spec.mean, self.spec.std).contiguous(memory_format=layout)
            return self.body.features(seen).float()

    def _batches(self, looks: Looks, blocks: Sequence[tuple[int, slice]]) -> Iterator[torch.Tensor]:
        augment = looks.views.augment(self.spec) if looks.views else None
        beyond = bool((looks.plan.weight < 0).any())
        for view, part in blocks:
            if augment is None:
                for start in range(part.start, part.stop, self.batch):
                    yield self._images(looks.plan, slice(start, min(start + self.batch, part.stop)), beyond)
                continue
            assert looks.views is not None
            images = self._images(looks.plan, part, beyond)
            images = augment(images, looks.views.generator(view, part.start // BLOCK))
            yield from torch.split(images, self.batch)

    def _images(self, plan: TrainingPlan, part: slice, beyond: bool) -> torch.Tensor:
        """Rows of a plan: (B, 1 or 3, H, W) float32 in 0..255, mixed and clipped as end-to-end training does it."""
        images = self._gathered(plan.base[part])
        mixed = plan.base[part] != plan.mate[part]
        if mixed.any():
            weight = torch.from_numpy(plan.weight[part]).float().to(self.device).view(-1, 1, 1, 1)
            images = torch.lerp(images, self._gathered(plan.mate[part]), weight)
        return images.clamp_(0, 255) if beyond else images

    def _gathered(self, rows: np.ndarray) -> torch.Tensor:
        index = torch.from_numpy(np.ascontiguousarray(rows)).to(self.pixels.device)
        return channels_first(self.pixels[index].to(self.device))

    def _checked(self, found: torch.Tensor) -> np.ndarray:
        vectors = found.cpu().numpy()
        if not np.isfinite(vectors).all():
            raise UserError(
                f"what the frozen {NetworkName.parse(self.spec.network).architecture} makes of some images in "
                f"{self.spec.precision} is no number; give other --weights, or --precision float32"
            )
        return vectors


def vectors_of(body: Network, pixels: torch.Tensor, spec: TrialSpec, device: torch.device) -> np.ndarray:
    """What a body makes of images as they are: (N, D) float32. Arguments as of ``Eye``; N >= 1."""
    return np.concatenate(list(Eye(body, pixels, spec, device).vectors(Looks.at_all(len(pixels)))))

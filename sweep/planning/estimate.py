"""What a sweep will cost, before it runs: rows a technique trains on, epochs, and time from a few measured steps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from balancing.components.axes import TrainingContext, TrainingData
from balancing.components.groups import cost
from balancing.components.plans import TrainingPlan
from balancing.components.samplers.targets import rows_to_add
from balancing.components.technique import Technique
from balancing.cpus import usable_cpus
from sweep.planning.confirming import planned_specs
from sweep.planning.estimate_frozen import estimate_frozen
from sweep.planning.prepare import SweepInputs
from sweep.runs.spec import TrialSpec
from sweep.training.dtype import BFLOAT16_FROM, fast_precision
from sweep.training.epoch import train_epoch
from sweep.training.hardware import keep_freed_memory, on_device
from sweep.training.inputs import SplitImages
from sweep.training.method import Part, method_of, technique_of
from sweep.training.network import new_model, to_device
from sweep.training.optimizer import new_optimizer
from sweep.training.stages import steps_of

if TYPE_CHECKING:
    from sweep.config.config import Config

_STEPS = 4


@dataclass(frozen=True)
class CostEstimate:
    """A sweep's trials and what each costs.

    Args:
        specs: the trials; of a search that asks as it goes, the same number of paired draws stand in, and for those
            that confirm, at the end, as many as there will be: see ``planned_specs``.
        images: (len(specs),) training images each trial sees over all its epochs.
        images_per_second: measured here, one trial alone with the threads it would get.
        slots: trials at once on this machine.
        device: where it was measured.
        costs: (len(specs),) what an image costs each trial, in those of plain training.
        known_seconds: of all trials, where they don't follow from the images: of a frozen network.
        confirming: how many of the trials confirm what the others explore.
    """

    specs: Sequence[TrialSpec]
    images: np.ndarray
    images_per_second: float
    slots: int
    device: str
    costs: np.ndarray | float = 1.0
    known_seconds: float | None = None
    confirming: int = 0

    @property
    def seconds(self) -> float:
        """Of all trials, on all slots; validation and start-up are not counted."""
        if self.known_seconds is not None:
            return self.known_seconds
        return float((self.images * self.costs).sum()) / self.images_per_second / self.slots


def rows_per_epoch(spec: TrialSpec, labels: np.ndarray, rows: np.ndarray, n_classes: int) -> int:
    """How many images an epoch of this trial trains on, in the mean over its stages; costs nothing.

    Where an epoch is a pass through the technique's plan, drawn one-pixel images stand in. Borderline-SMOTE may add
    fewer where few images are in danger, and what cleaning takes hangs on the images: this is their most.
    """
    natural = len(rows) - (len(rows) % spec.batch_size == 1)
    if spec.budget == "steps":
        return natural
    technique = technique_of(spec)
    counts = np.bincount(labels[rows], minlength=n_classes)
    sampled = _rows_of_plan(technique, spec, labels, rows, counts)
    schedule = technique.schedule(TrainingContext(counts, spec.epochs, split_counts=counts), **spec.parameters)
    own = [s.phase.sampled and s.phase.power is None and s.phase.space == "pixels" for s in schedule]
    lengths = [sampled if by_plan else len(rows) for by_plan in own]
    return round(sum(stage.share * length for stage, length in zip(schedule, lengths, strict=True)))


def _rows_of_plan(
    technique: Technique, spec: TrialSpec, labels: np.ndarray, rows: np.ndarray, counts: np.ndarray
) -> int:
    sampler = technique.part("sampler")
    if sampler is not None and sampler.refuses == "while building":
        own = {key.rpartition(".")[2]: value for key, value in spec.parameters.items()}
        return len(rows) + int(rows_to_add(counts, own["sampling_strategy"]).sum() if sampler.mixes else 0)
    pixels = np.random.default_rng(0).integers(0, 256, (len(labels), 1, 1), dtype=np.uint8)
    data = TrainingData(pixels, labels, rows, len(counts))
    return len(technique.build(data, spec.seed, **spec.parameters))


def cost_of(spec: TrialSpec) -> float:
    """What a training image costs a trial, in passes forward and back of plain training; see ``groups.cost``."""
    return cost(technique_of(spec), **spec.parameters)


def estimate(config: Config, inputs: SweepInputs) -> CostEstimate:
    """Counts the sweep's training images and measures a few training steps here."""
    cuda = torch.cuda.is_available() and config.resources.gpus_per_trial != 0
    if config.train.precision == "auto":
        fast = fast_precision("cuda" if cuda else "cpu")
        inputs = inputs.in_precision(fast if config.data.image_size >= BFLOAT16_FROM else "float32")
    exploring, confirming = planned_specs(config, inputs)
    specs = [*exploring, *confirming]
    images, split = inputs.images, inputs.split
    labels = images.labels
    known: dict[tuple[str, str, int], int] = {}
    total = []
    for spec in specs:
        key = (spec.technique, str(sorted(spec.parameters.items())), spec.batch_size)
        if key not in known:
            known[key] = rows_per_epoch(spec, labels, split.train, images.n_classes)
        total.append(known[key] * spec.epochs)
    threads = max(1, int(config.resources.cpus_per_trial or 1))
    places = torch.cuda.device_count() if cuda else max(1, usable_cpus() // threads)
    slots = min(config.resources.max_concurrent or places, places)
    device = torch.device("cuda" if cuda else "cpu")
    where = "the GPU here" if cuda else f"{threads} CPU core{'s' if threads > 1 else ''} here"
    if config.network.frozen:
        with _threads(threads):
            heads = estimate_frozen(specs, inputs, device)
        where += f", once through {config.network.architecture}, and {heads.epochs_per_second:,.0f} epochs of heads/s"
        seconds = heads.images_seconds + heads.heads_seconds / slots
        speed = heads.images_per_second
        return CostEstimate(specs, np.array(total), speed, slots, where, 1.0, seconds, len(confirming))
    view = SplitImages(images.pixels, labels, images.class_names, split.train, split.validation, split.test)
    with _threads(threads):
        speed = _measure(specs[0], view, device)
    costs = np.array([cost_of(spec) for spec in specs])
    return CostEstimate(specs, np.array(total), speed * costs[0], slots, where, costs, confirming=len(confirming))


def _all_of(part: Part, plan: TrainingPlan, spec: TrialSpec) -> Part:
    """The part with all rows of a plan, in one pass."""
    phase = replace(part.phase, space="pixels", heads=1)
    steps = steps_of(len(plan), spec.batch_size)
    return replace(part, phase=phase, plan=plan, start=0, rows=len(plan), steps=steps, members=())


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """As many as a trial gets, for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _measure(spec: TrialSpec, images: SplitImages, device: torch.device) -> float:
    """Images a second of a few real training steps after a first one, with as many threads as a trial gets."""
    keep_freed_memory()
    method = method_of(spec, images)
    network = new_model(len(images.class_names), 0, head=method.head, stem=spec.stem, architecture=spec.architecture)
    network = to_device(network, spec, device)
    optimizer = new_optimizer(network, 1e-5, loss=method.module(), kind=spec.optimizer)
    pixels = on_device(images.pixels, device)
    rows = images.train[: _STEPS * spec.batch_size]
    first = TrainingPlan.of_rows(rows[: spec.batch_size], images.labels[rows[: spec.batch_size]])
    then = TrainingPlan.of_rows(rows, images.labels[rows])
    part = method.parts(1)[0]
    method = replace(method, parts=lambda epoch: (_all_of(part, first if epoch == 1 else then, spec),))
    train_epoch(network, optimizer, pixels, method, spec, 1, device)
    began = time.perf_counter()
    _, seen = train_epoch(network, optimizer, pixels, method, spec, 2, device)
    return seen / (time.perf_counter() - began)

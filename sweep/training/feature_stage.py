"""A head trained on the features of the training images, as a sampler on features mixes them; or several heads.

The body is as it was when the stage began, so its features are made once, and a step costs what a step of a linear
model costs. No pixel is looked at, so augmentation has no part in it.

Draws are of (seed, epoch) alone, as elsewhere, and apart from those of pixels: a trial that goes on within the stage
makes the features anew and draws what it would have drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from balancing.components.axes import Partnered
from balancing.components.plans import TrainingPlan
from sweep.runs.spec import TrialSpec
from sweep.training.batches import draw_partners
from sweep.training.features import Features, Head
from sweep.training.method import Method, Part
from sweep.training.network import Network, new_head
from sweep.training.optimizer import lr_factor, new_optimizer, set_lr
from sweep.training.order import stream
from sweep.training.step import Batch, training_step

_FEATURES = 5  # tells the draws of features from others of the same seed and epoch


@dataclass(frozen=True)
class Place:
    """Where in a training a part of an epoch lies.

    Args:
        spec: the trial's.
        epoch: from 1.
        step: the epoch's steps before it.
        steps: of the whole epoch.
    """

    spec: TrialSpec
    epoch: int
    step: int
    steps: int

    def lr(self, part: Part, step: int) -> float:
        """The learning rate of a step of the part, from 0."""
        return self.spec.lr * part.phase.lr_factor * lr_factor(self.spec, self.epoch, self.step + step, self.steps)

    def generator(self) -> torch.Generator:
        """The generator of its draws; on the CPU, so that every device draws the same."""
        words = np.random.SeedSequence([self.spec.seed, self.epoch, _FEATURES]).generate_state(1, dtype=np.uint64)
        return torch.Generator().manual_seed(int(words[0]) & (2**63 - 1))


def train_on_features(
    network: Network,
    optimizer: torch.optim.Optimizer,
    pixels: torch.Tensor,
    method: Method,
    number: int,
    place: Place,
    device: torch.device,
) -> tuple[torch.Tensor, int]:
    """A step for each batch of a part of an epoch that trains on features.

    Args:
        network: on the device; its head changes.
        optimizer: of the network's parameters; an ensemble's heads have their own.
        pixels: of the images, from which features are made where there are none yet.
        number: of the part among the epoch's.
    Returns:
        (sum of the images' training losses, () float32; images seen: of an ensemble, by each head).
    """
    features, part = method.features, method.parts(place.epoch)[number]
    if part.begins or not features.there:
        features.make(network, pixels, method.rows, place.spec, device)
        part = method.parts(place.epoch)[number]
    network.train_parts(part.phase.trained)
    if part.members:
        return _train_members(network, method, part, place, device)
    if isinstance(part.loss, nn.Module):
        part.loss.to(device)
    total = torch.zeros((), device=device)
    for step, batch in enumerate(batches(features, part.plan, part, method.n_classes, place)):
        set_lr(optimizer, place.lr(part, step))
        mean = training_step(network.head, optimizer, batch, part.loss, place.spec.precision, part.step)
        total = total + mean * len(batch[0])
    return total, part.rows


def batches(features: Features, plan: TrainingPlan, part: Part, n_classes: int, place: Place) -> Iterator[Batch]:
    """The batches of a part: rows of features, mixed by a plan, then with partners where the part's mixer mixes.

    Args:
        plan: the part's, or that of one head of its ensemble.
    Yields:
        ((B, F) float32, soft targets (B, C) float32), on the device.
    """
    rows, spec, generator = features.device_rows, place.spec, place.generator()
    device = rows.device
    order = stream(len(plan), spec.seed, part.start, part.rows)
    base, mate, labels = (torch.from_numpy(values)[order].to(device) for values in (plan.base, plan.mate, plan.labels))
    weight = torch.from_numpy(plan.weight)[order].float().to(device).view(-1, 1)
    one_hot = torch.eye(n_classes, device=device)
    mixed = bool(plan.synthetic.any())  # else each row would be read twice, to be mixed with itself
    partners, others = base, labels
    if isinstance(part.mix, Partnered):
        assert part.partners is not None
        drawn = draw_partners(part.partners, part.mix.power, part.rows, generator)
        partners = torch.from_numpy(part.partners.base)[drawn].to(device)
        others = torch.from_numpy(part.partners.labels)[drawn].to(device)
    for start in range(0, part.rows, spec.batch_size):
        batch = slice(start, start + spec.batch_size)
        x, targets = rows[base[batch]], one_hot[labels[batch]]
        if mixed:
            x = torch.lerp(x, rows[mate[batch]], weight[batch])
        if isinstance(part.mix, Partnered):
            x, targets = part.mix.mix(x, rows[partners[batch]], targets, one_hot[others[batch]], generator)
        elif part.mix is not None:
            partner = torch.randperm(len(x), generator=generator).to(device)
            x, targets = part.mix(x, x[partner], targets, targets[partner], generator)
        yield x, targets


def _train_members(
    network: Network, method: Method, part: Part, place: Place, device: torch.device
) -> tuple[torch.Tensor, int]:
    """A part of an epoch for each head of an ensemble; the network's head is their mean afterwards.

    Where the heads are not there, since the trial goes on within the stage, they train anew from where it began.
    """
    features, spec = method.features, place.spec
    if not features.heads:
        for number in range(len(part.members)):
            linear = new_head(network.fc, spec.seed, part.stage, number + 1)
            # As of every head of the trial.
            decays = not spec.frozen
            own = new_optimizer(linear, spec.lr, spec.weight_decay, kind=spec.optimizer, bias_decays=decays)
            features.heads.append(Head(linear, own))
        for epoch in range(1, place.epoch):
            before = method.parts(epoch)
            for at, earlier in enumerate(before):
                if earlier.stage == part.stage:
                    step = sum(other.steps for other in before[:at])
                    _steps_of_members(method, earlier, Place(spec, epoch, step, sum(p.steps for p in before)))
    total = _steps_of_members(method, part, place)
    with torch.no_grad():
        for name, mean in network.fc.named_parameters():
            mean.copy_(torch.stack([head.linear.get_parameter(name) for head in features.heads]).mean(dim=0))
    return total, part.rows


def _steps_of_members(method: Method, part: Part, place: Place) -> torch.Tensor:
    """Trains each head on its own rows; the mean over the heads of the sum of the images' losses."""
    features, spec = method.features, place.spec
    total = torch.zeros((), device=features.device_rows.device)
    for head, plan in zip(features.heads, part.members, strict=True):
        for step, batch in enumerate(batches(features, plan, part, method.n_classes, place)):
            set_lr(head.optimizer, place.lr(part, step))
            mean = training_step(head.linear, head.optimizer, batch, part.loss, spec.precision, part.step)
            total = total + mean * len(batch[0])
    return total / len(features.heads)

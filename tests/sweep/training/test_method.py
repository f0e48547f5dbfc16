"""What a trial trains with is a function of the epoch, and each part of it is honoured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from balancing.components.axes import Phase
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.components.plans import TrainingPlan
from sweep.runs.trial_folder import TrialFolder
from sweep.training.batches import training_batches
from sweep.training.hardware import on_device
from sweep.training.inputs import SplitImages
from sweep.training.method import Method, Part, method_of
from sweep.training.network import State
from sweep.training.trial import Trial
from tests.sweep.training.small import (
    CPU,
    Interrupted,
    assert_same_trial,
    assert_same_weights,
    interrupt_after,
    make_images,
    make_spec,
    numbers_of,
    whole,
)

SPEC = make_spec(epochs=4)


@pytest.fixture
def images() -> SplitImages:
    return make_images(signal=20)


def changing(images: SplitImages) -> Method:
    """Everything differs by the epoch: rows (the first half, then twice the second), loss, and what is trained."""
    method = method_of(SPEC, images)
    half = len(images.train) // 2
    first, second = images.train[:half], np.repeat(images.train[half:], 2)
    plans = [TrainingPlan.of_rows(rows, images.labels[rows]) for rows in (first, second)]
    weights = torch.tensor([3.0, 1.0])

    def weighted(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return cross_entropy(logits, targets) * (targets * weights).sum(dim=1)

    def change(epoch: int, part: Part) -> Part:
        phase = Phase(trained="head" if epoch == 3 else "all")
        changed = replace(part, phase=phase, loss=cross_entropy if epoch <= 2 else weighted)
        return whole(changed, plans[epoch % 2], SPEC)

    return method.with_parts(change)


def run(images: SplitImages, folder: TrialFolder, method: Method, *, stop_after: int | None = None) -> None:
    trial = Trial(SPEC, images, folder, device=CPU, method=method)
    if stop_after is None:
        assert trial.run(resume_seconds=0) == "done"
    else:
        with pytest.raises(Interrupted):
            trial.run(interrupt_after(stop_after), resume_seconds=0)


def test_the_spec_alone_trains_one_plan_by_cross_entropy_and_the_whole_network(images: SplitImages) -> None:
    method = method_of(make_spec("smote"), images)
    assert method.plan(1) is method.plan(7)
    assert method.plan(1).synthetic.any()
    for epoch in (1, 9):
        (part,) = method.parts(epoch)
        assert part.loss is cross_entropy
        assert part.mix is None
        assert part.phase == Phase()
        assert (part.stage, part.stages, part.kept) == (0, 1, True)


def test_each_epoch_trains_the_rows_of_its_own_plan(images: SplitImages, folder: TrialFolder) -> None:
    method = changing(images)
    pixels = on_device(images.pixels, CPU)
    for epoch in (1, 2):
        seen = torch.cat([targets for _, targets in training_batches(pixels, method, SPEC, epoch, CPU)])
        np.testing.assert_array_equal(seen.sum(dim=0), method.plan(epoch).class_counts(2))
    run(images, folder, method)
    assert [epoch["images"] for epoch in numbers_of(folder)] == [len(method.plan(epoch)) for epoch in (1, 2, 3, 4)]
    assert len(method.plan(1)) != len(method.plan(2))


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_method_that_changes_by_epoch_goes_on_as_if_nothing_had_been(
    epoch: int, images: SplitImages, folder: TrialFolder
) -> None:
    whole = TrialFolder(folder.path.parent / "whole")
    run(images, whole, changing(images))
    run(images, folder, changing(images), stop_after=epoch)
    torch.manual_seed(epoch)
    run(images, folder, changing(images))
    assert_same_trial(folder, whole)


def test_a_loss_of_its_own_changes_the_training(images: SplitImages, folder: TrialFolder) -> None:
    method = method_of(SPEC, images)

    def twice(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return 2 * cross_entropy(logits, targets)

    doubled = method.with_parts(lambda epoch, part: replace(part, loss=twice))
    found = []
    for name, of in (("plain", method), ("doubled", doubled)):
        trial = Trial(SPEC, images, TrialFolder(folder.path / name), device=CPU, method=of)
        trial.restore()
        found.append(trial.epoch()["train_loss"])
    assert found[1] > 1.2 * found[0]


def parts(trial: Trial) -> tuple[State, State]:
    """(body, head), copied."""
    state = {name: value.clone() for name, value in trial.network.state_dict().items()}
    head = {name: value for name, value in state.items() if name.startswith("fc.")}
    return {name: value for name, value in state.items() if name not in head}, head


def test_where_the_head_alone_trains_the_body_keeps_its_weights_and_its_statistics(
    images: SplitImages, folder: TrialFolder
) -> None:
    """Also after an epoch of the whole network, when the optimizer has moments of the body."""
    phases = {1: Phase(), 2: Phase(trained="head"), 3: Phase()}
    method = method_of(SPEC, images).with_parts(lambda epoch, part: replace(part, phase=phases[epoch]))
    trial = Trial(SPEC, images, folder, device=CPU, method=method)
    trial.restore()
    body, head = parts(trial)
    for epoch in (1, 2, 3):
        trial.epoch()
        body_after, head_after = parts(trial)
        assert not torch.equal(head["fc.weight"], head_after["fc.weight"])
        if epoch == 2:
            assert_same_weights(dict(body), dict(body_after))
        else:
            changed = [name for name in body if not torch.equal(body[name], body_after[name])]
            assert set(changed) == set(body), "weights, running means, batches counted"
        body, head = body_after, head_after


def test_a_mix_gets_each_image_with_a_partner_of_its_batch_and_their_targets(images: SplitImages) -> None:
    method = method_of(SPEC, images)
    given = []

    def mix(
        x: torch.Tensor,
        partners: torch.Tensor,
        targets: torch.Tensor,
        partners_targets: torch.Tensor,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        given.append((x, partners, targets, partners_targets))
        share = float(torch.rand((), generator=generator))
        return torch.lerp(x, partners, share), torch.lerp(targets, partners_targets, share)

    pixels = on_device(images.pixels, CPU)
    mixing = method.with_parts(lambda epoch, part: replace(part, mix=mix))
    mixed = list(training_batches(pixels, mixing, SPEC, 1, CPU))
    again = list(training_batches(pixels, mixing, SPEC, 1, CPU))
    for (x, partners, targets, partners_targets), batch, repeated in zip(given, mixed, again, strict=False):
        same = (x[:, None] == partners[None]).flatten(2).all(dim=2)  # image i is partner j
        assert torch.equal(same.sum(dim=0), torch.ones(len(x), dtype=torch.int64))
        assert torch.equal(same.sum(dim=1), torch.ones(len(x), dtype=torch.int64))
        assert torch.equal(targets[same.int().argmax(dim=0)], partners_targets)
        torch.testing.assert_close(batch[1].sum(dim=1), torch.ones(len(x)))
        assert torch.equal(batch[0], repeated[0])
    soft = torch.cat([targets for _, targets in mixed])
    assert ((soft > 0.01) & (soft < 0.99)).any()

"""An epoch's batches are the plan's rows, in an order and augmented by draws of seed and epoch alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from balancing.components.plans import TrainingPlan
from balancing.components.techniques import techniques
from sweep.runs.spec import TrialSpec
from sweep.training.batches import epoch_generator, training_batches
from sweep.training.hardware import on_device
from sweep.training.inputs import SplitImages
from sweep.training.method import build_plan, method_of
from tests.sweep.training.small import CPU, make_images, make_spec, poisoned, whole


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("name", [t.name for t in techniques() if t.part("mixer") is None])
def test_an_epochs_batches_are_the_plans_rows_each_once(name: str, colour: bool) -> None:
    # Cleaning needs classes apart, ADASYN classes that overlap.
    images = make_images(train=(22, 9), colour=colour, signal=10 if name == "adasyn" else 60)
    spec = make_spec(name, batch_size=4, mean=0.3, std=0.25)
    method = method_of(spec, images)
    plan = method.plan(1)
    realised = plan.realise(images.pixels)
    grey = realised if colour else np.repeat(realised[..., None], 3, axis=3)
    wanted = ((grey / 255 - 0.3) / 0.25).transpose(0, 3, 1, 2)
    batches = list(training_batches(on_device(images.pixels, CPU), method, spec, 1, CPU))
    assert [len(targets) for _, targets in batches[:-1]] == [4] * (len(batches) - 1)
    seen = torch.cat([batch for batch, _ in batches]).numpy()
    targets = torch.cat([targets for _, targets in batches])
    assert targets.dtype == torch.float32
    labels = targets.argmax(dim=1).numpy()
    np.testing.assert_array_equal(targets, np.eye(2)[labels])
    assert seen.dtype == np.float32
    # The order is random: match each seen image with the nearest row of the plan.
    distance = np.abs(seen[:, None] - wanted[None]).max(axis=(2, 3, 4))
    assert distance.min(axis=1).max() < 1e-4
    if len(set(zip(plan.base, plan.mate, plan.weight, strict=True))) == len(plan):  # else any of equals is the nearest
        nearest = distance.argmin(axis=1)
        assert len(set(nearest.tolist())) == len(nearest)
        np.testing.assert_array_equal(plan.labels[nearest], labels)
    assert len(seen) == len(plan) - (len(plan) % 4 == 1)
    for label in range(2):
        dropped = (plan.labels == label).sum() - (labels == label).sum()
        assert 0 <= dropped <= (len(plan) % 4 == 1)


def test_synthetic_rows_are_among_them() -> None:
    images = make_images(train=(22, 9))
    assert build_plan(make_spec("smote"), images).synthetic.sum() == 13


@pytest.mark.parametrize(("rows", "seen"), [(8, 8), (9, 8), (10, 10), (12, 12), (13, 12), (5, 4)])
def test_a_last_batch_of_one_image_is_left_away(rows: int, seen: int) -> None:
    images = make_images()
    plan = TrainingPlan.of_rows(images.train[:rows], images.labels[images.train[:rows]])
    spec = make_spec(batch_size=4)
    method = method_of(spec, images).with_parts(lambda epoch, part: whole(part, plan, spec))
    batches = list(training_batches(on_device(images.pixels, CPU), method, spec, 1, CPU))
    assert sum(len(targets) for _, targets in batches) == seen
    assert min(len(targets) for _, targets in batches) >= 2


def batches_of(spec: TrialSpec, images: SplitImages, epoch: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    found = list(training_batches(on_device(images.pixels, CPU), method_of(spec, images), spec, epoch, CPU))
    return torch.cat([batch for batch, _ in found]), torch.cat([targets for _, targets in found])


def test_batches_follow_from_seed_and_epoch_alone() -> None:
    images, spec = make_images(), make_spec("augmentation", strength=1.0)
    first, labels = batches_of(spec, images)
    torch.manual_seed(99)
    again, labels_again = batches_of(spec, images)
    assert torch.equal(first, again)
    assert torch.equal(labels, labels_again)
    for other in (batches_of(spec, images, epoch=2), batches_of(replace(spec, seed=4), images)):
        assert not torch.equal(first, other[0])


def test_generators_of_seeds_and_epochs_do_not_repeat_each_other() -> None:
    draws = {(s, e): tuple(torch.rand(2, generator=epoch_generator(s, e)).tolist()) for s in range(6) for e in range(6)}
    assert len(set(draws.values())) == 36


def test_strength_changes_the_images_and_nothing_but_the_images() -> None:
    images = make_images()
    plain, labels = batches_of(make_spec("smote"), images)
    turned, same_labels = batches_of(make_spec("smote", strength=0.5), images)
    untouched, _ = batches_of(make_spec("smote", strength=0.0), images)
    assert torch.equal(plain, untouched)
    assert torch.equal(labels, same_labels)
    assert not torch.equal(plain[:8], turned[:8])


def test_techniques_are_paired_in_their_order() -> None:
    """Equal seeds give the baseline and augmentation the same images in the same order."""
    images = make_images()
    one, labels = batches_of(make_spec("baseline"), images)
    other, same_labels = batches_of(make_spec("augmentation"), images)
    assert torch.equal(one, other)
    assert torch.equal(labels, same_labels)


@pytest.mark.parametrize("name", ["smote", "borderline_smote", "oversampling"])
def test_plans_do_not_look_at_rows_that_do_not_train(name: str) -> None:
    images = make_images(train=(22, 9), signal=10)
    plan, spec = build_plan(make_spec(name), images), make_spec(name)
    for part in ("validation", "test"):
        again = build_plan(spec, poisoned(images, part))
        np.testing.assert_array_equal(again.base, plan.base)
        np.testing.assert_array_equal(again.mate, plan.mate)
        np.testing.assert_array_equal(again.weight, plan.weight)
    assert set(plan.base) | set(plan.mate) <= set(images.train)

"""Equal budget: as many optimisation steps for every technique, and for the baseline nothing else than ever."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch

from balancing.components.axes import Partnered, TrainingContext, TrainingData
from balancing.components.decorators import mixer, sampler
from balancing.components.plans import EpochPlans, TrainingPlan
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.batches import draw_partners, training_batches
from sweep.training.hardware import on_device
from sweep.training.inputs import SplitImages
from sweep.training.method import method_of
from sweep.training.order import epoch_generator, stream
from tests.balancing.components.registered import keep_registry
from tests.sweep.training.small import CPU, assert_same_trial, make_images, make_spec, numbers_of, run_trial


def rows_seen(spec: TrialSpec, images: SplitImages, epochs: int) -> list[list[int]]:
    """The rows of each epoch, in order; no two images are alike."""
    pixels = on_device(images.pixels, CPU)
    known = {pixels[row].numpy().tobytes(): row for row in range(len(pixels))}
    found = []
    for epoch in range(1, epochs + 1):
        seen = []
        for batch, _ in training_batches(pixels, method_of(spec, images), spec, epoch, CPU):
            stored = ((batch[:, 0] * 0.5 + 0.5) * 255).round().to(torch.uint8)
            seen += [known[image.numpy().tobytes()] for image in stored]
        found.append(seen)
    return found


@pytest.mark.parametrize("train", [(14, 8), (14, 11), (13, 12)])
def test_the_baseline_is_the_same_by_steps_and_by_epochs_bit_for_bit(
    train: tuple[int, int], folder: TrialFolder
) -> None:
    images = make_images(train=train, signal=20)
    folders = []
    for budget in ("steps", "epochs"):
        folders.append(TrialFolder(folder.path / budget))
        assert run_trial(make_spec(budget=budget, strength=0.5), images, folders[-1]) == "done"
    assert_same_trial(*folders)


@pytest.mark.parametrize("name", ["baseline", "undersampling", "oversampling", "smote", "class_weights"])
def test_every_technique_makes_the_steps_of_the_baseline(name: str) -> None:
    images = make_images(train=(20, 9))
    for batch_size, steps in ((8, 4), (4, 7), (7, 4), (32, 1)):  # 29 rows: one is left over by batches of 4 and 7
        spec = make_spec(name, batch_size=batch_size, budget="steps")
        batches = list(training_batches(on_device(images.pixels, CPU), method_of(spec, images), spec, 2, CPU))
        assert len(batches) == steps == method_of(spec, images).parts(2)[0].steps
        assert sum(len(targets) for _, targets in batches) == 29 - (29 % batch_size == 1)


def test_a_shorter_plan_is_passed_again_in_another_order_and_a_longer_one_goes_on_where_it_stopped() -> None:
    images = make_images(train=(20, 6))
    short, long = (
        make_spec(name, budget="steps", batch_size=4, epochs=20) for name in ("undersampling", "oversampling")
    )
    ordered = list(chain(*rows_seen(short, images, 6)))  # 26 rows an epoch of a plan of 12
    assert len(ordered) == 6 * 26
    passes = [ordered[start : start + 12] for start in range(0, len(ordered), 12)]
    kept = set(method_of(short, images).plan(1).base.tolist())
    assert all(set(one) == kept and len(one) == len(kept) for one in passes)
    assert len({tuple(one) for one in passes}) == len(passes)
    ordered = list(chain(*rows_seen(long, images, 20)))  # of a plan of 40
    plan = Counter(method_of(long, images).plan(1).base.tolist())
    assert all(Counter(ordered[start : start + 40]) == plan for start in range(0, 13 * 40, 40))


def test_each_epoch_follows_from_seed_and_epoch_alone() -> None:
    images, spec = make_images(train=(20, 6)), make_spec("undersampling", budget="steps", epochs=4)
    whole = rows_seen(spec, images, 4)
    torch.manual_seed(5)
    assert rows_seen(spec, images, 4)[3] == whole[3]
    assert rows_seen(replace(spec, seed=4), images, 4)[3] != whole[3]


@pytest.mark.parametrize("rows", [1, 2, 5, 30, 100])
def test_any_stretch_of_a_stream_is_that_of_the_whole(rows: int) -> None:
    whole = stream(rows, 7, 0, 3 * rows + 5)
    assert torch.equal(whole[:rows], torch.randperm(rows, generator=epoch_generator(7, 1)))
    for start in range(0, 2 * rows, max(1, rows // 3)):
        assert torch.equal(stream(rows, 7, start, rows + 3), whole[start : start + rows + 3])
    assert len(stream(rows, 7, 3, 0)) == 0


def test_budgets_are_told_apart_by_the_id_and_recorded(folder: TrialFolder) -> None:
    by_epochs, by_steps = make_spec("undersampling", epochs=1), make_spec("undersampling", epochs=1, budget="steps")
    assert by_epochs.trial_id != by_steps.trial_id
    assert "budget" not in by_epochs.to_dict()
    images, found = make_images(train=(20, 6)), []
    for spec in (by_epochs, by_steps):
        own = TrialFolder(folder.path / spec.budget)
        run_trial(spec, images, own)
        found += [(e["steps"], e["images"]) for e in numbers_of(own)]
    assert found == [(2, 12), (4, 26)]


@pytest.mark.parametrize("budget", ["steps", "epochs"])
def test_a_sampler_that_draws_each_epoch_anew_trains_what_it_drew(budget: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)

    @sampler(label="Some", reference="here")
    def some(data: TrainingData, random_state: int) -> EpochPlans:
        """Others in each epoch."""

        def of(epoch: int) -> TrainingPlan:
            rows = np.random.default_rng([random_state, epoch]).permutation(data.rows)[:24]
            return TrainingPlan.of_rows(rows, data.labels[rows])

        return EpochPlans(of)

    images, spec = make_images(train=(30, 18)), make_spec("some", budget=budget, epochs=3)
    method = method_of(spec, images)
    seen = rows_seen(spec, images, 3)
    for epoch in (1, 2, 3):
        times = 2 if budget == "steps" else 1
        assert Counter(seen[epoch - 1]) == Counter(dict.fromkeys(method.plan(epoch).base.tolist(), times))
    assert len({frozenset(one) for one in seen}) == 3
    assert method_of(spec, images).plan(3).base.tolist() == method.plan(3).base.tolist(), "asked for alone"


@pytest.mark.parametrize(("power", "wanted"), [(1.0, [0.75, 0.25]), (0.0, [0.5, 0.5]), (-1.0, [0.25, 0.75])])
def test_partners_have_class_masses_in_proportion_to_a_power_of_their_count(power: float, wanted: list[float]) -> None:
    labels = np.repeat([0, 1], [60, 20])
    plan = TrainingPlan.of_rows(np.arange(80), labels)
    drawn = draw_partners(plan, power, 20_000, torch.Generator().manual_seed(0)).numpy()
    shares = np.bincount(labels[drawn]) / len(drawn)
    np.testing.assert_allclose(shares, wanted, atol=0.012)  # over 3 standard errors
    for label, count in ((0, 60), (1, 20)):
        own = np.bincount(drawn[labels[drawn] == label], minlength=80)[labels == label]
        np.testing.assert_allclose(own / own.sum(), 1 / count, atol=5 / np.sqrt(own.sum() * count))
    assert len(draw_partners(plan, power, 0, torch.Generator())) == 0


def test_a_partnered_mix_gets_training_rows_of_its_own_draw_augmented(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)
    given: list[tuple[torch.Tensor, torch.Tensor]] = []

    @mixer(label="Others", reference="here")
    def others(context: TrainingContext) -> Partnered:
        """The partner in place of the row."""

        def mix(x, partner, targets, partner_targets, generator):  # type: ignore[no-untyped-def]
            given.append((x, partner))
            return partner, partner_targets

        return Partnered(mix, power=-2.0)

    images, spec = make_images(train=(30, 10)), make_spec("others", batch_size=8)
    pixels = on_device(images.pixels, CPU)
    first = list(training_batches(pixels, method_of(spec, images), spec, 1, CPU))
    again = list(training_batches(pixels, method_of(spec, images), spec, 1, CPU))
    assert all(torch.equal(a, b) and torch.equal(s, t) for (a, s), (b, t) in zip(first, again, strict=True))
    other = list(training_batches(pixels, method_of(spec, images), spec, 2, CPU))
    assert not torch.equal(first[0][0], other[0][0])
    known = {pixels[row].numpy().tobytes(): row for row in images.train}
    for (_, partner), (_, targets) in zip(given, first, strict=False):
        rows = [known[image[0].to(torch.uint8).numpy().tobytes()] for image in partner]
        assert images.labels[rows].tolist() == targets.argmax(dim=1).tolist()
    assert torch.cat([targets for _, targets in first]).mean(dim=0)[1] > 0.75  # 1/900 : 1/100 are the masses
    turned = make_spec("others", batch_size=8, strength=1.0)
    given.clear()
    list(training_batches(pixels, method_of(turned, images), turned, 1, CPU))
    assert any(image[0].round().to(torch.uint8).numpy().tobytes() not in known for image in given[0][1])

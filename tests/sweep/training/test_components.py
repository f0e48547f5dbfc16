"""What a technique's components say is what a trial trains with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import sweep.training.trial as trial_module
from balancing.components.axes import Phase, Stage, TrainingContext
from balancing.components.decorators import augmentation, loss, mixer, schedule
from balancing.components.losses.class_weights import class_weights
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.components.registry import COMPONENTS
from balancing.errors import UserError
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.batches import training_batches
from sweep.training.hardware import on_device
from sweep.training.inputs import SplitImages
from sweep.training.method import method_of
from sweep.training.trial import Trial
from tests.balancing.components.registered import keep_registry
from tests.sweep.training.small import CPU, assert_same_weights, make_images, make_spec, numbers_of, weights_of

LOGITS = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
TARGETS = torch.eye(2)[torch.arange(6) % 2]


@pytest.fixture
def images() -> SplitImages:
    return make_images(train=(14, 8))


def trained(path: Path, images: SplitImages, technique: str, **options: Any) -> TrialFolder:
    folder = TrialFolder(path / technique)
    spec = make_spec(technique, **options)
    assert Trial(spec, images, folder, device=CPU).run() == "done"
    return folder


def test_a_weighted_loss_sees_the_counts_of_the_plan_that_trains(images: SplitImages) -> None:
    plain = method_of(make_spec("class_weights"), images).parts(1)[0].loss(LOGITS, TARGETS)
    of_split = class_weights(TrainingContext(np.array([14, 8])), power=1.0)
    assert torch.equal(plain, of_split(LOGITS, TARGETS))
    balanced = method_of(make_spec("oversampling+class_weights"), images).parts(1)[0].loss(LOGITS, TARGETS)
    assert torch.equal(balanced, cross_entropy(LOGITS, TARGETS))


def test_class_weights_train_and_without_power_they_are_the_baseline(images: SplitImages, tmp_path: Path) -> None:
    unaugmented = trained(tmp_path, images, "baseline")
    weighted = trained(tmp_path, images, "class_weights")
    assert numbers_of(weighted) != numbers_of(unaugmented)
    powerless = make_spec("class_weights")
    folder = TrialFolder(tmp_path / "powerless")
    powerless = type(powerless).from_dict({**powerless.to_dict(), "parameters": {"power": 0.0}})
    assert Trial(powerless, images, folder, device=CPU).run() == "done"
    assert numbers_of(folder) == numbers_of(unaugmented)
    assert_same_weights(weights_of(folder), weights_of(unaugmented))


def test_schedules_mixers_and_augmentations_are_applied(
    images: SplitImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_registry(monkeypatch)

    @schedule(label="Second half", reference="here")
    def second_half(context: TrainingContext) -> Any:
        """Sampling and weighting after the first half, the head alone in the last epoch."""
        plain = Phase(sampled=False, weighted=False)
        return Stage(0.5, plain, kept=False), Stage(0.25), Stage(0.25, Phase(trained="head"))

    @mixer(label="Halves", reference="here")
    def halves(context: TrainingContext) -> Any:
        """Every row half its partner."""
        return lambda x, partner, targets, others, generator: ((x + partner) / 2, (targets + others) / 2)

    @augmentation(label="Black", reference="here")
    def black(context: TrainingContext) -> Any:
        """Everything black."""
        return lambda batch, generator: batch * (1 - context.strength)

    spec = make_spec("undersampling+black+halves+class_weights+second_half", epochs=4, strength=1.0)
    method = method_of(spec, images)
    assert [len(method.plan(epoch)) for epoch in (1, 2, 3, 4)] == [22, 22, 16, 16]
    parts = [method.parts(epoch)[0] for epoch in (1, 2, 3, 4)]
    assert [part.phase.trained for part in parts] == ["all", "all", "all", "head"]
    assert parts[0].loss is cross_entropy
    assert parts[2].loss is not cross_entropy
    for batch, targets in training_batches(on_device(images.pixels, CPU), method, spec, 1, CPU):
        assert batch.unique().tolist() == [-1.0], "black, normalised"
        assert set(targets.unique().tolist()) <= {0.0, 0.5, 1.0}
    folder = trained(tmp_path, images, spec.technique, epochs=4, strength=1.0)
    assert [epoch["images"] for epoch in numbers_of(folder)] == [22, 22, 16, 16]


FACTOR = 1.0


@pytest.mark.parametrize(
    ("planned", "now"),
    [
        ({"sampler": "smote", "loss": "here@0123456789ab"}, "planned with the loss 'here@0123456789ab', but on"),
        ({"sampler": "smote"}, "planned with the loss 'none', but on"),
        ({"sampler": "smote", "mixer": "own", "loss": ""}, "planned with the mixer 'own', but on .* it is 'none' "),
        ({}, "planned with the loss 'here', but on"),
    ],
)
def test_a_trial_that_was_planned_with_another_component_is_refused_before_it_trains(
    planned: dict[str, str], now: str, images: SplitImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a node with another version of a plug-in: the trial's id would be that of what did not train."""
    keep_registry(monkeypatch)

    @loss(label="Here", reference="here")
    def here(context: TrainingContext) -> Any:
        """As it is here."""
        return lambda logits, targets: FACTOR * cross_entropy(logits, targets)

    component = COMPONENTS.get("here")
    assert component is not None
    planned = {axis: identity or component.identity for axis, identity in planned.items()}
    spec, folder = make_spec("smote+here", components=planned), TrialFolder(tmp_path / "trial")
    monkeypatch.setattr(trial_module, "train_epoch", None)
    with pytest.raises(UserError, match=rf"^trial {spec.trial_id} was {now}.* install the same version of it on every"):
        Trial(spec, images, folder, device=CPU).run()
    assert folder.epochs() == []


def test_a_constant_that_is_set_anew_since_a_trial_was_planned_is_another_component(
    images: SplitImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_registry(monkeypatch)

    @loss(label="Here", reference="here")
    def here(context: TrainingContext) -> Any:
        """As it is here."""
        return lambda logits, targets: FACTOR * cross_entropy(logits, targets)

    spec = make_spec("here")
    assert method_of(spec, images).parts(1)[0].loss is not cross_entropy
    monkeypatch.setattr(f"{__name__}.FACTOR", 2.0)
    with pytest.raises(UserError, match="was planned with the loss 'here@"):
        method_of(spec, images)
    method_of(make_spec("here"), images)


def test_compositions_of_the_packages_own_need_not_say_what_they_are(images: SplitImages) -> None:
    method_of(TrialSpec("undersampling+class_weights", lr=1e-3, epochs=1, seed=0, image_size=16), images).parts(1)

"""A head trained on the body's own features: the plan is the library's on them, the training a loop written by hand."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from imblearn.over_sampling import SMOTE
from torch import nn

from balancing.components.axes import TrainingData
from balancing.components.decorators import sampler
from balancing.components.laws.common import assert_same_plan
from balancing.components.plans import EpochPlans, TrainingPlan
from balancing.components.registry import COMPONENTS
from balancing.components.techniques import get_technique
from sweep.runs.foreign import foreign_components, other_component
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.hardware import on_device
from sweep.training.inputs import SplitImages, to_input
from sweep.training.method import method_of, training_data
from sweep.training.network import ResNet18, new_head
from sweep.training.order import stream
from sweep.training.predict import predict_logits
from sweep.training.trial import Trial
from tests.balancing.components.registered import keep_registry
from tests.sweep.training.small import (
    CLOCKS,
    CPU,
    assert_same_weights,
    make_images,
    make_spec,
    numbers_of,
)

LR = 0.02


def without_clocks(numbers: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in numbers.items() if name not in CLOCKS}


@pytest.fixture(scope="module")
def images() -> SplitImages:
    return make_images(train=(20, 10), signal=20)


def spec_of(name: str, epochs: int = 2, **parameters: float) -> TrialSpec:
    """A trial whose head trains in the last half of its steps."""
    technique = get_technique(name)
    near = {key: 3 for key in technique.parameters if key.endswith("_neighbors")}
    complete = technique.complete({technique.key_of("share"): 0.5, **near, **parameters})
    return make_spec(name, epochs=epochs, lr=LR, parameters=complete, budget="steps")


def trained(name: str, images: SplitImages, folder: TrialFolder) -> tuple[Trial, ResNet18]:
    """A trial after two epochs, and its network after the first, when the body was done."""
    trial = Trial(spec_of(name), images, folder, device=CPU)
    trial.restore()
    trial.epoch()
    body = copy.deepcopy(trial.network)
    trial.epoch()
    return trial, body


def features_by_hand(network: ResNet18, images: SplitImages) -> np.ndarray:
    """(N, F) float32 of all images, one after the other."""
    with torch.no_grad():
        x = to_input(torch.from_numpy(images.pixels), 0.5, 0.5)
        return np.concatenate([network.eval().features(one[None]).numpy() for one in x])


def head_by_hand(head: nn.Linear, plan: TrainingPlan, features: np.ndarray, spec: TrialSpec) -> nn.Linear:
    """The head after an epoch of Adam on the rows of a plan, the second epoch of 30 rows."""
    rows, labels = torch.from_numpy(plan.realise(features)).float(), torch.from_numpy(plan.labels)
    optimizer = torch.optim.Adam(head.parameters(), lr=LR)
    for batch in stream(len(plan), spec.seed, 30, 30).split(spec.batch_size):
        optimizer.zero_grad()
        nn.functional.cross_entropy(head(rows[batch]), labels[batch]).backward()
        optimizer.step()
    return head


def assert_same_head(one: nn.Linear, other: nn.Linear) -> None:
    torch.testing.assert_close(one.weight, other.weight, rtol=0, atol=2e-5)
    torch.testing.assert_close(one.bias, other.bias, rtol=0, atol=2e-5)


def test_smote_on_features_is_the_librarys_and_its_head_a_loops(images: SplitImages, folder: TrialFolder) -> None:
    trial, body = trained("decoupled_smote", images, folder)
    vectors = trial.method.features.vectors
    assert vectors is not None
    assert vectors.dtype == np.float32
    found = features_by_hand(body, images)
    np.testing.assert_allclose(vectors[images.train], found[images.train], rtol=1e-4, atol=1e-5)
    outside = np.setdiff1d(np.arange(len(vectors)), images.train)
    assert not vectors[outside].any(), "no other image was looked at"

    plan = trial.method.parts(2)[0].plan
    own = vectors[images.train].astype(np.float64)
    theirs, labels = SMOTE(k_neighbors=3, random_state=trial.spec.seed).fit_resample(own, images.labels[images.train])
    np.testing.assert_allclose(plan.realise(vectors), theirs, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(plan.labels, labels)
    assert folder.status()["plan_counts"] == [20, 20]

    head = head_by_hand(new_head(body.fc, trial.spec.seed, 1), plan, vectors, trial.spec)
    assert_same_head(trial.network.fc, head)
    for name, value in trial.network.state_dict().items():  # batch normalisation's statistics are among them
        assert name.startswith("fc.") or torch.equal(value, body.state_dict()[name]), name
    assert [(e["stage"], e["steps"], e["images"]) for e in numbers_of(folder)] == [(1, 4, 30), (2, 4, 30)]


def test_an_ensembles_head_is_the_mean_of_heads_trained_apart(images: SplitImages, folder: TrialFolder) -> None:
    trial, body = trained("easy_ensemble", images, folder)
    vectors, part = trial.method.features.vectors, trial.method.parts(2)[0]
    assert vectors is not None
    heads = []
    for number, plan in enumerate(part.members):
        assert plan.class_counts(2).tolist() == [10, 10]
        assert len(set(plan.base)) == 20, "an undersample repeats no row"
        heads.append(head_by_hand(new_head(body.fc, trial.spec.seed, 1, number + 1), plan, vectors, trial.spec))
    assert len({tuple(plan.base) for plan in part.members}) == len(heads) == 8
    assert len({float(head.bias[0].detach()) for head in heads}) == 8, "each begins apart"
    mean = copy.deepcopy(body.fc)
    with torch.no_grad():
        mean.weight.copy_(torch.stack([head.weight for head in heads]).mean(dim=0))
        mean.bias.copy_(torch.stack([head.bias for head in heads]).mean(dim=0))
    assert_same_head(trial.network.fc, mean)
    # The mean score of the heads is the score that the network gives of an image.
    pixels = on_device(images.pixels, CPU)
    scores = predict_logits(trial.network, pixels, images.validation, trial.spec, CPU)
    seen = torch.from_numpy(features_by_hand(body, images)[images.validation])
    with torch.no_grad():
        together = torch.stack([head(seen) for head in heads]).mean(dim=0)
    torch.testing.assert_close(scores, together, rtol=1e-3, atol=1e-3)


def test_a_mixer_on_features_mixes_in_the_heads_stage_alone(images: SplitImages) -> None:
    body, head = (method_of(spec_of("mixup@features+crt"), images).parts(epoch)[0] for epoch in (1, 2))
    assert body.mix is None
    assert (head.phase.space, head.plan.class_counts(2).tolist()) == ("features", [15, 15]), "drawn as cRT draws"
    assert callable(head.mix)
    rows, targets = (torch.zeros(4, 8), torch.ones(4, 8)), [torch.eye(2)[[label] * 4] for label in (0, 1)]
    x, mixed = head.mix(*rows, *targets, torch.Generator().manual_seed(0))
    torch.testing.assert_close(x[:, 0], mixed[:, 1])
    assert len(set(mixed[:, 1].tolist())) == 4


@pytest.mark.parametrize("name", ["smote@features+mixup@features+crt", "mixup@features+easy_ensemble"])
def test_a_trial_goes_on_within_its_feature_stage_as_if_nothing_had_been(
    name: str, images: SplitImages, folder: TrialFolder
) -> None:
    """The stage begins within the second of three epochs."""
    spec = replace(spec_of(name, epochs=3), strength=0.5, lr_schedule="cosine")
    first, second = (Trial(spec, images, folder, device=CPU) for _ in range(2))
    first.restore()
    for _ in range(2):
        first.epoch()
    first.save()
    numbers = without_clocks(first.epoch())
    torch.manual_seed(0)
    second.restore()
    assert len(second.progress.epochs) == 2
    assert without_clocks(second.epoch()) == numbers
    assert [e["stage"] for e in second.progress.epochs] == [1, 2, 2]
    assert_same_weights(first.network.state_dict(), second.network.state_dict())


@pytest.mark.parametrize("name", [component.name for component in COMPONENTS.all() if component.axis == "sampler"])
def test_every_sampler_works_on_features(name: str) -> None:
    """Its plan is what it makes of the features of training images alone."""
    images = make_images(train=(60, 25))
    spec = spec_of(f"{name}@features+crt")
    method = method_of(spec, images)
    natural = method.parts(2)[0].plan
    np.testing.assert_array_equal(natural.base, images.train)
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(len(images.labels), 8)) + images.labels[:, None]).astype(np.float32)
    vectors[np.setdiff1d(np.arange(len(vectors)), images.train)] = np.nan
    method.features.take(vectors, CPU)
    part = method.parts(2)[0]
    assert (part.phase.space, part.phase.power, part.rows) == ("features", None, 85)

    technique, component = get_technique(spec.technique), COMPONENTS.get(name)
    assert component is not None
    data: TrainingData = replace(training_data(images), vectors=vectors)
    made = component.build(data, spec.seed, **technique.own(component, spec.parameters))
    assert_same_plan(part.plan, made.of(2) if isinstance(made, EpochPlans) else made)
    assert np.isfinite(part.plan.realise(vectors)).all()
    assert method.parts(1)[0].plan.class_counts(2).tolist() == [60, 25], "the body's rows are as they are"


def test_a_sampler_from_elsewhere_is_known_by_its_source_and_its_space(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)

    @sampler(label="All of them", reference="here")
    def all_of_them(data: TrainingData, random_state: int) -> TrainingPlan:
        """The rows as they are."""
        return TrainingPlan.of_rows(data.rows, data.train_labels)

    spec = make_spec("all_of_them@features+crt", parameters={})
    name, digest, space = spec.components["sampler"].split("@")
    assert (name, len(digest), space) == ("all_of_them", 12, "features")
    assert other_component(spec) is None
    planned = replace(spec, components={**spec.components, "sampler": f"{name}@{digest}"})
    assert other_component(planned) == ("sampler", f"{name}@{digest}", spec.components["sampler"])
    assert [component.identity for component in foreign_components([spec.technique])] == [f"{name}@{digest}"]

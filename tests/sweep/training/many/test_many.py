"""Seeds that train at once: the numbers of one by one, whatever else trains along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from balancing.metrics import evaluate
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.attempt import begin_attempt
from sweep.training.inputs import SplitImages
from sweep.training.many.fitting import fits
from sweep.training.many.metrics import evaluate_many
from sweep.training.many.rows import Standard
from sweep.training.many.together import NotOneStep, train_together
from sweep.training.network import restore
from sweep.training.trial import Trial
from tests.sweep.training.many.heads import make_vectors, specs_of, together
from tests.sweep.training.small import CLOCKS, CPU

# float32 sums in another order, over six steps of Adam, whose step hardly hangs on the size of a gradient.
ROUNDING = 2e-5
TECHNIQUES = (
    "baseline",
    "undersampling",
    "oversampling",
    "smote@features",
    "borderline_smote@features",
    "class_weights",
    "focal",
    "balanced_softmax",
    "logit_adjusted",
    "crt",
    "mixup@features",
    "remix@features",
    "undersampling+class_weights",
    "smote@features+focal",
    "tversky",
    "progressive",
    "ldam",
    "ldam_drw",
    "undersampling+ldam",
    "sam",
    "class_weights+sam",
    "smote@features+sam",
    "mixup@features+sam",
    "lws",
    "shifted_bn",
    "class_weights+lws",
    "deep_auc",
    "undersampling+deep_auc",
    "mixup@features+deep_auc",
)
TIMES = ("started", "changed", "finished", "attempt", "pid")


@pytest.fixture(scope="module")
def images() -> SplitImages:
    return make_vectors()


def one_by_one(spec: TrialSpec, images: SplitImages, path: Path, *, held: bool = True) -> TrialFolder:
    folder = TrialFolder(path / spec.trial_id)
    begin_attempt(folder)
    assert Trial(spec, images, folder, device=CPU, held=held).run() == "done"
    return folder


def numbers(folder: TrialFolder) -> list[dict[str, Any]]:
    return [{name: value for name, value in epoch.items() if name not in CLOCKS} for epoch in folder.epochs()]


def assert_near(is_now: dict[str, Any], was: dict[str, Any]) -> None:
    """Two epochs' numbers are the same to rounding."""
    assert {name for name, value in is_now.items() if value is None} == {
        name for name, value in was.items() if value is None
    }
    given, known = ({name: value for name, value in each.items() if value is not None} for each in (is_now, was))
    assert given == pytest.approx(known, rel=ROUNDING, abs=ROUNDING)


def assert_bits(one: TrialFolder, other: TrialFolder) -> None:
    """Epochs, predictions and network are the same, bit for bit."""
    assert numbers(one) == numbers(other)
    assert one.predictions("validation").equals(other.predictions("validation"))
    (first, facts), (second, others) = restore(one.best), restore(other.best)
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())
    assert facts["network"] == others["network"] == one.status()["network"] == one.network_of("validation")


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("budget", ["epochs", "steps"])
def test_at_once_is_one_by_one_to_rounding(technique: str, budget: str, images: SplitImages, tmp_path: Path) -> None:
    specs = specs_of(technique, budget=budget, weight_decay=0.01)
    assert fits(specs[0])
    assert set(together(specs, images, tmp_path / "many").values()) == {"done"}
    for spec in specs:
        alone = one_by_one(spec, images, tmp_path / "one")
        found = TrialFolder(tmp_path / "many" / spec.trial_id)
        told, known = numbers(found), numbers(alone)
        assert [set(epoch) for epoch in told] == [set(epoch) for epoch in known]
        for is_now, was in zip(told, known, strict=True):
            assert_near(is_now, was)
        assert found.status()["plan_counts"] == alone.status()["plan_counts"]
        if found.status()["best_epoch"] == alone.status()["best_epoch"]:
            columns = ["p_0", "p_1", "logit_0", "logit_1"]
            one, other = (folder.predictions("validation")[columns].to_numpy() for folder in (found, alone))
            np.testing.assert_allclose(one, other, atol=ROUNDING)
            heads = [folder.head() for folder in (found, alone)]
            if not any(head is None for head in heads):
                np.testing.assert_allclose(*heads, atol=ROUNDING)  # type: ignore[arg-type]
            assert (heads[0] is None) == (heads[1] is None) == ("ldam" in technique)  # cosines have no such numbers


@pytest.mark.parametrize("settings", [{"optimizer": "sgd"}, {"optimizer": "adamw"}, {"lr_schedule": "cosine"}])
def test_every_optimizer_and_schedule_is_one_by_one(
    settings: dict[str, Any], images: SplitImages, tmp_path: Path
) -> None:
    specs = specs_of("oversampling", seeds=2, weight_decay=0.1, **settings)
    together(specs, images, tmp_path / "many")
    for spec in specs:
        alone = one_by_one(spec, images, tmp_path / "one")
        for is_now, was in zip(numbers(TrialFolder(tmp_path / "many" / spec.trial_id)), numbers(alone), strict=True):
            assert_near(is_now, was)


@pytest.mark.parametrize("technique", ["baseline", "ldam_drw"])
def test_early_epochs_are_never_the_best_where_they_may_not(
    technique: str, images: SplitImages, tmp_path: Path
) -> None:
    (spec,) = specs_of(technique, seeds=1, keep_from=0.5)
    assert set(together([spec], images, tmp_path / "many").values()) == {"done"}
    alone, found = one_by_one(spec, images, tmp_path / "one"), TrialFolder(tmp_path / "many" / spec.trial_id)
    for folder in (alone, found):
        assert [epoch["kept_epochs"] for epoch in folder.epochs()][:3] == [0, 0, 0]
        assert folder.epochs()[-1]["kept_epochs"] >= 1
        late = folder.epochs()[3:]
        best = max(e["balanced_accuracy"] for e in late if e["kept_epochs"])
        assert folder.epochs()[folder.status()["best_epoch"] - 1]["balanced_accuracy"] == best
        assert folder.status()["best_epoch"] > 3
    assert spec.trial_id != specs_of(technique, seeds=1)[0].trial_id


def test_three_classes_are_one_by_one(tmp_path: Path) -> None:
    images = make_vectors(train=(50, 30, 12))
    specs = specs_of("smote@features", seeds=2, positive=None)
    together(specs, images, tmp_path / "many")
    for spec in specs:
        alone = one_by_one(spec, images, tmp_path / "one")
        for is_now, was in zip(numbers(TrialFolder(tmp_path / "many" / spec.trial_id)), numbers(alone), strict=True):
            assert_near(is_now, was)


@pytest.mark.parametrize(
    "technique", ["baseline", "undersampling", "smote@features", "mixup@features", "sam", "lws", "deep_auc"]
)
def test_a_seed_hangs_on_no_other(technique: str, images: SplitImages, tmp_path: Path) -> None:
    specs = specs_of(technique, seeds=5)
    together(specs, images, tmp_path / "all")
    for some in ([0], [3], [1, 4]):
        together(specs, images, tmp_path / str(some), some)
        for number in some:
            trial_id = specs[number].trial_id
            assert_bits(TrialFolder(tmp_path / "all" / trial_id), TrialFolder(tmp_path / str(some) / trial_id))


class Killed(Exception):
    pass


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("technique", ["undersampling", "crt", "sam", "lws", "shifted_bn", "deep_auc"])
def test_seeds_that_were_stopped_end_with_the_same_bits(
    technique: str, optimizer: str, images: SplitImages, tmp_path: Path
) -> None:
    specs = specs_of(technique, optimizer=optimizer, lr=0.02)
    together(specs, images, tmp_path / "whole")
    epochs = iter(range(1, 100))

    def stop() -> None:
        if next(epochs) == 4:
            raise Killed

    with pytest.raises(Killed):
        together(specs, images, tmp_path / "killed", [0, 2], check=stop, resume_seconds=0)
    assert len(TrialFolder(tmp_path / "killed" / specs[0].trial_id).epochs()) == 4
    assert set(together(specs, images, tmp_path / "killed").values()) == {"done"}  # seed 1 begins, the others go on
    for spec in specs:
        assert_bits(TrialFolder(tmp_path / "whole" / spec.trial_id), TrialFolder(tmp_path / "killed" / spec.trial_id))


def test_what_was_stopped_at_once_goes_on_alone_and_back(images: SplitImages, tmp_path: Path) -> None:
    (spec,) = specs_of("oversampling", seeds=1)

    def stop() -> None:
        raise Killed

    with pytest.raises(Killed):
        together([spec], images, tmp_path, check=stop, resume_seconds=0)
    assert TrialFolder(tmp_path / spec.trial_id).last.exists()
    went_on = numbers(one_by_one(spec, images, tmp_path))
    assert len(went_on) == spec.epochs
    whole = numbers(one_by_one(spec, images, tmp_path / "whole"))
    for is_now, was in zip(went_on, whole, strict=True):
        assert_near(is_now, was)


@pytest.mark.parametrize(
    "technique", ["baseline", "undersampling", "smote@features", "mixup@features", "sam", "lws", "deep_auc"]
)
def test_one_seed_that_diverges_fails_alone(
    technique: str, images: SplitImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sweep.training.many import together as many

    specs = specs_of(technique)
    together(specs, images, tmp_path / "sound")
    real = many._begin

    def begin(spec: TrialSpec, *given: Any) -> Any:
        seed = real(spec, *given)
        if spec == specs[1]:
            with torch.no_grad():
                seed.network.fc.bias[0] = float("inf")
        return seed

    monkeypatch.setattr(many, "_begin", begin)
    assert together(specs, images, tmp_path / "one bad") == {0: "done", 1: "diverged", 2: "done"}
    bad = TrialFolder(tmp_path / "one bad" / specs[1].trial_id)
    # AUCM squares a sigmoid, which is a number of an infinite logit too.
    what = (
        "the network's outputs were no numbers after" if technique == "deep_auc" else "the training loss became nan in"
    )
    assert f"{what} epoch 1; a lower learning rate" in bad.status()["error"]
    assert bad.status()["best_epoch"] is None
    for spec in (specs[0], specs[2]):
        assert_bits(TrialFolder(tmp_path / "sound" / spec.trial_id), TrialFolder(tmp_path / "one bad" / spec.trial_id))


def test_the_folder_is_what_a_trial_leaves(images: SplitImages, tmp_path: Path) -> None:
    (spec,) = specs_of("undersampling", seeds=1)
    together([spec], images, tmp_path / "many")
    found = TrialFolder(tmp_path / "many" / spec.trial_id)
    after_each, at_the_end = (one_by_one(spec, images, tmp_path / str(held), held=held) for held in (False, True))
    assert_bits(after_each, at_the_end)
    for other in (after_each, at_the_end):
        assert sorted(path.name for path in found.path.iterdir()) == sorted(path.name for path in other.path.iterdir())
        assert set(found.status()) == set(other.status())
        assert not found.fault()
        assert not other.fault()
    assert {**after_each.status(), **dict.fromkeys(TIMES)} == {**at_the_end.status(), **dict.fromkeys(TIMES)}


@pytest.mark.parametrize(
    ("technique", "settings"),
    [
        ("mixup@features+ldam", {}),  # cosines of mixtures are no mixtures of cosines
        ("smote@features+ldam", {}),
        ("deep_svdd", {}),
        ("imbsam", {}),
        ("ldam+sam", {}),
        ("baseline", {"hidden": 8}),
        ("baseline", {"views": 2}),
        ("baseline", {"network": "resnet18"}),
    ],
)
def test_what_is_no_sum_over_rows_of_a_linear_map_trains_one_by_one(technique: str, settings: dict[str, Any]) -> None:
    assert not fits(specs_of(technique, seeds=1, **settings)[0])


def test_an_epoch_of_several_steps_is_left_to_trial(images: SplitImages, tmp_path: Path) -> None:
    specs = specs_of("baseline", seeds=2, batch_size=16)
    found = together(specs, images, tmp_path)
    assert all(isinstance(how, NotOneStep) for how in found.values())


def test_a_plan_that_cannot_be_made_fails_its_own_seed(
    images: SplitImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sweep.training.many import together as many

    specs, real = specs_of("baseline", seeds=2), many.method_of

    def method_of(spec: TrialSpec, images: SplitImages) -> Any:
        if spec == specs[0]:
            raise ValueError("no plan")
        return real(spec, images)

    monkeypatch.setattr(many, "method_of", method_of)
    folders = {spec.trial_id: TrialFolder(tmp_path / spec.trial_id) for spec in specs}
    found = train_together(specs, folders, images, Standard.of(images, CPU))
    assert str(found[specs[0].trial_id]) == "no plan"
    assert found[specs[1].trial_id] == "done"


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_numbers_of_many_sets_are_those_of_each(n_classes: int) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, n_classes, 101)
    drawn = rng.random((7, 101, n_classes))
    drawn[3:] = np.round(drawn[3:], 1) + 0.1  # ties
    probabilities = (drawn / drawn.sum(axis=2, keepdims=True)).astype(np.float32)
    positive = 1 if n_classes == 2 else None
    for labels_now in (labels, np.minimum(labels, 1), np.ones_like(labels)):
        known = [evaluate(labels_now, each, positive) for each in probabilities]
        found = evaluate_many(labels_now, probabilities, positive)
        assert repr(found) == repr(known)  # NaN too, where a class is absent

"""One trial: its batches are the plan's rows, equal seeds give equal numbers, an interruption changes none.

Images are 16 pixels a side and few: the network is the real one.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from balancing.components.plans import TrainingPlan
from balancing.components.techniques import techniques
from sweep.runs.run import TrialFolder
from sweep.runs.spec import TrialSpec
from sweep.training import trial
from sweep.training.network import new_model, restore
from sweep.training.trial import (
    SplitImages,
    build_plan,
    epoch_generator,
    on_device,
    predict,
    predict_part,
    to_input,
    train_trial,
    training_batches,
)

CPU = torch.device("cpu")
SIZE = 16
# What an epoch says about the computer, not about the trial.
CLOCKS = ("seconds", "images_per_second")


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[TrialFolder]:
    yield TrialFolder(tmp_path / "trial")
    shutil.rmtree(tmp_path)  # checkpoints of 45 and 135 MB


def make_images(
    *, train: tuple[int, ...] = (14, 8), held_out: int = 3, colour: bool = False, seed: int = 0, signal: int = 0
) -> SplitImages:
    """Noise, brighter by ``signal`` in each next class; parts are shuffled among each other.

    Args:
        train: training images of each class.
        held_out: images of each class in validation, and in test.
    """
    rng = np.random.default_rng(seed)
    n_classes = len(train)
    counts = [count + 2 * held_out for count in train]
    labels = np.repeat(np.arange(n_classes), counts)
    parts = np.concatenate([np.repeat([0, 1, 2], [count, held_out, held_out]) for count in train])
    order = rng.permutation(len(labels))
    labels, parts = labels[order], parts[order]
    shape = (len(labels), SIZE, SIZE, 3) if colour else (len(labels), SIZE, SIZE)
    low = signal * labels.reshape(-1, *[1] * (len(shape) - 1))
    pixels = (low + rng.integers(0, 256 - signal * (n_classes - 1), size=shape)).astype(np.uint8)
    rows = [np.flatnonzero(parts == part) for part in range(3)]
    names = tuple(f"class-{label}" for label in range(n_classes))
    return SplitImages(pixels, labels.astype(np.int64), names, *rows)


def make_spec(technique: str = "baseline", **options: Any) -> TrialSpec:
    values: dict[str, Any] = {"lr": 1e-3, "epochs": 2, "seed": 3, "batch_size": 8, "image_size": SIZE}
    parameters = {"k_neighbors": 3} if "smote" in technique else {}
    return TrialSpec(technique, parameters=parameters, **{**values, **options})


def run_trial(spec: TrialSpec, images: SplitImages, folder: TrialFolder, **options: Any) -> str:
    return train_trial(spec, images, folder, device=CPU, **options)


def numbers_of(folder: TrialFolder) -> list[dict[str, Any]]:
    """The epochs without what the clock says."""
    return [{k: v for k, v in epoch.items() if k not in CLOCKS} for epoch in folder.epochs()]


def weights_of(folder: TrialFolder) -> dict[str, torch.Tensor]:
    return restore(folder.best)[0].state_dict()


def assert_same_weights(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


def assert_same_trial(a: TrialFolder, b: TrialFolder) -> None:
    """Bitwise: epochs, best epoch, its network and its predictions."""
    assert numbers_of(a) == numbers_of(b)
    assert a.status()["status"] == b.status()["status"]
    assert a.status()["best_epoch"] == b.status()["best_epoch"]
    assert_same_weights(weights_of(a), weights_of(b))
    assert a.predictions("validation").equals(b.predictions("validation"))


# --- what the network sees ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", [False, True])
def test_to_input_scales_normalises_and_repeats_grey(colour: bool) -> None:
    pixels = make_images(colour=colour).pixels[:5]
    found = to_input(torch.from_numpy(pixels), mean=0.4, std=0.2)
    three = pixels if colour else np.repeat(pixels[..., None], 3, axis=3)
    wanted = ((three / 255 - 0.4) / 0.2).transpose(0, 3, 1, 2)
    assert found.shape == (5, 3, SIZE, SIZE)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)


def test_on_device_copies_nothing_on_the_cpu() -> None:
    pixels = make_images().pixels
    pixels.flags.writeable = False
    tensor = on_device(pixels, CPU)
    assert tensor.data_ptr() == pixels.ctypes.data
    np.testing.assert_array_equal(tensor.numpy(), pixels)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("name", [t.name for t in techniques()])
def test_an_epochs_batches_are_the_plans_rows_each_once(name: str, colour: bool) -> None:
    images = make_images(train=(22, 9), colour=colour, signal=10)
    spec = make_spec(name, batch_size=4, mean=0.3, std=0.25)
    plan = build_plan(spec, images)
    realised = plan.realise(images.pixels)
    grey = realised if colour else np.repeat(realised[..., None], 3, axis=3)
    wanted = ((grey / 255 - 0.3) / 0.25).transpose(0, 3, 1, 2)
    batches = list(training_batches(on_device(images.pixels, CPU), plan, spec, 1, CPU))
    assert [len(labels) for _, labels in batches[:-1]] == [4] * (len(batches) - 1)
    seen = torch.cat([batch for batch, _ in batches]).numpy()
    labels = torch.cat([labels for _, labels in batches]).numpy()
    assert seen.dtype == np.float32
    # The order is random: match each seen image with the nearest row of the plan.
    distance = np.abs(seen[:, None] - wanted[None]).max(axis=(2, 3, 4))
    assert distance.min(axis=1).max() < 1e-4
    if name != "oversampling":  # repeats are equal rows: any of them may be the nearest
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
    batches = list(training_batches(on_device(images.pixels, CPU), plan, make_spec(batch_size=4), 1, CPU))
    assert sum(len(labels) for _, labels in batches) == seen
    assert min(len(labels) for _, labels in batches) >= 2


def batches_of(spec: TrialSpec, images: SplitImages, epoch: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    plan = build_plan(spec, images)
    found = list(training_batches(on_device(images.pixels, CPU), plan, spec, epoch, CPU))
    return torch.cat([batch for batch, _ in found]), torch.cat([labels for _, labels in found])


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


# --- prediction ---------------------------------------------------------------------------------------------------


def test_a_prediction_does_not_depend_on_its_company() -> None:
    images, spec = make_images(), make_spec()
    model = new_model(2, 0).train()
    with torch.no_grad():
        model(torch.rand(8, 3, SIZE, SIZE))  # so that the running statistics are none of the batch's
    pixels = on_device(images.pixels, CPU)
    rows = np.concatenate([images.validation, images.test])
    together = predict(model, pixels, rows, spec, CPU)
    assert not model.training
    assert together.shape == (len(rows), 2)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-6)
    alone = np.concatenate([predict(model, pixels, rows[i : i + 1], spec, CPU) for i in range(len(rows))])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    back = predict(model, pixels, rows[::-1].copy(), spec, CPU)
    np.testing.assert_allclose(back[::-1], together, atol=1e-5)


def test_prediction_is_cut_into_batches_without_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    images, spec, model = make_images(), make_spec(), new_model(2, 0)
    pixels = on_device(images.pixels, CPU)
    whole = predict(model, pixels, images.train, spec, CPU)
    monkeypatch.setattr(trial, "evaluation_batch", lambda size, device: 5)
    np.testing.assert_allclose(predict(model, pixels, images.train, spec, CPU), whole, atol=1e-5)


def test_prediction_neither_augments_nor_changes_the_network() -> None:
    images, model = make_images(), new_model(2, 0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    pixels = on_device(images.pixels, CPU)
    plain = predict(model, pixels, images.validation, make_spec(), CPU)
    strong = predict(model, pixels, images.validation, make_spec(strength=1.0), CPU)
    np.testing.assert_array_equal(plain, strong)
    assert_same_weights(dict(model.state_dict()), before)


# --- training -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TrialSpec, SplitImages, TrialFolder]]:
    """A trial of three epochs with synthetic rows and augmentation, which other trials are compared with."""
    path = tmp_path_factory.mktemp("uninterrupted")
    spec, images = make_spec("smote", epochs=3, strength=0.5), make_images(signal=20)
    assert run_trial(spec, images, TrialFolder(path)) == "done"
    yield spec, images, TrialFolder(path)
    shutil.rmtree(path)


def test_a_trial_records_what_it_did(uninterrupted: tuple[TrialSpec, SplitImages, TrialFolder]) -> None:
    spec, images, folder = uninterrupted
    assert [epoch["epoch"] for epoch in folder.epochs()] == [1, 2, 3]
    assert {epoch["images"] for epoch in folder.epochs()} == {28}
    assert all(epoch["seconds"] > 0 and epoch["images_per_second"] > 0 for epoch in folder.epochs())
    status = folder.status()
    assert (status["status"], status["error"]) == ("done", None)
    assert status["finished"] >= status["started"]
    assert not folder.last.exists()
    table = folder.predictions("validation")
    np.testing.assert_array_equal(table["row"], images.validation)
    np.testing.assert_array_equal(table["label"], images.labels[images.validation])
    _, facts = restore(folder.best)
    assert TrialSpec.from_dict(facts["spec"]) == spec
    assert (facts["epoch"], tuple(facts["class_names"])) == (status["best_epoch"], images.class_names)


def test_the_kept_network_made_the_kept_predictions(
    uninterrupted: tuple[TrialSpec, SplitImages, TrialFolder], tmp_path: Path
) -> None:
    _, images, folder = uninterrupted
    shutil.copy(folder.best, tmp_path / "best.pt")
    copy = TrialFolder(tmp_path)
    predict_part(copy, images, "validation", CPU)
    assert copy.predictions("validation").equals(folder.predictions("validation"))
    predict_part(copy, images, "test", CPU)
    np.testing.assert_array_equal(copy.predictions("test")["row"], images.test)
    np.testing.assert_array_equal(copy.predictions("test")["label"], images.labels[images.test])


def test_the_best_epoch_has_the_highest_metric(uninterrupted: tuple[TrialSpec, SplitImages, TrialFolder]) -> None:
    spec, _, folder = uninterrupted
    values = [epoch[spec.metric] for epoch in folder.epochs()]
    assert folder.status()["best_epoch"] == 1 + int(np.argmax(values))


def test_reports_carry_each_epochs_numbers_after_they_were_recorded(folder: TrialFolder) -> None:
    reported = []

    def report(numbers: dict[str, Any]) -> None:
        assert folder.epochs()[-1] == numbers
        assert folder.status()["status"] == "running"
        reported.append(numbers["epoch"])

    run_trial(make_spec(), make_images(train=(4, 4), held_out=1), folder, report=report)
    assert reported == [1, 2]


class Interrupted(Exception):
    pass


def interrupt_after(last: int) -> Any:
    def report(numbers: dict[str, Any]) -> None:
        if numbers["epoch"] == last:
            raise Interrupted

    return report


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_interrupted_trial_goes_on_as_if_nothing_had_been(
    epoch: int, uninterrupted: tuple[TrialSpec, SplitImages, TrialFolder], folder: TrialFolder
) -> None:
    spec, images, whole = uninterrupted
    with pytest.raises(Interrupted):
        run_trial(spec, images, folder, report=interrupt_after(epoch), resume_seconds=0)
    assert folder.status()["status"] == "running"
    assert folder.last.exists()
    assert numbers_of(folder) == numbers_of(whole)[:epoch]
    torch.manual_seed(1000 + epoch)  # another process has another global state
    trained_again = []
    status = run_trial(
        spec, images, folder, report=lambda numbers: trained_again.append(numbers["epoch"]), resume_seconds=0
    )
    assert status == "done"
    assert trained_again == list(range(epoch + 1, spec.epochs + 1))
    assert_same_trial(folder, whole)
    assert not folder.last.exists()


def test_an_interruption_before_anything_was_saved_starts_anew(
    uninterrupted: tuple[TrialSpec, SplitImages, TrialFolder], folder: TrialFolder
) -> None:
    spec, images, whole = uninterrupted
    with pytest.raises(Interrupted):
        run_trial(spec, images, folder, report=interrupt_after(1), resume_seconds=1e9)
    assert not folder.last.exists()
    # Another run of the same trial: equal seeds give equal numbers, bit by bit.
    assert run_trial(spec, images, folder) == "done"
    assert_same_trial(folder, whole)


def test_another_seed_gives_other_numbers(
    uninterrupted: tuple[TrialSpec, SplitImages, TrialFolder], folder: TrialFolder
) -> None:
    spec, images, whole = uninterrupted
    run_trial(replace(spec, seed=spec.seed + 1, epochs=1), images, folder)
    assert numbers_of(folder)[0]["train_loss"] != numbers_of(whole)[0]["train_loss"]


def poisoned(images: SplitImages, part: str) -> SplitImages:
    """The same images, but for one part: garbage pixels and labels that no class has."""
    pixels, labels = images.pixels.copy(), images.labels.copy()
    rows = images.part(part)
    pixels[rows] = 255 - pixels[rows][:, ::-1]
    labels[rows] = -(10**6)
    return replace(images, pixels=pixels, labels=labels)


def test_test_rows_are_not_looked_at_before_they_are_predicted(
    uninterrupted: tuple[TrialSpec, SplitImages, TrialFolder], folder: TrialFolder
) -> None:
    spec, images, whole = uninterrupted
    assert run_trial(spec, poisoned(images, "test"), folder) == "done"
    assert_same_trial(folder, whole)
    assert not (folder.path / "test.parquet").exists()


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


def test_validation_rows_are_never_trained_on(folder: TrialFolder, tmp_path: Path) -> None:
    images, spec = make_images(signal=20), make_spec("smote", epochs=1)
    other = poisoned(images, "validation")
    other.labels[images.validation] = 1 - images.labels[images.validation]
    again = TrialFolder(tmp_path / "again")
    run_trial(spec, images, folder)
    run_trial(spec, other, again)
    assert numbers_of(folder)[0]["train_loss"] == numbers_of(again)[0]["train_loss"]
    assert_same_weights(weights_of(folder), weights_of(again))
    assert not folder.predictions("validation").equals(again.predictions("validation"))


def scripted(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    """Makes the metric of epoch e say values[e - 1]."""
    real, left = trial.evaluate, iter(values)
    monkeypatch.setattr(trial, "evaluate", lambda *given: {**real(*given), "balanced_accuracy": next(left)})


@pytest.mark.parametrize(
    ("values", "best"),
    [([0.5, 0.7, 0.7, 0.6], 2), ([0.9, 0.9, 0.9], 1), ([0.0, 0.0], 1), ([0.1, 0.2, 0.3], 3), ([np.nan, np.nan], 1)],
)
def test_the_first_of_equal_epochs_is_best_and_what_is_kept_is_its(
    values: list[float], best: int, folder: TrialFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, values)
    images = make_images(train=(4, 4), held_out=2)
    predicted: list[np.ndarray] = []
    real = trial.predict

    def remembering(*given: Any) -> np.ndarray:
        predicted.append(real(*given))
        return predicted[-1]

    monkeypatch.setattr(trial, "predict", remembering)
    assert run_trial(make_spec(epochs=len(values), lr=0.01), images, folder) == "done"
    assert folder.status()["best_epoch"] == best
    assert restore(folder.best)[1]["epoch"] == best
    np.testing.assert_array_equal(folder.predictions("validation")[["p_0", "p_1"]], predicted[best - 1])
    assert all(not np.array_equal(predicted[best - 1], p) for e, p in enumerate(predicted, 1) if e != best)


def test_an_interruption_does_not_forget_the_best_epoch(folder: TrialFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    images, spec = make_images(train=(4, 4), held_out=2), make_spec(epochs=3)
    scripted(monkeypatch, [0.9, 0.1, 0.2])
    with pytest.raises(Interrupted):
        run_trial(spec, images, folder, report=interrupt_after(2), resume_seconds=0)
    run_trial(spec, images, folder, resume_seconds=0)
    assert folder.status()["best_epoch"] == restore(folder.best)[1]["epoch"] == 1


def test_a_learning_rate_beyond_all_numbers_ends_the_trial_with_a_sentence(folder: TrialFolder) -> None:
    images = make_images(train=(8, 8), held_out=2)
    assert run_trial(make_spec(lr=1e30, epochs=3), images, folder, resume_seconds=0) == "diverged"
    status = folder.status()
    assert status["status"] == "diverged"
    assert "a lower learning rate than 1e+30 may help" in status["error"]
    assert "\n" not in status["error"]
    assert not folder.last.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_stops_being_a_number_keeps_the_epochs_before(
    value: float, folder: TrialFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = make_images(train=(4, 4), held_out=2)
    real, calls = trial.train_epoch, iter([False, True])
    monkeypatch.setattr(trial, "train_epoch", lambda *given: (value, 8) if next(calls) else real(*given))
    reported: list[int] = []
    ended = run_trial(
        make_spec(epochs=3), images, folder, report=lambda n: reported.append(n["epoch"]), resume_seconds=0
    )
    assert ended == "diverged"
    assert reported == [1]
    assert [epoch["epoch"] for epoch in folder.epochs()] == [1]
    assert folder.status()["best_epoch"] == 1
    assert f"the training loss became {value} in epoch 2" in folder.status()["error"]
    assert len(folder.predictions("validation")) == 4
    assert not folder.last.exists()


def test_outputs_that_are_no_numbers_end_the_trial(folder: TrialFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "predict", lambda model, pixels, rows, *rest: np.full((len(rows), 2), np.nan))
    assert run_trial(make_spec(), make_images(train=(2, 2), held_out=1), folder) == "diverged"
    assert "no numbers after epoch 1" in folder.status()["error"]
    assert not folder.best.exists()


@pytest.mark.parametrize(("classes", "positive"), [(2, 0), (3, None)])
def test_it_learns_what_is_easy(classes: int, positive: int | None, folder: TrialFolder) -> None:
    images = make_images(train=(32, 24, 16)[:classes], held_out=6, signal=80)
    spec = make_spec("oversampling", positive=positive, epochs=3)
    assert run_trial(spec, images, folder) == "done"
    best = folder.epochs()[folder.status()["best_epoch"] - 1]
    assert best["balanced_accuracy"] > 0.9
    assert best["auroc"] > 0.95


def test_bfloat16_trains_and_gives_float32_probabilities(folder: TrialFolder) -> None:
    images = make_images(train=(4, 4), held_out=2)
    assert run_trial(make_spec(precision="bfloat16", epochs=1), images, folder) == "done"
    table = folder.predictions("validation")
    assert table["p_0"].dtype == np.float32
    np.testing.assert_allclose(table["p_0"] + table["p_1"], 1, atol=1e-5)


def test_starting_weights_are_where_training_starts(folder: TrialFolder) -> None:
    images = make_images(train=(4, 4), held_out=2)
    start = {n: v for n, v in new_model(2, 77).state_dict().items() if not n.startswith("fc.")}
    still = make_spec(epochs=1, lr=1e-30)
    run_trial(still, images, folder, start=start)
    found = weights_of(folder)
    for name, value in start.items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(found[name], value, rtol=0, atol=1e-20)


# --- rooms --------------------------------------------------------------------------------------------------------


def test_training_needs_neither_ray_nor_what_only_others_need() -> None:
    code = """
import sys
blocked = "ray datasets imblearn torchcam pydantic rich typer matplotlib jinja2 tensorboard"
for name in blocked.split():
    sys.modules[name] = None
import sweep.training.trial
from balancing.components.techniques import get_technique, techniques
import balancing.components.augmentations.rotate_flip, balancing.components.plans
import balancing.data.images, balancing.data.splits
assert len(techniques()) >= 6
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_the_balancing_room_knows_nothing_of_sweep_or_ray() -> None:
    code = """
import sys
for name in ("ray", "sweep"):
    sys.modules[name] = None
import importlib, pkgutil, balancing
for module in pkgutil.walk_packages(balancing.__path__, "balancing."):
    importlib.import_module(module.name)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr

"""One trial: what it records, what it keeps, how it ends; equal seeds give equal numbers.

Images are 16 pixels a side and few: the network is the real one.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sweep.runs.predictions import Predictions
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training import trial
from sweep.training.inputs import SplitImages
from sweep.training.network import new_model, restore
from sweep.training.predict import predict_part
from tests.sweep.training.small import (
    CPU,
    assert_same_trial,
    assert_same_weights,
    make_images,
    make_spec,
    numbers_of,
    poisoned,
    run_trial,
    scripted,
    weights_of,
)


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


def test_another_seed_gives_other_numbers(
    uninterrupted: tuple[TrialSpec, SplitImages, TrialFolder], folder: TrialFolder
) -> None:
    spec, images, whole = uninterrupted
    run_trial(replace(spec, seed=spec.seed + 1, epochs=1), images, folder)
    assert numbers_of(folder)[0]["train_loss"] != numbers_of(whole)[0]["train_loss"]


def test_test_rows_are_not_looked_at_before_they_are_predicted(
    uninterrupted: tuple[TrialSpec, SplitImages, TrialFolder], folder: TrialFolder
) -> None:
    spec, images, whole = uninterrupted
    assert run_trial(spec, poisoned(images, "test"), folder) == "done"
    assert_same_trial(folder, whole)
    assert not (folder.path / "test.parquet").exists()


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
    real = trial.predictions_of

    def remembering(*given: Any) -> Predictions:
        found = real(*given)
        predicted.append(found.probabilities)
        return found

    monkeypatch.setattr(trial, "predictions_of", remembering)
    assert run_trial(make_spec(epochs=len(values), lr=0.01), images, folder) == "done"
    assert folder.status()["best_epoch"] == best
    assert restore(folder.best)[1]["epoch"] == best
    np.testing.assert_array_equal(folder.predictions("validation")[["p_0", "p_1"]], predicted[best - 1])
    assert all(not np.array_equal(predicted[best - 1], p) for e, p in enumerate(predicted, 1) if e != best)


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
    rows, nothing = np.arange(2), np.full((2, 2), np.nan)
    monkeypatch.setattr(trial, "predictions_of", lambda *given: Predictions(rows, rows, nothing, nothing))
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

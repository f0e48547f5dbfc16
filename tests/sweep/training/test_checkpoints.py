"""The network, the predictions and the record of a trial are of one attempt, or the trial starts anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from balancing.errors import UserError
from sweep.runs.files import write_torch
from sweep.runs.owner import NotOwner
from sweep.runs.predictions import class_values
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder, network_fingerprint
from sweep.training import trial
from sweep.training.checkpoints import network_fault
from sweep.training.inputs import SplitImages
from sweep.training.network import restore, saved_facts
from sweep.training.predict import predict, predict_part
from tests.sweep.training.small import CPU, run_trial, scripted

SPEC = TrialSpec("baseline", 1e-3, 5, 3, batch_size=8, image_size=16)


class Killed(BaseException):
    pass


@pytest.fixture
def images() -> SplitImages:
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 2
    pixels = (rng.integers(0, 200, (24, 16, 16)) + 50 * labels[:, None, None]).astype(np.uint8)
    return SplitImages(pixels, labels.astype(np.int64), ("a", "b"), np.arange(12), np.arange(12, 18), np.arange(18, 24))


def killed_after(images: SplitImages, folder: TrialFolder, epoch: int, saved: tuple[int, ...]) -> None:
    """Trains until it is killed after an epoch; only after those ``saved`` a file to go on from is written."""
    real = trial.save_last

    def save(folder: TrialFolder, model: Any, optimizer: Any, progress: Any, loss: Any) -> None:
        if len(progress.epochs) in saved:
            real(folder, model, optimizer, progress, loss)

    def report(numbers: dict[str, Any]) -> None:
        if numbers["epoch"] == epoch:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "save_last", save)
        with pytest.raises(Killed):
            run_trial(SPEC, images, folder, report=report, resume_seconds=0)


def go_on(images: SplitImages, folder: TrialFolder) -> list[int]:
    """Trains to the end; returns the epochs that were trained."""
    trained: list[int] = []
    report = lambda numbers: trained.append(numbers["epoch"])  # noqa: E731
    assert run_trial(SPEC, images, folder, report=report, resume_seconds=1e9) == "done"
    return trained


def assert_of_one_attempt(folder: TrialFolder, images: SplitImages) -> None:
    """Record, network and predictions tell of the same network."""
    best = folder.status()["best_epoch"]
    model, facts = restore(folder.best)
    assert facts["epoch"] == best
    probabilities = predict(model, torch.from_numpy(images.pixels), images.validation, SPEC, CPU)
    assert folder.status()["network"] == facts["network"] == network_fingerprint(best, probabilities)
    table = folder.predictions("validation")
    np.testing.assert_array_equal(table[["p_0", "p_1"]].to_numpy(), probabilities)
    assert [e["epoch"] for e in folder.epochs()] == list(range(1, SPEC.epochs + 1))
    assert network_fault(folder) == folder.fault() == ""
    assert {path.name for path in folder.path.iterdir()} >= {"best.pt", "validation.parquet"}
    assert not folder.last.exists()
    assert not folder.best_before.exists()


def test_a_best_network_of_a_lost_attempt_gives_way_to_the_one_on_record(
    images: SplitImages, folder: TrialFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epoch 3 was the best, its attempt is lost, and going on from epoch 2 other hardware finds it no good."""
    scripted(monkeypatch, [0.7, 0.6, 0.9, 0.65, 0.6, 0.6])
    killed_after(images, folder, 3, saved=(1, 2))
    assert restore(folder.best)[1]["epoch"] == 3
    assert go_on(images, folder) == [3, 4, 5]
    assert folder.status()["best_epoch"] == 1
    assert_of_one_attempt(folder, images)


@pytest.mark.parametrize("killed", ["before the new one", "between network and predictions"])
def test_a_kill_while_a_better_network_is_kept_loses_neither(
    images: SplitImages, folder: TrialFolder, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    from sweep.training import checkpoints

    scripted(monkeypatch, [0.7, 0.6, 0.9, 0.1, 0.1, 0.1])
    real: Callable[..., None] = checkpoints.save_best

    def save_best(path: Path, *given: Any, **about: Any) -> None:
        if about["epoch"] == 3 and killed == "before the new one":
            raise Killed
        real(path, *given, **about)
        if about["epoch"] == 3:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_best", save_best)
        with pytest.raises(Killed):
            run_trial(SPEC, images, folder, resume_seconds=0)
    assert go_on(images, folder) == [3, 4, 5]
    assert folder.status()["best_epoch"] == 1
    assert_of_one_attempt(folder, images)


def test_equal_numbers_again_make_the_same_trial_as_without_the_kill(
    images: SplitImages, folder: TrialFolder, tmp_path: Path
) -> None:
    whole = TrialFolder(tmp_path / "whole")
    go_on(images, whole)
    killed_after(images, folder, 4, saved=(1, 2))
    assert go_on(images, folder) == [3, 4, 5]
    assert_of_one_attempt(folder, images)
    assert folder.status()["network"] == whole.status()["network"]
    assert folder.predictions("validation").equals(whole.predictions("validation"))


@pytest.mark.parametrize("damage", ["empty", "half", "zeros within", "no checkpoint", "a folder"])
def test_a_damaged_file_to_go_on_from_costs_the_epochs_and_no_more(
    images: SplitImages, folder: TrialFolder, damage: str
) -> None:
    killed_after(images, folder, 2, saved=(1, 2))
    content = folder.last.read_bytes()
    if damage == "no checkpoint":
        write_torch(folder.last, {"model": {}})
    elif damage == "a folder":
        folder.last.unlink()
        folder.last.mkdir()
    elif damage == "zeros within":  # torch reads them as weights
        folder.last.write_bytes(with_zeros(content))
    else:
        folder.last.write_bytes(b"" if damage == "empty" else content[: len(content) // 2])
    assert go_on(images, folder) == [1, 2, 3, 4, 5]
    assert folder.status()["reopened"] == ["last.pt was damaged: started anew"]
    assert_of_one_attempt(folder, images)


def with_zeros(content: bytes) -> bytes:
    """A block in the middle of a checkpoint lost."""
    half = len(content) // 2
    return content[:half] + bytes(4096) + content[half + 4096 :]


@pytest.mark.parametrize("damage", ["gone", "empty", "of another attempt"])
def test_a_trial_whose_best_network_is_gone_starts_anew(images: SplitImages, folder: TrialFolder, damage: str) -> None:
    killed_after(images, folder, 2, saved=(1, 2))
    if damage == "gone":
        folder.best.unlink()
    elif damage == "empty":
        folder.best.write_bytes(b"")
    else:
        saved = torch.load(folder.best, weights_only=True)
        write_torch(folder.best, {**saved, "network": "0" * 16})
    assert go_on(images, folder) == [1, 2, 3, 4, 5]
    assert "was gone: started anew" in folder.status()["reopened"][0]
    assert_of_one_attempt(folder, images)


@pytest.mark.parametrize("lost", [False, True])
def test_a_trial_of_an_earlier_version_goes_on_where_its_numbers_agree(
    images: SplitImages, folder: TrialFolder, lost: bool
) -> None:
    """It kept neither fingerprints nor predictions beside the network."""
    killed_after(images, folder, 2, saved=(1, 2))
    for path, left_out in ((folder.best, ("network", "validation")), (folder.last, ("network",))):
        saved = torch.load(path, weights_only=True)
        write_torch(path, {key: value for key, value in saved.items() if key not in left_out})
    if lost:  # its predictions are of an attempt that was lost
        table = folder.predictions("validation")
        turned = 1 - table[["p_0", "p_1"]].to_numpy()
        folder.write_predictions("validation", table["row"].to_numpy(), table["label"].to_numpy(), turned)
    trained = go_on(images, folder)
    assert trained == ([1, 2, 3, 4, 5] if lost else [3, 4, 5])
    assert folder.status()["best_epoch"] == restore(folder.best)[1]["epoch"]


def test_a_trial_of_a_version_that_kept_no_logits_goes_on_with_its_best_network(
    images: SplitImages, folder: TrialFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.9, 0.1, 0.1, 0.1, 0.1])
    killed_after(images, folder, 2, saved=(1, 2))
    saved = torch.load(folder.best, weights_only=True)
    logits = saved["validation"].pop("logits")
    write_torch(folder.best, saved)
    (folder.path / "validation.parquet").unlink()
    assert go_on(images, folder) == [3, 4, 5]
    assert_of_one_attempt(folder, images)
    stand_in = class_values(folder.predictions("validation"), "logit")
    np.testing.assert_allclose(stand_in, logits.log_softmax(dim=1), atol=1e-5)


def test_what_a_worker_may_not_write_any_more_stays_as_it_is(images: SplitImages, folder: TrialFolder) -> None:
    killed_after(images, folder, 2, saved=(1, 2))
    before = {path: path.read_bytes() for path in folder.path.iterdir()}

    def refuse() -> None:
        raise NotOwner("not yours")

    with pytest.raises(NotOwner):
        run_trial(SPEC, images, TrialFolder(folder.path, refuse))
    assert {path: path.read_bytes() for path in folder.path.iterdir()} == before


def test_a_network_that_is_not_the_recorded_one_predicts_no_test_split(
    images: SplitImages, folder: TrialFolder
) -> None:
    go_on(images, folder)
    predict_part(folder, images, "test", CPU)
    assert folder.is_tested()
    (folder.path / "test.parquet").unlink()
    assert not folder.is_tested()
    epoch = folder.status()["best_epoch"]
    folder.write_status("done", best_epoch=epoch % SPEC.epochs + 1)
    with pytest.raises(UserError, match=rf"best.pt is of epoch {epoch}, its record's best is"):
        predict_part(folder, images, "test", CPU)
    assert not (folder.path / "test.parquet").exists()
    content = folder.best.read_bytes()
    folder.best.write_bytes(with_zeros(content))
    assert "damaged" in network_fault(folder)
    with pytest.raises(UserError, match="damaged"):
        restore(folder.best)
    folder.best.write_bytes(b"PK")
    assert saved_facts(folder.best) is None
    assert "damaged" in network_fault(folder)


def test_a_trial_trained_again_to_the_same_network_need_not_be_tested_again(
    images: SplitImages, folder: TrialFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on(images, folder)
    predict_part(folder, images, "test", CPU)
    folder.best.unlink()
    folder.reopen("its network is gone")
    assert folder.fault() == "it is waiting"
    go_on(images, folder)
    assert folder.is_tested()
    folder.best.unlink()
    scripted(monkeypatch, [0.1, 0.2, 0.3, 0.4, 0.0])
    go_on(images, folder)
    assert folder.status()["best_epoch"] == 4
    assert not folder.is_tested(), "these are another network's predictions"

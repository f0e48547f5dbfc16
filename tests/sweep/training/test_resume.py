"""An interruption changes no number of a trial."""

from __future__ import annotations

import pytest
import torch

from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.inputs import SplitImages
from sweep.training.network import restore
from tests.sweep.training.small import (
    Interrupted,
    assert_same_trial,
    interrupt_after,
    make_images,
    make_spec,
    numbers_of,
    run_trial,
    scripted,
)


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


def test_an_interruption_does_not_forget_the_best_epoch(folder: TrialFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    images, spec = make_images(train=(4, 4), held_out=2), make_spec(epochs=3)
    scripted(monkeypatch, [0.9, 0.1, 0.2])
    with pytest.raises(Interrupted):
        run_trial(spec, images, folder, report=interrupt_after(2), resume_seconds=0)
    run_trial(spec, images, folder, resume_seconds=0)
    assert folder.status()["best_epoch"] == restore(folder.best)[1]["epoch"] == 1

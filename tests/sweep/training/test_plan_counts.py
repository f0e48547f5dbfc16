"""A trial's status tells how many rows of each class trained its best network: what the prior ledger reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sweep.runs.trial_folder import TrialFolder
from sweep.training.method import build_plan
from tests.sweep.training.small import Interrupted, interrupt_after, make_images, make_spec, run_trial


@pytest.mark.parametrize("technique", ["baseline", "undersampling", "smote", "class_weights"])
def test_the_status_tells_the_class_counts_of_the_plan(tmp_path: Path, technique: str) -> None:
    images, spec = make_images(train=(14, 8)), make_spec(technique, epochs=1)
    folder = TrialFolder(tmp_path / technique)
    assert run_trial(spec, images, folder) == "done"
    assert folder.status()["plan_counts"] == build_plan(spec, images).class_counts(2).tolist()


def test_a_resumed_trial_keeps_the_counts_of_a_best_network_found_before(tmp_path: Path) -> None:
    images, spec, folder = make_images(train=(14, 8)), make_spec("oversampling", epochs=2), TrialFolder(tmp_path)
    with pytest.raises(Interrupted):
        run_trial(spec, images, folder, report=interrupt_after(1), resume_seconds=0)
    assert run_trial(spec, images, folder, resume_seconds=0) == "done"
    counts = np.array(folder.status()["plan_counts"])
    assert counts.tolist() == [14, 14]

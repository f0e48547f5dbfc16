"""A run's trials and epochs as tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from balancing.metrics import COUNTS, SELECTABLE
from sweep.runs.spec import TrialSpec
from tests.sweep.runs.small import epoch_numbers, make_run


def test_the_table_of_trials_shows_each_trials_best_epoch(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    specs = [TrialSpec("smote", 0.01, 3, seed, {"k_neighbors": 5}, metric="recall") for seed in range(4)]
    run.write_specs(specs)
    done, diverged, failed, _ = (run.trial(spec.trial_id) for spec in specs)
    done.write_epochs([epoch_numbers(1, 0.25), epoch_numbers(2, 0.75), epoch_numbers(3, 0.5)])
    done.write_status("done", best_epoch=2, attempts=1)
    diverged.write_epochs([epoch_numbers(1, 0.5, labels=np.array([1, 1]))])  # its AUROC cannot be measured
    diverged.write_status("diverged", best_epoch=1, error="the loss became nan")
    failed.write_status("failed", error="broken", attempts=3)

    table = run.trials()
    assert table["trial_id"].tolist() == [s.trial_id for s in specs]
    assert table["configuration"].nunique() == 1
    assert table["status"].tolist() == ["done", "diverged", "failed", "waiting"]
    assert table["attempts"].tolist() == [1, 0, 3, 0]
    assert table["epochs_run"].tolist() == [3, 1, 0, 0]
    assert table["seconds"].tolist() == [6.0, 2.0, 0, 0]
    assert table["recall"].tolist()[:2] == [0.75, 0.5]
    assert table["recall"].isna().tolist() == [False, False, True, True]
    assert table["auroc"].isna().tolist() == [False, True, True, True]
    assert table["images_per_second"].tolist()[0] == pytest.approx(3 / (1 / 10 + 1 / 20 + 1 / 30))
    assert table["precision"].tolist()[0] == 1.0  # the metric, not the arithmetic
    assert set(table["arithmetic"]) == {"float32"}
    assert table["error"].tolist()[1:3] == ["the loss became nan", "broken"]
    assert set(SELECTABLE) | set(COUNTS) <= set(table.columns)

    epochs = run.epochs()
    assert epochs["trial_id"].tolist() == [specs[0].trial_id] * 3 + [specs[1].trial_id]
    assert epochs["epoch"].tolist() == [1, 2, 3, 1]
    assert epochs["recall"].tolist() == [0.25, 0.75, 0.5, 0.5]


def test_the_table_of_trials_has_its_metrics_before_any_epoch(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    assert run.trials().empty
    run.write_specs([TrialSpec("baseline", 0.01, 3, 0)])
    assert run.trials()[list(SELECTABLE)].isna().all(axis=None)
    assert run.epochs().empty

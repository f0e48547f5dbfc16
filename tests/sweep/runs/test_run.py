"""The run folder: made whole, read back as written, nothing pickled."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from balancing.errors import UserError
from sweep.config.config import Config, build_config
from sweep.runs.files import read_json
from sweep.runs.out import check_free
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from sweep.runs.split_table import split_fingerprint, split_table
from tests.sweep.runs.small import SPLIT, epoch_numbers, image_set, make_run


def test_a_run_is_made_and_opened(tmp_path: Path) -> None:
    made = make_run(tmp_path / "runs" / "a", config_yaml=Config().to_yaml())
    run = Run(str(made.path))
    assert run.class_names == ["NORMAL", "PNEUMONIA"]
    assert run.positive == 1
    assert run.info["notes"] == ["a note"]
    assert run.info["status"] == "running"
    data = run.info["data"]
    assert data["class_counts"] == {"train": [2, 2], "validation": [1, 1], "test": [1, 1]}
    assert (data["images"], data["left_out"], data["fingerprint"]) == (9, 1, "f" * 64)
    assert data["split_fingerprint"] == split_fingerprint(SPLIT)
    assert {"python", "torch", "ray", "numpy"} <= set(run.info["versions"])
    assert run.split().equals(split_table(image_set(), SPLIT))
    assert read_json(run.path / "bad_images.json") == [{"name": "torn.png", "reason": "cut off"}]
    import yaml

    assert build_config(yaml.safe_load(run.config_yaml)) == Config()
    assert (run.specs(), run.selection(), run.test_openings()) == ([], [], [])


def test_two_runs_have_ids_of_their_own(tmp_path: Path) -> None:
    assert make_run(tmp_path / "a").info["id"] != make_run(tmp_path / "b").info["id"]


def test_more_is_added_to_what_a_run_says(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    before = run.info
    run.update_info(status="finished", finished="now")
    assert run.info == {**before, "status": "finished", "finished": "now"}


def test_a_folder_must_be_free(tmp_path: Path) -> None:
    check_free(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    check_free(tmp_path / "empty")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"--out .*file is a file; give a new folder"):
        check_free(tmp_path / "file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("x")
    with pytest.raises(UserError, match=r"--out .*full is not empty.*new or empty folder"):
        check_free(tmp_path / "full")
    make_run(tmp_path / "run")
    with pytest.raises(UserError, match=r"holds another run; go on with it by `sweep resume .*run`"):
        make_run(tmp_path / "run")
    with pytest.raises(UserError, match="not empty"):
        make_run(tmp_path / "full")
    assert (tmp_path / "full" / "thesis.doc").read_text() == "x"
    assert os.listdir(tmp_path / "full") == ["thesis.doc"]


def test_what_is_no_run_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a run folder.*give the folder"):
        Run(tmp_path)
    run = make_run(tmp_path / "a")
    run.update_info(format=99)
    with pytest.raises(UserError, match=r"has format 99, but this version reads 1"):
        Run(run.path)


def test_the_planned_trials_come_back_in_order(tmp_path: Path) -> None:
    specs = [TrialSpec("smote", 0.01, 3, seed, {"k_neighbors": 5}, draw=seed, positive=None) for seed in (3, 1, 2)]
    run = make_run(tmp_path / "a")
    run.write_specs(specs)
    assert Run(run.path).specs() == specs
    assert [row["trial_id"] for row in read_json(run.path / "trials.json")] == [s.trial_id for s in specs]


def test_selection_and_every_opening_of_the_test_split_are_kept(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    specs = [TrialSpec(technique="smote", lr=0.1, epochs=1, seed=seed) for seed in (0, 1)]
    run.write_specs(specs)
    choice = {"technique": "smote", "configuration": specs[0].configuration_id, "seeds": [0, 1], "complete": True}
    choice |= {"trial_ids": [spec.trial_id for spec in specs], "mean": 0.5, "spread": None}
    run.write_selection([choice])
    assert Run(run.path).selection() == [choice]
    run.record_test_opening(["a", "b"])
    run.record_test_opening(["c"])
    openings = Run(run.path).test_openings()
    assert [opening["trials"] for opening in openings] == [["a", "b"], ["c"]]
    assert all(opening["time"] for opening in openings)


def test_nothing_in_a_run_needs_unpickling(tmp_path: Path) -> None:
    from sweep.training.network import new_model, save_best

    run = make_run(tmp_path / "a")
    spec = replace(TrialSpec("smote", 0.01, 3, 0), parameters={"k_neighbors": 5})
    run.write_specs([spec])
    folder = run.trial(spec.trial_id)
    folder.write_spec(spec)
    folder.write_epochs([epoch_numbers(1, 0.5)])
    folder.write_status("done", best_epoch=1)
    folder.write_predictions("validation", SPLIT.validation, np.array([0, 1]), np.eye(2))
    save_best(folder.best, new_model(2, 0), epoch=1, spec=spec.to_dict(), class_names=["a", "b"], positive=1)
    run.write_selection([])
    run.record_test_opening(["a"])
    files = [path for path in run.path.rglob("*") if path.is_file()]
    assert len(files) > 8
    for path in files:
        if path.suffix == ".pt":
            assert torch.load(path, weights_only=True)["epoch"] == 1
        else:
            assert path.suffix in (".json", ".jsonl", ".yaml", ".parquet")
            assert b"pandas._libs" not in path.read_bytes()

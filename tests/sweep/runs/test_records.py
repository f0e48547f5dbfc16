"""The run folder: whole files or none, read back as written, nothing pickled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from balancing.data.images import BadImage, ImageSet
from balancing.data.splits import Split
from balancing.errors import UserError
from balancing.metrics import COUNTS, SELECTABLE, evaluate
from sweep.config.config import Config, build_config
from sweep.runs import trial_folder
from sweep.runs.files import read_json, write_atomically, write_json, write_torch
from sweep.runs.out import check_free
from sweep.runs.run import Run, split_fingerprint, split_table
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder

SPLIT = Split(np.array([0, 2, 4, 6]), np.array([1, 5]), np.array([3, 7]))


def image_set(patients: bool = True) -> ImageSet:
    n = 9  # row 8 is in no part
    labels = np.array([0, 0, 1, 1, 1, 1, 0, 0, 1])
    return ImageSet(
        pixels=np.zeros((n, 4, 4), dtype=np.uint8),
        labels=labels,
        class_names=("NORMAL", "PNEUMONIA"),
        splits=np.array(["train"] * 5 + ["validation"] + ["test"] * 3),
        names=np.array([f"röntgen-{i}.png" for i in range(n)]),
        patients=np.array([f"p{i // 2}" for i in range(n)]) if patients else None,
        sha256=np.array([f"{i:064x}" for i in range(n)]),
        widths=np.full(n, 10),
        heights=np.full(n, 10),
        channels=np.ones(n, dtype=np.int64),
        masks_path=None,
        source="some/where",
        fingerprint="f" * 64,
        pixels_path=Path("pixels.npy"),
        bad=(BadImage("torn.png", "cut off"),),
    )


def make_run(path: Path, **other: Any) -> Run:
    options = {
        "config_yaml": Config().to_yaml(),
        "images": image_set(),
        "split": SPLIT,
        "positive": 1,
        "notes": ["a note"],
    }
    return Run.create(path, **{**options, **other})


def epoch_numbers(epoch: int, value: float, labels: np.ndarray | None = None) -> dict[str, Any]:
    labels = np.array([0, 1]) if labels is None else labels
    numbers = evaluate(labels, np.eye(2)[labels], 1)
    speed = {"train_loss": 0.5, "images": 4, "images_per_second": 10.0 * epoch, "seconds": 2.0}
    return {"epoch": epoch, **numbers, **speed, "recall": value}


# --- single files -------------------------------------------------------------------------------------------------


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deep" / "status.json"
    write_json(path, {"old": 1})

    def broken(source: Path, target: Path) -> None:
        assert read_json(path) == {"old": 1}  # nothing was put in place yet
        raise OSError("no room")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="no room"):
        write_json(path, {"new": 2})
    assert read_json(path) == {"old": 1}
    assert os.listdir(path.parent) == ["status.json"]


def test_a_process_killed_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    write_json(path, {"old": 1})
    code = (
        "import os, sys; from pathlib import Path; from sweep.runs.files import write_json\n"
        "os.replace = lambda *paths: os.kill(os.getpid(), 9)\n"
        "write_json(Path(sys.argv[1]), {'new': 2})"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert ended.returncode == -9
    assert read_json(path) == {"old": 1}
    write_json(path, {"newer": 3})
    assert read_json(path) == {"newer": 3}


def test_a_value_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, [1])
    with pytest.raises(TypeError):
        write_json(path, [object()])
    with pytest.raises(Exception, match="pickle"):
        write_torch(tmp_path / "a.pt", lambda: None)
    assert read_json(path) == [1]
    assert os.listdir(tmp_path) == ["a.json"]


def test_what_is_no_number_becomes_null_at_any_depth(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": [np.nan, {"b": (np.inf, np.float32("nan"), np.int64(3), np.float64(0.5), 1.5)}], 2: "é"})
    text = path.read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=pytest.fail) == {"a": [None, {"b": [None, None, 3, 0.5, 1.5]}], "2": "é"}


def test_binary_content_goes_through_unchanged(tmp_path: Path) -> None:
    content = bytes(range(256))
    write_atomically(tmp_path / "x" / "y", content)
    assert (tmp_path / "x" / "y").read_bytes() == content
    write_torch(tmp_path / "t.pt", {"a": torch.arange(5)})
    assert torch.load(tmp_path / "t.pt", weights_only=True)["a"].tolist() == [0, 1, 2, 3, 4]


# --- a trial's folder ---------------------------------------------------------------------------------------------


def test_predictions_come_back_as_float32(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1, 1], size=20).astype(np.float32)
    rows, labels = rng.permutation(100)[:20], rng.integers(3, size=20)
    folder = TrialFolder(tmp_path / "t")
    folder.write_predictions("validation", rows, labels, probabilities)
    table = folder.predictions("validation")
    assert list(table.columns) == ["row", "label", "p_0", "p_1", "p_2"]
    np.testing.assert_array_equal(table["row"], rows)
    np.testing.assert_array_equal(table["label"], labels)
    back = table[["p_0", "p_1", "p_2"]].to_numpy()
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, probabilities)
    with pytest.raises(FileNotFoundError):
        folder.predictions("test")


def test_a_trials_status_grows_and_changes(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path / "t")
    assert folder.status() == {"status": "waiting"}
    assert folder.epochs() == []
    folder.write_status("running", attempts=1)
    folder.write_status("running", best_epoch=2)
    folder.write_status("done", finished="now")
    status = folder.status()
    assert {k: status[k] for k in ("status", "attempts", "best_epoch", "finished")} == {
        "status": "done",
        "attempts": 1,
        "best_epoch": 2,
        "finished": "now",
    }
    folder.write_status("failed", error="x", best_epoch=None)
    assert (folder.status()["status"], folder.status()["best_epoch"]) == ("failed", None)


def test_epochs_come_back(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path / "t")
    epochs = [epoch_numbers(1, 0.25), epoch_numbers(2, 0.5)]
    folder.write_epochs(epochs)
    assert folder.epochs() == epochs


# --- the split ----------------------------------------------------------------------------------------------------


def test_the_split_table_has_a_row_an_image_with_its_patient() -> None:
    images = image_set()
    table = split_table(images, SPLIT)
    assert table["row"].tolist() == list(range(len(images)))
    assert table["patient"].tolist() == list(images.patients if images.patients is not None else [])
    assert table["label"].tolist() == images.labels.tolist()
    assert [images.class_names[label] for label in table["label"]] == table["class_name"].tolist()
    assert table["name"].tolist() == images.names.tolist()
    assert table["official"].tolist() == images.splits.tolist()
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(table.loc[table["split"] == part, "row"], getattr(SPLIT, part))
    assert table.loc[table["split"] == "unused", "row"].tolist() == [8]
    assert set(split_table(image_set(patients=False), SPLIT)["patient"]) == {""}


def test_the_fingerprint_changes_with_any_row_moved() -> None:
    parts = {"train": SPLIT.train, "validation": SPLIT.validation, "test": SPLIT.test}
    prints = {split_fingerprint(SPLIT)}
    for source in parts:
        for row in parts[source]:
            left = {**parts, source: parts[source][parts[source] != row]}
            prints.add(split_fingerprint(Split(**left)))
            for target in set(parts) - {source}:
                moved = {**left, target: np.sort(np.append(left[target], row))}
                prints.add(split_fingerprint(Split(**moved)))
    assert len(prints) == 1 + 3 * sum(len(rows) for rows in parts.values())


def test_the_fingerprint_tells_where_one_part_ends_and_the_next_begins() -> None:
    one = Split(np.array([0, 1]), np.array([2]), np.array([3]))
    other = Split(np.array([0]), np.array([1, 2]), np.array([3]))
    assert split_fingerprint(one) != split_fingerprint(other)


def test_the_fingerprint_forgets_notes_and_integer_widths() -> None:
    narrow = Split(*(rows.astype(np.int32) for rows in (SPLIT.train, SPLIT.validation, SPLIT.test)), notes=("n",))
    assert split_fingerprint(narrow) == split_fingerprint(SPLIT)


# --- the run folder -----------------------------------------------------------------------------------------------


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
    assert table["images_per_second"].tolist()[0] == pytest.approx(20.0)
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


def test_the_states_that_end_a_trial_leave_out_those_to_run_again() -> None:
    assert set(trial_folder.ENDED) == {"done", "stopped", "diverged"}


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

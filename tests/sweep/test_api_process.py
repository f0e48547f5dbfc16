"""A run trains in the caller's process and leaves it as it was; a run is the same folder wherever the program goes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import sweep
from balancing import UserError

TINY: dict[str, Any] = {"image_size": 16, "phantom_images": 300, "seeds": 1, "epochs": 1}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sweep.ComparisonRun:
    return sweep.compare("phantom", ["baseline"], executor="local", out=tmp_path_factory.mktemp("api") / "run", **TINY)


def state() -> list[Any]:
    legacy = [part.tolist() if isinstance(part, np.ndarray) else part for part in np.random.get_state()]
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    return [random.getstate(), legacy, torch.get_rng_state().tolist(), torch.get_num_threads(), cudnn, dict(os.environ)]


def test_a_comparison_and_a_resume_leave_the_process_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(7)
    random.seed(7)
    np.random.seed(7)
    before = state()
    made = sweep.compare("phantom", ["baseline"], executor="local", out=tmp_path / "run", **TINY)
    assert state() == before
    made._run.trial(made._run.specs()[0].trial_id).reopen("for a test")
    made.resume(executor="local")
    assert state() == before


def test_in_a_new_process_too_where_torch_is_imported_by_the_comparison(tmp_path: Path) -> None:
    code = f"""
import os, random, sys, sweep
random.seed(3)
before = random.getstate(), dict(os.environ)
sweep.compare("phantom", ["baseline"], executor="local", out={str(tmp_path / "run")!r}, **{TINY!r})
print(random.getstate() == before[0], dict(os.environ) == before[1])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "True"]


def test_a_run_that_was_opened_by_a_relative_path_is_found_from_elsewhere(
    run: sweep.ComparisonRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.path.parent)
    opened = sweep.open_run("run")
    results = sweep.Results.of_run("run")
    monkeypatch.chdir(tmp_path)
    assert opened.path == run.path
    assert opened.status == "finished"
    assert opened.results.table().equals(results.table())
    made = sweep.compare("phantom", ["baseline"], executor="local", out="own", **TINY)
    assert made.path == tmp_path / "own"


def test_numbers_of_numpy_tuples_and_arrays_are_settings(run: sweep.ComparisonRun, tmp_path: Path) -> None:
    given = {
        "image_size": np.int64(16),
        "phantom_images": np.int32(300),
        "seeds": np.uint8(1),
        "epochs": np.int64(1),
    }
    again = sweep.compare("phantom", np.array(["baseline"]), executor="local", out=tmp_path / "run", **given)
    assert again.trials()["trial_id"].tolist() == run.trials()["trial_id"].tolist()


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"lr": (1e-4, 1e-3)}, {"lr": [1e-4, 1e-3]}),
        ({"lr": np.array([1e-4, 1e-3])}, {"lr": [1e-4, 1e-3]}),
        ({"lr": np.float64(1e-3), "mean": np.float32(0.5)}, {"lr": 1e-3, "mean": 0.5}),
        ({"parameters": {"smote": {"k_neighbors": np.int64(7)}}}, {"parameters": {"smote": {"k_neighbors": 7}}}),
        ({"parameters": {"smote": {"k_neighbors": (3, 7)}}}, {"parameters": {"smote": {"k_neighbors": [3, 7]}}}),
        (
            {"parameters": {"smote": {"k_neighbors": np.arange(3, 5)}}},
            {"parameters": {"smote": {"k_neighbors": [3, 4]}}},
        ),
    ],
)
def test_they_mean_what_is_written(given: dict[str, Any], written: dict[str, Any]) -> None:
    found = [sweep.api._config("phantom", ("baseline", "smote"), "quick", each) for each in (given, written)]
    assert found[0] == found[1]
    assert found[0].to_yaml() == found[1].to_yaml()


def test_a_report_is_not_copied_to_a_file(run: sweep.ComparisonRun, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "beneath"):
        with pytest.raises(UserError, match="must be a folder, but .*file is a file"):
            run.report(out, cams=False)
    with pytest.raises(UserError, match="must be the path of a folder"):
        run.report(5, cams=False)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="images must be"):
        run.report(images=np.zeros(3), cams=False)  # type: ignore[arg-type]
    assert file.read_text() == "mine"


def test_a_resume_here_has_no_cluster(run: sweep.ComparisonRun) -> None:
    with pytest.raises(UserError, match="names a cluster; leave one of them out"):
        run.resume(executor="local", address="auto")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"data": None}, "data must be 'phantom', a path"),
        ({"data": np.zeros((3, 16, 16))}, "of type ndarray; give arrays by"),
        ({"techniques": 5}, "techniques"),
        ({"techniques": [None]}, "techniques"),
        ({"out": "a\0b"}, "out must be the path of a folder"),
        ({"out": 5}, "out must be the path of a folder"),
        ({"preset": None}, "preset must be"),
        ({"epochs": np.array([[1, 2]])}, "epochs"),
        ({"epochs": np.int64(0)}, "epochs"),
        ({"epochs": None}, "epochs"),
        ({"seeds": np.float64(1.5)}, "seeds"),
        ({"seeds": np.nan}, "seeds"),
        ({"parameters": [1]}, "parameters"),
        ({"parameters": {"smote": 3}}, "parameters"),
        ({"parameters": {3: {"k": 1}}}, "parameters"),
        ({"progress": "yes"}, "progress must be"),
    ],
)
def test_what_is_no_setting_is_one_sentence(change: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    given = {"data": "phantom", "techniques": ["baseline"], "executor": "local", "out": tmp_path / "run", **TINY}
    with pytest.raises(UserError, match=sentence) as caught:
        sweep.compare(**given | change)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_nothing_is_no_run_and_no_figure(run: sweep.ComparisonRun) -> None:
    with pytest.raises(UserError, match="must be the path of a folder, but is None"):
        sweep.open_run(None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no figure None"):
        run.figure(None)  # type: ignore[arg-type]

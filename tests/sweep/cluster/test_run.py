"""The sweep on a real Ray, end to end: records, selection, test split, report, prediction, watching."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from sweep.runs.run import Run
from tests.sweep.cluster.sweeping import RAYS_WARNINGS, answers, call, fetch, states, wait_for

pytestmark = RAYS_WARNINGS


def test_a_sweep_ends_with_records_and_a_report(undisturbed: tuple[Path, str]) -> None:
    folder, output = undisturbed
    run = Run(folder)
    assert run.info["status"] == "finished"
    trials = run.trials()
    assert set(trials["status"]) == {"done"}
    assert len(trials) == 4
    assert (folder / "report" / "index.html").is_file()
    assert str(folder / "report" / "index.html") in output
    assert "drawings, not patients" in output
    assert "Traceback" not in output
    assert not (folder / "ray").exists(), "Tune's pickles are left behind"
    assert not list(folder.rglob("*.pkl"))


def test_the_test_split_is_opened_once_for_chosen_trials_after_selection(undisturbed: tuple[Path, str]) -> None:
    folder, _ = undisturbed
    run = Run(folder)
    chosen = {trial_id for choice in run.selection() for trial_id in choice["trial_ids"]}
    openings = run.test_openings()
    assert len(openings) == 1
    assert set(openings[0]["trials"]) == chosen
    last_end = max(status["finished"] for status in states(folder).values())
    assert openings[0]["time"] >= last_end
    assert {p.parent.name for p in folder.glob("trials/*/test.parquet")} == chosen
    assert {p.parent.name for p in folder.glob("trials/*/best.pt")} == chosen


def test_predictions_cover_exactly_the_split(undisturbed: tuple[Path, str]) -> None:
    run = Run(undisturbed[0])
    split = run.split()
    for spec in run.specs():
        for part in ("validation", "test"):
            table = run.trial(spec.trial_id).predictions(part)
            rows = split[split["split"] == part]
            assert table["row"].tolist() == rows["row"].tolist()
            assert table["label"].tolist() == rows["label"].tolist()
            np.testing.assert_allclose(table[["p_0", "p_1"]].sum(axis=1), 1, atol=1e-5)


def test_the_report_is_made_again_from_the_records_without_ray_and_without_data(
    undisturbed: tuple[Path, str], tmp_path: Path
) -> None:
    folder, _ = undisturbed
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    shutil.rmtree(copy / "report")
    program = (
        "import sys\n"
        "for name in ('ray', 'datasets', 'optuna', 'imblearn'): sys.modules[name] = None\n"
        f"sys.argv = ['sweep', 'report', {str(copy)!r}, '--no-cams']\n"
        "import sweep.cli.main; sweep.cli.main.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "BALANCING_ACT_CACHE": str(tmp_path / "no-cache")},
    )
    assert done.returncode == 0, done.stderr
    for name in ("results.csv", "confusion.csv"):
        again, before = (root / "report" / "tables" / name for root in (copy, folder))
        assert again.read_text() == before.read_text()


def test_predict_decides_for_new_images(undisturbed: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = undisturbed
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 40), dtype=np.uint8)).save(tmp_path / "new.png")
    output = call("predict", folder, tmp_path / "new.png", "--maps", "all", "--maps-to", tmp_path / "maps")
    assert "clear" in output
    assert "lesion" in output
    (picture,) = (tmp_path / "maps").glob("*.png")
    with Image.open(picture) as image:
        assert min(image.size) >= 32


def test_tensorboard_shows_the_trials(undisturbed: tuple[Path, str]) -> None:
    folder, _ = undisturbed
    port = 16006 + os.getpid() % 1000
    server = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder / "tensorboard"), "--port", str(port),
         "--host", "127.0.0.1", "--load_fast=false"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(address) and len(json.loads(fetch(f"{address}/data/runs"))) == 4)
        wait_for(lambda: len(json.loads(fetch(f"{address}/data/plugin/scalars/tags"))) == 4)
        tags = json.loads(fetch(f"{address}/data/plugin/scalars/tags"))
        for run in tags.values():
            assert {"validation/recall", "validation/balanced_accuracy", "train/loss"} <= set(run)
            assert not any(tag.startswith("ray") for tag in run)
        assert all(json.loads(fetch(f"{address}/data/plugin/images/tags")).values())
        assert all(json.loads(fetch(f"{address}/data/plugin/pr_curves/tags")).values())
    finally:
        server.terminate()
        server.wait(timeout=30)

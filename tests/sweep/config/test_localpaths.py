"""Local paths mean the same from every folder, never become Hub ids, and are asked for before the work."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import balancing.data.sources
from balancing.data.images import load_images
from balancing.data.sources.folder import walk
from balancing.errors import UserError
from sweep import sweeps
from sweep.cli import jobs
from sweep.config.config import Config, build_config, recorded_config
from sweep.config.localpaths import recorded_source, require_writable, with_absolute_paths, written
from sweep.planning import prepare
from sweep.planning.networks import CHECKPOINT_BYTES
from sweep.planning.room import require_room
from sweep.runs.files import write_atomically
from sweep.runs.observer import Observer
from sweep.runs.run import Run
from tests.sweep import fake_run as fakes
from tests.sweep.fake_run import fake_images, fake_run


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_: Any, **__: Any) -> Any:
        raise AssertionError("the Hub was asked")

    monkeypatch.setattr("balancing.data.sources.hub.HubSource.__init__", ask)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with images in study/images and, once made, runs in runs."""
    rng = np.random.default_rng(0)
    for name, count in (("cat", 60), ("normal", 60)):
        (tmp_path / "home" / "study" / "images" / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 255, (16, 16), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "home" / "study" / "images" / name / f"{name}{i}.png")
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


def config_for(source: str, **more: Any) -> Config:
    return build_config({"data": {"source": source, "image_size": 16}, "train": {"weights": "none"}, **more})


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """``sweeps.start`` and ``sweeps.resume`` without the sweep: the runs they came to."""
    runs: list[Run] = []
    monkeypatch.setattr("sweep.cluster.tuner.run_sweep", lambda made, *_, **__: runs.append(Run(made.path)))
    return runs


def quiet() -> Console:
    return Console(quiet=True)


def test_a_run_records_absolute_paths_and_goes_on_from_anywhere(
    home: Path, started: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps.start(config_for("study/images"), "x", home / "runs" / "a", Observer())
    run, place = started[0], str(home / "study" / "images")
    assert recorded_config(run).data.source == run.info["data"]["source"] == place
    assert run.info["data"]["kind"] == "local"
    for folder, named in ((home, "study/images"), (home, "./study/../study/images"), (home.parent, place)):
        monkeypatch.chdir(folder)
        assert recorded_source(run) == place
        sweeps.resume(run.path, config_for(named), Observer())
    assert len(started) == 4
    shutil.move(place, home / "elsewhere")
    sweeps.resume(run.path, config_for(str(home / "elsewhere")), Observer())
    with pytest.raises(UserError, match=rf"were {place}, where nothing is now; .*--data PATH"):
        recorded_source(run)
    assert jobs.images_of(run, None, quiet()) is None
    found = jobs.images_of(run, str(home / "elsewhere"), quiet())
    assert found is not None
    with pytest.raises(UserError, match="was started with data.source"):
        sweeps.resume(run.path, config_for("study/images"), Observer())


def test_a_resume_on_other_images_or_weights_is_refused(home: Path, started: list[Run]) -> None:
    from sweep.planning.space import trial_specs

    config = config_for("study/images")
    sweeps.start(config, "x", home / "runs" / "a", Observer())
    (run,) = started
    run.write_specs(trial_specs(config, weights="sha256:0123456789abcdef"))
    with pytest.raises(UserError, match="starting weights of .* were sha256:0123456789abc, but are none now"):
        sweeps.resume(run.path, config, Observer())
    shutil.copytree("study/images", "other")
    Image.fromarray(np.zeros((16, 16), np.uint8)).save("other/cat/cat0.png")
    with pytest.raises(UserError, match=r"images of .* were .*, but are .* now"):
        sweeps.resume(run.path, config_for("other"), Observer())


def older(folder: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose records say what the user typed and nothing more."""
    monkeypatch.setattr(fakes, "CONFIG", fakes.CONFIG.replace("invented", source))
    run = fake_run(folder, fake_images(folder.parent / f"{folder.name}-images", source=source), techniques=["baseline"])
    info = run.info
    del info["data"]["kind"]
    run.update_info(data=info["data"])
    return run


def test_an_older_runs_relative_source_never_goes_to_the_hub(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = older(home / "runs" / "old", "study/images", monkeypatch)
    assert recorded_source(run) == str(home / "study" / "images")
    monkeypatch.chdir(home.parent)
    with pytest.raises(UserError, match="did not record whether its data, study/images, were a folder or of the Hub"):
        recorded_source(run)
    assert jobs.images_of(run, None, Console(width=500)) is None
    assert "--data study/images" in capsys.readouterr().out


def test_a_hub_runs_source_stays_its_id(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = older(home / "runs" / "old", "hf-vision/chest@main", monkeypatch)
    run.update_info(data={**run.info["data"], "kind": "hub"})
    assert recorded_source(run) == "hf-vision/chest@main"


def test_weights_and_masks_are_made_absolute_and_ids_kept(home: Path) -> None:
    config = build_config({"data": {"source": "no/folder"}, "train": {"weights": "w.pt"}, "report": {"masks": "m"}})
    found = with_absolute_paths(config)
    assert (found.data.source, found.train.weights, found.report.masks) == (
        "no/folder", str(home / "w.pt"), str(home / "m"),
    )  # fmt: skip
    assert with_absolute_paths(found) == found
    for source in ("phantom", "hf-vision/chest-xray-pneumonia@main"):
        kept = build_config({"data": {"source": source}})
        assert with_absolute_paths(kept) == kept
    (home / "phantom").mkdir()
    assert with_absolute_paths(build_config({})).data.source == "phantom"


def test_tables_lists_and_layouts_are_found_from_every_folder(home: Path) -> None:
    for name in ("labels.csv", "list.txt", "own.yaml"):
        (home / name).write_text("")
    (home / "study" / "images" / "inner.csv").write_text("")
    options = {"labels": "labels.csv", "split_list": {"test": "list.txt"}, "layout": "own.yaml"}
    found = with_absolute_paths(build_config({"data": {"source": "study/images", **options}})).data
    assert found.labels == str(home / "labels.csv")
    assert found.split_list == {"test": str(home / "list.txt")}
    assert found.layout == str(home / "own.yaml")
    kept = {"labels": "inner.csv", "patient_table": "none.csv", "layout": "ham10000"}
    found = with_absolute_paths(build_config({"data": {"source": "study/images", **kept}})).data
    assert {name: getattr(found, name) for name in kept} == kept


def test_the_data_may_be_where_the_runs_are(home: Path, started: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home / "study" / "images")
    before = load_images(".", image_size=16)
    sweeps.start(config_for("."), "x", None, Observer())
    (run,) = started
    run.trial("t").write_predictions("validation", np.arange(2), np.zeros(2, int), np.ones((2, 2)) / 2)
    write_atomically(Path("runs/half-made/config.yaml"), b"")
    shutil.copy(run.path / "split.parquet", "runs/half-made/split.parquet")
    shutil.copytree(run.path, "loose-run")
    after = load_images(".", image_size=16)
    assert after.fingerprint == before.fingerprint
    assert any("are no data and are passed over: loose-run, runs." in note for note in after.notes)
    assert not any("passed over" in note for note in before.notes)
    sweeps.resume(run.path, config_for("."), Observer())
    assert len(started) == 2


def test_folders_of_this_tool_are_passed_over_and_no_others(tmp_path: Path) -> None:
    for name in ("runs/a.png", "train/meta.json", "x/config.yaml", "data/train.parquet", "run.json"):
        write_atomically(tmp_path / name, b"")
    assert walk(tmp_path)[1] == []
    for name in ("deep/er/run.json", "cache/e/meta.json", "cache/e/rows.parquet", "runs/b/run.json"):
        write_atomically(tmp_path / name, b"")
    files, passed = walk(tmp_path)
    assert passed == ["cache/e", "deep/er", "runs"]
    assert files == ["data/train.parquet", "run.json", "train/meta.json", "x/config.yaml"]


@pytest.mark.parametrize("source", ["x" * 5000, "a/" * 3000, "~nobody-of-this-name/x", "\0"])
def test_words_that_no_system_takes_give_a_sentence(source: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_images(source, image_size=16, cache_dir=tmp_path)
    assert len(str(caught.value)) < 700
    assert balancing.data.sources.local_path("x") is None


def test_places_are_asked_for_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    bad = (
        tmp_path,
        tmp_path / "file" / "x.csv",
        tmp_path / ("x" * 300),
        Path("/proc/x/y.csv"),
        tmp_path / ("y" * 5000),
    )
    monkeypatch.setattr(prepare, "load_images", lambda *_, **__: pytest.fail("images were decoded"))
    for path in bad:
        with pytest.raises(UserError, match=r"^--files .* cannot be written \(.*\); give another place$"):
            jobs.audit_data(config_for("phantom"), quiet(), path)
        with pytest.raises(UserError, match=r"^--csv .* cannot be written"):
            jobs.compare([], quiet(), path)
    for path in bad[1:]:
        with pytest.raises(UserError, match="^--csv .* cannot be written"):
            written(path, "x", "--csv")
    require_writable(tmp_path / "new" / "er" / "x.csv", "--csv")
    assert not (tmp_path / "new").exists()
    written(tmp_path / "new" / "x.csv", "a", "--csv")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["x.csv"]
    require_writable(tmp_path / "new" / "x.csv", "--csv")


def test_a_device_is_no_place_for_a_table(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match=r"--csv .*pipe cannot be written \(a device, a pipe or a socket is there\)"):
        require_writable(tmp_path / "pipe", "--csv")


def disk(monkeypatch: pytest.MonkeyPatch, free: float, total: float = 1e12) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(int(total), 0, int(free)))  # type: ignore[attr-defined]


def test_room_for_the_run_is_asked_for_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "load_images", lambda *_, **__: pytest.fail("images were decoded"))
    space = {"techniques": ["baseline", "smote"], "seeds": 3}
    config = config_for("phantom", space=space, resources={"max_concurrent": 2})
    needed = 1.05 * (6 + 2 * 3) * CHECKPOINT_BYTES
    disk(monkeypatch, needed - 1)
    out = tmp_path / "not" / "there"
    with pytest.raises(UserError, match=rf"checkpoints of 6 trials may take 0.57 GB in {out}, where 0.57 GB are free"):
        sweeps.start(config, "x", out, Observer())
    assert not out.parent.exists()
    disk(monkeypatch, needed)
    require_room(out, config)
    disk(monkeypatch, 0, total=0)  # a file system that does not say
    require_room(out, config)
    disk(monkeypatch, 1e12)
    many = {"techniques": ["baseline"], "lr": "1e-4..1e-2", "trials": 40, "seeds": 1000}
    with pytest.raises(UserError, match="40,000 trials"):
        require_room(out, config_for("phantom", space=many))


def test_a_run_that_goes_on_needs_room_for_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = fake_run(tmp_path / "run", fake_images(tmp_path / "images"), techniques=["baseline"], failing=False)
    config = config_for("phantom", resources={"max_concurrent": 1})
    disk(monkeypatch, 0)
    require_room(run.path, config, run)
    run.trial(run.specs()[0].trial_id).write_status("running")
    with pytest.raises(UserError, match=r"checkpoints of 1 trial may take 0.19 GB .*; make room there$"):
        require_room(run.path, config, run)


def test_commands_in_messages_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    from sweep.cli.compare import compare_runs

    images = fake_images(tmp_path / "images")
    runs = [fake_run(tmp_path / f"a run; {n}", images, techniques=["baseline"], opened=False) for n in range(2)]
    with pytest.raises(UserError) as caught:
        compare_runs(runs)
    command = str(caught.value).split("`")[1]
    assert shlex.split(command) == ["sweep", "resume", str(runs[0].path)]

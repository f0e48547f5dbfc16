"""The sweep from Python: the same runs as the command line's, as objects that show themselves; nothing is printed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweep
from balancing import ImageSet, UserError, load_images
from sweep.analysis.figures.style import Plot
from sweep.config.config import build_config, known_keys, read_file
from sweep.planning.prepare import prepare
from sweep.runs.observer import Observer

TINY: dict[str, Any] = {"image_size": 16, "phantom_images": 300, "seeds": 2, "epochs": 1}
TECHNIQUES = ["baseline", "undersampling"]


def compare(data: Any, path: Path, **settings: Any) -> sweep.ComparisonRun:
    return sweep.compare(data, TECHNIQUES, executor="local", out=path, **settings)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sweep.ComparisonRun:
    return compare("phantom", tmp_path_factory.mktemp("api") / "run", **TINY)


def test_has_the_trials_of_the_command_line_with_the_same_settings(run: sweep.ComparisonRun) -> None:
    given = {"data.source": "phantom", "data.image_size": 16, "data.phantom_images": 300}
    given |= {"space.seeds": 2, "space.epochs": "1", "space.techniques": ",".join(TECHNIQUES)}
    config = build_config(read_file("quick"), given)
    wanted = [spec.trial_id for spec in prepare(config).in_precision(str(run._run.info["precision"])).specs(config)]
    assert run.trials()["trial_id"].tolist() == wanted
    assert run.status == "finished"


def test_results_verdict_and_figures(run: sweep.ComparisonRun) -> None:
    assert run.results.table()["technique"].tolist() == TECHNIQUES
    assert run.results.differences()["technique"].tolist() == TECHNIQUES[1:]
    assert run.verdict.endswith("nothing about medicine.")
    assert "forest" in run.figures()
    forest = run.figure("forest")
    assert isinstance(forest, Plot)
    assert forest.figure.get_axes()
    with pytest.raises(UserError, match="did you mean 'forest'"):
        run.figure("forrest")


def test_opened_again_it_says_the_same(run: sweep.ComparisonRun) -> None:
    again = sweep.open_run(run.path)
    assert again.verdict == run.verdict
    assert again.results.table().equals(run.results.table())
    with pytest.raises(UserError, match="not a run folder"):
        sweep.open_run(run.path / "trials")


def test_report_is_copied_where_it_is_wanted(run: sweep.ComparisonRun, tmp_path: Path) -> None:
    page = run.report(tmp_path / "out", cams=False, sensitivity=0.9)
    assert page == tmp_path / "out" / "index.html"
    assert page.read_bytes() == (run.path / "report" / "index.html").read_bytes()
    assert (tmp_path / "out" / "tables").is_dir()
    with pytest.raises(UserError, match=r"report\.sensitivity"):
        run.report(sensitivity=2)


def test_nothing_is_printed(run: sweep.ComparisonRun, capfd: pytest.CaptureFixture[str]) -> None:
    compare("phantom", run.path, resume=True, **TINY)
    sweep.open_run(run.path).report(cams=False)
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    compare("phantom", run.path, resume=True, progress=True, **TINY)
    assert "one after the other" in capfd.readouterr().out


def test_a_notebook_shows_verdict_table_and_figure_escaped(
    run: sweep.ComparisonRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(run.__dict__, "verdict", "<script>alert(1)</script>")
    shown = run._repr_html_()
    assert "<script" not in shown
    assert "&lt;script" in shown
    assert shown.count("<table>") == 1
    assert 'src="data:image/svg+xml;base64,' in shown
    assert 'alt="' in shown


class Stops(Observer):
    def epoch(self, trial_id: str, numbers: Mapping[str, Any]) -> None:
        raise KeyboardInterrupt


def test_stopped_it_raises_as_python_does_and_goes_on(run: sweep.ComparisonRun, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt, match="the run is in"):
        compare("phantom", tmp_path / "run", progress=Stops(), **TINY)
    stopped = sweep.open_run(tmp_path / "run")
    assert stopped.status == "interrupted"
    assert "waiting" in stopped._repr_html_()
    again = stopped.resume(executor="local")
    assert again.status == "finished"
    assert again.results.table().equals(run.results.table())


def test_an_image_set_gives_the_trials_that_its_source_gives(run: sweep.ComparisonRun, tmp_path: Path) -> None:
    images = load_images("phantom", image_size=16, phantom_images=300)
    again = compare(images, tmp_path / "run", seeds=2, epochs=1)
    assert again.trials()["trial_id"].tolist() == run.trials()["trial_id"].tolist()
    assert again.results.table().equals(run.results.table())


def test_arrays_are_found_again_by_a_resume_in_another_process(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 4 // 3
    pixels = rng.integers(0, 200, size=(200, 16, 16), dtype=np.uint8)
    patients = [f"p{row // 2}" for row in range(200)]
    images = ImageSet.from_arrays(pixels, labels, patients=patients, class_names=["well", "<ill>"])
    made = compare(images, tmp_path / "run", seeds=1, epochs=1, positive="<ill>")
    table = made.results.table()
    spec = made._run.specs()[0]
    made._run.trial(spec.trial_id).reopen("for a test")
    assert sweep.open_run(made.path).resume(executor="local").results.table().equals(table)


def test_images_that_trials_would_not_read_are_refused(tmp_path: Path) -> None:
    images = load_images("phantom", image_size=16, phantom_images=300)
    for changed in (
        dataclasses.replace(images, patients=None),
        dataclasses.replace(images, splits=np.full(len(images), "train")),
        dataclasses.replace(images, reading=None),
    ):
        with pytest.raises(UserError, match="from_arrays"):
            compare(changed, tmp_path / "run")
    with pytest.raises(UserError, match="give it to load_images"):
        compare(images, tmp_path / "run", image_size=32)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epoch": 3}, "did you mean 'epochs'"),
        ({"source": "phantom"}, "argument of its own"),
        ({"lr": -1}, r"space\.lr must be above 0"),
        ({"preset": "quik"}, "did you mean 'quick'"),
        ({"address": "auto"}, "names a cluster"),
        ({"executor": "dask"}, "'ray' or 'local'"),
    ],
)
def test_mistakes_are_one_sentence_before_anything_is_made(
    settings: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    given = {"executor": "local", "out": tmp_path / "run", **TINY, **settings}
    with pytest.raises(UserError, match=sentence) as caught:
        sweep.compare("phantom", TECHNIQUES, **given)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_every_key_of_the_configuration_has_a_last_name_of_its_own() -> None:
    names = [key.rpartition(".")[2] for key in known_keys()]
    assert len(set(names)) == len(names)

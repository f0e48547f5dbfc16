"""The demo: a network learns from some drawings, and techniques are compared on its features of others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from balancing.errors import UserError
from sweep import sweeps
from sweep.cli import jobs
from sweep.cli.options import Given
from sweep.cli.progress import Progress
from sweep.config.config import build_config, recorded_config
from sweep.config.files import read_file
from sweep.runs.run import Run


def small(name: str) -> dict[str, Any]:
    """A preset of fewer and smaller drawings, with fewer seeds; the rest is its own."""
    found = read_file(name)
    found["data"] |= {"image_size": 32, "phantom_images": 300}
    found["space"] |= {"seeds": 2, "epochs": 2}
    return found


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweep.config.files.read_file", small)
    monkeypatch.setitem(jobs._DEMO_NETWORK, "data.phantom_images", 300)
    monkeypatch.setitem(jobs._DEMO_NETWORK, "space.epochs", 1)


def test_heads_are_compared_on_the_network_that_learned_from_other_drawings(
    tiny: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs.demo(Given(out=tmp_path / "run", local=True))
    run, network = Run(tmp_path / "run"), Run(tmp_path / "run-network")
    assert run.info["data"]["fingerprint"] != network.info["data"]["fingerprint"], "no drawing is in both"
    assert [spec.technique for spec in network.specs()] == ["baseline"]
    assert {spec.network for spec in run.specs()} == {"frozen:resnet18"}
    assert len({spec.weights for spec in run.specs()}) == 1
    trained = {spec.technique for spec in run.specs()}
    asked = build_config(read_file("demo_frozen")).space.techniques
    assert trained == {name for name in asked if name != "baseline+threshold"}
    assert len(run.test_openings()) == len(network.test_openings()) == 1
    printed = capsys.readouterr().out
    assert printed.index("1 of 2") < printed.index("2 of 2") < printed.index("Report: ")
    page = (run.path / "report" / "index.html").read_text(encoding="utf-8")
    assert "drawings, not patients" in re.sub(r"\s+", " ", page)


def test_a_folder_that_is_taken_is_told_before_the_network_is_trained(tiny: None, tmp_path: Path) -> None:
    (tmp_path / "run-network").mkdir()
    (tmp_path / "run-network" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        jobs.demo(Given(out=tmp_path / "run", local=True))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("place", ["in the network", "before the comparison", "in the comparison"])
def test_stopped_anywhere_what_is_advised_goes_on_to_the_comparison(
    tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    run, network = tmp_path / "run", tmp_path / "run-network"

    def stop(self: Progress, trial_id: str, numbers: Any) -> None:
        if (run / "run.json").exists() == (place == "in the comparison"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if place == "before the comparison":
            patch.setattr("sweep.cli.jobs.start", lambda *given: (_ for _ in ()).throw(sweeps.Interrupted()))
        else:
            patch.setattr(Progress, "epoch", stop)
            patch.setattr(Progress, "ended", stop if place == "in the comparison" else Progress.ended)
        with pytest.raises(sweeps.Interrupted):
            jobs.demo(Given(out=run, local=True))
    advised = Path(capsys.readouterr().out.rsplit("sweep resume ", 1)[1].strip())
    assert advised == (run if place == "in the comparison" else network)
    assert (run / "run.json").exists() == (place == "in the comparison")
    jobs.resume(advised, recorded_config(Run(advised)), Given(local=True))
    assert Run(run).info["status"] == "finished"
    assert (run / "report" / "index.html").is_file()
    if place == "in the network":
        capsys.readouterr()
        jobs.resume(advised, recorded_config(Run(advised)), Given(local=True))
        assert f"That is done: {run / 'report' / 'index.html'}" in capsys.readouterr().out.replace("\n", "")

"""The demo: a network learns from some drawings, and techniques are compared on its features of others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from balancing.errors import UserError
from sweep.cli import jobs
from sweep.cli.options import Given
from sweep.config.config import build_config
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

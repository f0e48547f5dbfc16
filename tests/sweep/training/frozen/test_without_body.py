"""A run whose frozen network's weights are lost or wrong has its report at once, but for the maps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from balancing.data.images import ImageSet
from sweep.config.config import build_config, recorded_config
from sweep.planning.prepare import prepare
from sweep.reports import report_of_run
from sweep.runs.run import Run
from sweep.training.network import new_model
from tests.sweep.test_local import sweep_here
from tests.sweep.training.frozen.bodies import body

SIZE = 32


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ImageSet]:
    folder = tmp_path_factory.mktemp("swept")
    torch.save(body().state_dict(), folder / "r18.pt")
    config = build_config(
        {
            "data": {"source": "phantom", "image_size": SIZE, "phantom_images": 300},
            "space": {"techniques": ["baseline"], "lr": 0.001, "epochs": 2, "seeds": 1},
            "train": {"network": "frozen", "weights": str(folder / "r18.pt"), "precision": "float32"},
        },
        {},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BALANCING_ACT_CACHE", str(folder / "cache"))
        run = sweep_here(folder / "run", config)
        images = prepare(config).images
        report_of_run(run, None, recorded_config(run).report)
    return run.path, images


def summary(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.path / "report" / "summary.json").read_text(encoding="utf-8"))["sections"]
    return found


@pytest.mark.parametrize("what", ["missing", "damaged", "another"])
def test_maps_are_left_out_and_one_sentence_says_so_first(
    swept: tuple[Path, ImageSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    run = Run(shutil.copytree(swept[0], tmp_path / "run"))
    known, file, told = summary(run)["results"], run.path / "body.pt", list[str]()
    if what == "missing":
        file.unlink()
    elif what == "damaged":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        saved = torch.load(file, weights_only=True)
        other = new_model(1, 0, architecture="resnet50").state_dict()
        kept = {name: values for name, values in other.items() if not name.startswith("fc.")}
        torch.save({**saved, "architecture": "resnet50", "body": kept}, file)
    monkeypatch.setattr("sweep.analysis.maps.cases.case_maps", None)  # nothing long begins
    report_of_run(run, swept[1], recorded_config(run).report, tell=told.append)
    (sentence,) = told
    assert sentence.startswith("There will be no activation maps, for ")
    assert "body.pt" in sentence
    assert ("resnet50" if what == "another" else what) in sentence
    assert summary(run)["results"] == known
    page = (run.path / "report" / "report.md").read_text(encoding="utf-8")
    assert "body.pt" in page.split("## Saliency")[1].split("\n## ")[0]

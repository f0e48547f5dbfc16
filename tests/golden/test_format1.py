"""Run folders of format 1, kept as they were written, are read, reported, resumed and predicted with."""

from __future__ import annotations

import json
import re
import shutil
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import resnet18

from tests.golden import drawings, kinds, taken
from tests.golden.compare import as_recorded, differences, is_recorded_machine, nearly, recorded
from tests.held_ray import held_ray

SIZE = 32


def statuses(run: Path) -> dict[str, str]:
    """Trial id -> status of those that have begun."""
    return {path.parent.name: json.loads(path.read_text())["status"] for path in run.glob("trials/*/status.json")}


def chosen(run: dict[str, Any]) -> set[str]:
    return {trial for choice in run["selection"] for trial in choice["trial_ids"]}


def of_its_age(run: dict[str, Any]) -> dict[str, Any]:
    """The recorded run without what a folder of format 1 has nothing of: a margin, and the search for shortcuts."""
    report = run["report"]
    report["sections"]["differences"]["stated_margin"] = None
    report["sections"]["data"]["shortcuts"] = []
    del report["tables"]["shortcuts"]
    return run


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    return shutil.copytree(kinds.FORMAT1 / "finished", tmp_path / "finished")


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of both runs, gone on with now; on another release of torch too."""
    folder = tmp_path_factory.mktemp("format1")
    for name in ("finished", "interrupted"):
        shutil.copytree(kinds.FORMAT1 / name, folder / name)
    cache = drawings.fill(folder / "cache")
    with held_ray(2, kinds.environment(cache)) as address:
        resume = ("--allow-mixed", "--address", address)
        kinds.call_all({name: ["resume", folder / name, *resume] for name in ("finished", "interrupted")}, cache)
    return folder


def test_a_finished_run_is_reported_without_images(finished: Path, tmp_path: Path) -> None:
    kinds.call(["report", finished, "--no-cams", "--data", tmp_path / "nowhere"], tmp_path / "cache")
    # From recorded predictions: no network answers anew. The weights of patients are float32, whose sums end on other
    # last bits on another processor.
    close = nearly(1e-6 if is_recorded_machine() else 1e-5)
    assert differences(recorded("format1"), taken.report(finished), close) == []


@pytest.mark.parametrize("name", ["finished", "interrupted"])
def test_a_resumed_run_ends_with_the_numbers_of_an_undisturbed_one(name: str, resumed: Path) -> None:
    before, now = of_its_age(recorded("quick")), taken.run(resumed / name)
    if not is_recorded_machine():  # networks that answer otherwise are opened the test split for anew
        now["opened"] = now["opened"][-1:]
    assert as_recorded(before, now, exact=is_recorded_machine()) == []


@pytest.mark.parametrize("name", ["finished", "interrupted"])
def test_trials_that_ended_are_not_trained_again_unless_chosen_without_a_network(name: str, resumed: Path) -> None:
    before, now = kinds.FORMAT1 / name, resumed / name
    ended = {trial for trial, status in statuses(before).items() if status == "done"}
    reopened = {trial for trial in ended if "reopened" in json.loads((now / f"trials/{trial}/status.json").read_text())}
    if is_recorded_machine():
        assert reopened == ended & chosen(recorded("quick"))
    assert reopened, "no network is in the fixture"
    for trial in ended - reopened:
        place = f"trials/{trial}/epochs.json"
        assert (now / place).read_bytes() == (before / place).read_bytes()
    last = {trial for choice in json.loads((now / "selection.json").read_text()) for trial in choice["trial_ids"]}
    assert {path.parent.name for path in now.glob("trials/*/best.pt")} == last


def test_runs_are_compared(resumed: Path, tmp_path: Path) -> None:
    runs = [resumed / "finished", resumed / "interrupted"]
    kinds.call(["compare", *runs, "--csv", tmp_path / "both.csv"], tmp_path / "cache")
    results = [taken.table(run / "report" / "tables" / "results.csv")["balanced_accuracy"] for run in runs]
    both = taken.table(tmp_path / "both.csv")["balanced_accuracy"]
    assert sorted(both) == pytest.approx(sorted(chain(*results)))


def test_the_fixtures_are_what_they_are_called() -> None:
    assert set(statuses(kinds.FORMAT1 / "finished").values()) == {"done"}
    assert len(statuses(kinds.FORMAT1 / "finished")) == len(recorded("quick")["trials"])
    assert "running" in statuses(kinds.FORMAT1 / "interrupted").values()
    assert len(statuses(kinds.FORMAT1 / "interrupted")) < len(recorded("quick")["trials"])
    assert not (kinds.FORMAT1 / "interrupted" / "selection.json").exists()
    assert not list(kinds.FORMAT1.rglob("*.pt"))


def test_a_network_in_the_layout_of_format_1_predicts(finished: Path, tmp_path: Path) -> None:
    (trial,) = (choice["trial_ids"][0] for choice in recorded("quick")["selection"] if choice["technique"] == "smote")
    folder = finished / "trials" / trial
    for other in finished.glob("trials/*"):  # so that this one is the technique's best
        if other != folder and other.name in chosen(recorded("quick")):
            epochs = json.loads((other / "epochs.json").read_text())
            (other / "epochs.json").write_text(json.dumps([{**epoch, "balanced_accuracy": 0.0} for epoch in epochs]))
    status = json.loads((folder / "status.json").read_text())
    spec = {k: v for k, v in json.loads((folder / "spec.json").read_text()).items() if k != "trial_id"}
    torch.manual_seed(5)
    model = resnet18(weights=None, num_classes=2).eval()
    with torch.no_grad():
        model.fc.weight.mul_(0.5)
    facts = {"epoch": status["best_epoch"], "spec": spec, "class_names": ["clear", "lesion"], "positive": 1}
    validation = {
        "rows": torch.arange(2),
        "labels": torch.tensor([0, 1]),
        "probabilities": torch.full((2, 2), 0.5),
    }
    network = {"network": status["network"], "validation": validation}
    torch.save({"model": model.state_dict(), **facts, **network}, folder / "best.pt")

    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "new.png")
    command = ["predict", finished, tmp_path / "new.png", "--technique", "smote", "--maps", "all"]
    command += ["--maps-to", tmp_path / "maps"]
    output = kinds.call(command, tmp_path / "cache")
    scaled = (torch.from_numpy(pixels).float() / 255 - spec["mean"]) / spec["std"]
    with torch.inference_mode():
        expected = model(scaled.expand(1, 3, SIZE, SIZE)).softmax(dim=1)[0].tolist()
    assert 0.02 < min(expected) < 0.45, "no near certainty, and no tie"
    printed = [float(number) for number in re.findall(r"\b[01]\.\d+\b", output)]
    for probability in expected:
        assert any(number == pytest.approx(probability, abs=0.006) for number in printed), output
    assert list((tmp_path / "maps").glob("*.png"))

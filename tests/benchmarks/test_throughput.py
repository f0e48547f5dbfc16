"""The benchmarks' own arithmetic, and that each way of training runs; nothing is timed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from balancing.components.registry import COMPONENTS
from balancing.components.techniques import get_technique
from benchmarks import bare_step, notebook_epoch, stem, step_costs, throughput
from benchmarks.asha import compared
from benchmarks.common import Memory, in_fresh_process
from benchmarks.overhead import line
from benchmarks.scaling import configuration
from benchmarks.sweeps import Swept
from sweep.config.config import build_config
from sweep.planning.space import trial_specs


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The phantom, few and small."""
    from balancing.data.images import load_images

    monkeypatch.setenv("BALANCING_ACT_CACHE", str(tmp_path))
    monkeypatch.delenv("CHEST_XRAY_DIR", raising=False)
    for module in (bare_step, notebook_epoch):
        monkeypatch.setattr(module, "load", lambda size: load_images("phantom", image_size=size, phantom_images=300))


@pytest.mark.usefixtures("drawings")
@pytest.mark.parametrize("technique", ["augmentation", "smote"])
def test_an_epoch_and_its_limit_are_both_run(technique: str) -> None:
    threads = torch.get_num_threads()
    try:
        found = throughput.epoch_of(technique, 32, 64, "cpu", "float32", 1, 1)
    finally:
        torch.set_num_threads(threads)
    assert found["share"] == pytest.approx(found["training"] / found["limit"])
    assert found["whole_share"] == pytest.approx(found["whole"] / found["whole_limit"])
    assert found["whole"] < found["training"]  # validation takes time too
    assert found["peak"] > 50e6


@pytest.mark.usefixtures("drawings")
def test_a_technique_that_makes_two_passes_costs_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_costs, "names", lambda: ["sam", "mixup", "ldam"])
    threads = torch.get_num_threads()
    try:
        found = step_costs.step_costs(32, 64, "cpu", "float32", 1)
    finally:
        torch.set_num_threads(threads)
    assert list(found) == ["baseline", "sam", "mixup", "ldam", "seconds"]
    assert max(found["mixup"], found["ldam"]) < 1.2 < found["sam"] < 4


@pytest.mark.usefixtures("drawings")
def test_a_training_with_the_small_stem_is_judged_on_both_splits() -> None:
    found = stem.trained(bare_step.images_and_split(32, 32)[0], 32, "small", 1, 0)
    assert found.pop("seconds") > 0
    assert len(found) == 4
    assert all(0 <= value <= 1 for value in found.values())


def test_each_loss_mixer_schedule_and_step_has_a_row() -> None:
    alone = {name for name in step_costs.names() if "+" not in name}
    parts = {part.name for name in step_costs.names() for part in get_technique(name).parts}
    trained = {c.name for c in COMPONENTS.all() if c.axis in ("loss", "mixer", "schedule", "optimizer")}
    assert parts - {"smote"} == trained, "but what decoupled_smote samples"
    assert len(alone) == len(step_costs.names())


@pytest.mark.usefixtures("drawings")
def test_the_notebooks_way_trains_on_files(tmp_path: Path) -> None:
    files, labels = notebook_epoch.training_files(tmp_path, 12, 32)
    assert [file.is_file() for file in files] == [True] * 12
    data = notebook_epoch.Notebook(files, labels, 40)
    image, label = data[3]
    assert image.shape == (3, 40, 40)
    assert torch.equal(image[0], image[2])
    assert label == labels[3]


def swept(table: pd.DataFrame, selection: list[dict[str, Any]], **clocks: float) -> Swept:
    known = {"wall": 20.0, "startup": 5.0, "trials_wall": 10.0, "training": 16.0}
    return Swept(**{**known, **clocks}, trials=4, epochs=4, memory=Memory(), table=table, selection=selection)  # type: ignore[arg-type]


def test_what_a_trial_adds_is_wall_time_beyond_training_over_slots() -> None:
    found = line(swept(pd.DataFrame(), []), slots=2)
    assert found[1:6] == ["5.00 s", "10.00 s", "8.00 s", "0.50 s", "5.00 s"]


@pytest.mark.parametrize(("chosen", "verdict"), [("good", "yes"), ("close", "yes"), ("bad", "NO")])
def test_an_early_stopped_choice_is_judged_by_the_full_sweep(chosen: str, verdict: str) -> None:
    rows = [("good", 0.9), ("good", 0.8), ("close", 0.8), ("close", 0.8), ("bad", 0.6), ("bad", 0.7)]
    table = pd.DataFrame(
        [{"technique": "smote", "configuration": c, "balanced_accuracy": v, "epochs_run": 3} for c, v in rows]
    )
    best = {"technique": "smote", "configuration": "good", "mean": 0.85, "spread": 0.0707}
    full = swept(table, [best])
    early = swept(table.assign(epochs_run=1), [{"technique": "smote", "configuration": chosen}])
    (found,) = compared(full.table, full.selection, early, "balanced_accuracy")
    assert found[5] == verdict
    assert found[6:] == [18, 6]


def test_the_scaling_sweep_is_the_whole_of_compare() -> None:
    config = build_config(configuration(32, 8, 3, 1, 300))
    assert len(trial_specs(config)) == 144


def test_a_fresh_process_reports_its_own_peak_and_value() -> None:
    held = bytearray(200_000_000)  # must not count in the child
    found = in_fresh_process("math", "sqrt", 16)
    assert len(held) > 0
    assert found.value == 4.0
    assert found.peak < 150e6


def test_a_failing_process_says_why() -> None:
    with pytest.raises(RuntimeError, match="math domain error|nonnegative"):
        in_fresh_process("math", "sqrt", -1)

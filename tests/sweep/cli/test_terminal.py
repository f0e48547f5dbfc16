"""The results as the terminal shows them."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from sweep.analysis.results import Results
from sweep.cli.terminal import results
from tests.sweep.fake_run import fake_images, fake_run

LONG = "borderline_smote+label_aware_smoothing+sam"


def test_beside_long_names_no_number_is_cut_and_of_many_techniques_the_best_comes_first(tmp_path: Path) -> None:
    names = ["baseline", "smote", "enn", "focal", "vs", "mixup", "sam", "drw", LONG]
    images = fake_images(tmp_path / "images", size=8)
    run = fake_run(tmp_path / "run", images, techniques=names, lrs=(0.001,), epochs=1, failing=False)
    console = Console(file=io.StringIO(), width=80, color_system=None)
    for part in results(run):
        console.print(part)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in text
    assert "highest balanced accuracy first" in text
    shown = [float(found[1]) for found in re.finditer(r"^\S.*? +(\d\.\d{3}) +\d\.\d{3} .* 2$", text, re.MULTILINE)]
    means = Results(run).test_table().groupby("technique")["balanced_accuracy"].mean()
    assert shown == pytest.approx(sorted(means, reverse=True), abs=0.0006)

"""The page of results with a file of small images, as MedMNIST gives them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import results
from sweep.runs.run import Run
from tests.sweep.fake_run import fake_images, fake_run


def pneumoniamnist(path: Path) -> None:
    """Drawings of 28 pixels in MedMNIST's arrays: what is looked for is a bright patch."""
    rng, arrays = np.random.default_rng(0), dict[str, np.ndarray]()
    for part, counts in (("train", (15, 45)), ("val", (50, 52)), ("test", (20, 30))):
        labels = rng.permutation(np.repeat([0, 1], counts))
        images = rng.integers(40, 120, (len(labels), 28, 28))
        images[labels == 1, 8:16, 10:18] += 80
        arrays |= {f"{part}_images": images.astype(np.uint8), f"{part}_labels": labels[:, None].astype(np.uint8)}
    np.savez(path, **arrays)  # type: ignore[arg-type]


def test_a_file_of_28_pixels_is_swept_and_has_its_part_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fake_run(tmp_path / "made", fake_images(tmp_path / "images"), failing=False)
    pneumoniamnist(tmp_path / "pneumoniamnist.npz")
    few = {"seeds": 2, "epochs": 1, "techniques": ["baseline", "undersampling"], "executor": "local"}
    monkeypatch.setattr(results, "SMALL", results.SMALL | few)
    monkeypatch.setattr(results, "figure", lambda path, named: None)  # of the two others, which are invented
    out, runs = tmp_path / "docs", tmp_path / "runs"
    out.mkdir()
    given = ["--frozen", str(made.path), "--whole", str(made.path), "--small", str(tmp_path / "pneumoniamnist.npz")]
    monkeypatch.setattr(sys, "argv", ["results", *given, "--runs", str(runs), "--out", str(out)])
    results.main()
    run = Run(runs / "results-small")
    assert run.info["data"]["class_counts"] == {"train": [15, 45], "validation": [50, 52], "test": [20, 30]}
    assert {(spec.technique, spec.image_size, spec.stem) for spec in run.specs()} == {
        ("baseline", 28, "small"),
        ("undersampling", 28, "small"),
    }
    assert len(run.test_openings()) == 1
    page = (out / "results.md").read_text(encoding="utf-8")
    part = page.split("## At 28 pixels")[1].split("## ")[0]
    assert "Undersampling" in part

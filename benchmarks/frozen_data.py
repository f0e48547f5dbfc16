"""Vectors for ``benchmarks.frozen``: of a run, of files, or made up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Data:
    """Vectors with their labels and split, on disk, since processes share them."""

    vectors: Path
    split: Path

    def load(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        with np.load(self.split, allow_pickle=False) as found:
            split = {name: found[name] for name in ("labels", "train", "validation", "test")}
        return np.load(self.vectors, mmap_mode="r", allow_pickle=False), split

    @classmethod
    def of_run(cls, path: Path, folder: Path, vectors: Path | None) -> Data:
        from sweep.runs.run import Run

        run = Run(path)
        split, table = run.split_of_rows(), run.split()
        labels = table.sort_values("row")["label"].to_numpy()
        kept = folder / "split.npz"
        np.savez(kept, labels=labels, train=split.train, validation=split.validation, test=split.test)
        if vectors is None:  # as kept beside the images
            from sweep.analysis.results import Results
            from sweep.analysis.synthetic.vectors import vectors_of
            from sweep.reports import recorded_images

            vectors = folder / "vectors.npy"
            np.save(vectors, vectors_of(Results(run), recorded_images(run), run.specs()[0]).rows)
        return cls(vectors, kept)

    @classmethod
    def synthetic(cls, shape: str, folder: Path) -> Data:
        """Two classes, 26 : 74 as the X-rays', that linear heads tell apart about as well as X-rays."""
        train, dimensions = (int(part) for part in shape.split("x"))
        rng, rows = np.random.default_rng(0), round(train * 5856 / 4448)
        labels = (rng.random(rows) < 0.742).astype(np.int64)
        hidden = rng.normal(size=(rows, 40)) + labels[:, None] * rng.normal(size=40) * 0.45
        vectors = hidden @ rng.normal(size=(40, dimensions)) / 6 + rng.normal(size=(rows, dimensions))
        np.save(folder / "vectors.npy", np.maximum(vectors, 0).astype(np.float32))
        parts = np.split(rng.permutation(rows), [train, train + (rows - train) * 784 // 1408])
        names = ("train", "validation", "test")
        split = {name: np.sort(part) for name, part in zip(names, parts, strict=True)}
        np.savez(folder / "split.npz", labels=labels, **split)  # type: ignore[arg-type]
        return cls(folder / "vectors.npy", folder / "split.npz")

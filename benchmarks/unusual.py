"""How well `sweep predict` tells images that are none of the run's kind: AUROC, and what is called unusual at 99 %.

    python -m benchmarks.unusual --run RUN
    python -m benchmarks.unusual --run RUN --technique smote --images 1000

RUN is a run on the chest X-rays. Its test images stand against photographs (scikit-learn's two, cut into pieces),
noise, the test images themselves inverted and turned by 90 and 180 degrees, and the phantom's drawings. Scores, all on
the features before the head: the least Mahalanobis distance to a class's mean (Lee et al., NeurIPS 2018) with one
covariance, shrunk by Ledoit and Wolf's estimate, which `sweep predict` has, or pseudo-inverted; and the distance to the
k-th nearest training image on features of length 1 (Sun et al., ICML 2022). A score's limit is the 99 % quantile of the
run's validation images, which no network trained on; how many test images lie beyond it is the false alarm rate where
patients are others than in training.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from balancing.data.images import load_images
from balancing.metrics import auroc
from benchmarks.common import show
from sweep.inference.deployed import deployed
from sweep.inference.stream import Stream
from sweep.inference.unusual import UNUSUAL_FROM, Gaussians
from sweep.reports import recorded_images
from sweep.runs.run import Run

Scores = Mapping[str, np.ndarray]
KS = (1, 10, 50)


def others(size: int, n: int, tested: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Kinds of images that are no upright X-rays: name -> (M, S, S) uint8."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    photographs = []
    for photograph in load_sample_images().images:
        grey = Image.fromarray(photograph).convert("L")
        for _ in range(n // 2):
            side = int(rng.integers(size, 400))
            left, top = (int(rng.integers(0, length - side + 1)) for length in grey.size)
            piece = grey.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.BILINEAR)
            photographs.append(np.asarray(piece))
    drawings = load_images("phantom", image_size=size, phantom_images=300).pixels[:n]
    return {
        "photographs": np.stack(photographs),
        "noise": rng.integers(0, 256, (n, size, size)).astype(np.uint8),
        "inverted X-rays": 255 - tested,
        "X-rays turned by 90": np.rot90(tested, axes=(1, 2)),
        "X-rays turned by 180": np.rot90(tested, 2, axes=(1, 2)),
        "drawings of the phantom": np.asarray(drawings),
    }


def normalised(features: np.ndarray) -> np.ndarray:
    """(N, F) float32, each row of length 1; rows of zeros stay."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return (features / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def nearest(training: np.ndarray, features: np.ndarray, k: int) -> np.ndarray:
    """(N,) the distance of each row to the k-th nearest training row, both of length 1."""
    alike = normalised(features) @ normalised(training).T
    return np.sqrt(np.maximum(2 + 2 * np.partition(-alike, k - 1, axis=1)[:, k - 1].astype(np.float64), 0))


def mahalanobis(training: np.ndarray, labels: np.ndarray, features: np.ndarray) -> np.ndarray:
    """(N,) the least distance to a class's mean under the classes' common covariance (pseudo-inverse)."""
    means = np.stack([training[labels == label].mean(axis=0) for label in np.unique(labels)])
    rest = training - means[np.searchsorted(np.unique(labels), labels)]
    precision = np.linalg.pinv(rest.T @ rest / len(rest), rcond=1e-6, hermitian=True)
    apart = features[:, None] - means
    return np.sqrt(np.maximum(np.einsum("ncf,fg,ncg->nc", apart, precision, apart), 0)).min(axis=1)


def _some(rows: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= n else np.sort(rng.choice(rows, n, replace=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="a run on the X-rays")
    parser.add_argument("--technique", default="best", help="as `sweep predict --what`")
    parser.add_argument("--images", type=int, default=2000, help="at most so many training images")
    parser.add_argument("--others", type=int, default=200, help="of each kind")
    given = parser.parse_args()
    run, rng = Run(given.run), np.random.default_rng(0)
    found = deployed(run, given.technique)
    stream, images, split = Stream(found), recorded_images(run), run.split_of_rows()

    def features(pixels: np.ndarray) -> np.ndarray:
        parts = range(0, len(pixels), stream.batch)
        return np.concatenate([stream.features(pixels[start : start + stream.batch]) for start in parts])

    rows = _some(split.train, given.images, rng)
    training, labels = features(images.pixels[rows]), images.labels[rows]
    gaussians = Gaussians.of(training, labels)
    held_out = features(images.pixels[_some(split.validation, 1000, rng)])
    tested = images.pixels[split.test]
    usual = features(tested)
    some = tested[_some(np.arange(len(tested)), given.others, rng)]
    kinds = {name: features(pixels) for name, pixels in others(found.image_size, given.others, some, rng).items()}

    def scores(of: np.ndarray) -> Scores:
        near = {f"nearest, k = {k}": nearest(training, of, k) for k in KS}
        plain = mahalanobis(training.astype(np.float64), labels, of.astype(np.float64))
        return {"Mahalanobis, shrunk": gaussians.distances(of), "pseudo-inverted": plain, **near}

    limit = {name: np.quantile(values, UNUSUAL_FROM) for name, values in scores(held_out).items()}
    own = scores(usual)
    lines = [["test X-rays", len(usual), *(f"{(own[name] > limit[name]).mean():.1%}" for name in limit)]]
    for kind, of in kinds.items():
        them = scores(of)
        cells = []
        for name in limit:
            truth = np.concatenate([np.ones(len(of), dtype=bool), np.zeros(len(usual), dtype=bool)])
            area = auroc(truth, np.concatenate([them[name], own[name]]))
            cells.append(f"{area:.3f} ({(them[name] > limit[name]).mean():.0%})")
        lines.append([kind, len(of), *cells])
    title = (
        f"{found.technique}, {found.image_size} px, {len(training):,} training and {len(held_out):,} validation images"
    )
    show(title, ["AUROC (called unusual)", "images", *limit], lines)


if __name__ == "__main__":
    main()

"""Is this such an image at all? How far an image lies from the training images, in the network's features.

The Mahalanobis distance to the nearest class's mean, with one covariance for all classes (Lee, Lee, Lee & Shin, A
simple unified framework for detecting out-of-distribution samples, NeurIPS 2018), shrunk as Ledoit & Wolf (Journal of
Multivariate Analysis 88(2), 2004) have it, so that it can be inverted. What is usual is told by the run's validation
images, which the network did not train on: an image is unusual that lies further off than 99 % of them.
``benchmarks.unusual`` measures it beside the distance to the k-th nearest training image. Of the training images means
and a covariance are kept, and of none its features.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sweep.inference.deployed import Deployed
from sweep.runs.files import is_whole_zip, write_atomically

if TYPE_CHECKING:
    from balancing.data.images import ImageSet
    from sweep.inference.stream import Stream

UNUSUAL_FROM = 0.99
MOST_TRAINING = 2000  # images that means and covariance are of; of more as many at random
MOST_HELD_OUT = 1000
FEWEST_HELD_OUT = 20  # to say what is usual
FOLDER = "unusual"
_VERSION = 2


@dataclass(frozen=True)
class Gaussians:
    """Classes of features as normal distributions of one shape.

    Args:
        means: (C, F) float32, of the classes that have training images.
        whitening: (F, F) float32; under it the covariance is the identity.
    """

    means: np.ndarray
    whitening: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, labels: np.ndarray) -> Gaussians:
        """From (T, F) features and their (T,) classes, T >= 1."""
        from sklearn.covariance import ledoit_wolf

        features = features.astype(np.float64)
        present, place = np.unique(labels, return_inverse=True)
        means = np.stack([features[labels == label].mean(axis=0) for label in present])
        covariance = ledoit_wolf(features - means[place], assume_centered=True)[0]
        values, vectors = np.linalg.eigh(covariance)
        least = max(float(values[-1]), 1e-12) * 1e-7  # of features that never vary
        whitening = vectors / np.sqrt(np.maximum(values, least))
        return cls(means.astype(np.float32), whitening.astype(np.float32))

    def distances(self, features: np.ndarray) -> np.ndarray:
        """(N,) float64: of (N, F) features to the nearest mean."""
        own, means = (part.astype(np.float32) @ self.whitening for part in (features, self.means))
        apart = own[:, None].astype(np.float64) - means
        found: np.ndarray = np.sqrt((apart**2).sum(axis=2)).min(axis=1)
        return found


@dataclass(frozen=True)
class Reference:
    """What images are measured by.

    Args:
        training: what is kept of the training images.
        held_out: (V,) float64, ascending: distances of validation images.
    """

    training: Gaussians
    held_out: np.ndarray

    def distances(self, features: np.ndarray) -> np.ndarray:
        """(N,) float64 of (N, F) features."""
        return self.training.distances(features)

    def quantiles(self, distances: np.ndarray) -> np.ndarray:
        """(N,) float64 in [0, 1]: the share of validation images that lie less far off."""
        found: np.ndarray = np.searchsorted(self.held_out, distances, side="left") / len(self.held_out)
        return found


def kept_reference(found: Deployed) -> Reference | None:
    """What an earlier call left in the run's folder; None where there is none, or it is not of this network."""
    path = _path(found)
    if not is_whole_zip(path):  # which holds a checksum of every array
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            key, *arrays = (file[name] for name in ("key", "means", "whitening", "held_out"))
    except Exception:  # a damaged file can raise almost anything
        return None
    means, whitening, held_out = arrays
    fits = means.ndim == whitening.ndim == 2 and means.shape[1:] * 2 == whitening.shape and held_out.ndim == 1
    if str(key) != _key(found) or not fits or not all(np.isfinite(array).all() for array in arrays):
        return None
    return Reference(Gaussians(means, whitening), held_out) if len(held_out) >= FEWEST_HELD_OUT else None


def new_reference(
    found: Deployed, stream: Stream, images: ImageSet, split: dict[str, np.ndarray], done: Callable[[], None]
) -> Reference | None:
    """The reference of a network, from the run's own images; kept in the run's folder where that can be written to.

    Args:
        images: the run's own.
        split: ``train`` and ``validation`` -> (n,) int64 rows of them.
        done: called after each image.
    Returns:
        None where there are too few validation images to say what is usual.
    """
    rng = np.random.default_rng(0)
    rows = {"train": _some(split["train"], MOST_TRAINING, rng)}
    rows["validation"] = _some(split["validation"], MOST_HELD_OUT, rng)
    if len(rows["validation"]) < FEWEST_HELD_OUT or not len(rows["train"]):
        return None
    features = {}
    for part, own in rows.items():
        parts = []
        for start in range(0, len(own), stream.batch):
            batch = own[start : start + stream.batch]
            parts.append(stream.features(images.pixels[batch]))
            for _ in batch:
                done()
        features[part] = np.concatenate(parts)
    training = Gaussians.of(features["train"], images.labels[rows["train"]])
    made = Reference(training, np.sort(training.distances(features["validation"])))
    _keep(found, made)
    return made


def to_look_at(split: dict[str, np.ndarray]) -> int:
    """How many images ``new_reference`` takes through the network."""
    return min(len(split["train"]), MOST_TRAINING) + min(len(split["validation"]), MOST_HELD_OUT)


def _some(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _keep(found: Deployed, made: Reference) -> None:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {**vars(made.training), "held_out": made.held_out}
    np.savez(buffer, key=np.array(_key(found)), **arrays)
    if _path(found).parent.is_symlink():
        return  # nothing is written through links
    try:
        _path(found).parent.mkdir(mode=0o700, exist_ok=True)
        write_atomically(_path(found), buffer.getvalue(), private=True)
    except OSError:
        return  # a run that is for reading alone: it is computed anew each time


def _path(found: Deployed) -> Path:
    return found.run / FOLDER / f"{found.trial_ids[0]}.npz"


def _key(found: Deployed) -> str:
    """What the reference is of: the first network, by its weights, and how it is measured."""
    digest = hashlib.sha256(f"{_VERSION} {MOST_TRAINING} {MOST_HELD_OUT}".encode())
    for name, tensor in sorted(found.networks[0].state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).data)
    return digest.hexdigest()[:32]

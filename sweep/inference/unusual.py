"""Is this such an image at all? How far an image lies from the training images, in the network's features.

The distance to the k-th nearest training image, of features of length 1 (Sun, Ming, Zhu & Li, Out-of-distribution
detection with deep nearest neighbors, ICML 2022). What is usual is told by the run's validation images, which the
network did not train on: an image is unusual that lies further off than 99 % of them. ``benchmarks.unusual`` measures
it beside a Mahalanobis distance (Lee et al., NeurIPS 2018).
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

NEIGHBOURS = 10
UNUSUAL_FROM = 0.99
MOST_TRAINING = 2000  # images that are kept; of more as many at random
MOST_HELD_OUT = 1000
FEWEST_HELD_OUT = 20  # to say what is usual
FOLDER = "unusual"
_VERSION = 1
_AT_ONCE = 512


@dataclass(frozen=True)
class Reference:
    """What images are measured by.

    Args:
        training: (T, F) float32 of length 1: features of training images.
        held_out: (V,) float64, ascending: distances of validation images.
    """

    training: np.ndarray
    held_out: np.ndarray

    def distances(self, features: np.ndarray) -> np.ndarray:
        """(N,) float64 in [0, 2] of (N, F) features: Euclidean, to the k-th nearest training image."""
        return nearest(self.training, features)

    def quantiles(self, distances: np.ndarray) -> np.ndarray:
        """(N,) float64 in [0, 1]: the share of validation images that lie less far off."""
        found: np.ndarray = np.searchsorted(self.held_out, distances, side="left") / len(self.held_out)
        return found


def normalised(features: np.ndarray) -> np.ndarray:
    """(N, F) float32, each row of length 1; rows of zeros stay."""
    lengths = np.linalg.norm(features.astype(np.float32), axis=1, keepdims=True)
    return (features / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def nearest(training: np.ndarray, features: np.ndarray, k: int = NEIGHBOURS) -> np.ndarray:
    """(N,) float64: of each row of (N, F) features the distance to the k-th nearest of (T, F) rows of length 1.

    Args:
        k: of fewer rows the furthest.
    """
    place = min(k, len(training)) - 1
    found = [np.zeros(0)]
    for start in range(0, len(features), _AT_ONCE):
        alike = normalised(features[start : start + _AT_ONCE]) @ training.T
        closest = -np.partition(-alike, place, axis=1)[:, place]
        found.append(np.sqrt(np.maximum(2 - 2 * closest.astype(np.float64), 0)))
    return np.concatenate(found)


def kept_reference(found: Deployed) -> Reference | None:
    """What an earlier call left in the run's folder; None where there is none, or it is not of this network."""
    path = _path(found)
    if not is_whole_zip(path):  # which holds a checksum of every array
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("key", "training", "held_out")}
    except Exception:  # a damaged file can raise almost anything
        return None
    training, held_out = arrays["training"], arrays["held_out"]
    whole = training.ndim == 2 and held_out.ndim == 1 and len(training) and len(held_out) >= FEWEST_HELD_OUT
    if str(arrays["key"]) != _key(found) or not whole or not np.isfinite(training).all():
        return None
    return Reference(training, held_out)


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
    training = normalised(features["train"])
    made = Reference(training, np.sort(nearest(training, features["validation"])))
    _keep(found, made)
    return made


def to_look_at(split: dict[str, np.ndarray]) -> int:
    """How many images ``new_reference`` takes through the network."""
    return min(len(split["train"]), MOST_TRAINING) + min(len(split["validation"]), MOST_HELD_OUT)


def _some(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _keep(found: Deployed, made: Reference) -> None:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {"key": np.array(_key(found)), "training": made.training, "held_out": made.held_out}
    np.savez(buffer, **arrays)
    try:
        _path(found).parent.mkdir(mode=0o700, exist_ok=True)
        write_atomically(_path(found), buffer.getvalue(), private=True)
    except OSError:
        return  # a run that is for reading alone: it is computed anew each time


def _path(found: Deployed) -> Path:
    return found.run / FOLDER / f"{found.trial_ids[0]}.npz"


def _key(found: Deployed) -> str:
    """What the reference is of: the first network, by its weights, and how it is measured."""
    digest = hashlib.sha256(f"{_VERSION} {NEIGHBOURS} {MOST_TRAINING} {MOST_HELD_OUT}".encode())
    for name, tensor in sorted(found.networks[0].state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).data)
    return digest.hexdigest()[:32]

"""One image set, from a Hub id, a folder, parquet, .npz or the built-in phantom, as one memory-mapped uint8 array."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class BadImage:
    """An image that could not be read.

    Args:
        name: its file name, or split and row where it has none.
        reason: one sentence.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class ImageSet:
    """Decoded images with what is known of each.

    Args:
        pixels: (N, H, W), or (N, H, W, 3) where an image differs between its channels; uint8, read-only,
            memory-mapped from ``pixels_path``.
        labels: (N,) int64, 0..C-1.
        class_names: (C,), C >= 2.
        splits: (N,) str, the source's own split of each image: ``train``, ``validation``, ``test``.
        names: (N,) str, original file names; unique within a split only.
        patients: (N,) str, or None where nothing tells patients apart. Ids are unique over the whole set.
        sha256: (N,) str, of the encoded bytes (of the pixels where the source holds arrays).
        widths, heights, channels: (N,) int64, as stored in the source, before resizing.
        masks_path: .npy of (N, H, W) bool, where lesions are known (the phantom), else None.
        source: what the user named, e.g. ``phantom`` or ``hf-vision/chest-xray-pneumonia@main``.
        fingerprint: hex, of the pixels and labels: equal on every machine for equal content and size.
        pixels_path: the .npy file.
        bad: images left out with ``skip_bad``.
        notes: sentences a user should read, e.g. how patients were told apart.
    """

    pixels: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    splits: np.ndarray
    names: np.ndarray
    patients: np.ndarray | None
    sha256: np.ndarray
    widths: np.ndarray
    heights: np.ndarray
    channels: np.ndarray
    masks_path: Path | None
    source: str
    fingerprint: str
    pixels_path: Path
    bad: tuple[BadImage, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_classes(self) -> int:
        return len(self.class_names)


def load_images(
    source: str,
    *,
    image_size: int = 224,
    image_column: str | None = None,
    label_column: str | None = None,
    patient_column: str | None = None,
    patient_pattern: str | None = None,
    skip_bad: bool = False,
    phantom_images: int = 900,
    phantom_seed: int = 0,
    cache_dir: Path | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> ImageSet:
    """TO BE WRITTEN (helper A)."""
    raise NotImplementedError

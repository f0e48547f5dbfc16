"""Class activation maps of chosen test images, of two techniques side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from balancing.data.images import ImageSet
from sweep.analysis.maps.methods import CAM_METHODS, cam_method
from sweep.analysis.maps.networks import kept_trials, networks
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE

_BATCHED = "gradcam"  # in place of a method that takes its images one at a time


@dataclass(frozen=True)
class MapsBeside:
    """Maps of the same images.

    Args:
        method: a key of ``CAM_METHODS``.
        maps: technique -> (n, H, W) float32 in [0, 1], for the class that its network decided on.
    """

    method: str
    maps: dict[str, np.ndarray]

    @property
    def method_name(self) -> str:
        """As it is called in papers."""
        return CAM_METHODS[self.method].name


def maps_beside(
    run: Results,
    images: ImageSet,
    rows: np.ndarray,
    wanted: Sequence[str],
    method: str,
    device: str = "cpu",
) -> MapsBeside | None:
    """Maps of the baseline and of the first of some techniques whose networks were kept.

    Args:
        rows: (n,) int64, tested.
        wanted: techniques, the best first.
        method: a key of ``CAM_METHODS``; for one that takes images one at a time Grad-CAM stands in.
        device: where the networks run.
    Returns:
        None where no network was kept.
    """
    kept = kept_trials(run)
    others = [name for name in wanted if name in kept and name != BASELINE]
    names = [*([BASELINE] if BASELINE in kept else []), *others[:1]]
    chosen = method if cam_method(method).batched else _BATCHED
    pixels, found = np.array(images.pixels[rows]), {}
    for network in networks(run, device, only=names):
        targets = network.of_rows(rows).argmax(axis=1)
        found[network.technique] = network.maps(pixels, targets, np.zeros(len(rows), np.int64), chosen)
    return MapsBeside(chosen, {name: found[name] for name in names if name in found}) if found else None

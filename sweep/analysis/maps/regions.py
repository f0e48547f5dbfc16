"""Where class activation maps lie, in numbers: shares of their energy by region and in masks, with intervals.

The study that this project repeats says of its maps that one technique looks at the background and another at the
lung. Here that is a share: how much of a map's sum lies in the corners, along the border, in the centre or in a mask,
against the share of the image's area there. A map that knows of no place has the ratio 1 everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from balancing.data.masks import Masks
from sweep.analysis.maps.methods import DEFAULT_METHOD, FIELD, cam_method, fields
from sweep.analysis.maps.networks import kept_trials, networks
from sweep.analysis.reference_study.claim import AGAINST
from sweep.analysis.results import Results
from sweep.analysis.run_images import check_images
from sweep.analysis.statistics.few_patients import FewPatients
from sweep.analysis.statistics.intervals import bounded

if TYPE_CHECKING:
    from balancing.data.images import ImageSet

# The image is cut by a frame of this share of its side: the four squares where two sides of the frame meet are the
# corners, the rest of the frame is the border, what is left the centre. 9 %, 42 % and 49 % of the area.
MARGIN = 0.15
REGIONS = ("corners", "border", "centre")
# With fewer fields a side no field lies within the image, so a map can't tell its centre from its edge.
FEWEST_FIELDS = 3
MOST_IMAGES = 40
RESAMPLES = 2000


def regions(height: int, width: int) -> np.ndarray:
    """(H, W) int64: the index into ``REGIONS`` of each pixel. The frame is at least one pixel wide."""
    down, across = max(1, round(MARGIN * height)), max(1, round(MARGIN * width))
    y, x = np.arange(height)[:, None], np.arange(width)[None]
    # How many sides of the frame a pixel lies in: 2 in a corner, 1 on the border, 0 in the centre.
    sides = ((y < down) | (y >= height - down)).astype(np.int64) + ((x < across) | (x >= width - across))
    return 2 - sides


def area_shares(height: int, width: int) -> np.ndarray:
    """(3,) float64: the share of the image in each of ``REGIONS``; they sum to 1."""
    return np.bincount(regions(height, width).ravel(), minlength=len(REGIONS)) / (height * width)


def energy_shares(maps: np.ndarray) -> np.ndarray:
    """The share of each map's sum in each region.

    Args:
        maps: (N, H, W) float, >= 0.
    Returns:
        (N, 3) float64 in the order of ``REGIONS``; each row sums to 1, or is NaN where the map is 0 everywhere.
    """
    where = regions(*maps.shape[1:])
    sums = np.stack([maps[:, where == i].sum(axis=1, dtype=np.float64) for i in range(len(REGIONS))], axis=1)
    total = sums.sum(axis=1, keepdims=True)
    return np.divide(sums, total, out=np.full(sums.shape, np.nan), where=total > 0)


def mask_shares(maps: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How much of each map lies in its mask.

    Args:
        maps: (N, H, W) float, >= 0.
        masks: (N, H, W) bool.
    Returns:
        (share of the map's sum in the mask, share of the image's area in it, pointing game), each (N,) float64. The
        pointing game is 1 where the map's largest value lies in the mask, else 0; of equal largest values each counts
        as its part. NaN where the map is 0 everywhere, or the mask is empty or the whole image.
    Reference: Zhang et al., Top-down neural attention by excitation backprop, IJCV 2018 (pointing game); Wang et al.,
        Score-CAM, CVPR Workshops 2020 (energy).
    """
    area = masks.mean(axis=(1, 2))
    total = maps.sum(axis=(1, 2), dtype=np.float64)
    usable = (area > 0) & (area < 1) & (total > 0)
    inside = np.where(masks, maps, 0).sum(axis=(1, 2), dtype=np.float64)
    largest = maps == maps.max(axis=(1, 2), keepdims=True)
    hit = (largest & masks).sum(axis=(1, 2)) / largest.sum(axis=(1, 2))
    share = np.divide(inside, total, out=np.full(len(maps), np.nan), where=usable)
    return share, np.where(usable, area, np.nan), np.where(usable, hit, np.nan)


def balanced_rows(rows: np.ndarray, labels: np.ndarray, most: int | None, rng: np.random.Generator) -> np.ndarray:
    """A sample with as many of each class as there are, up to ``most`` in all; rising.

    Args:
        rows, labels: (N,) int64.
        most: None takes all.
    """
    if most is None or most >= len(rows):
        return np.sort(rows)
    shuffled = rng.permutation(len(rows))
    # The k-th image of its class comes after every class's (k - 1)-th.
    turn = np.zeros(len(rows), dtype=np.int64)
    for label in np.unique(labels):
        own = shuffled[labels[shuffled] == label]
        turn[own] = np.arange(len(own))
    return np.sort(rows[np.lexsort((labels, turn))[:most]])


@dataclass(frozen=True)
class SampledMaps:
    """Maps of every technique's best trial on the same test images.

    Args:
        rows: (N,) int64, of the image set, rising.
        labels: (N,) int64, true classes.
        seeds: (N,) int64, of each image's noise, the same for all techniques.
        method: a key of ``CAM_METHODS``.
        targets: technique -> (N,) int64, the class each map speaks for: the one its network decided on.
        maps: technique -> (N, H, W) float32 in [0, 1].
        field: pixels a side of one field of the networks' last block.
    """

    rows: np.ndarray
    labels: np.ndarray
    seeds: np.ndarray
    method: str
    targets: dict[str, np.ndarray]
    maps: dict[str, np.ndarray]
    field: int = FIELD


def sample_maps(
    run: Results,
    images: ImageSet,
    method: str = DEFAULT_METHOD,
    most: int = MOST_IMAGES,
    *,
    rng: np.random.Generator,
    device: str | torch.device = "cpu",
) -> SampledMaps | None:
    """Makes the maps that all numbers come from: of one sample of test images, balanced over the classes.

    Maps are for the class that a network decided on, by its recorded prediction: what its decision rests on.

    Args:
        most: images, at most.
        rng: of the sample and the maps' noise.
        device: where the maps are made.
    Returns:
        None where the run keeps no network of a tested trial.
    Raises:
        UserError: other images than the run's, or an unknown method.
    """
    check_images(run, images)
    cam_method(method)
    kept = kept_trials(run)
    if not kept:
        return None
    _, (tested, labels, _) = next(iter(kept.values()))
    rows = balanced_rows(tested, labels, most, rng)
    seeds = rng.integers(2**31, size=len(rows))
    pixels = images.pixels[rows]
    targets, maps, field = {}, {}, FIELD
    for network in networks(run, device):
        field = network.field
        targets[network.technique] = network.of_rows(rows).argmax(axis=1)
        maps[network.technique] = network.maps(pixels, targets[network.technique], seeds, method)
    return SampledMaps(rows, images.labels[rows], seeds, method, targets, maps, field)


def numbers_of(
    run: Results, sampled: SampledMaps, masks: Masks | None, rng: np.random.Generator, against: str = AGAINST
) -> pd.DataFrame:
    """Means over images with 95 % intervals from drawing patients anew within classes, 2,000 times.

    Args:
        masks: of the image set, or None.
        rng: of the bootstrap; the same samples serve all techniques, so that differences stay paired.
        against: the technique that gaps are to.
    Returns:
        One row a technique, each number with ``_low`` and ``_high``:
        technique; images (whose map is not 0 everywhere); for each region ``<region>`` (share of the map's sum),
        ``<region>_area`` (share of the image) and ``<region>_ratio`` (their quotient); ``edge``, corners and border
        together, ``edge_area``, ``edge_ratio``; ``edge_gap``, the paired difference in ``edge`` to ``against`` over the
        images where both have a map (NaN without it). With masks also mask_images, mask, mask_area, mask_ratio,
        pointing (its chance level is mask_area), and mask_gap. At fewer than 3 x 3 fields the shares of
        regions are NaN: enlarged, 2 x 2 fields give every region just its share of the area.
    """
    draws = run.patient_draws(sampled.rows, sampled.labels, RESAMPLES, rng)
    weights = np.concatenate([np.ones((1, len(sampled.rows))), draws.weights])
    read = None
    if masks is not None:
        read = masks.of(sampled.rows) & masks.present[sampled.rows][:, None, None]
    measured = {technique: _of_images(maps, read, sampled.field) for technique, maps in sampled.maps.items()}
    other = measured.get(against)
    rows = []
    for technique, values in measured.items():
        row: dict[str, Any] = {
            "technique": technique,
            "images": int((sampled.maps[technique] > 0).any(axis=(1, 2)).sum()),
        }
        if read is not None:
            row["mask_images"] = int(np.isfinite(values["mask"]).sum())
        for name in (*REGIONS, "edge", *(["mask"] if read is not None else [])):
            share, area = _means(values[name], weights), _means(values[f"{name}_area"], weights)
            row |= with_interval(name, share, draws.few)
            row[f"{name}_area"] = float(area[0])
            row |= with_interval(f"{name}_ratio", share / area, draws.few)
        if read is not None:
            row |= with_interval("pointing", _means(values["pointing"], weights), draws.few)
        for name in ("edge", *(["mask"] if read is not None else [])):
            gap = np.full(len(sampled.rows), np.nan) if other is None else values[name] - other[name]
            row |= with_interval(f"{name}_gap", _means(gap, weights), draws.few)
        rows.append(row)
    return pd.DataFrame(rows)


def _of_images(maps: np.ndarray, masks: np.ndarray | None, field: int) -> dict[str, np.ndarray]:
    """Shares and areas of each image, (N,) float64, NaN where they can't be told."""
    shares, areas = energy_shares(maps), area_shares(*maps.shape[1:])
    if min(fields(maps.shape[1], maps.shape[2], field)) < FEWEST_FIELDS:
        shares = np.full_like(shares, np.nan)
    values: dict[str, np.ndarray] = {}
    for i, name in enumerate(REGIONS):
        values |= {name: shares[:, i], f"{name}_area": np.full(len(maps), areas[i])}
    values["edge"] = values["corners"] + values["border"]
    values["edge_area"] = values["corners_area"] + values["border_area"]
    if masks is not None:
        values["mask"], values["mask_area"], values["pointing"] = mask_shares(maps, masks)
    return values


def _means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B,) float64 means of (N,) values under (B, N) weights, without those that are NaN."""
    there = np.isfinite(values)
    total = weights[:, there].sum(axis=1, dtype=np.float64)
    sums = weights[:, there].astype(np.float64) @ values[there]
    return np.divide(sums, total, out=np.full(len(weights), np.nan), where=total > 0)


def with_interval(name: str, values: np.ndarray, few: FewPatients) -> dict[str, float]:
    """The first of (1 + J + B,) values and its 95 % interval, NaN where one patient stands for a class.

    Args:
        values: on the sample as it is, then under ``patient_draws``' weights.
        few: of these draws.
    """
    found = bounded(values[:1], values[None, 1:], few, -np.inf, np.inf)
    return {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}

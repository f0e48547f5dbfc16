"""Does a decision rest on what a map marks (deletion and insertion), and on what lies at the edge (black frame)?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from sweep.analysis.maps.methods import FIELD, fields
from sweep.analysis.maps.regions import REGIONS, regions
from sweep.analysis.statistics.bootstrap import weighted_metrics

# Shares of the pixels that are taken away, or put in, one after the other.
STEPS = 10

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Curves:
    """Probability of the decided class while an image goes, or comes, pixel by pixel.

    Args:
        deletion, insertion, floor: (N, S + 1) float64 at shares 0, 1/S .. 1 of the pixels taken away, put in, and taken
            away in random order.
    """

    deletion: np.ndarray
    insertion: np.ndarray
    floor: np.ndarray


def area_under(curves: np.ndarray) -> np.ndarray:
    """(N, S + 1) -> (N,) area over shares from 0 to 1, by trapezoids."""
    return ((curves[:, :-1] + curves[:, 1:]) / 2).mean(axis=1)


def deletion_insertion(
    predict: Predict,
    pixels: np.ndarray,
    maps: np.ndarray,
    targets: np.ndarray,
    rng: np.random.Generator,
    steps: int = STEPS,
    field: int = FIELD,
) -> Curves:
    """Takes pixels away (puts them in) in falling order of a map, and asks for the probability of a class.

    What is taken away becomes the image's mean. A good map lets the probability fall early (small area of deletion)
    and rise early (large area of insertion). The floor is the order of a random map as coarse as the real one: single
    pixels at random would be noise, which hurts a network whatever lies there. Put in by such an order, the image goes
    through the same states backwards, so one floor serves both.

    Args:
        predict: (B, H, W[, 3]) uint8 -> (B, C) probabilities.
        pixels: (N, H, W) or (N, H, W, 3) uint8.
        maps: (N, H, W) float.
        targets: (N,) int64, the class asked for.
        rng: of the random maps and the order of equal values.
        steps: S.
        field: pixels a side of one field that maps are enlarged from.
    Reference: Petsiuk et al., RISE, BMVC 2018 (there blurred or grey; here the mean for both).
    """
    count, height, width = maps.shape
    cut = np.round(np.arange(1, steps) / steps * height * width).astype(np.int64)
    found: dict[str, list[np.ndarray]] = {"deletion": [], "insertion": [], "floor": []}
    for image, heat, target in zip(pixels, maps, targets, strict=True):
        gone = np.broadcast_to(np.round(image.mean(axis=(0, 1))).astype(np.uint8), image.shape)
        rank, random = _ranks(heat, rng), _ranks(_random_map(height, width, field, rng), rng)
        removed = [rank < n for n in cut]
        states = [image, gone]
        states += [_mixed(gone, image, away) for away in removed]
        states += [_mixed(image, gone, away) for away in removed]
        states += [_mixed(gone, image, random < n) for n in cut]
        p = predict(np.stack(states))[:, int(target)].astype(np.float64)
        whole, none = p[:1], p[1:2]
        deleted, inserted, floor = np.split(p[2:], 3)
        found["deletion"].append(np.concatenate([whole, deleted, none]))
        found["insertion"].append(np.concatenate([none, inserted, whole]))
        found["floor"].append(np.concatenate([whole, floor, none]))
    return Curves(**{name: np.array(value).reshape(count, steps + 1) for name, value in found.items()})


def _mixed(inside: np.ndarray, outside: np.ndarray, where: np.ndarray) -> np.ndarray:
    return np.where(where if inside.ndim == 2 else where[..., None], inside, outside)


def _ranks(heat: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W) int64: 0 for the largest value; equal values in random order."""
    order = np.lexsort((rng.random(heat.size), -heat.ravel()))
    ranks = np.empty(heat.size, dtype=np.int64)
    ranks[order] = np.arange(heat.size)
    return ranks.reshape(heat.shape)


def _random_map(height: int, width: int, field: int, rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32 of as many independent fields as the last block has, enlarged as maps are."""
    coarse = torch.from_numpy(rng.random((1, 1, *fields(height, width, field)), dtype=np.float32))
    fine = nn.functional.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
    return np.asarray(fine[0, 0].numpy())


def without_edge(pixels: np.ndarray) -> np.ndarray:
    """A copy of (N, H, W) or (N, H, W, 3) pixels with corners and border (see ``regions.REGIONS``) set to 0."""
    centre = regions(*pixels.shape[1:3]) == REGIONS.index("centre")
    return np.where(centre if pixels.ndim == 3 else centre[..., None], pixels, np.zeros((), dtype=pixels.dtype))


def blackout(
    predict: Predict, pixels: np.ndarray, labels: np.ndarray, positive: int | None, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """AUROC before and after corners and border are made black.

    Args:
        predict: (B, H, W[, 3]) uint8 -> (B, C) probabilities.
        pixels: (N, H, W) or (N, H, W, 3) uint8.
        labels: (N,) int64.
        positive: its index for two classes; None takes the mean of one class against the rest.
        weights: (B, N), see ``sweep.analysis.statistics.bootstrap.patient_weights``.
    Returns:
        ``before``, ``after`` and ``drop`` (before - after), each (B,) float64.
    """
    before, after = (
        weighted_metrics(labels, predict(shown).astype(np.float64), positive, weights)["auroc"]
        for shown in (pixels, without_edge(pixels))
    )
    return {"before": before, "after": after, "drop": before - after}

"""Are the maps to be believed, and does a network need what lies at the edge? Three checks, and all about maps in one.

Deletion and insertion ask whether the decision rests on what a map marks; the black frame asks the network itself,
without any map; random weights ask whether a map shows what was learnt at all.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from balancing.data.masks import Masks, masks_of
from sweep.analysis.cam_words import NEARLY_EQUAL, TOO_ALIKE, blackout_sentence, faithfulness_sentence, sanity_sentence
from sweep.analysis.maps.cams import DEFAULT_METHOD, NO_NETWORKS, class_activation_maps, fields, networks
from sweep.analysis.maps.regions import (
    FEWEST_FIELDS,
    MOST_IMAGES,
    REGIONS,
    RESAMPLES,
    SampledMaps,
    balanced_rows,
    numbers_of,
    regions,
    sample_maps,
    study_claim,
    with_interval,
)
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import weighted_metrics
from sweep.analysis.statistics.few_patients import FewPatients, PatientDraws

if TYPE_CHECKING:
    from balancing.data.images import ImageSet

# Sizes that keep six techniques at 224 px under two minutes on two free cores (a prediction takes 0.02 s, a map 0.15
# s): 240 maps take 36 s, deletion and insertion 28 s (29 predictions an image), black frames 29 s, 48 maps of random
# networks 7 s. Where a GPU makes them, take more.
STEPS = 10
CURVE_IMAGES = 8
BLACKOUT_IMAGES = 120
SANITY_IMAGES = 8

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
    Reference: Petsiuk et al., RISE, BMVC 2018 (there blurred or grey; here the mean for both).
    """
    count, height, width = maps.shape
    cut = np.round(np.arange(1, steps) / steps * height * width).astype(np.int64)
    found: dict[str, list[np.ndarray]] = {"deletion": [], "insertion": [], "floor": []}
    for image, heat, target in zip(pixels, maps, targets, strict=True):
        gone = np.broadcast_to(np.round(image.mean(axis=(0, 1))).astype(np.uint8), image.shape)
        rank, random = _ranks(heat, rng), _ranks(_random_map(height, width, rng), rng)
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


def _random_map(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32 of as many independent fields as the last block has, enlarged as maps are."""
    coarse = torch.from_numpy(rng.random((1, 1, *fields(height, width)), dtype=np.float32))
    fine = nn.functional.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
    return np.asarray(fine[0, 0].numpy())


def without_edge(pixels: np.ndarray) -> np.ndarray:
    """A copy of (N, H, W) or (N, H, W, 3) pixels with corners and border (see ``cam_numbers.REGIONS``) set to 0."""
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


def randomised(model: nn.Module, seed: int) -> nn.Module:
    """A copy of the network with fresh random weights, as before any training.

    Convolutions are drawn as ResNet's are (He et al., ICCV 2015), batch normalisation forgets its statistics, every
    other layer starts as PyTorch starts it.
    """
    fresh = copy.deepcopy(model).cpu()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for layer in fresh.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            elif hasattr(layer, "reset_parameters"):
                layer.reset_parameters()  # type: ignore[operator]
    return fresh.to(next(model.parameters()).device).eval()


def rank_correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each pair of maps.

    Args:
        first, second: (N, H, W) float.
    Returns:
        (N,) float64; NaN where one of the two has one value alone.
    """
    from scipy.stats import rankdata

    found = np.full(len(first), np.nan)
    for i, pair in enumerate(zip(first, second, strict=True)):
        a, b = (rankdata(heat) - (heat.size + 1) / 2 for heat in pair)
        size = np.sqrt((a @ a) * (b @ b))
        if size > 0:
            found[i] = (a @ b) / size
    return found


def check_maps(
    run: Results,
    images: ImageSet,
    sampled: SampledMaps,
    *,
    rng: np.random.Generator,
    device: str | torch.device = "cpu",
    curve_images: int = CURVE_IMAGES,
    blackout_images: int | None = BLACKOUT_IMAGES,
    sanity_images: int = SANITY_IMAGES,
    steps: int = STEPS,
    kept: dict[str, Curves] | None = None,
) -> pd.DataFrame:
    """All three checks of every technique's best trial.

    Args:
        sampled: maps to check; deletion, insertion and random weights take some of its images.
        rng: of samples, random maps, random weights and the bootstrap; the same for all techniques.
        curve_images, sanity_images: how many of the sampled images, balanced over the classes.
        blackout_images: test images with and without their edge, balanced over the classes; None takes all.
        steps: of deletion and insertion.
        kept: takes each technique's curves of deletion and insertion.
    Returns:
        One row a technique, intervals (``_low``, ``_high``) of 95 % from drawing patients anew within classes:
        technique; curve_images; deletion, insertion and floor (mean areas), deletion_gain (floor - deletion)
        and insertion_gain (insertion - floor), positive for a good map; blackout_images, auroc_before,
        auroc_after, auroc_drop; sanity_images, correlation (mean rank correlation with the map of random
        weights), above_half and above_nine_tenths (shares of images, no interval); NaN at fewer than 3 x 3
        fields, too few places to rank.
    """
    picks, seeds = rng.spawn(2)
    place = np.arange(len(sampled.rows))
    curve_place = balanced_rows(place, sampled.labels, curve_images, picks)
    sanity_place = balanced_rows(place, sampled.labels, sanity_images, picks)
    split = run.split()
    tested = split.loc[split["split"] == "test", "row"].to_numpy(dtype=np.int64)
    black_rows = balanced_rows(tested, images.labels[tested], blackout_images, picks)
    curve_draws = _draws(run, sampled.rows[curve_place], sampled.labels[curve_place], picks)
    sanity_draws = _draws(run, sampled.rows[sanity_place], sampled.labels[sanity_place], picks)
    black_draws = _draws(run, black_rows, images.labels[black_rows], picks)
    curve_seed, random_seed = (int(seed) for seed in seeds.integers(2**31, size=2))
    rows = []
    for network in networks(run, device):
        maps, targets = sampled.maps[network.technique], sampled.targets[network.technique]
        row: dict[str, Any] = {"technique": network.technique}
        usable = maps[curve_place].max(axis=(1, 2)) > 0
        chosen = curve_place[usable]
        curves = deletion_insertion(
            network.predict,
            images.pixels[sampled.rows[chosen]],
            maps[chosen],
            targets[chosen],
            np.random.default_rng(curve_seed),  # the same random orders for all techniques
            steps,
        )
        row |= _of_curves(curves, curve_draws.weights[:, usable], curve_draws.few)
        if kept is not None:
            kept[network.technique] = curves
        black = blackout(
            network.predict, images.pixels[black_rows], images.labels[black_rows], run.positive, black_draws.weights
        )
        row["blackout_images"] = len(black_rows)
        for name, values in black.items():
            row |= with_interval(f"auroc_{name}", values, black_draws.few)
        chosen = sanity_place if min(fields(*maps.shape[1:])) >= FEWEST_FIELDS else sanity_place[:0]
        unlearnt = class_activation_maps(
            randomised(network.model, random_seed),
            network.inputs(images.pixels[sampled.rows[chosen]]),
            targets[chosen].tolist(),
            sampled.seeds[chosen].tolist(),
            sampled.method,
        )
        correlations = rank_correlations(maps[chosen], unlearnt)
        row |= _of_correlations(correlations, sanity_draws.weights[:, : len(chosen)], sanity_draws.few)
        rows.append(row)
    return pd.DataFrame(rows)


def _draws(run: Results, rows: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> PatientDraws:
    """With a first row of ones: the sample as it is."""
    drawn = run.patient_draws(rows, labels, RESAMPLES, rng)
    return replace(drawn, weights=np.concatenate([np.ones((1, len(labels)), np.float32), drawn.weights]))


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(1 + B,) weighted means of (N,) values; NaN where a sample has none of them."""
    total = weights.sum(axis=1, dtype=np.float64)
    sums = weights.astype(np.float64) @ values
    return np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 0)


def _of_curves(curves: Curves, weights: np.ndarray, few: FewPatients) -> dict[str, Any]:
    deletion, insertion, floor = (area_under(c) for c in (curves.deletion, curves.insertion, curves.floor))
    values = {"deletion": deletion, "insertion": insertion, "floor": floor}
    values |= {"deletion_gain": floor - deletion, "insertion_gain": insertion - floor}
    row: dict[str, Any] = {"curve_images": len(deletion)}
    for name, area in values.items():
        row |= with_interval(name, _mean(area, weights), few)
    return row


def _of_correlations(found: np.ndarray, weights: np.ndarray, few: FewPatients) -> dict[str, Any]:
    known = np.isfinite(found)
    found = found[known]
    none = len(found) == 0
    return {
        "sanity_images": len(found),
        **with_interval("correlation", _mean(found, weights[:, known]), few),
        "above_half": np.nan if none else float((found > TOO_ALIKE).mean()),
        "above_nine_tenths": np.nan if none else float((found > NEARLY_EQUAL).mean()),
    }


@dataclass(frozen=True)
class Looks:
    """All numbers about where networks look.

    Args:
        method: a key of ``sweep.analysis.maps.cams.CAM_METHODS``.
        table: see ``sweep.analysis.maps.regions.numbers_of``.
        checks: see ``check_maps``.
        sentences: what they say: ``claim`` (the study's), ``faithfulness``, ``blackout``, ``sanity``.
        masks: what the masks are, or None where none were given.
        curves: technique -> deletion and insertion, image by image.
    """

    method: str
    table: pd.DataFrame
    checks: pd.DataFrame
    sentences: dict[str, str]
    masks: str | None
    curves: Mapping[str, Curves]


def looks(
    run: Results,
    images: ImageSet,
    *,
    method: str = DEFAULT_METHOD,
    masks: Masks | None = None,
    rng: np.random.Generator,
    device: str | torch.device = "cpu",
    most: int = MOST_IMAGES,
    **sizes: Any,
) -> Looks | str:
    """Energy shares, their bearing on the study's claim, and the checks, of every technique's best trial.

    Args:
        images: the run's own.
        method: a key of ``sweep.analysis.maps.cams.CAM_METHODS``.
        masks: by default those that come with the images (the phantom's lesions).
        rng: of samples, noise and the bootstrap; equal generators give equal numbers.
        device: where the networks run. At 224 px and with the default sizes six techniques take under two minutes on
            two CPU cores.
        most: test images of the table.
        sizes: of ``check_maps``.
    Returns:
        The numbers, or a sentence on why there are none.
    Raises:
        UserError: other images than the run's, an unknown method, a mask that can't be read.
    """
    drawing, drawn, checking = rng.spawn(3)
    sampled = sample_maps(run, images, method, most, rng=drawing, device=device)
    if sampled is None:
        return NO_NETWORKS
    masks = masks if masks is not None else masks_of(images)
    table = numbers_of(run, sampled, masks, drawn)
    curves: dict[str, Curves] = {}
    checks = check_maps(run, images, sampled, rng=checking, device=device, kept=curves, **sizes)
    return Looks(method, table, checks, sentences_of(table, checks), None if masks is None else masks.what, curves)


def sentences_of(table: pd.DataFrame, checks: pd.DataFrame) -> dict[str, str]:
    """Name -> sentence."""
    return {
        "claim": study_claim(table),
        "faithfulness": faithfulness_sentence(checks),
        "blackout": blackout_sentence(checks),
        "sanity": sanity_sentence(checks),
    }


REFERENCES: Sequence[tuple[str, str]] = (
    ("Deletion and insertion", "Petsiuk et al., RISE: randomized input sampling for explanation, BMVC 2018"),
    ("Maps of random weights", "Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018"),
    ("Energy of a map in a mask", "Wang et al., Score-CAM, CVPR Workshops 2020"),
    ("Pointing game", "Zhang et al., International Journal of Computer Vision 126, 2018"),
)

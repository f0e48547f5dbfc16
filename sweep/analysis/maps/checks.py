"""All about the maps of a run in one: where they lie, and whether they are to be believed.

Deletion and insertion ask whether the decision rests on what a map marks; the black frame asks the network itself,
without any map; random weights ask whether a map shows what was learnt at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from balancing.data.masks import Masks, masks_of
from sweep.analysis.maps.methods import DEFAULT_METHOD, FIELD, class_activation_maps, fields
from sweep.analysis.maps.networks import Network, networks
from sweep.analysis.maps.perturbation import STEPS, Curves, area_under, blackout, deletion_insertion
from sweep.analysis.maps.randomisation import randomised, rank_correlations
from sweep.analysis.maps.regions import (
    FEWEST_FIELDS,
    MOST_IMAGES,
    RESAMPLES,
    SampledMaps,
    balanced_rows,
    numbers_of,
    sample_maps,
    with_interval,
)
from sweep.analysis.maps.shared import shared
from sweep.analysis.results import Results
from sweep.analysis.statistics.few_patients import FewPatients, PatientDraws

if TYPE_CHECKING:
    from balancing.data.images import ImageSet

# A map that keeps this much rank correlation when the weights are random shows little of what was learnt.
TOO_ALIKE = 0.5
NEARLY_EQUAL = 0.9

REFERENCES: Sequence[tuple[str, str]] = (
    ("Deletion and insertion", "Petsiuk et al., RISE: randomized input sampling for explanation, BMVC 2018"),
    ("Maps of random weights", "Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018"),
    ("Energy of a map in a mask", "Wang et al., Score-CAM, CVPR Workshops 2020"),
    ("Pointing game", "Zhang et al., International Journal of Computer Vision 126, 2018"),
)


@dataclass(frozen=True)
class MapSizes:
    """How much is looked at; small enough for a CPU. Where a GPU makes the maps, take more.

    Args:
        images: test images whose maps are made, balanced over the classes.
        curve_images, sanity_images: how many of these for deletion and insertion, and for random weights.
        blackout_images: test images with and without their edge, balanced over the classes; None takes all.
        steps: of deletion and insertion.
    """

    images: int = MOST_IMAGES
    curve_images: int = 8
    blackout_images: int | None = 120
    sanity_images: int = 8
    steps: int = STEPS


@dataclass(frozen=True)
class Checks:
    """What the three checks found.

    Args:
        table: one row a technique, intervals (``_low``, ``_high``) of 95 % from drawing patients anew within classes:
            technique; curve_images; deletion, insertion and floor (mean areas), deletion_gain (floor - deletion)
            and insertion_gain (insertion - floor), positive for a good map; blackout_images, auroc_before,
            auroc_after, auroc_drop; sanity_images, correlation (mean rank correlation with the map of random
            weights), above_half and above_nine_tenths (shares of images, no interval); NaN at fewer than 3 x 3
            fields, too few places to rank.
        curves: technique -> deletion and insertion, image by image.
    """

    table: pd.DataFrame
    curves: Mapping[str, Curves]


@dataclass(frozen=True)
class _Sample:
    """What every technique is checked on.

    Args:
        curve, sanity: places in the sampled maps.
        black: rows of the image set.
        curve_draws, sanity_draws, black_draws: of their patients.
        curve_seed, weight_seed: of the random maps and the random weights.
    """

    curve: np.ndarray
    sanity: np.ndarray
    black: np.ndarray
    curve_draws: PatientDraws
    sanity_draws: PatientDraws
    black_draws: PatientDraws
    curve_seed: int
    weight_seed: int


def check_maps(
    run: Results,
    images: ImageSet,
    sampled: SampledMaps,
    *,
    rng: np.random.Generator,
    device: str | torch.device = "cpu",
    sizes: MapSizes | None = None,
) -> Checks:
    """All three checks of every technique's best trial.

    Args:
        sampled: maps to check; deletion, insertion and random weights take some of its images.
        rng: of samples, random maps, random weights and the bootstrap; the same for all techniques.
        device: where the networks run.
    """
    sizes = sizes or MapSizes()
    sample = _draw_sample(run, images, sampled, sizes, rng)
    rows, curves = [], {}
    for network in networks(run, device):
        found, of_curves = _curves(network, images, sampled, sample, sizes.steps)
        curves[network.technique] = found
        row: dict[str, Any] = {"technique": network.technique, **of_curves}
        black = blackout(
            network.predict,
            images.pixels[sample.black],
            images.labels[sample.black],
            run.positive,
            sample.black_draws.weights,
        )
        row["blackout_images"] = len(sample.black)
        for name, values in black.items():
            row |= with_interval(f"auroc_{name}", values, sample.black_draws.few)
        rows.append(row | _against_random_weights(network, images, sampled, sample))
    return Checks(pd.DataFrame(rows), curves)


def _draw_sample(
    run: Results, images: ImageSet, sampled: SampledMaps, sizes: MapSizes, rng: np.random.Generator
) -> _Sample:
    picks, seeds = rng.spawn(2)
    place = np.arange(len(sampled.rows))
    curve = balanced_rows(place, sampled.labels, sizes.curve_images, picks)
    sanity = balanced_rows(place, sampled.labels, sizes.sanity_images, picks)
    tested = run.rows_of("test")
    black = balanced_rows(tested, images.labels[tested], sizes.blackout_images, picks)
    curve_draws = _draws(run, sampled.rows[curve], sampled.labels[curve], picks)
    sanity_draws = _draws(run, sampled.rows[sanity], sampled.labels[sanity], picks)
    black_draws = _draws(run, black, images.labels[black], picks)
    curve_seed, weight_seed = (int(seed) for seed in seeds.integers(2**31, size=2))
    return _Sample(curve, sanity, black, curve_draws, sanity_draws, black_draws, curve_seed, weight_seed)


def _curves(
    network: Network, images: ImageSet, sampled: SampledMaps, sample: _Sample, steps: int
) -> tuple[Curves, dict[str, Any]]:
    """Deletion and insertion of the images whose map tells a place, and their areas."""
    maps, targets = sampled.maps[network.technique], sampled.targets[network.technique]
    usable = maps[sample.curve].max(axis=(1, 2)) > 0
    places = sample.curve[usable]
    curves = deletion_insertion(
        network.predict,
        images.pixels[sampled.rows[places]],
        maps[places],
        targets[places],
        np.random.default_rng(sample.curve_seed),  # the same random orders for all techniques
        steps,
        sampled.field,
    )
    return curves, _of_curves(curves, sample.curve_draws.weights[:, usable], sample.curve_draws.few)


def _against_random_weights(
    network: Network, images: ImageSet, sampled: SampledMaps, sample: _Sample
) -> dict[str, Any]:
    maps, targets = sampled.maps[network.technique], sampled.targets[network.technique]
    places = (
        sample.sanity
        if min(fields(maps.shape[1], maps.shape[2], sampled.field)) >= FEWEST_FIELDS
        else sample.sanity[:0]
    )
    unlearnt = class_activation_maps(
        shared(randomised(network.model, sample.weight_seed), network.kept),
        network.inputs(images.pixels[sampled.rows[places]]),
        targets[places].tolist(),
        sampled.seeds[places].tolist(),
        sampled.method,
    )
    correlations = rank_correlations(maps[places], unlearnt)
    return _of_correlations(correlations, sample.sanity_draws.weights[:, : len(places)], sample.sanity_draws.few)


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
class SaliencyResults:
    """All numbers about where networks look.

    Args:
        method: a key of ``sweep.analysis.maps.methods.CAM_METHODS``.
        table: see ``sweep.analysis.maps.regions.numbers_of``.
        checks: the table of ``Checks``.
        masks: what the masks are, or None where none were given.
        curves: technique -> deletion and insertion, image by image.
        field: pixels a side of one field of the networks' last block.
    """

    method: str
    table: pd.DataFrame
    checks: pd.DataFrame
    masks: str | None
    curves: Mapping[str, Curves]
    field: int = FIELD


def looks(
    run: Results,
    images: ImageSet,
    *,
    method: str = DEFAULT_METHOD,
    masks: Masks | None = None,
    rng: np.random.Generator,
    device: str | torch.device = "cpu",
    sizes: MapSizes | None = None,
) -> SaliencyResults | None:
    """Where the maps of every technique's best trial lie, and the checks of them.

    Args:
        images: the run's own.
        method: a key of ``sweep.analysis.maps.methods.CAM_METHODS``.
        masks: by default those that come with the images (the phantom's lesions).
        rng: of samples, noise and the bootstrap; equal generators give equal numbers.
        device: where the networks run.
    Returns:
        None where the run keeps no network of a tested trial.
    Raises:
        UserError: other images than the run's, an unknown method, a mask that can't be read.
    """
    sizes = sizes or MapSizes()
    drawing, drawn, checking = rng.spawn(3)
    sampled = sample_maps(run, images, method, sizes.images, rng=drawing, device=device)
    if sampled is None:
        return None
    masks = masks if masks is not None else masks_of(images)
    table = numbers_of(run, sampled, masks, drawn)
    checks = check_maps(run, images, sampled, rng=checking, device=device, sizes=sizes)
    return SaliencyResults(
        method, table, checks.table, None if masks is None else masks.what, checks.curves, sampled.field
    )

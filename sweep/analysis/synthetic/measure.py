"""Synthetic training images beside real ones: how sharp, how near to what they were made of, how easily told apart.

A mixture of two images is smoother than they are and lies between them (Blagus & Lusa, BMC Bioinformatics 14:106,
2013); how much so is measured here on the images that a network was trained with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balancing.components.plans import TrainingPlan
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.analysis.names import in_order
from sweep.analysis.results import Results
from sweep.analysis.run_images import check_images
from sweep.analysis.synthetic.nearest import Pool
from sweep.analysis.synthetic.texture import features, sharpness
from sweep.analysis.synthetic.two_sample import classifier_two_sample_test
from sweep.runs.foreign import other_component
from sweep.runs.spec import TrialSpec

if TYPE_CHECKING:
    from balancing.data.images import ImageSet


SAMPLE = 200
_RESAMPLES = 1000
# With fewer of a kind an accuracy says nothing.
_FEWEST = 10


def makes_synthetic(technique: str) -> bool:
    """Whether a technique's plan may hold images made from several; False where the registry lacks the technique.

    What is made on features is no image.
    """
    try:
        sampler, on_features = get_technique(technique).part("sampler"), get_technique(technique).on_features
    except UserError:
        return False
    return sampler is not None and sampler.mixes and "sampler" not in on_features


def chosen_specs(run: Results) -> dict[str, TrialSpec]:
    """The first seed's spec of each chosen configuration whose plan may hold mixed images; techniques in order.

    One whose components are others here is left out: its plan can't be built again.
    """
    by_id = {spec.trial_id: spec for spec in run.specs()}
    chosen = {choice["technique"]: by_id[choice["trial_ids"][0]] for choice in run.selection()}
    found = {name: chosen[name] for name in in_order(chosen) if makes_synthetic(name)}
    return {name: spec for name, spec in found.items() if other_component(spec) is None}


def plan_of(run: Results, images: ImageSet, spec: TrialSpec) -> TrainingPlan:
    """The training plan that the trial had, built again.

    Raises:
        UserError: other images than the run's.
    """
    from balancing.components.neighbours.store import NeighbourStore
    from sweep.training.inputs import SplitImages
    from sweep.training.method import build_plan

    check_images(run, images)
    train, validation, test = (run.rows_of(part) for part in ("train", "validation", "test"))
    labels, names = images.labels, images.class_names
    store = NeighbourStore(run.neighbours)
    return build_plan(spec, SplitImages(images.pixels, labels, names, train, validation, test, store))


@dataclass(frozen=True)
class Sampled:
    """Synthetic training images and as many real ones of the same classes.

    Args:
        plan: of the technique, whole.
        synthetic: (S,) int64, rows of the plan.
        real: (S,) int64, rows of the image set, none twice.
    """

    plan: TrainingPlan
    synthetic: np.ndarray
    real: np.ndarray


def draw_sample(
    plan: TrainingPlan, labels: np.ndarray, train: np.ndarray, most: int, rng: np.random.Generator
) -> Sampled:
    """Equally many of each kind in every class, so that neither class nor number tells them apart.

    Args:
        plan: with synthetic rows.
        labels: (N,) int64, the image set's.
        train: (T,) int64, training rows.
        most: images of each kind, over all classes.
    """
    made = np.flatnonzero(plan.synthetic)
    order = rng.permutation(made)[:most]
    synthetic, real = [], []
    for label in np.unique(plan.labels[made]):
        own, there = order[plan.labels[order] == label], train[labels[train] == label]
        count = min(len(own), len(there))
        synthetic.append(own[:count])
        real.append(np.sort(rng.choice(there, count, replace=False)))
    return Sampled(plan, np.concatenate(synthetic), np.concatenate(real))


def weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Median of each bootstrap sample; weights of one give numpy's.

    Args:
        values: (N,) float.
        weights: (B, N), how often each counts.
    Returns:
        (B,) float64; NaN where nothing counts.
    """
    order = np.argsort(values, kind="stable")
    rising = np.cumsum(weights[:, order], axis=1, dtype=np.float64)
    half = rising[:, -1:] / 2
    low, high = (rising < half).sum(axis=1), (rising <= half).sum(axis=1)
    last = len(values) - 1
    found = (values[order][np.minimum(low, last)] + values[order][np.minimum(high, last)]) / 2
    return np.where(rising[:, -1] > 0, found, np.nan)


def group_weights(groups: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap weights: whole groups drawn with replacement. (N,) ids -> (B, N) float64."""
    _, place = np.unique(groups, return_inverse=True)
    count = int(place.max()) + 1
    return rng.multinomial(count, np.full(count, 1 / count), size=samples)[:, place].astype(np.float64)


def measure(sampled: Sampled, pool: Pool, groups: pd.Series, rng: np.random.Generator) -> dict[str, Any]:
    """The numbers of one technique, each with a 95 % interval from drawing groups anew.

    Args:
        sampled: from ``draw_sample``.
        pool: all training images, in which the nearest are looked for.
        groups: of each row of the image set (patients), by row.
    Returns:
        sample (images of each kind); sharpness_ratio (median of the synthetic over that of the real);
        distance and real_distance (medians to the nearest real training image, other than itself; root mean square,
        grey levels) and distance_ratio; near_parent (share whose nearest real image is one of its two parents);
        accuracy (of telling the two kinds apart). All but ``sample`` also with ``_low`` and ``_high``.
    """
    base, mate = sampled.plan.base[sampled.synthetic], sampled.plan.mate[sampled.synthetic]
    real = pool.pixels[sampled.real]
    made = sampled.plan.realise(pool.pixels, sampled.synthetic)
    distance, nearest = pool.nearest(made)
    real_distance, _ = pool.nearest(real, own=sampled.real)
    sharp, real_sharp = _in_parts(sharpness, made), _in_parts(sharpness, real)
    near = ((nearest == base) | (nearest == mate)).astype(float)
    seen = (_in_parts(features, real), _in_parts(features, made))
    pairs = {"sharpness": (sharp, real_sharp), "distance": (distance, real_distance)}
    found = likeness(sampled, groups, rng, seen, near, pairs)
    for key in [key for key in found if key.startswith(("sharpness", "real_sharpness")) and "ratio" not in key]:
        del found[key]
    return found


def likeness(
    sampled: Sampled,
    groups: pd.Series,
    rng: np.random.Generator,
    seen: tuple[np.ndarray, np.ndarray],
    near: np.ndarray,
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> dict[str, Any]:
    """Numbers of S synthetic rows beside as many real ones, each with a 95 % interval from drawing groups anew.

    Args:
        sampled: these rows.
        groups: of each row of the image set (patients), by row.
        rng: of the bootstrap.
        seen: (S, F) of the real and (S, F) of the synthetic rows: what a small classifier sees.
        near: (S,) 1 where the nearest real row of a synthetic one is one of its parents, else 0.
        pairs: name -> (S,) of the synthetic and (S,) of the real rows.
    Returns:
        sample; of each pair NAME and real_NAME (medians) and NAME_ratio; near_parent; accuracy. All but ``sample`` also
        with ``_low`` and ``_high``.
    """
    base, mate = sampled.plan.base[sampled.synthetic], sampled.plan.mate[sampled.synthetic]
    of_real, of_base, of_mate = (groups.loc[rows].to_numpy(dtype=str) for rows in (sampled.real, base, mate))
    both, n_real = np.concatenate([of_real, of_base]), len(sampled.real)
    weights = group_weights(both, _RESAMPLES, rng)
    right = classifier_two_sample_test(*seen, both, np.concatenate([of_real, of_mate]))
    tried = np.isfinite(right)

    def medians(weights_made: np.ndarray, weights_real: np.ndarray) -> dict[str, np.ndarray]:
        found = {}
        for name, (made, real) in pairs.items():
            own, of_the_real = weighted_median(made, weights_made), weighted_median(real, weights_real)
            found |= {name: own, f"real_{name}": of_the_real, f"{name}_ratio": _ratio(own, of_the_real)}
        return {**found, "near_parent": _ratio(weights_made @ near, weights_made.sum(axis=1))}

    values = medians(np.ones((1, len(base))), np.ones((1, n_real)))
    resampled = medians(weights[:, n_real:], weights[:, :n_real])
    enough = min(tried[:n_real].sum(), tried[n_real:].sum()) >= _FEWEST
    values["accuracy"] = np.array([right[tried].mean() if enough else np.nan])
    resampled["accuracy"] = (
        _ratio(weights[:, tried] @ right[tried], weights[:, tried].sum(axis=1))
        if enough
        else np.full(len(weights), np.nan)
    )
    row: dict[str, Any] = {"sample": len(base)}
    for name, value in values.items():
        found = resampled[name][np.isfinite(resampled[name])]
        low, high = np.quantile(found, (0.025, 0.975)) if len(found) else (np.nan, np.nan)
        row |= {name: float(value[0]), f"{name}_low": float(low), f"{name}_high": float(high)}
    return row


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def _in_parts(numbers: Any, images: np.ndarray) -> np.ndarray:
    """A function of images, a few at a time: float64 copies of hundreds of large ones would take gigabytes."""
    step = max(1, 2**23 // max(1, int(np.prod(images.shape[1:]))))
    return np.concatenate([numbers(images[start : start + step]) for start in range(0, len(images), step)])


def synthetic_numbers(run: Results, images: ImageSet, rng: np.random.Generator, sample: int = SAMPLE) -> pd.DataFrame:
    """How like real images the synthetic ones are, for each technique that makes some.

    Args:
        images: the run's own.
        rng: of the samples and the bootstrap.
        sample: images of each kind looked at, at most.
    Returns:
        One row a technique: technique; trial_id of the plan looked at; training_rows and synthetic_rows of its plan;
        and the columns of ``measure`` (NaN, and ``sample`` 0, where the plan has no synthetic row).
    Raises:
        UserError: other images than the run's.
    """
    groups, pool = run.patients, None
    rows = []
    for (technique, spec, plan), own in _plans(run, images, rng):
        row: dict[str, Any] = {"technique": technique, "trial_id": spec.trial_id, "training_rows": len(plan)}
        row |= {"synthetic_rows": int(plan.synthetic.sum()), "sample": 0}
        if plan.synthetic.any():
            pool = pool or Pool(images.pixels, run.rows_of("train"))
            sampled = draw_sample(plan, images.labels, pool.rows, sample, own)
            row |= measure(sampled, pool, groups, own)
        rows.append(row)
    return pd.DataFrame(rows, columns=None if rows else ["technique"])


def _plans(
    run: Results, images: ImageSet, rng: np.random.Generator
) -> Iterator[tuple[tuple[str, TrialSpec, TrainingPlan], np.random.Generator]]:
    specs = chosen_specs(run)
    for (technique, spec), own in zip(specs.items(), rng.spawn(len(specs)), strict=True):
        yield (technique, spec, plan_of(run, images, spec)), own

"""Synthetic training images beside real ones: how sharp, how near to what they were made of, how easily told apart.

A mixture of two images is smoother than they are and lies between them (Blagus & Lusa, BMC Bioinformatics 14:106,
2013); how much so is measured here on the images that a network was trained with.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balancing.components.axes import TrainingData
from balancing.components.plans import TrainingPlan
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.analysis.names import in_order
from sweep.analysis.results import Results
from sweep.runs.spec import TrialSpec

if TYPE_CHECKING:
    from balancing.data.images import ImageSet

SAMPLE = 200
FOLDS = 5
_RESAMPLES = 1000
_SIDE = 8
# Fields a side of the pictures that the search for the nearest looks at first, and images read at a time.
_COARSE = 16
_AT_ONCE = 256
# With fewer of a kind an accuracy says nothing.
_FEWEST = 10


@functools.cache
def makes_synthetic(technique: str) -> bool:
    """Whether a technique mixes images, tried on a small invented image set; False where the registry lacks it."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [60, 20])
    pixels = rng.integers(0, 256, (len(labels), 4, 4), dtype=np.uint8)
    try:
        plan = get_technique(technique).build(TrainingData(pixels, labels, np.arange(len(labels)), 2), 0)
    except UserError:
        return False
    return bool(plan.synthetic.any())


def chosen_specs(run: Results) -> dict[str, TrialSpec]:
    """The first seed's spec of each chosen configuration whose technique mixes images; techniques in order."""
    by_id = {spec.trial_id: spec for spec in run.specs()}
    chosen = {choice["technique"]: by_id[choice["trial_ids"][0]] for choice in run.selection()}
    return {name: chosen[name] for name in in_order(chosen) if makes_synthetic(name)}


def plan_of(run: Results, images: ImageSet, spec: TrialSpec) -> TrainingPlan:
    """The training plan that the trial had, built again.

    Raises:
        UserError: other images than the run's.
    """
    from balancing.components.neighbours.store import NeighbourStore
    from sweep.training.inputs import SplitImages
    from sweep.training.method import build_plan

    check_images(run, images)
    train, validation, test = (part_rows(run, part) for part in ("train", "validation", "test"))
    labels, names = images.labels, images.class_names
    store = NeighbourStore(run.neighbours)
    return build_plan(spec, SplitImages(images.pixels, labels, names, train, validation, test, store))


def check_images(run: Results, images: ImageSet) -> None:
    """Raises UserError where the images are not those of the run."""
    from sweep.analysis.maps.cams import check_images as check

    check(run, images)


def grey(images: np.ndarray) -> np.ndarray:
    """(N, H, W) or (N, H, W, 3), any real dtype -> (N, H, W) float32; colours are averaged."""
    wide = images.astype(np.float32)
    return wide.mean(axis=-1) if wide.ndim == 4 else wide


def laplacian(images: np.ndarray) -> np.ndarray:
    """The 3 x 3 Laplacian (4 in the middle, -1 at each side) where it fits.

    Args:
        images: (N, H, W) float, H and W at least 3.
    Returns:
        (N, H - 2, W - 2), grey levels.
    """
    middle = images[:, 1:-1, 1:-1]
    return 4 * middle - images[:, :-2, 1:-1] - images[:, 2:, 1:-1] - images[:, 1:-1, :-2] - images[:, 1:-1, 2:]


def sharpness(images: np.ndarray) -> np.ndarray:
    """Variance of the Laplacian of each image; higher is sharper.

    It is a convex function of the image: a mixture is at most as sharp as the same mixture of its parents' values.

    Args:
        images: (N, H, W) or (N, H, W, 3), 0..255.
    Returns:
        (N,) float64, squared grey levels.
    Reference: Pech-Pacheco et al., ICPR 2000.
    """
    return laplacian(grey(images)).var(axis=(1, 2), dtype=np.float64)


class Pool:
    """Images among which the nearest are looked for: exactly, but most are ruled out by their coarse pictures.

    The mean of a field differs between two images by at most the root mean square of its pixels' differences, so
    coarse pictures are never farther apart than the images.

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8.
        rows: (P,) int64, rows of ``pixels``, none twice.
    """

    def __init__(self, pixels: np.ndarray, rows: np.ndarray):
        self.pixels, self.rows = pixels, np.asarray(rows, dtype=np.int64)
        parts = range(0, len(self.rows), _AT_ONCE)
        self._coarse = np.concatenate([_coarse(pixels[self.rows[start : start + _AT_ONCE]]) for start in parts])

    def nearest(self, queries: np.ndarray, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Distance of each query to the nearest image of the pool.

        Args:
            queries: (Q, ...) images, 0..255, any real dtype.
            own: (Q,) int64, a row that a query may not be matched with (itself); None: all may.
        Returns:
            ((Q,) float64 root mean square differences in grey levels, NaN where nothing is left; (Q,) int64 nearest
            rows, -1 there).
        """
        distances, rows = np.full(len(queries), np.nan), np.full(len(queries), -1, dtype=np.int64)
        for place, query in enumerate(queries):
            least = np.sqrt(((self._coarse - _coarse(query[None])) ** 2).sum(axis=1))
            if own is not None:
                least[self.rows == own[place]] = np.inf
            found = self._search(query.astype(np.float32), least)
            if found is not None:
                distances[place], rows[place] = found
        return distances, rows

    def _search(self, query: np.ndarray, least: np.ndarray) -> tuple[float, int] | None:
        """The nearest, looked at in the order of ``least``, (P,) the distances that it has at least."""
        best: tuple[float, int] | None = None
        few = 8
        order = np.argsort(least, kind="stable")
        for start in range(0, len(order), few):
            places = order[start : start + few]
            if not np.isfinite(least[places[0]]) or (best is not None and least[places[0]] > best[0] + 1e-3):
                break
            rows = self.rows[places[np.isfinite(least[places])]]
            gaps = (self.pixels[rows] - query).reshape(len(rows), -1)
            found = np.sqrt(np.einsum("rf,rf->r", gaps, gaps) / gaps.shape[1])
            nearest = int(found.argmin())
            if best is None or found[nearest] < best[0]:
                best = float(found[nearest]), int(rows[nearest])
        return best


def _coarse(images: np.ndarray) -> np.ndarray:
    """(N, F) float32 whose Euclidean distances are at most the images' root mean square differences."""
    sizes = [np.diff(_edges(size, _COARSE)) for size in images.shape[1:3]]
    share = np.sqrt(np.outer(*sizes) / np.prod(images.shape[1:]))
    means = pooled(images, _COARSE)
    scaled = means * (share[..., None] if means.ndim == 4 else share)
    return scaled.reshape(len(images), -1).astype(np.float32)


def features(images: np.ndarray) -> np.ndarray:
    """What the small classifier sees: a coarse picture, and how fine detail is distributed at two scales.

    Args:
        images: (N, H, W) or (N, H, W, 3), 0..255, at least 8 pixels a side.
    Returns:
        (N, F) float64: means of 8 x 8 fields, then of the Laplacian of the image, and of the image at half its size:
        logarithms of its variance, of its mean magnitude and of three quantiles of its magnitude.
    """
    wide = grey(images)
    columns = [pooled(wide, _SIDE).reshape(len(wide), -1)]
    for scale in (wide, pooled(wide, wide.shape[1] // 2).astype(np.float32)):
        detail = laplacian(scale).reshape(len(wide), -1)
        size = np.abs(detail)
        few = np.stack([detail.var(axis=1), size.mean(axis=1), *np.quantile(size, (0.5, 0.9, 0.99), axis=1)], axis=1)
        columns.append(np.log1p(few))
    return np.concatenate(columns, axis=1)


def pooled(images: np.ndarray, side: int) -> np.ndarray:
    """Means over a grid of fields as equal as whole pixels allow.

    Args:
        images: (N, H, W) or (N, H, W, C), any real dtype.
        side: fields a side; a side shorter than that keeps its pixels.
    Returns:
        (N, min(H, side), min(W, side)) or the same with C, float64.
    """
    found = images
    for axis in (1, 2):
        size = images.shape[axis]
        edges = _edges(size, side)
        sums = np.add.reduceat(found, edges[:-1], axis=axis, dtype=np.float64)
        found = sums / np.diff(edges).reshape([-1 if a == axis else 1 for a in range(images.ndim)])
    return found


def _edges(size: int, side: int) -> np.ndarray:
    """Where the fields of ``pooled`` begin, and the last ends."""
    return np.linspace(0, size, min(side, size) + 1).round().astype(int)


def told_apart(real: np.ndarray, synthetic: np.ndarray, groups: np.ndarray, other_parent: np.ndarray) -> np.ndarray:
    """Whether a logistic regression takes each image for what it is, cross-validated.

    Images of a group (a patient, or an image and what was made of it) are held out together. A mixture has two
    parents, so what shares a group with any parent of a held-out image is left out of that fold's training too.

    Args:
        real: (R, F) features.
        synthetic: (S, F) features.
        groups: (R + S,) of each image, the base's for a mixture.
        other_parent: (R + S,) the mate's group; an image's own where it is real.
    Returns:
        (R + S,) float64: 1 right, 0 wrong, NaN where it could not be tried (fewer than two groups or images of a kind).
    Reference: Lopez-Paz & Oquab, Revisiting classifier two-sample tests, ICLR 2017.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = np.concatenate([real, synthetic])
    is_synthetic = np.repeat([False, True], [len(real), len(synthetic)])
    right = np.full(len(x), np.nan)
    folds = min(FOLDS, len(np.unique(groups)))
    if folds < 2:
        return right
    for train, held_out in GroupKFold(folds).split(x, groups=groups):
        hidden = np.concatenate([groups[held_out], other_parent[held_out]])
        train = train[~np.isin(groups[train], hidden) & ~np.isin(other_parent[train], hidden)]
        if min(is_synthetic[train].sum(), (~is_synthetic[train]).sum()) < 2:
            continue
        # Few images, many features: a strong penalty; balanced, since leaving out takes more of the mixtures.
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, class_weight="balanced", max_iter=1000))
        model.fit(x[train], is_synthetic[train])
        right[held_out] = model.predict(x[held_out]) == is_synthetic[held_out]
    return right


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
    of_real, of_base, of_mate = (groups.loc[rows].to_numpy(dtype=str) for rows in (sampled.real, base, mate))
    both = np.concatenate([of_real, of_base])
    weights = group_weights(both, _RESAMPLES, rng)
    real_weights, made_weights = weights[:, : len(real)], weights[:, len(real) :]

    distance, nearest = pool.nearest(made)
    real_distance, _ = pool.nearest(real, own=sampled.real)
    sharp, real_sharp = _in_parts(sharpness, made), _in_parts(sharpness, real)
    right = told_apart(_in_parts(features, real), _in_parts(features, made), both, np.concatenate([of_real, of_mate]))
    tried = np.isfinite(right)
    near = ((nearest == base) | (nearest == mate)).astype(float)

    def medians(weights_made: np.ndarray, weights_real: np.ndarray) -> dict[str, np.ndarray]:
        far, real_far = weighted_median(distance, weights_made), weighted_median(real_distance, weights_real)
        crisp, real_crisp = weighted_median(sharp, weights_made), weighted_median(real_sharp, weights_real)
        return {
            "sharpness_ratio": _ratio(crisp, real_crisp),
            "distance": far,
            "real_distance": real_far,
            "distance_ratio": _ratio(far, real_far),
            "near_parent": _ratio(weights_made @ near, weights_made.sum(axis=1)),
        }

    values = medians(np.ones((1, len(made))), np.ones((1, len(real))))
    resampled = medians(made_weights, real_weights)
    enough = min(tried[: len(real)].sum(), tried[len(real) :].sum()) >= _FEWEST
    values["accuracy"] = np.array([right[tried].mean() if enough else np.nan])
    resampled["accuracy"] = (
        _ratio(weights[:, tried] @ right[tried], weights[:, tried].sum(axis=1))
        if enough
        else np.full(len(weights), np.nan)
    )
    row: dict[str, Any] = {"sample": len(made)}
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
            pool = pool or Pool(images.pixels, part_rows(run, "train"))
            sampled = draw_sample(plan, images.labels, pool.rows, sample, own)
            row |= measure(sampled, pool, groups, own)
        rows.append(row)
    return pd.DataFrame(rows, columns=None if rows else ["technique"])


def part_rows(run: Results, part: str) -> np.ndarray:
    """(n,) int64, the rows of ``train``, ``validation`` or ``test``, in order."""
    split = run.split()
    return split.loc[split["split"] == part, "row"].to_numpy(dtype=np.int64)


def _plans(
    run: Results, images: ImageSet, rng: np.random.Generator
) -> Iterator[tuple[tuple[str, TrialSpec, TrainingPlan], np.random.Generator]]:
    specs = chosen_specs(run)
    for (technique, spec), own in zip(specs.items(), rng.spawn(len(specs)), strict=True):
        yield (technique, spec, plan_of(run, images, spec)), own

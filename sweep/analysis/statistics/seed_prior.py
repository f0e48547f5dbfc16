"""Variances over seeds of a family of rows, each held against the others': what ``estimate`` and ``compare`` take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from balancing.components.techniques import get_technique, training_of
from balancing.errors import UserError
from sweep.analysis.statistics.distributions import OfPatients, own_variance
from sweep.analysis.statistics.few_patients import FewPatients
from sweep.analysis.statistics.seeds import Family, Pair, SeedVariance, Seen

# Of one network: the number on the test split as it is, and (J + B,) under draws of patients.
Numbers = tuple[float, np.ndarray]
# As many techniques at least, the baseline among them, speak for each other.
_FEWEST = 3
# A spread that is none, but of rounding.
_NO_SPREAD = 1e-12
# Where what technique and baseline err on by themselves is so far the same, both decide with the same networks.
_SAME_NETWORKS = 0.5


class SeedPrior:
    """Name of a row -> its variance over seeds; None of a row whose own seeds alone have to tell it.

    Of differences, rows whose seeds agree to the last digit are none of those: numbers come in steps (of a few
    patients), so what they tell is that chance is hardly larger than such a step, not that there is none.

    Args:
        variances: name -> variance.
    """

    def __init__(self, variances: Mapping[str, SeedVariance]):
        self._variances = dict(variances)

    def of(self, name: str) -> SeedVariance | None:
        return self._variances.get(name)

    @classmethod
    def of_rows(
        cls, rows: Mapping[str, tuple[Sequence[float] | np.ndarray, np.ndarray, FewPatients | None]]
    ) -> SeedPrior:
        """Of techniques' own numbers; none of seeds that agree, which they do near 0 and 1, where limits are exact.

        Args:
            rows: technique -> ((S,) of each seed, (S, J + B) under draws of patients, what few patients take away).
        """
        seen = {}
        for name, (values, resampled, few) in rows.items():
            found = _seen(name, np.asarray(values, dtype=np.float64), resampled, few, 0.0)
            if found is not None and found.squares:
                seen[name] = found
        if len({one.trained for one in seen.values()}) < _FEWEST:
            return cls({})
        return cls(Family(seen).of_each())

    @classmethod
    def of_differences(
        cls, networks: Mapping[str, Mapping[int, Numbers]], baseline: str, few: FewPatients | None = None
    ) -> SeedPrior:
        """Of paired differences to a baseline.

        A technique that decides with the baseline's own networks is judged by its own seeds: its differences vary in
        another way.

        Args:
            networks: technique (the baseline too) -> seed -> numbers.
            few: of the draws; of the metric, paired.
        """
        own = networks.get(baseline, {})
        seen, pairs, tied = {}, {}, {}
        step = _step([value for value, _ in of_seeds.values()] for of_seeds in networks.values())
        for name, of_seeds in networks.items():
            found = _seen(name, *_stacked(of_seeds.values()), few, step) if len(of_seeds) > 1 else None
            if found is not None:
                seen[name] = found
        if baseline not in seen:
            return cls({})
        for name in [name for name in seen if name != baseline]:
            common = [seed for seed in networks[name] if seed in own]
            (values, resampled), (base, base_resampled) = (
                _stacked([of[seed] for seed in common]) if common else (np.empty(0), np.empty((0, 0)))
                for of in (networks[name], own)
            )
            apart = _seen(name, values - base, resampled - base_resampled, few, step)
            if apart is None or apart.own < _SAME_NETWORKS * (seen[name].own + seen[baseline].own):
                del seen[name]
                continue
            a, b = values - values.mean(), base - base.mean()
            pairs[name] = Pair(len(common), float(a @ a), float(b @ b), float(a @ b), apart.least)
            if not apart.squares:
                tied[name] = _of_steps(apart)
        if len({seen[name].trained for name in (*pairs, baseline)}) < _FEWEST:
            return cls(tied)
        return cls(Family(seen).of_differences(baseline, pairs))


def line_variances(
    lines: Mapping[str, tuple[np.ndarray, OfPatients]],
) -> dict[str, list[SeedVariance | None]]:
    """Technique -> the variance over seeds at each point of a line; None where its own seeds alone have to tell it.

    Neighbouring points are nearly the same number, so every tenth is looked at, and between them lies a straight line.

    Args:
        lines: technique -> ((S, G) of each seed, what patients say of them); the same points for all.
    """
    points = next((values.shape[1] for values, _ in lines.values()), 0)
    looked_at = np.unique(np.linspace(0, max(points - 1, 0), points // 10 + 2).round().astype(int))[:points]
    told: dict[str, list[tuple[int, SeedVariance]]] = {name: [] for name in lines}
    for point in looked_at:
        seen = {
            name: Seen(len(values), float(((values[:, point] - values[:, point].mean()) ** 2).sum()), float(own), name)
            for name, (values, of_them) in lines.items()
            if len(values) > 1 and of_them.known[point] and np.ptp(values[:, point]) > _NO_SPREAD
            for own in of_them.own_variance[[point]]
        }
        if len(seen) >= _FEWEST:
            for name, one in Family(seen).of_each().items():
                told[name].append((int(point), one))
    found: dict[str, list[SeedVariance | None]] = {}
    for name, (values, _) in lines.items():
        spread = np.ptp(values, axis=0) > _NO_SPREAD if len(values) > 1 else np.zeros(points, dtype=bool)
        if not told[name]:
            found[name] = [None] * points
            continue
        at = [place for place, _ in told[name]]
        sds = np.interp(np.arange(points), at, [one.sd for _, one in told[name]])
        freedoms = np.interp(np.arange(points), at, [one.freedom for _, one in told[name]])
        found[name] = [
            SeedVariance(sd, freedom) if there else None
            for sd, freedom, there in zip(sds.tolist(), freedoms.tolist(), spread, strict=True)
        ]
    return found


def metric_priors(
    rows: Mapping[str, tuple[Mapping[str, Sequence[float]], Mapping[str, np.ndarray], FewPatients]],
    metrics: Iterable[str],
    positive: int | None,
) -> dict[str, dict[str, SeedVariance | None]]:
    """Technique -> metric -> variance over seeds, for ``metric_estimate``; each metric is a family of its own.

    Args:
        rows: technique -> (metric -> (S,), metric -> (S, J + B), what few patients take away).
        metrics: of ``METRICS``; those that balanced accuracy is made of come with it.
        positive: its index for two classes, else None.
    """
    needed = dict.fromkeys(metrics)
    if "balanced_accuracy" in needed:
        needed |= dict.fromkeys(("recall", "specificity"))
    found: dict[str, dict[str, SeedVariance | None]] = {name: {} for name in rows}
    for metric in needed:
        prior = SeedPrior.of_rows(
            {
                name: (values[metric], resampled[metric], few.about(metric, positive))
                for name, (values, resampled, few) in rows.items()
                if metric in resampled
            }
        )
        for name in rows:
            found[name][metric] = prior.of(name)
    return found


def _trained(name: str) -> str:
    """What was trained for a technique; its own name where this version, or this machine, does not have it."""
    try:
        return training_of(get_technique(name)).name
    except UserError:
        return name


def _stacked(numbers: Iterable[Numbers]) -> tuple[np.ndarray, np.ndarray]:
    values, resampled = zip(*numbers, strict=True)
    return np.array(values, dtype=np.float64), np.stack(resampled)


def _step(values: Iterable[Sequence[float] | np.ndarray]) -> float:
    """The least by which any two numbers of a family differ; 0 of numbers that are all the same."""
    known = np.unique(np.concatenate([np.asarray(own, dtype=np.float64) for own in values] or [np.empty(0)]))
    apart = np.diff(known[np.isfinite(known)])
    apart = apart[apart >= _NO_SPREAD]
    return float(apart.min()) if len(apart) else 0.0


def _of_steps(tied: Seen) -> SeedVariance:
    """The variance of seeds that agree to the last digit, where no others speak for them: the least there is."""
    return SeedVariance(math.sqrt(tied.least), tied.seeds - 1)


def _seen(name: str, values: np.ndarray, resampled: np.ndarray, few: FewPatients | None, step: float) -> Seen | None:
    """None where these seeds tell nothing of a variance. Where they agree to the last digit, it is at least step^2 / 12
    larger than what networks err on: what rounding to a step has.

    Args:
        step: of the numbers, of ``_step``.
    """
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    first = 0 if few is None else len(few.rows)
    finite = np.isfinite(resampled).all(axis=0)
    finite[:first] = True
    if finite.sum() < 2 + first:
        return None
    found, known = own_variance(resampled[:, finite, None], few)
    if not known.all():
        return None
    own = float(found[0])
    if np.ptp(values) < _NO_SPREAD:
        least = own + step**2 / 12
        return Seen(len(values), 0.0, least, _trained(name), own) if least > _NO_SPREAD**2 else None
    away = values - values.mean()
    return Seen(len(values), float(away @ away), own, _trained(name), own)

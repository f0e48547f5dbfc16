"""What a mean over seeds could have been: patients drawn anew, and the chance of seeds put around them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweep.analysis.statistics.few_patients import FewPatients, shaped
from sweep.analysis.statistics.seeds import SeedVariance

GOLDEN_RATIO = (1 + 5**0.5) / 2


@dataclass(frozen=True)
class Distributions:
    """What a mean over seeds could have been, at each of G points; see ``estimate``.

    Args:
        both: (5 B, G) with the chance of patients and of seeds; of patients alone with one seed.
        patients: (B, G) with the chance of patients alone.
        patient_se: (G,) standard error from which patients were sampled: the part that all seeds share; NaN where the
            patients can't tell it.
        patient_sd: (G,) the same with what each network errs on by itself.
        freedom: (G,) degrees of freedom of the patients' part; infinite where nobody counted them.
        known: (G,) bool, whether the patients can tell how much they differ; one of a class can't.
    """

    both: np.ndarray
    patients: np.ndarray
    patient_se: np.ndarray
    patient_sd: np.ndarray
    freedom: np.ndarray
    known: np.ndarray

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """(G,) low and (G,) high of the 95 % interval, never narrower than that of patients alone; or infinite."""
        limits = [np.quantile(part, (0.025, 0.975), axis=0) for part in (self.both, self.patients)]
        lows, highs = zip(*limits, strict=True)
        return np.where(self.known, np.minimum(*lows), -np.inf), np.where(self.known, np.maximum(*highs), np.inf)


@functools.lru_cache(maxsize=16)
def _scramble(n: int) -> tuple[np.ndarray, ...]:
    """(n, 1) evenly spaced shares in five orders; a run asks for few n."""
    from scipy import stats

    steps = np.arange(n) * GOLDEN_RATIO
    ranks = [stats.rankdata((steps + fifth / 5) % 1, method="ordinal") - 1 for fifth in range(5)]
    return tuple(rank.astype(np.int64)[:, None] for rank in ranks)


@dataclass(frozen=True)
class OfPatients:
    """What the patients alone say of a mean over seeds, at each of G points.

    Args:
        middle: (G,) where the bootstrap's values lie; the mean over seeds where few patients are corrected for.
        around: (B, G) deviations of the bootstrap, with the spread ``all_sd``.
        narrowed: (B, G) the same with the spread ``shared_sd``.
        shared_sd, all_sd: (G,) standard errors: of what all seeds share, and with what each network errs on by itself.
        freedom: (G,) degrees of freedom of ``shared_sd``.
        known: (G,) bool, whether the patients can tell how much they differ.
        seeds: S.
    """

    middle: np.ndarray
    around: np.ndarray
    narrowed: np.ndarray
    shared_sd: np.ndarray
    all_sd: np.ndarray
    freedom: np.ndarray
    known: np.ndarray
    seeds: int

    @property
    def own_variance(self) -> np.ndarray:
        """(G,) as of ``own_variance``."""
        return np.maximum(self.all_sd**2 - self.shared_sd**2, 0.0) * self.seeds


def of_patients(values: np.ndarray, resampled: np.ndarray, few: FewPatients | None = None) -> OfPatients:
    """The patients' part of a mean over seeds.

    Args:
        values, resampled, few: as of ``distributions``.
    """
    drawn = resampled if few is None else few.parted(resampled)[1]
    patients = drawn.mean(axis=0)
    around = patients - patients.mean(axis=0)  # rates are curved in the counts, so samples lie a little off the mean
    all_sd, shared_sd, freedoms, known = _errors(resampled, few)
    if few is not None:
        return OfPatients(
            values.mean(axis=0),
            shaped(around, freedoms[0]) * all_sd,
            shaped(around, freedoms[1]) * shared_sd,
            *(shared_sd, all_sd, freedoms[1], known, len(drawn)),
        )
    ratio = np.divide(shared_sd, all_sd, out=np.zeros_like(shared_sd), where=all_sd > 0)
    return OfPatients(patients.mean(axis=0), around, around * ratio, shared_sd, all_sd, freedoms[1], known, len(drawn))


def _errors(resampled: np.ndarray, few: FewPatients | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(G,) standard errors of all that patients tell, and of what seeds share; (2, G) degrees of freedom; (G,) known.

    With one seed the two are the same.
    """
    left = None
    if few is not None:
        left, resampled = few.parted(resampled)
        left = left.mean(axis=0)
    seeds = len(resampled)
    variance = resampled.mean(axis=0).var(axis=0, ddof=1)
    shared = variance
    if seeds > 1:
        of_each = resampled.var(axis=1, ddof=1).mean(axis=0)
        shared = np.maximum((seeds * variance - of_each) / (seeds - 1), 0.0)
    if few is None or left is None:
        freedoms, known = np.full((2, len(variance)), np.inf), np.ones(len(variance), dtype=bool)
        return np.sqrt(variance), np.sqrt(shared), freedoms, known
    (all_of_it, freedom), (of_all_seeds, freedom_shared) = few.variance(left, variance), few.variance(left, shared)
    if few.widening > 1:  # of folds: what is shared counts for more, each network's own does not
        more = (few.widening - 1) * of_all_seeds
        all_of_it, of_all_seeds = all_of_it + more, of_all_seeds + more
    known = np.isfinite(all_of_it)
    all_sd = np.sqrt(np.where(known, all_of_it, variance))
    return all_sd, np.sqrt(np.where(known, of_all_seeds, shared)), np.stack([freedom, freedom_shared]), known


def own_variance(resampled: np.ndarray, few: FewPatients | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(G,) the variance over seeds that there is at least: what each network errs on by itself; (G,) whether known."""
    all_sd, shared_sd, _, known = _errors(resampled, few)
    return np.maximum(all_sd**2 - shared_sd**2, 0.0) * len(resampled), known


def distributions(
    values: np.ndarray,
    resampled: np.ndarray,
    few: FewPatients | None = None,
    moderated: SeedVariance | Sequence[SeedVariance | None] | None = None,
) -> Distributions:
    """The distributions behind ``estimate``, at many points at once.

    Args:
        values: (S, G) of each seed on the test split as it is.
        resampled: (S, B, G) the same in each bootstrap sample, finite and in random order; B >= 2. With ``few`` as many
            rows more before them as it has, of patients left out.
        few: corrects for few patients; None takes the bootstrap for what it is.
        moderated: the variance over seeds of each point (or of all); None takes it from these seeds alone, and the
            interval is then no narrower than that of patients alone.
    """
    return spread(values, of_patients(values, resampled, few), moderated)


def spread(
    values: np.ndarray, of_them: OfPatients, moderated: SeedVariance | Sequence[SeedVariance | None] | None = None
) -> Distributions:
    """As ``distributions``, where the patients' part is known already."""
    mean, known, seeds = values.mean(axis=0), of_them.known, of_them.seeds
    if seeds < 2:
        # The test split as it is stands in the middle where a spread is put around it.
        alone = of_them.middle + of_them.around
        told = np.where(known, of_them.all_sd, np.nan)
        return Distributions(alone, alone, told, told, of_them.freedom, known)
    every = list(moderated) if isinstance(moderated, Sequence) else [moderated] * len(mean)
    own = [SeedVariance(sd, seeds - 1) for sd in values.std(axis=0, ddof=1).tolist()]
    used = [mine if one is None else one for one, mine in zip(every, own, strict=True)]
    sd, freedom = (np.array([getattr(one, name) for one in used]) for name in ("sd", "freedom"))
    # Evenly spaced quantiles of t, not draws: less noise in the tails, and one number has one interval wherever it
    # is asked for. Samples come in random order, so a fixed scramble does; each meets all fifths of t.
    n = len(of_them.narrowed)
    t_values = student_quantiles(n, freedom) * (sd / np.sqrt(seeds))
    narrowed = mean + of_them.narrowed
    both = np.concatenate([narrowed + np.take_along_axis(t_values, ranks, axis=0) for ranks in _scramble(n)])
    # A moderated variance is never below what networks err on; one that few seeds tell can be.
    alone = mean + np.where([one is None for one in every], of_them.around, of_them.narrowed)
    shared_sd, all_sd = (np.where(known, part, np.nan) for part in (of_them.shared_sd, of_them.all_sd))
    return Distributions(both, alone, shared_sd, all_sd, of_them.freedom, known)


def student_quantiles(n: int, freedom: np.ndarray) -> np.ndarray:
    """(n, G) evenly spaced quantiles of Student's t, ascending, of (G,) degrees of freedom."""
    from scipy import special

    return np.asarray(special.stdtrit(freedom, ((np.arange(n) + 0.5) / n)[:, None]))

"""A mean over seeds with what makes it uncertain: patients and seeds together, and exact limits near 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from balancing.data.patients import patients_of_classes
from sweep.analysis.statistics.distributions import distributions
from sweep.analysis.statistics.few_patients import FewPatients, fewest_of_a_class
from sweep.analysis.statistics.seeds import SeedVariance

# Below so many errors (or hits) of a mean network the bootstrap hardly varies: where none errs it does not at all.
_FEW = 5.0


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with what makes it uncertain.

    Args:
        mean: over seeds, on the test split as it is.
        low, high: 95 % interval; NaN where it can't be told.
        p: two-sided, of the mean being 0; NaN with one seed.
        seed_sd: standard deviation over seeds, ddof 1; NaN with one seed.
        patient_se: standard error from which patients were sampled: the part that all seeds share; NaN where it can't
            be told.
        patient_sd: standard deviation of the bootstrap over patients alone: what these very networks share and what
            each errs on by itself.
        seeds: S.
        freedom: degrees of freedom of the patients' part; infinite where few patients are not corrected for, NaN
            where nothing can be told.
        equivalence_p: of a mean as far from 0 as a margin or farther, the larger of two one-sided tests; NaN as p.
        moderated_sd, seed_freedom: the standard deviation over seeds that the interval is made of, and its degrees of
            freedom; NaN with one seed.
    """

    mean: float
    low: float
    high: float
    p: float
    seed_sd: float
    patient_se: float
    patient_sd: float
    seeds: int
    freedom: float = math.inf
    equivalence_p: float = math.nan
    moderated_sd: float = math.nan
    seed_freedom: float = math.nan


def estimate(
    values: Sequence[float] | np.ndarray,
    resampled: np.ndarray,
    few: FewPatients | None = None,
    margin: float = 0.0,
    moderated: SeedVariance | None = None,
) -> Estimate:
    """Interval and p-value of a mean over seeds, from patients and seeds together, as readers and cases are judged.

    The bootstrap distribution of the mean, narrowed to the covariance between the seeds' bootstrap values (never below
    0), plus Student's t with S - 1 degrees of freedom times the standard error over seeds; the middle 95 % of that, and
    never narrower than the bootstrap over patients alone. With one seed it holds patients alone and p is NaN.
    docs/statistics.md says why, and how often it is wrong.

    Args:
        values: (S,) the metric, or the paired difference, of each seed on the test split as it is.
        resampled: (S, B) the same in each bootstrap sample, in random order; samples with a NaN are left out. With
            ``few`` as many more before them as it has rows, of patients left out.
        few: corrects for few patients; None takes the bootstrap for what it is. Where it has a stratum of one patient,
            the interval is infinite and p is 1.
        margin: of ``equivalence_p``.
        moderated: the variance over seeds, of ``SeedPrior``; None takes it from these seeds alone.
    Reference: Obuchowski & Rockette, Communications in Statistics 1995 (variance; here with a bootstrap's covariance);
        the sum is Behrens and Fisher's (Fisher, Annals of Eugenics 1935).
    """
    values = np.asarray(values, dtype=np.float64)
    seeds, mean = len(values), float(np.mean(values))
    finite = np.isfinite(resampled).all(axis=0)
    finite[: 0 if few is None else len(few.rows)] = True
    resampled = resampled[:, finite]
    if resampled.shape[1] < 2 + (0 if few is None else len(few.rows)) or not np.isfinite(mean):
        return Estimate(mean, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, seeds, np.nan)
    found = distributions(values[:, None], resampled[:, :, None], few, moderated)
    (low,), (high,) = found.limits()
    rest = (float(found.patient_se[0]), float(found.patient_sd[0]), seeds, float(found.freedom[0]))
    if seeds < 2:
        return Estimate(mean, float(low), float(high), np.nan, np.nan, *rest)
    sd = float(values.std(ddof=1))
    known = (sd, seeds - 1.0) if moderated is None else (moderated.sd, moderated.freedom)
    p = max(_two_sided(found.both), _two_sided(found.patients, float(found.freedom[0])), _by_seeds(mean, seeds, *known))
    # Two one-sided tests, each of one tail.
    near = _by_seeds(max(margin - abs(mean), 0.0), seeds, *known) / 2
    equivalence = max(_not_within(found.both, margin), _not_within(found.patients, margin), near)
    # No spread over seeds to judge by (chance can give that, most of all with two seeds), or none over patients.
    if np.ptp(values) < 1e-12 or not found.known.all():
        p = equivalence = 1.0
    return Estimate(mean, float(low), float(high), p, sd, *rest, equivalence, *known)


def _two_sided(values: np.ndarray, freedom: float | None = None) -> float:
    """How much of a distribution lies beyond zero, twice; never 0.

    Args:
        freedom: of Student's t, whose tail tells where no value lies beyond zero, else that would be one in B: too much
            for the first of several looks, or for the best of forty techniques.
    """
    from scipy import stats

    beyond = min(int((values <= 0).sum()), int((values >= 0).sum()))
    least, sd = 2 * (beyond + 1) / (len(values) + 1), float(values.std())
    if freedom is not None and beyond == 0 and sd > 0:
        least = min(least, 2 * float(stats.t.sf(abs(float(values.mean())) / sd, freedom)))
    return min(1.0, max(least, np.finfo(float).tiny))


def _by_seeds(distance: float, seeds: int, sd: float, freedom: float) -> float:
    """How much of Student's t over seeds lies as far from its middle, both ways; 0 where seeds have no spread.

    The patients' part makes it more, never less (Anderson's inequality). The evenly spaced quantiles of t in
    ``distributions`` end where the smallest p-values begin: 2,000 of them at 1 in 4,000.

    Reference: Anderson, Proceedings of the American Mathematical Society 6(2), 1955.
    """
    return float(2 * special.stdtr(freedom, -abs(distance) * math.sqrt(seeds) / sd)) if sd > 0 else 0.0


def _not_within(values: np.ndarray, margin: float) -> float:
    """How much of a distribution lies beyond the nearer end of -margin..margin; never 0."""
    beyond = max(int((values <= -margin).sum()), int((values >= margin).sum()))
    return min(1.0, (beyond + 1) / (len(values) + 1))


def bounded(
    values: Sequence[float] | np.ndarray,
    resampled: np.ndarray,
    few: FewPatients | None = None,
    low: float = 0.0,
    high: float = 1.0,
    moderated: SeedVariance | None = None,
) -> Estimate:
    """``estimate`` of a number that cannot leave ``low``..``high``: its interval ends there; NaN at infinity."""
    found = estimate(values, resampled, few, moderated=moderated)
    ends = [end if np.isfinite(end) else np.nan for end in (max(found.low, low), min(found.high, high))]
    return replace(found, low=ends[0], high=ends[1])


def exact_limits(share: float, n: float) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of a share of n independent patients; the count need not be whole.

    Args:
        share: in [0, 1].
        n: > 0.
    Reference: Clopper & Pearson, Biometrika 26(4), 1934.
    """
    from scipy import stats

    hits, misses = share * n, (1 - share) * n
    low = float(stats.beta.ppf(0.025, hits, misses + 1)) if hits > 0 else 0.0
    high = float(stats.beta.ppf(0.975, hits + 1, misses)) if misses > 0 else 1.0
    return low, high


def is_near_boundary(mean: float, n: float) -> bool:
    """Whether fewer than five errors, or hits, of n patients stand behind a rate."""
    return n > 0 and 0 <= mean <= 1 and min(mean, 1 - mean) * n < _FEW


def near_boundary(found: Estimate, n: float) -> Estimate:
    """The spread of a rate in [0, 1], with exact limits where few errors, or hits, stand behind it.

    A network that finds every patient gives a bootstrap without any spread, though the next patient may be missed.

    Args:
        found: as ``estimate`` gives it.
        n: patients whom the rate is about; 0 where it is no rate of patients, which then ends at 0 and 1 alone.
    """
    low, high = max(found.low, 0.0), min(found.high, 1.0)
    if is_near_boundary(found.mean, n):
        exact = exact_limits(found.mean, n)
        low, high = min(low, exact[0]), max(high, exact[1])
    return replace(found, low=low, high=high)


def no_rate_near_boundary(found: Estimate, n: float) -> Estimate:
    """The spread of a metric in [0, 1] that is no rate of patients (F1, precision, AUROC, means over classes).

    It has exact limits where less than one patient's errors (or hits) stand behind it: some images err, but of a
    patient who is misread as a whole the bootstrap knows nothing.

    Args:
        n: patients of the class with the fewest (each pair or call has one of them); times the classes where it is a
            mean over these, whose variance is no larger than that of a rate of so many. 0: it ends at 0 and 1 alone.
    """
    return near_boundary(found, n if min(found.mean, 1 - found.mean) * n < 1 else 0)


def metric_estimate(
    metric: str,
    values: Mapping[str, Sequence[float]],
    resampled: Mapping[str, np.ndarray],
    behind: Mapping[str, float],
    few: FewPatients | None = None,
    positive: int | None = None,
    moderated: Mapping[str, SeedVariance | None] | None = None,
) -> Estimate:
    """``estimate`` of one of ``METRICS``, within 0..1, and with exact limits where the bootstrap can't move it.

    Recall and specificity are rates of patients: see ``near_boundary``. Where one of them lies there, the limits of
    balanced accuracy are put together from those of both. The other metrics are no such rates: see
    ``no_rate_near_boundary``.

    Args:
        values: metric -> (S,) on the test split as it is.
        resampled: metric -> (S, B) in the bootstrap samples.
        behind: of ``n_patients``.
        few: as for ``estimate``.
        positive: its index for two classes, else None.
        moderated: metric -> the variance over seeds.
    Reference: Zou & Donner, Statistics in Medicine 27, 2008 (limits of a sum from those of its parts).
    """

    def of(name: str) -> Estimate:
        own = moderated.get(name) if moderated else None
        return estimate(values[name], resampled[name], few and few.about(name, positive), moderated=own)

    found = of(metric)
    if metric in behind:
        return near_boundary(found, behind[metric])
    parts = [name for name in ("recall", "specificity") if name in behind]
    if metric == "balanced_accuracy" and len(parts) == 2:
        limited = [near_boundary(of(name), behind[name]) for name in parts]
        if any(is_near_boundary(part.mean, behind[name]) for part, name in zip(limited, parts, strict=True)):
            below = math.hypot(*(part.mean - part.low for part in limited)) / 2
            above = math.hypot(*(part.high - part.mean for part in limited)) / 2
            found = replace(found, low=min(found.low, found.mean - below), high=max(found.high, found.mean + above))
        return near_boundary(found, 0)
    if metric == "specificity":  # a mean over classes, each of which has the others' patients
        return no_rate_near_boundary(found, behind["others"])
    return no_rate_near_boundary(found, behind["fewest"] * behind.get("classes", 1))


def n_patients(labels: np.ndarray, patients: np.ndarray, positive: int | None) -> dict[str, float]:
    """How many patients a metric is about, for ``metric_estimate``.

    Args:
        labels: (N,) int64.
        patients: (N,).
        positive: its index for two classes, else None.
    Returns:
        ``fewest``: those of the class with the fewest; for two classes also ``recall``: those with an image of the
        positive one, and ``specificity``: those with another; for more ``classes``: how many have images, and
        ``others``: those without the class that has most.
    """
    found = {"fewest": float(fewest_of_a_class(labels, patients))}
    if positive is None:
        counts = patients_of_classes(labels, patients, int(labels.max(initial=-1)) + 1)
        found["classes"] = float(np.count_nonzero(counts))
        found["others"] = float(len(np.unique(patients)) - max(counts, default=0))
    else:
        found["recall"] = float(len(np.unique(patients[labels == positive])))
        found["specificity"] = float(len(np.unique(patients[labels != positive])))
    return found

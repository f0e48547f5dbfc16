"""How much a technique varies over seeds: its own few seeds, held against all the other techniques' seeds.

Three seeds hardly tell a variance (Student's t with 2 degrees of freedom is 4.3 at 95 %), but six techniques with three
seeds each tell how much techniques vary, and how unlike each other they are in that. So each technique's variance is
what its own seeds and the others' make likely together, as in the analysis of thousands of genes with three samples
each. Whether the others may speak for it is itself learnt: where techniques differ in their variances, or are few, the
own seeds decide.

The model, of one number of every network: log sigma_t^2 of technique t is near mu, with a spread tau and room for a few
techniques that are unlike the rest; it is never below what the technique's networks err on by themselves, which the
bootstrap over patients tells. The same seed moves technique and baseline together by a correlation that all techniques
share, more or less. Everything unknown is integrated over grids; what is left of it is a variance with its degrees of
freedom, the mean and variance of whose logarithm are those of the posterior.

Reference: Smyth, Statistical Applications in Genetics and Molecular Biology 3(1), 2004 (moderated variances); Phipson et
al., Annals of Applied Statistics 10(2), 2016 (a few that are unlike); Gelman, Bayesian Analysis 1(3), 2006 (hierarchies
of few groups).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

# Steps of log variances, and how far they reach beneath and above what is seen.
_STEP, _BENEATH, _ABOVE = 0.4, 4.0, 3.6
# Spread of log variances between techniques: twice that of the logarithms of their standard deviations.
_SPREADS = np.array([0.2, 0.5, 1.0, 1.7, 2.5])
# Share of techniques that are unlike the rest, and how much, as a log variance.
_UNLIKE, _HOW_UNLIKE = 0.05, 2.0
# Correlations, as Fisher's z: of the family, and of a technique.
_SHARED = np.array([-1.2, -0.8, -0.4, 0.0, 0.4, 0.8, 1.2, 2.0, 2.8])
_OWN = np.array([-1.6, -1.2, -0.8, -0.4, 0.0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.4, 2.8, 3.2])
# One-sided tails by which a posterior becomes a Student's t; bins of log variances.
_TAILS, _BIN = (0.025, 0.0025), 0.05


@dataclass(frozen=True)
class SeedVariance:
    """What is known of a variance over seeds.

    Args:
        sd: standard deviation.
        freedom: degrees of freedom, > 0.
        shared: of a paired difference, the part of the variance that the baseline has in it, in [0, 1].
    """

    sd: float
    freedom: float
    shared: float = 0.0


@dataclass(frozen=True)
class Seen:
    """What the seeds of one technique show.

    Args:
        seeds: S >= 2.
        squares: sum of squared deviations from their mean.
        least: variance over seeds that there is at least: what each network errs on by itself.
    """

    seeds: int
    squares: float
    least: float


def from_posterior(log_variance: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Standard deviation and degrees of freedom of the Student's t that a mean over seeds has about the truth.

    It is a mixture of normals over what the variance can be. Student's t has the same chance beyond two places: where
    5 % and 0.5 % of the mixture lie beyond.

    Args:
        log_variance: (K,) what it can be.
        weights: (K,) how likely each is, to a factor.
    """
    log_variance, weights = log_variance.ravel(), weights.ravel()
    edges = np.arange(log_variance.min(), log_variance.max() + 2 * _BIN, _BIN)
    place = ((log_variance - edges[0]) / _BIN).astype(np.int64)
    mass = np.bincount(place, weights, len(edges))
    middle = np.bincount(place, weights * log_variance, len(edges))
    known = mass > 1e-12 * mass.sum()
    mass, sd = mass[known] / mass[known].sum(), np.exp(middle[known] / mass[known] / 2)
    near, far = (_beyond(sd, mass, tail) for tail in _TAILS)
    freedoms, ratios = _ratios()
    freedom = float(np.exp(np.interp(-math.log(far / near), -ratios, freedoms)))
    return near / float(special.stdtrit(freedom, 1 - _TAILS[0])), freedom


def _beyond(sd: np.ndarray, mass: np.ndarray, tail: float) -> float:
    """Where a mixture of normals of mean 0 has ``tail`` beyond, by Newton's method in logarithms."""
    low, high = 0.0, float(sd.max()) * 6
    for _ in range(40):
        middle = (low + high) / 2
        if float(mass @ special.ndtr(-middle / sd)) > tail:
            low = middle
        else:
            high = middle
    return high


@functools.lru_cache(maxsize=1)
def _ratios() -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of degrees of freedom, and of how many times farther out the second of ``_TAILS`` lies."""
    log = np.linspace(math.log(0.5), math.log(1e4), 400)
    near, far = (special.stdtrit(np.exp(log), 1 - tail) for tail in _TAILS)
    return log, np.log(far / near)


class _Family:
    """What the seeds of all techniques say of each one's variance, of one number.

    Args:
        seen: technique -> what its seeds show.
    """

    def __init__(self, seen: Mapping[str, Seen]):
        self.seen = {name: one for name, one in seen.items() if one.seeds > 1 and one.squares > 0}
        if not self.seen:
            return
        raw = np.array([one.squares / (one.seeds - 1) for one in self.seen.values()])
        least = np.array([one.least for one in self.seen.values()])
        middle = float(np.log(np.median(np.maximum(raw, least))))
        top = max(float(np.log(raw).max()), middle) + _ABOVE
        self.grid = np.arange(middle - _BENEATH, top, _STEP)
        centres = np.arange(middle - _BENEATH, top - _ABOVE / 2, 2 * _STEP)
        self.mu, self.tau = (each.ravel() for each in np.meshgrid(centres, _SPREADS, indexing="ij"))
        self.of_hyper = np.tile(np.gradient(_SPREADS) / (1 + _SPREADS**2), len(centres))

    def values(self, name: str) -> np.ndarray:
        """(V,) log variances that a technique's can be."""
        return np.log(np.exp(self.grid) + self.seen[name].least)

    def prior(self, name: str) -> np.ndarray:
        """(H, V) probability of each variance of a technique, given each mu and tau."""
        away = self.grid - self.mu[:, None]
        near = np.exp(-0.5 * (away / self.tau[:, None]) ** 2)
        wide = np.exp(-0.5 * (away / np.hypot(self.tau, _HOW_UNLIKE)[:, None]) ** 2)
        near, wide = (part / part.sum(axis=1, keepdims=True) for part in (near, wide))
        return (1 - _UNLIKE) * near + _UNLIKE * wide

    def likelihood(self, name: str) -> np.ndarray:
        """(V,) of a technique's seeds."""
        one, values = self.seen[name], self.values(name)
        log = -(one.seeds - 1) / 2 * values - one.squares / 2 * np.exp(-values)
        return np.exp(log - log.max())

    def of_each(self) -> dict[str, SeedVariance]:
        """Technique -> the variance of its own number."""
        priors = {name: self.prior(name) for name in self.seen}
        likely = {name: self.likelihood(name) for name in self.seen}
        told = {name: priors[name] @ likely[name] for name in self.seen}
        log = np.log(self.of_hyper) + sum(np.log(one) for one in told.values())
        hyper = np.exp(log - log.max())
        found = {}
        for name in self.seen:
            weights = (hyper / told[name]) @ priors[name] * likely[name]
            found[name] = SeedVariance(*from_posterior(self.values(name), weights))
        return found

    def of_differences(self, baseline: str, pairs: Mapping[str, Pair]) -> dict[str, SeedVariance]:
        """Technique -> the variance of its paired difference to the baseline.

        Args:
            pairs: technique -> what is seen of it beside the baseline.
        """
        base_values, base_likely = self.values(baseline), self.likelihood(baseline)
        base_prior = self.prior(baseline)
        shared, own = _correlations()
        r = np.tanh(_OWN)[None, :, None]
        told, kept = {}, {}
        for name, pair in pairs.items():
            v = self.values(name)
            a = (pair.squares * np.exp(-v))[:, None, None]
            c = (pair.baseline * np.exp(-base_values))[None, None, :]
            b = pair.products * np.exp(-(v[:, None, None] + base_values[None, None, :]) / 2)
            log = -(pair.seeds - 1) / 2 * (v[:, None, None] + np.log1p(-(r**2)))
            log = log - (a - 2 * r * b + r**2 * c) / (2 * (1 - r**2))
            likely = np.exp(log - log.max())  # (V, R, V0)
            prior = self.prior(name)
            by_shared = np.einsum("zr,vrq->vzq", own, likely)
            told[name] = np.maximum(
                (prior @ by_shared.reshape(len(v), -1)).reshape(len(prior), *by_shared.shape[1:]), 1e-300
            )
            kept[name] = (v, prior, likely)
        log = np.log(self.of_hyper)[:, None, None] + np.log(shared)[None, :, None]
        with np.errstate(divide="ignore"):
            log = log + np.log(base_prior * base_likely)[:, None, :]
        log = log + sum(np.log(one) for one in told.values())
        joint = np.exp(log - log.max())  # (H, Z, V0)
        found = {}
        for name, pair in pairs.items():
            v, prior, likely = kept[name]
            rest = joint / told[name]
            weights = (prior.T @ rest.reshape(len(prior), -1)).reshape(len(v), *rest.shape[1:])
            weights = np.einsum("vzq,zr->vrq", weights, own) * likely
            both = np.exp(v)[:, None, None] + np.exp(base_values)[None, None, :]
            cross = 2 * r * np.exp((v[:, None, None] + base_values[None, None, :]) / 2)
            variance = np.maximum(both - cross, max(pair.least, 1e-300))
            share = float((weights * (np.exp(base_values)[None, None, :] / both)).sum() / weights.sum())
            found[name] = SeedVariance(*from_posterior(np.log(variance), weights), share)
        return found


@dataclass(frozen=True)
class Pair:
    """A technique and the baseline on the seeds that both have; sums of squares and products about the means.

    Args:
        seeds: that both have.
        squares, baseline, products: of the technique, the baseline, and of both.
        least: variance of the difference that there is at least.
    """

    seeds: int
    squares: float
    baseline: float
    products: float
    least: float


def _correlations() -> tuple[np.ndarray, np.ndarray]:
    """(Z,) probability of each shared correlation, (Z, R) of a technique's given the shared."""

    def normal(x: np.ndarray, sd: float) -> np.ndarray:
        return np.exp(-0.5 * (x / sd) ** 2) / sd

    shared = (0.9 * normal(_SHARED, 0.5) + 0.1 * normal(_SHARED, 1.5)) * np.gradient(_SHARED)
    shared = shared / shared.sum() / 2
    shared[_SHARED == 0] += 0.5
    own = normal(_OWN - _SHARED[:, None], 0.2)
    own = 0.95 * own / own.sum(axis=1, keepdims=True) + 0.05 * normal(_OWN, 1.2) / normal(_OWN, 1.2).sum()
    return shared / shared.sum(), own / own.sum(axis=1, keepdims=True)


def moderated(seen: Mapping[str, Seen]) -> dict[str, SeedVariance]:
    """Technique -> the variance of its own number."""
    return _Family(seen).of_each()


def moderated_differences(
    seen: Mapping[str, Seen], baseline: str, pairs: Mapping[str, Pair]
) -> dict[str, SeedVariance]:
    """Technique -> the variance of its paired difference to the baseline."""
    return _Family(seen).of_differences(baseline, pairs)

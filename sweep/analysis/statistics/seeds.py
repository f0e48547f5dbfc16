"""How much a technique varies over seeds: its own few seeds, held against all the other techniques' seeds.

Three seeds hardly tell a variance (Student's t with 2 degrees of freedom is 4.3 at 95 %), but six techniques with three
seeds each tell how much techniques vary, and how unlike each other they are in that. So each technique's variance is
what its own seeds and the others' make likely together, as is usual for thousands of genes with three samples each.
Whether the others may speak for it is itself learnt: where techniques differ in their variances, or are few, the own
seeds decide.

The model, of one number of every network: its variance over seeds is what each network errs on by itself, which the
bootstrap over patients tells, and what training adds. The logarithm of the latter is near mu, with a spread tau between
techniques and room for a few that are unlike the rest. The same seed moves technique and baseline together by a
correlation that techniques share, more or less. All that is unknown is summed over on grids, and what is left is told
as a variance and its degrees of freedom: the Student's t that the error of a mean then has.

Reference: Smyth, Statistical Applications in Genetics and Molecular Biology 3(1), 2004 (moderated variances); Phipson
et al., Annals of Applied Statistics 10(2), 2016 (a few that are unlike the rest); Gelman, Bayesian Analysis 1(3), 2006
(hierarchies of few groups).
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

# Steps of log variances, and how far they reach beneath and above what is seen.
_STEP, _BENEATH, _ABOVE = 0.4, 5.6, 3.6
# Spread of log variances between techniques: twice that of the logarithms of their standard deviations.
_SPREADS = np.array([0.2, 0.5, 1.0, 1.7, 2.5])
# Share of techniques that are unlike the rest: their variances can be any.
_UNLIKE = 0.1
# How much weight it has that training adds next to nothing to a network's own errors, where these are all that is seen:
# as much as so many steps of mu.
_NOTHING = 8.0
# Correlations, as Fisher's z: of the family, and of a technique.
_SHARED = np.array([-2.0, -1.6, -1.2, -0.8, -0.4, 0.0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.8])
_OWN = np.arange(-6, 9) * 0.4
# Beyond it two numbers are the same.
_MOST = 0.999
# How likely it is that a seed does not move techniques together.
_APART = 0.3
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
        squares: sum of squared deviations from their mean, >= 0; where it is 0, ``least`` is not.
        least: variance over seeds that there is at least: what each network errs on by itself.
        trained: what was trained; techniques that only decide otherwise with the same networks have the same.
        own: of ``least``, what networks err on by themselves; it has more where seeds agree to the last digit.
    """

    seeds: int
    squares: float
    least: float
    trained: str
    own: float = 0.0


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


def from_posteriors(log_variances: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviations and degrees of freedom of the Student's t that a mean over seeds has about the truth.

    That is a mixture of normals over what the variance can be. Student's t has the same chance beyond two places: where
    2.5 % and 0.25 % of the mixture lie beyond.

    Args:
        log_variances: (T, K) what each of T variances can be.
        weights: (T, K) how likely each is, to a factor.
    Returns:
        (T,) and (T,).
    """
    mass = weights / weights.sum(axis=1, keepdims=True)
    sd = np.exp(log_variances / 2)
    near, far = (_beyond(sd, mass, tail) for tail in _TAILS)
    freedoms, ratios = _ratios()
    freedom = np.exp(np.interp(-np.log(far / near), -ratios, freedoms))
    return near / special.stdtrit(freedom, 1 - _TAILS[0]), freedom


def _beyond(sd: np.ndarray, mass: np.ndarray, tail: float) -> np.ndarray:
    """(T,) where mixtures of normals of mean 0 have ``tail`` beyond."""
    low, high = np.zeros(len(sd)), (sd * (mass > 0)).max(axis=1) * 6
    for _ in range(30):
        middle = (low + high) / 2
        more = (mass * special.ndtr(-middle[:, None] / sd)).sum(axis=1) > tail
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return high


def _binned(log_variance: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of any shape and their weights as (1, K) of each: the mean of each bin, of those with any weight."""
    log_variance, weights = log_variance.ravel(), weights.ravel()
    place = ((log_variance - log_variance.min()) / _BIN).astype(np.int64)
    mass, middle = np.bincount(place, weights), np.bincount(place, weights * log_variance)
    known = mass > 1e-12 * mass.sum()
    return (middle[known] / mass[known])[None], mass[known][None]


@functools.lru_cache(maxsize=1)
def _ratios() -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of degrees of freedom, and of how many times farther out the second of ``_TAILS`` lies."""
    log = np.linspace(math.log(0.5), math.log(1e4), 400)
    near, far = (special.stdtrit(np.exp(log), 1 - tail) for tail in _TAILS)
    return log, np.log(far / near)


class Family:
    """What the seeds of all techniques say of each one's variance, of one number.

    Args:
        seen: technique -> what its seeds show; at least one.
    """

    def __init__(self, seen: Mapping[str, Seen]):
        self.seen = dict(seen)
        # Of decisions on the same networks the plain one speaks; where it is not there, they share its word.
        alike = Counter(one.trained for one in self.seen.values())
        self.weights = {
            name: float(name == one.trained) if one.trained in self.seen else 1 / alike[one.trained]
            for name, one in self.seen.items()
        }
        speaking = [one for name, one in self.seen.items() if self.weights[name]]
        raw = np.array([one.squares / (one.seeds - 1) for one in speaking])
        middle = float(np.log(np.median(np.maximum(raw, [one.least for one in speaking]))))
        top = max(float(np.log(raw[raw > 0]).max(initial=middle)), middle) + _ABOVE
        # Of what training adds to a network's own errors: log variances that it can have, and mu and tau.
        self.added = np.arange(middle - _BENEATH, top, _STEP)
        centres = np.arange(middle - _BENEATH, top - _ABOVE / 2, 2 * _STEP)
        self.mu, self.tau = (each.ravel() for each in np.meshgrid(centres, _SPREADS, indexing="ij"))
        # As likely to double a network's own variance as any larger one, or to add next to nothing.
        own = float(np.median([one.least for one in speaking]))
        of_mu = np.exp(centres) / (own + np.exp(centres))
        of_mu[0] += _NOTHING * own / (own + math.exp(middle))
        self.of_hyper = np.outer(of_mu, np.gradient(_SPREADS)).ravel()  # any spread as likely as another: Gelman 2006
        away = self.added - self.mu[:, None]
        near = np.exp(-0.5 * (away / self.tau[:, None]) ** 2)
        near /= near.sum(axis=1, keepdims=True)
        self.prior = (1 - _UNLIKE) * near + _UNLIKE / len(self.added)  # (H, V)

    def variances(self, name: str) -> np.ndarray:
        """(V,) variances that a technique's can be."""
        return np.asarray(np.exp(self.added) + self.seen[name].least)

    def likelihood(self, name: str) -> np.ndarray:
        """(V,) of a technique's seeds, the largest 1."""
        one, values = self.seen[name], self.variances(name)
        log = -(one.seeds - 1) / 2 * np.log(values) - one.squares / 2 / values
        return np.asarray(np.exp(log - log.max()))

    def _without(self, name: str, whole: np.ndarray, told: Mapping[str, np.ndarray]) -> np.ndarray:
        """What all but one technique (and those of the same networks) say, from logarithms; the largest 1."""
        alike = [other for other in told if self.seen[other].trained == self.seen[name].trained]
        rest = whole - sum(self.weights[other] * told[other] for other in alike)
        return np.asarray(np.exp(rest - rest.max()))

    def of_each(self) -> dict[str, SeedVariance]:
        """Technique -> the variance of its own number."""
        likely = {name: self.likelihood(name) for name in self.seen}
        told = {name: _log(self.prior @ own) for name, own in likely.items()}
        whole = np.log(self.of_hyper) + sum(self.weights[name] * own for name, own in told.items())
        weights = [self._without(name, whole, told) @ self.prior * likely[name] for name in self.seen]
        values = np.stack([np.log(self.variances(name)) for name in self.seen])
        sds, freedoms = from_posteriors(values, np.stack(weights))
        told_of = zip(self.seen, sds.tolist(), freedoms.tolist(), strict=True)
        return {name: SeedVariance(sd, freedom) for name, sd, freedom in told_of}

    def of_differences(self, baseline: str, pairs: Mapping[str, Pair]) -> dict[str, SeedVariance]:
        """Technique -> the variance of its paired difference to the baseline.

        Args:
            baseline: one of the family.
            pairs: technique -> what is seen of it beside the baseline.
        """
        shared, own = _correlations()
        of_baseline = self.variances(baseline)[None, None, :]
        added = np.exp(self.added)
        # What training adds is correlated; what networks err on by themselves goes together as the patients tell.
        together = 2 * np.tanh(_OWN)[None, :, None] * np.sqrt(added[:, None, None] * added)
        told, kept, spreads = {}, {}, {}
        for name, pair in pairs.items():
            v = self.variances(name)[:, None, None]
            least = pair.least if pair.least > 0 else self.seen[name].least + self.seen[baseline].least
            spreads[name] = np.maximum(added[:, None, None] + added - together + least, 1e-300)
            r = np.clip((v + of_baseline - spreads[name]) / (2 * np.sqrt(v * of_baseline)), -_MOST, _MOST)
            # Of the technique's seeds given the baseline's: normal, with variance v (1 - r^2).
            square, product = pair.squares / v, pair.products / np.sqrt(v * of_baseline)
            away = (square - 2 * r * product + r**2 * pair.baseline / of_baseline) / (1 - r**2)
            log = -(pair.seeds - 1) / 2 * np.log(v * (1 - r**2)) - away / 2
            likely = np.exp(log - log.max())  # (V, R, V of the baseline)
            by_shared = np.einsum("zr,vrq->vzq", own, likely)
            by_all = self.prior @ by_shared.reshape(len(by_shared), -1)
            told[name] = _log(by_all.reshape(-1, *by_shared.shape[1:]))
            kept[name] = likely
        whole = np.log(self.of_hyper)[:, None, None] + np.log(shared)[None, :, None]
        whole = whole + _log(self.prior * self.likelihood(baseline))[:, None, :]
        whole = whole + sum(self.weights[name] * one for name, one in told.items())
        found = {}
        for name in pairs:
            rest = self._without(name, whole, told)  # (H, Z, V of the baseline)
            weights = (self.prior.T @ rest.reshape(len(rest), -1)).reshape(-1, *rest.shape[1:])
            weights = np.einsum("vzq,zr->vrq", weights, own) * kept[name]
            v = self.variances(name)[:, None, None]
            share = float((weights * (of_baseline / (v + of_baseline))).sum() / weights.sum())
            sds, freedoms = from_posteriors(*_binned(np.log(spreads[name]), weights))
            found[name] = SeedVariance(float(sds[0]), float(freedoms[0]), share)
        return found


def _log(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.maximum(values, 1e-300)))


def _correlations() -> tuple[np.ndarray, np.ndarray]:
    """(Z,) probability of each shared correlation, (Z, R) of a technique's given the shared."""

    def normal(away: np.ndarray, sd: float) -> np.ndarray:
        found = np.exp(-0.5 * (away / sd) ** 2)
        return np.asarray(found / found.sum(axis=-1, keepdims=True))

    shared = (1 - _APART) * (0.9 * normal(_SHARED, 0.5) + 0.1 * normal(_SHARED, 1.5))
    shared[_SHARED == 0] += _APART
    return shared, (1 - _UNLIKE) * normal(_OWN - _SHARED[:, None], 0.2) + _UNLIKE * normal(_OWN, 1.2)

"""What few test patients take away: a bootstrap over a handful is too narrow, and its tails are too thin.

A bootstrap over n patients of a class shows (n - 1) / n of the variance of a mean over them, less where one patient has
most of the images, and its middle 95 % ends where a normal distribution's would, though the variance itself is known
from n - 1 differences. So what it shows of each class is enlarged to what a mean over these patients would have, and
the tails are Student's, with the degrees of freedom that the classes have together (Satterthwaite). To know how much of
the variance each class has, every patient (or every tenth of many) is left out once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from balancing.data.patients import patients_of_classes
from sweep.analysis.statistics.bootstrap import patient_strata, patient_weights

# Of a class with more patients, so many groups of them are left out instead of each.
_GROUPS = 30
_MOST_ROWS = 600  # of all classes together
# Up to so many patients, what the bootstrap shows of a mean over them is taken from its own samples, not linearised.
_EXACT = 200
# Below this many degrees of freedom the bootstrap's own shape says nothing; far above it is kept.
_SHAPE = 10.0
# With this many patients who differ, what was seen of them stands for the others.
_DIFFERING = 5
_EQUAL = 1e-6  # weights are float32
# The square of a smaller variance is none.
_NONE = 1e-150


@dataclass(frozen=True)
class FewPatients:
    """What corrects numbers that were resampled with ``PatientDraws.weights``; H strata (classes, as a rule).

    Args:
        rows: (J,) int64, the stratum of whom each of the first J rows leaves out.
        patients: (H,) int64.
        factor: (H,) by what the bootstrap's variance of a mean over a stratum is too small; infinite for one patient.
        freedom: (H,) degrees of freedom of that variance; 0 for one patient.
        images: (H, C) int64, images of each class that a stratum's patients have.
        fewest: patients of the class with the fewest, of those that have images.
        reach: (H,) by how much a paired difference would move if all patients of a stratum differed the most; 0 where
            nobody asks.
        widening: by what more the variance that seeds share is too small, see ``folds.widening``; what each network
            errs on by itself is not.
    """

    rows: np.ndarray
    patients: np.ndarray
    factor: np.ndarray
    freedom: np.ndarray
    images: np.ndarray
    fewest: int
    reach: np.ndarray
    widening: float = 1.0

    def about(self, metric: str, positive: int | None, *, paired: bool = False) -> FewPatients:
        """The same for one of ``bootstrap.METRICS``: of a rate only its class counts.

        Args:
            positive: its index for two classes, else None.
            paired: whether a difference is looked at, of which a stratum where hardly anybody differs tells little.
        """
        own = np.ones(len(self.patients), dtype=bool)
        reach = np.ones(len(self.patients))
        classes = max(int((self.images.sum(axis=0) > 0).sum()), 1)
        if positive is None:
            reach *= min(1.0, (1 if metric in ("balanced_accuracy", "recall") else 2) / classes)
        elif metric == "recall":
            own = self.images[:, positive] > 0
        elif metric == "specificity":
            own = self.images.sum(axis=1) > self.images[:, positive]
        elif metric == "balanced_accuracy":
            reach *= 0.5
        elif metric in ("precision", "f1"):  # a class beside which the positive one is large moves them little
            reach = np.where(
                self.images[:, positive] > 0,
                1.0,
                np.minimum(1.0, self.images.sum(axis=1) / max(int(self.images[:, positive].sum()), 1)),
            )
        return replace(self, reach=np.where(own, reach if paired else 0.0, np.nan))

    def parted(self, resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(S, J + B, ...) -> (S, J, ...) with patients left out and (S, B, ...) of the bootstrap."""
        return resampled[:, : len(self.rows)], resampled[:, len(self.rows) :]

    def variance(self, left: np.ndarray, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the variance over patients is, and how well it is known.

        Args:
            left: (J, G) a number with patients left out; what can't be computed without them is NaN.
            shown: (G,) its variance in the bootstrap.
        Returns:
            (G,) variance, infinite where a stratum of one patient counts; (G,) degrees of freedom, Satterthwaite's.
        Reference: Satterthwaite, Biometrics Bulletin 2(6), 1946.
        """
        counts = ~np.isnan(self.reach)
        points = len(shown)
        if (counts & (self.patients < 2)).any():
            return np.full(points, np.inf), np.ones(points)
        chosen = np.flatnonzero(counts)
        seen, least = np.zeros((len(chosen), points)), np.zeros((len(chosen), points))
        for place, stratum in enumerate(chosen):
            own = left[self.rows == stratum]
            finite = np.isfinite(own)
            middle = np.where(finite, own, 0.0).sum(axis=0) / np.maximum(finite.sum(axis=0), 1)
            own = np.where(finite, own, middle)
            seen[place] = ((own - own.mean(axis=0)) ** 2).sum(axis=0) * (1 - 1 / len(own))
            if self.reach[stratum] > 0:
                least[place] = self._least(own, int(stratum))
        total = seen.sum(axis=0)
        # Where nobody moves it, each stratum has its part.
        share = np.divide(seen, total, out=np.full_like(seen, 1 / len(chosen)), where=total > 0)
        parts = np.maximum(share * shown * self.factor[chosen, None], least)
        whole = parts.sum(axis=0)
        weighed = np.where(whole > _NONE, parts, 1.0)
        freedom = weighed.sum(axis=0) ** 2 / (weighed**2 / self.freedom[chosen, None]).sum(axis=0)
        return whole, freedom

    def _least(self, own: np.ndarray, stratum: int) -> np.ndarray:
        """(G,) what the variance of a stratum is at least where fewer than five of its patients differ.

        Of n patients of whom k differ, as many may really differ as Clopper and Pearson's limit says.
        """
        from scipy import special

        n = float(self.patients[stratum])
        alike = (np.abs(own[:, None] - own) < _EQUAL).sum(axis=1).max(axis=0)
        differ = n - np.where(alike > 1, alike * n / len(own), 0.0)  # continuous numbers: nobody is like another
        unseen = (
            np.where(differ < n, special.betaincinv(differ + 1, np.maximum(n - differ, 1e-9), 0.975), 1.0) - differ / n
        )
        half = self.reach[stratum] * np.where(differ < _DIFFERING, unseen, 0.0)
        return np.asarray((half / special.stdtrit(self.freedom[stratum], 0.975)) ** 2)


@dataclass(frozen=True)
class PatientDraws:
    """Weights of images, and what corrects numbers computed with them.

    Args:
        weights: (J + B, N) float32: J rows that leave patients out, then B bootstrap samples.
        few: for ``spread.spread``.
    """

    weights: np.ndarray
    few: FewPatients


def patient_draws(
    labels: np.ndarray, patients: np.ndarray, samples: int, rng: np.random.Generator, widening: float = 1.0
) -> PatientDraws:
    """``bootstrap.patient_weights``, and what few patients take away.

    Args:
        labels: (N,) int64.
        patients: (N,) any kind of id; images of one id go together.
        samples: B.
        rng: of the draws.
        widening: see ``FewPatients``.
    Reference: the enlargement and the degrees of freedom are those of a mean over patients who vary alike, whatever
        number of images they have: Bell & McCaffrey, Survey Methodology 28(2), 2002; leaving out: Efron & Stein, Annals
        of Statistics 9(3), 1981.
    """
    drawn = patient_weights(labels, patients, samples, rng)
    _, first, patient = np.unique(patients, return_index=True, return_inverse=True)
    kinds, stratum = np.unique(patient_strata(labels, patient), return_inverse=True)
    n_images = np.bincount(patient, minlength=len(first))
    most = min(_GROUPS, max(2, _MOST_ROWS // max(len(kinds), 1)))
    factor, freedom = np.full(len(kinds), np.inf), np.zeros(len(kinds))
    rows, of_stratum = [], []
    for kind in range(len(kinds)):
        members = np.flatnonzero(stratum == kind)
        if len(members) < 2:
            continue
        factor[kind], freedom[kind] = _of_a_mean(n_images[members], drawn[:, first[members]])
        groups = np.arange(len(members)) % min(most, len(members))
        groups = np.random.default_rng(0).permutation(groups)  # ids may be sorted by what matters
        for group in range(groups.max() + 1):
            out = members[groups == group]
            row = np.ones(len(first), dtype=np.float32)
            row[members] = len(members) / (len(members) - len(out))
            row[out] = 0
            rows.append(row[patient])
            of_stratum.append(kind)
    images = np.zeros((len(kinds), int(labels.max(initial=-1)) + 1), dtype=np.int64)
    np.add.at(images, (stratum[patient], labels), 1)
    few = FewPatients(
        np.array(of_stratum, dtype=np.int64),
        np.bincount(stratum, minlength=len(kinds)),
        factor,
        freedom,
        images,
        fewest_of_a_class(labels, patients),
        np.zeros(len(kinds)),
        widening,
    )
    left = np.array(rows, dtype=np.float32).reshape(len(rows), len(labels))
    return PatientDraws(np.concatenate([left, drawn]), few)


def fewest_of_a_class(labels: np.ndarray, patients: np.ndarray) -> int:
    """Patients of the class with the fewest, of those that have images; 0 without any image."""
    counts = patients_of_classes(labels, patients, int(labels.max(initial=-1)) + 1)
    return min((count for count in counts if count), default=0)


def _of_a_mean(images: np.ndarray, times: np.ndarray) -> tuple[float, float]:
    """By what the bootstrap's variance of a mean over images is too small, and its degrees of freedom.

    Patients vary alike and the images of one are the same: what is worst. The bootstrap's variance is then a quadratic
    form x' K x of the patients' own values, with the mean tr K and 2 tr K^2 for a variance.

    Args:
        images: (n,) of each patient.
        times: (B, n) how often each was drawn.
    """
    share = images / images.sum()
    true = float((share**2).sum())
    if len(images) <= _EXACT and len(times) > 2:
        drawn = times.astype(np.float64) * share
        drawn /= drawn.sum(axis=1, keepdims=True)
        form = np.cov(drawn, rowvar=False)
        trace = float(np.trace(form))
        square = float((form**2).sum()) - trace**2 / len(times)  # less what the samples' own chance adds
    else:  # a small change of the shares moves the mean in proportion
        d, (m1, m2) = share**2, ((share**3).sum(), (share**4).sum())
        diagonal = 1 - 2 * share + true
        trace = float((d * diagonal).sum())
        # The sum over i, j of d_i d_j (true - share_i - share_j)^2, and what the diagonal has besides.
        square = float(true**2 * true**2 - 4 * true * true * m1 + 2 * true * m2 + 2 * m1**2)
        square += float((d**2 * (diagonal**2 - (true - 2 * share) ** 2)).sum())
    most = len(images) - 1.0
    return max(true / trace, 1.0), min(max(trace**2 / max(square, trace**2 / most), 1.0), most)


def shaped(around: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Deviations of a bootstrap as deviations of Student's t, in units of a standard deviation.

    Each keeps its rank. With many degrees of freedom it keeps its size too, with few it gets the quantile of t.

    Args:
        around: (B, G), mean 0.
        freedom: (G,) > 0.
    Returns:
        (B, G) float64.
    """
    from scipy import special

    n = len(around)
    order = np.argsort(around, axis=0, kind="stable")
    sd = around.std(axis=0, ddof=1)
    sized = np.divide(np.take_along_axis(around, order, axis=0), sd, out=np.zeros(around.shape), where=sd > 0)
    p = ((np.arange(n) + 0.5) / n)[:, None]
    student, normal = special.stdtrit(np.minimum(freedom, 1e8), p), special.ndtri(p)
    ratio = np.divide(student, normal, out=np.ones(student.shape), where=np.abs(normal) > 1e-6)
    own = np.where(sd > 0, 1 - np.minimum(1.0, _SHAPE / freedom), 0.0)
    found = np.empty(around.shape)
    np.put_along_axis(found, order, own * sized * ratio + (1 - own) * student, axis=0)
    return found

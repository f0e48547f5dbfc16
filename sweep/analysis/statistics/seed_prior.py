"""The variances over seeds of a family of rows, each held against the others': what ``estimate`` and ``compare`` take."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sweep.analysis.statistics.few_patients import FewPatients
from sweep.analysis.statistics.intervals import own_variance
from sweep.analysis.statistics.seeds import Pair, SeedVariance, Seen, moderated, moderated_differences

# Of one network: the number on the test split as it is, and (J + B,) under draws of patients.
Numbers = tuple[float, np.ndarray]
# A spread that is none, but of rounding.
_NO_SPREAD = 1e-12


class SeedPrior:
    """Name of a row -> its variance over seeds; None of a row whose own seeds alone have to tell it.

    Args:
        variances: name -> variance.
    """

    def __init__(self, variances: Mapping[str, SeedVariance]):
        self._variances = dict(variances)

    def of(self, name: str) -> SeedVariance | None:
        return self._variances.get(name)

    @classmethod
    def of_rows(cls, rows: Mapping[str, tuple[np.ndarray, np.ndarray]], few: FewPatients | None = None) -> SeedPrior:
        """Of techniques' own numbers.

        Args:
            rows: name -> ((S,) of each seed, (S, J + B) under draws of patients).
            few: of these draws.
        """
        seen = {}
        for name, (values, resampled) in rows.items():
            found = _seen(np.asarray(values, dtype=np.float64), resampled, few)
            if found is not None:
                seen[name] = found
        return cls(moderated(seen) if len(seen) > 1 else {})

    @classmethod
    def of_differences(
        cls, networks: Mapping[str, Mapping[int, Numbers]], baseline: str, few: FewPatients | None = None
    ) -> SeedPrior:
        """Of paired differences to a baseline.

        Args:
            networks: name (the baseline's too) -> seed -> numbers.
            few: of the draws.
        """
        own = networks.get(baseline, {})
        seen, pairs = {}, {}
        for name, of_seeds in networks.items():
            found = _seen(*_stacked(of_seeds.values()), few)
            if found is not None:
                seen[name] = found
        for name in seen:
            common = [seed for seed in networks[name] if seed in own]
            if name == baseline or len(common) < 2:
                continue
            both = [_stacked([of[seed] for seed in common]) for of in (networks[name], own)]
            apart = _seen(both[0][0] - both[1][0], both[0][1] - both[1][1], few)
            if apart is None:
                continue
            a, b = (values - values.mean() for values, _ in both)
            pairs[name] = Pair(len(common), float(a @ a), float(b @ b), float(a @ b), apart.least)
        if baseline not in seen or len(pairs) < 2:
            return cls({})
        return cls(moderated_differences(seen, baseline, pairs))


def _stacked(numbers: Mapping | list) -> tuple[np.ndarray, np.ndarray]:
    values, resampled = zip(*numbers, strict=True)
    return np.array(values, dtype=np.float64), np.stack(resampled)


def _seen(values: np.ndarray, resampled: np.ndarray, few: FewPatients | None) -> Seen | None:
    """None where these seeds tell nothing of a variance."""
    finite = np.isfinite(resampled).all(axis=0)
    finite[: 0 if few is None else len(few.rows)] = True
    if len(values) < 2 or not np.isfinite(values).all() or np.ptp(values) < _NO_SPREAD:
        return None
    if finite.sum() < 2 + (0 if few is None else len(few.rows)):
        return None
    least, known = own_variance(resampled[:, finite, None], few)
    if not known.all():
        return None
    away = values - values.mean()
    return Seen(len(values), float(away @ away), float(least[0]))

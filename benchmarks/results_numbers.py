"""The numbers of docs/results.md: of each technique of a run, and what two runs agree on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from sweep.analysis.decisions.calibration import calibration_table
from sweep.analysis.decisions.ledger import ledger_table
from sweep.analysis.decisions.same_rule import same_rule_table
from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import significant

BASELINE = "baseline"
_SEED = 0  # of the bootstrap
_DRAWS = 2000  # of techniques, for the interval of a rank correlation


@dataclass(frozen=True)
class Found:
    """A run and what came out of it.

    Args:
        results: read from its folder.
    """

    results: Results

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a technique, the largest gain first, the baseline among them with a gain of 0.

        Columns: technique, seeds; balanced_accuracy, auroc, recall, specificity with ``_low`` and ``_high``; gain, and
        ``ranks`` (the gain in AUROC), each with its interval; brier and log_loss (before temperature scaling);
        designed and measured T with its interval.
        """
        shown = self.results.table()
        gains = _gains(self.results, "balanced_accuracy", "gain").merge(
            _gains(self.results, "auroc", "ranks").drop(columns="ranks_p"), on="technique", how="outer"
        )
        calibrated = calibration_table(self.results, np.random.default_rng(_SEED))
        calibrated = calibrated[calibrated["stage"] == "before"] if len(calibrated) else calibrated
        numbers = [
            c
            for c in map(str, calibrated)
            if c.partition("_l")[0].partition("_h")[0] in ("brier", "log", "difference_brier")
        ]
        prior = ledger_table(self.results, np.random.default_rng(_SEED)).drop(columns="seeds")
        table = shown.merge(gains, on="technique", how="left").merge(prior, on="technique", how="left")
        table = table.merge(calibrated[["technique", *numbers]], on="technique", how="left")
        table.loc[table["technique"] == BASELINE, ["gain", "ranks"]] = 0.0
        return table.sort_values("gain", ascending=False, kind="stable").reset_index(drop=True)

    @cached_property
    def better(self) -> pd.DataFrame:
        """The rows of techniques that beat the baseline significantly, in balanced accuracy."""
        found = significant(self.results.differences("balanced_accuracy"))
        return self.table[self.table["technique"].isin(found["technique"])]

    @cached_property
    def worse(self) -> pd.DataFrame:
        """The rows of techniques that the baseline beats significantly."""
        found = significant(self.results.differences("balanced_accuracy"), worse=True)
        return self.table[self.table["technique"].isin(found["technique"])]

    @cached_property
    def ranks_better(self) -> pd.DataFrame:
        """The rows of techniques whose AUROC is significantly above the baseline's."""
        found = significant(self.results.differences("auroc"))
        return self.table[self.table["technique"].isin(found["technique"])]

    @cached_property
    def same_rule(self) -> pd.DataFrame:
        """Gains where each technique and the baseline decide by a threshold that is tuned alike on validation."""
        return same_rule_table(self.results)

    def row(self, technique: str) -> pd.Series:
        """The technique's row of ``table``."""
        return self.table[self.table["technique"] == technique].iloc[0]

    def rank_correlation(self, one: str, other: str) -> tuple[float, float, float, int]:
        """Spearman's between two columns of ``table``, without the baseline: see ``correlation``."""
        table = self.table[self.table["technique"] != BASELINE]
        return correlation(table[one].to_numpy(float), table[other].to_numpy(float))


def _gains(results: Results, metric: str, name: str) -> pd.DataFrame:
    found = results.differences(metric)
    columns = {"difference": name, "low": f"{name}_low", "high": f"{name}_high", "p_holm": f"{name}_p"}
    return found[["technique", *columns]].rename(columns=columns)


def plain(technique: str) -> str:
    """The form of a technique that trains a whole network: ``smote@features`` -> ``smote``."""
    return technique.replace("@features", "")


def both(frozen: Found, whole: Found) -> pd.DataFrame:
    """Techniques of both runs: technique (of the frozen run), plain, and each one's gains and their intervals."""
    columns = ["technique", "gain", "gain_low", "gain_high", "ranks", "ranks_low", "ranks_high"]
    one = frozen.table[columns].assign(plain=[plain(name) for name in frozen.table["technique"]])
    # Of a technique that works on pixels and on features, the form that stands on features.
    one = one.assign(pixels=["@" not in name for name in one["technique"]])
    one = one.sort_values("pixels", kind="stable").drop_duplicates("plain").drop(columns="pixels")
    other = whole.table[columns].rename(columns={"technique": "plain"})
    found = one.merge(other, on="plain", suffixes=("_frozen", "_whole"))
    return found[found["plain"] != BASELINE].sort_values("gain_frozen", ascending=False).reset_index(drop=True)


def correlation(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float, int]:
    """Spearman's rank correlation over techniques.

    Args:
        one, other: (K,) float; pairs with a NaN are left out.
    Returns:
        (rho, low, high, K): a 95 % interval by resampling techniques; NaN with fewer than five.
    """
    known = np.isfinite(one) & np.isfinite(other)
    one, other = one[known], other[known]
    if len(one) < 5:
        return np.nan, np.nan, np.nan, len(one)
    rng = np.random.default_rng(_SEED)
    drawn = [rng.integers(0, len(one), len(one)) for _ in range(_DRAWS)]
    told = [spearmanr(one[rows], other[rows]).statistic for rows in drawn if len(set(rows)) > 2]
    low, high = np.nanquantile(told, (0.025, 0.975))
    return float(spearmanr(one, other).statistic), float(low), float(high), len(one)
